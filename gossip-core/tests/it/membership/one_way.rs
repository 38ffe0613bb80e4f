//! Links that carry one way only.

use super::*;

/// One link of eight, in one direction: who does not hear a member asks others, and nobody is blamed.
#[test]
fn a_one_way_link_kills_nobody() {
    let mut world = cluster(1, 8);
    world.rule(sim::one_way(|host| host == 3, |host| host == 5));
    (0..8).for_each(|host| drop(world.events(host)));
    world.run_for(seconds(300));
    assert_eq!(deaths(&mut world), 0);
    assert!(one_view(&mut world));
}

/// Each host hears half of the others, and is heard by the other half.
#[test]
fn many_one_way_links_kill_nobody() {
    let mut world = cluster(2, 9);
    let lost = |from: usize, to: usize| (1..=4).contains(&((to + 9 - from) % 9));
    world.rule(move |packet: &sim::Packet<'_>, _: &mut gossip_core::rng::Rng| {
        // Every second link of those that go this way round.
        let is_lost = lost(packet.from, packet.to) && (packet.from + packet.to).is_multiple_of(2);
        if is_lost { sim::Verdict::Drop } else { sim::Verdict::Pass }
    });
    (0..9).for_each(|host| drop(world.events(host)));
    world.run_for(seconds(300));
    assert_eq!(deaths(&mut world), 0);
    assert!(one_view(&mut world));
}

/// It hears everybody, and nobody hears it: it is dead to others, convicts nobody who talks to it, and is back soon
/// after.
#[test]
fn who_is_heard_by_nobody_is_dead_until_it_is_heard_again() {
    let mut world = cluster(3, 8);
    let mute = world.rule(sim::one_way(|host| host == 3, |_| true));
    world.run_for(seconds(60));
    for host in [0, 1, 2, 4, 5, 6, 7] {
        assert_eq!(status_of(&mut world, host, 3), Some(MemberStatus::Dead), "host {host}");
        assert_eq!(world.node(host).unwrap().status().peers.alive, 7, "host {host}");
    }
    world.end_rule(mute);
    let time = time_until_one_view(&mut world, seconds(60));
    assert!(time.is_some_and(|time| time < seconds(20)), "{time:?}");
}

/// Everybody hears it, and it hears nobody: it makes nobody else believe that they are dead.
#[test]
fn who_hears_nobody_is_believed_by_nobody() {
    let mut world = cluster(4, 8);
    let deaf = world.rule(sim::one_way(|_| true, |host| host == 3));
    (0..8).for_each(|host| drop(world.events(host)));
    world.run_for(seconds(120));
    for host in [0, 1, 2, 4, 5, 6, 7] {
        let seen = verdicts(&mut world, host);
        assert!(seen.iter().all(|(about, _)| *about == 3), "host {host}: {seen:?}");
    }
    world.end_rule(deaf);
    let time = time_until_one_view(&mut world, seconds(60));
    assert!(time.is_some_and(|time| time < seconds(20)), "{time:?}");
}
