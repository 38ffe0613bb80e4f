//! Restarts of many at once, with stale words about them around.

use super::*;

/// Ten members were cut off long enough to bury all others, who restart all at once as the ten come back with
/// their accusations.
#[test]
fn all_restart_at_once_among_stale_accusations_and_all_are_alive() {
    let mut world = cluster(1, 100);
    let cut = world.rule(sim::cut(|host| host >= 90));
    let buried = |world: &World, host| world.node(host).unwrap().status().peers.dead == 90;
    assert!(world.run_until(seconds(600), seconds(1), |world| {
        (90..100).all(|host| buried(world, host))
    }));
    world.end_rule(cut);
    (0..90).for_each(|host| world.crash(host));
    (0..90).for_each(|host| world.start(host));
    let time = time_until_one_view(&mut world, seconds(60));
    assert!(time.is_some_and(|time| time < seconds(15)), "{time:?}");
    (0..100).for_each(|host| drop(world.events(host)));
    world.run_for(seconds(60));
    assert_eq!(deaths(&mut world), 0);
}

#[test]
fn all_restart_one_after_the_other_and_nobody_is_hidden() {
    let mut world = cluster(2, 16);
    for host in 0..16 {
        world.crash(host);
        world.run_for(seconds(15));
        world.start(host);
        let time = time_until_one_view(&mut world, seconds(30));
        assert!(time.is_some_and(|time| time < seconds(10)), "host {host}: {time:?}");
    }
}

/// A member that one host has buried starts anew where that host cannot hear it, and dies again: the host hears of
/// both from others alone, and buries it once more.
#[test]
fn who_starts_anew_unheard_and_dies_again_is_dead_to_all() {
    let mut world = cluster(3, 8);
    world.crash(5);
    world.run_for(seconds(30));
    let cut = world.rule(sim::cut(|host| host == 7));
    world.run_for(seconds(10));
    world.start(5);
    world.run_for(seconds(60));
    world.crash(5);
    world.run_for(seconds(10));
    world.end_rule(cut);
    let dead = |world: &mut World, host| status_of(world, host, 5) == Some(MemberStatus::Dead);
    assert!(world.run_until(seconds(60), seconds(1), |world| one_view(world)
        && (0..8).filter(|host| *host != 5).all(|host| dead(world, host))));
    world.run_for(seconds(60));
    assert!(dead(&mut world, 7));
}
