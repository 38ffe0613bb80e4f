//! What a node keeps, and what it does when it cannot: restarts, goodbyes, slow and broken disks.

mod goodbyes;
mod lineage;
mod order;
mod readonly;
mod renewal;
mod restart;

use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::ConfigSpec;
use gossip_core::io::{Answer, Command, Event, RequestId, Seed, Write, WriteError};
use gossip_core::membership::Member;
use gossip_core::rng::Rng;
use gossip_core::sim::{self, Packet, Rule, Verdict, World};

const MOMENT: Duration = Duration::from_millis(50);

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// So many hosts that know one another, a few milliseconds apart.
fn cluster(seed: u64, count: usize) -> World {
    let mut world = World::new(seed);
    ruled(&mut world, |_: &Packet<'_>, _: &mut Rng| Verdict::Pass);
    world.add_cluster(count, &ConfigSpec::default());
    assert!(world.run_until(seconds(20), MOMENT, all_alive), "seed {seed}: nobody meets");
    world
}

/// A network without faults but for this rule.
fn ruled(world: &mut World, rule: impl Rule + 'static) {
    world.clear_rules();
    world.rule(rule);
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(5)));
}

/// Whether those who run see one another.
fn all_alive(world: &mut World) -> bool {
    let running = (0..world.len()).filter(|host| world.node(*host).is_some()).count();
    let alive = |host| world.node(host).map(|node| node.status().peers.alive);
    (0..world.len()).filter_map(alive).all(|alive| alive == running)
}

fn write(world: &mut World, host: usize, keys: impl IntoIterator<Item = String>) -> RequestId {
    let write =
        |key| Write { key: Bytes::from(key), value: Some(Bytes::from_static(b"value")), ttl: None };
    let writes = keys.into_iter().map(write).collect();
    let channel = world.main_channel(host);
    world.command(host, Command::Write { channel, writes })
}

/// What became of a command's only write, if that is known.
fn outcome(world: &mut World, host: usize, request: RequestId) -> Option<Result<(), WriteError>> {
    match world.answer(host, request)? {
        Answer::Written(results) => Some(results[0].map(drop)),
        other => panic!("{other:?}"),
    }
}

/// Whether a key has a value at a host, if its store answers soon.
fn reads(world: &mut World, host: usize, key: &str) -> Option<bool> {
    let channel = world.main_channel(host);
    let key = Bytes::copy_from_slice(key.as_bytes());
    let request = world.command(host, Command::Get { channel, key });
    world.run_for(Duration::from_millis(100));
    match world.answer(host, request)? {
        Answer::Facts(facts) => Some(!facts.is_empty()),
        _ => None,
    }
}

/// What one host knows of another.
fn member(world: &mut World, at: usize, of: usize) -> Member {
    let request = world.command(at, Command::Members);
    match world.answer(at, request) {
        Some(Answer::Members { members, .. }) => {
            members.into_iter().find(|member| member.id == world.id(of)).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn count(events: &[Event], wanted: impl Fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| wanted(event)).count()
}

fn seed_of(world: &World, host: usize) -> Vec<Seed> {
    vec![Seed::Address(world.address(host))]
}

fn random(seed: u64) -> Rng {
    Rng::from_number(seed).fork("test")
}
