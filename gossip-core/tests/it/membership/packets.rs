//! Packets that come late, twice, out of order, or altered.

use super::*;

/// Eight hosts on such a line: nobody is dead to anybody, and all see all in the end.
fn is_borne(seed: u64, line: impl sim::Rule + 'static) {
    let mut world = cluster(seed, 8);
    let line = world.rule(line);
    (0..8).for_each(|host| drop(world.events(host)));
    world.run_for(seconds(300));
    assert!(world.fired(line) > 100, "the line is bad");
    assert_eq!(deaths(&mut world), 0);
    assert!(time_until_one_view(&mut world, seconds(30)).is_some());
}

/// Longer than any probe's patience.
#[test]
fn delays_beyond_every_timeout_kill_nobody() {
    let spike = sim::Delay::Uniform { least: seconds(1), most: seconds(5) };
    is_borne(1, sim::jitter(0.1, spike));
}

/// Every packet takes half a second to a second from some moment on: round trips are learned anew.
#[test]
fn a_line_that_becomes_slow_kills_nobody() {
    let late = sim::Delay::Uniform { least: Duration::from_millis(500), most: seconds(1) };
    is_borne(2, sim::late(late));
}

#[test]
fn what_comes_twice_or_out_of_order_kills_nobody() {
    is_borne(3, sim::duplicate(0.3));
    is_borne(4, sim::reorder(0.5, Duration::from_millis(500)));
}

/// A bit of every tenth packet: a checksum of the path would have found it, and there is none.
#[test]
fn what_is_altered_on_its_way_kills_nobody_and_makes_nobody_up() {
    let mut world = cluster(5, 8);
    let line = world.rule(sim::alter(0.1));
    (0..8).for_each(|host| drop(world.events(host)));
    world.run_for(seconds(120));
    assert!(world.fired(line) > 100);
    world.end_rule(line);
    assert!(time_until_one_view(&mut world, seconds(30)).is_some());
    for host in 0..8 {
        assert_eq!(members(&mut world, host).len(), 8, "host {host}");
    }
}

/// A network that stands still for three seconds again and again, for everybody.
#[test]
fn stalls_of_all_at_once_kill_nobody() {
    let mut world = cluster(6, 8);
    (0..8).for_each(|host| drop(world.events(host)));
    for _ in 0..20 {
        (0..8).for_each(|host| world.block(host, seconds(3)));
        world.run_for(seconds(10));
    }
    assert_eq!(deaths(&mut world), 0);
    assert!(one_view(&mut world));
}
