//! A machine that stands still, or whose network does, judges nobody of what it did not hear meanwhile.

use gossip_core::fact::Why;
use gossip_core::sim::{Anomaly, Spells};

use super::*;

/// Whom a host calls dead, that suffers for 128 s among fifteen others.
fn convicted_by_a_sufferer(anomaly: Anomaly) -> usize {
    let mut world = cluster(1, 16);
    (0..16).for_each(|host| drop(world.events(host)));
    world.suffer(&[3], &Spells { anomaly, lasts: seconds(128), apart: None }, Duration::ZERO);
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

/// Its timers run, and it hears from nobody at all: it may be the one that is cut off.
#[test]
fn whose_network_stood_still_for_two_minutes_convicts_nobody() {
    assert_eq!(convicted_by_a_sufferer(Anomaly::Blocked), 0);
}

/// It accused nobody meanwhile either, so nobody has to refute anything.
#[test]
fn who_hears_nobody_accuses_nobody() {
    let mut world = cluster(1, 16);
    world.block(3, seconds(128));
    world.run_for(seconds(140));
    assert_eq!(world.node(3).unwrap().status().detector.accusations, 0);
}

/// Two of three crash at the same time: the third hears nobody, as if it were cut off, and still finds out.
#[test]
fn the_last_one_finds_out_that_it_is() {
    let mut world = cluster(1, 3);
    world.crash(1);
    world.crash(2);
    world.run_for(seconds(20));
    assert_eq!(world.node(0).unwrap().status().peers.alive, 3, "it does not know yet");
    let dead = |world: &mut World| world.node(0).unwrap().status().peers.dead == 2;
    assert!(world.run_until(seconds(200), seconds(1), dead));
}

/// The answers that it gave after its pause were late by half a minute: nobody waits so long for the next ones.
#[test]
fn who_crashes_after_a_pause_is_found_within_a_minute() {
    let mut world = cluster(2, 8);
    world.pause(5, seconds(4));
    world.run_for(seconds(10));
    world.block(5, seconds(30));
    world.run_for(seconds(31));
    world.crash(5);
    let dead = |world: &mut World| {
        let others = [0, 1, 2, 3, 4, 6, 7].into_iter();
        others.filter(|host| status_of(world, *host, 5) != Some(MemberStatus::Dead)).count() == 0
    };
    assert!(world.run_until(seconds(60), MOMENT, dead));
}

/// All have taken it for dead, and it goes on with the sessions that it had: greeting everybody anew would take longer than
/// it may have until the next pause.
#[test]
fn who_wakes_greets_nobody_anew() {
    for pause in [20, 600] {
        let mut world = cluster(3, 8);
        let strangers = |world: &World| -> u64 {
            let status = |host| world.node(host).unwrap().status();
            (0..8).filter_map(|host| status(host).rejected.get(&Why::UnknownSession).copied()).sum()
        };
        world.pause(5, seconds(pause));
        world.run_for(seconds(pause - 1));
        let others = || (0..8).filter(|host| *host != 5);
        for host in others() {
            assert_eq!(status_of(&mut world, host, 5), Some(MemberStatus::Dead), "host {host}");
            assert_eq!(world.node(host).unwrap().status().queues["sessions"], 6);
        }
        let before = strangers(&world);
        let back = |world: &mut World| {
            others().all(|host| status_of(world, host, 5) == Some(MemberStatus::Alive))
        };
        assert!(world.run_until(seconds(5), MOMENT, back));
        assert_eq!(strangers(&world), before, "frames of sessions that nobody knows");
        world.run_for(seconds(10));
        assert!(one_view(&mut world));
        others()
            .for_each(|host| assert_eq!(world.node(host).unwrap().status().queues["sessions"], 7));
    }
}
