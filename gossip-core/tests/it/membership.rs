//! The life of a cluster: how members come, go, are missed, and come back.

mod conflict;
mod events;
mod eviction;
mod expiry;
mod fallback;
mod foreign;
mod heal;
mod identity;
mod joining;
mod leaving;
mod loss;
mod merge;
mod names;
mod one_way;
mod packets;
mod pause;
mod refutation;
mod relearn;
mod replay;
mod restart;
mod snapshot;
mod sync;
mod views;
mod why;

use std::time::Duration;

use gossip_core::config::ConfigSpec;
use gossip_core::io::{Answer, Command, Event, Seed};
use gossip_core::membership::{Member, MemberStatus};
use gossip_core::sim::{self, World};

const MOMENT: Duration = Duration::from_millis(50);

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Packets take a millisecond to so many; other rules still bear upon them.
fn near(millis: u64) -> impl sim::Rule {
    let least = Duration::from_millis(1);
    sim::late(sim::Delay::Uniform { least, most: Duration::from_millis(millis) })
}

/// So many hosts that know one another, a few milliseconds apart; the first is the others' seed.
fn cluster(seed: u64, count: usize) -> World {
    let mut world = World::new(seed);
    world.rule(near(5));
    world.add_cluster(count, &ConfigSpec::default());
    assert!(world.run_until(seconds(20), MOMENT, one_view), "seed {seed}: nobody meets");
    world
}

/// Whether all that run see one another alive, and nobody else.
fn one_view(world: &mut World) -> bool {
    let running = running(world);
    let alive = |host: &usize| world.node(*host).map(|node| node.status().peers.alive);
    running.iter().filter_map(alive).all(|alive| alive == running.len())
}

fn running(world: &World) -> Vec<usize> {
    (0..world.len()).filter(|host| world.node(*host).is_some()).collect()
}

/// How long it takes until all that run see one another alive; `None`: too long.
fn time_until_one_view(world: &mut World, limit: Duration) -> Option<Duration> {
    let begin = world.now();
    world.run_until(limit, MOMENT, one_view).then(|| world.now().since(begin))
}

fn seed_of(world: &World, host: usize) -> Vec<Seed> {
    vec![Seed::Address(world.address(host))]
}

/// Everybody whom a host knows.
fn members(world: &mut World, at: usize) -> Vec<Member> {
    let request = world.command(at, Command::Members);
    match world.answer(at, request) {
        Some(Answer::Members { members, .. }) => members,
        other => panic!("{other:?}"),
    }
}

/// How a host sees another one; `None`: it does not know it.
fn status_of(world: &mut World, at: usize, of: usize) -> Option<MemberStatus> {
    let id = world.id(of);
    members(world, at).into_iter().find(|member| member.id == id).map(|member| member.status)
}

/// What a host concluded about others since its events were last taken: whom, and how it stands now.
fn verdicts(world: &mut World, host: usize) -> Vec<(usize, MemberStatus)> {
    let hosts: Vec<_> = (0..world.len()).map(|host| world.id(host)).collect();
    let verdict = |event| match event {
        Event::Member { member, .. } => {
            Some((hosts.iter().position(|id| *id == member.id)?, member.status))
        }
        _ => None,
    };
    world.events(host).into_iter().filter_map(verdict).collect()
}

/// How often anybody called anybody dead since events were last taken.
fn deaths(world: &mut World) -> usize {
    let dead = |(_, status): &(usize, MemberStatus)| *status == MemberStatus::Dead;
    (0..world.len()).map(|host| verdicts(world, host).iter().filter(|it| dead(it)).count()).sum()
}
