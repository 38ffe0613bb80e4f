//! A machine that stands still, or whose network does, judges nobody of what it did not hear meanwhile.

use gossip_core::sim::Anomaly;

use super::*;

/// Whom a host calls dead, that suffers for 128 s among fifteen others.
fn convicted_by_a_sufferer(anomaly: Anomaly) -> usize {
    let mut world = cluster(1, 16);
    (0..16).for_each(|host| drop(world.events(host)));
    match anomaly {
        Anomaly::Blocked => world.block(3, seconds(128)),
        Anomaly::Paused => world.pause(3, seconds(128)),
    }
    world.run_for(seconds(127));
    for host in (0..16).filter(|host| *host != 3) {
        assert_eq!(status_of(&mut world, host, 3), Some(MemberStatus::Dead), "host {host}");
    }
    world.run_for(seconds(60));
    assert!(one_view(&mut world));
    let dead = |(_, status): &(usize, MemberStatus)| *status == MemberStatus::Dead;
    verdicts(&mut world, 3).iter().filter(|it| dead(it)).count()
}

#[test]
fn who_stood_still_for_two_minutes_convicts_nobody() {
    assert_eq!(convicted_by_a_sufferer(Anomaly::Paused), 0);
}

/// Its timers run, and it hears from nobody at all: it waits for half a minute before it calls others dead,
/// for it may be the only one that lives.
#[test]
fn whose_network_stands_still_waits_before_it_convicts() {
    let mut world = cluster(1, 16);
    world.events(3);
    world.block(3, seconds(25));
    world.run_for(seconds(60));
    assert!(one_view(&mut world));
    let dead = |(_, status): &(usize, MemberStatus)| *status == MemberStatus::Dead;
    assert_eq!(verdicts(&mut world, 3).iter().filter(|it| dead(it)).count(), 0);
}

#[test]
fn whose_network_stood_still_for_two_minutes_takes_everybody_back() {
    // It is cut off and cannot know that the others are not: each of them is dead to it, once.
    assert!(convicted_by_a_sufferer(Anomaly::Blocked) <= 15);
}
