//! Partitions: both sides call the other one dead, and are one cluster again soon after it ends.

use super::*;

/// A partition of this cluster into two, until each has buried the other and for some time more.
fn part(world: &mut World, inside: usize, time: Duration) -> sim::RuleId {
    let cut = world.rule(sim::cut(move |host| host < inside));
    let all = world.len();
    let buried = world.run_until(seconds(600), seconds(1), |world| {
        (0..all).all(|host| {
            let own = if host < inside { inside } else { all - inside };
            let peers = world.node(host).unwrap().status().peers;
            (peers.alive, peers.dead) == (own, all - own)
        })
    });
    assert!(buried);
    world.run_for(time);
    cut
}

/// Two minutes: every wait of a node has reached its longest by then.
#[test]
fn a_hundred_are_one_again_within_ten_seconds_after_a_long_partition() {
    let mut world = cluster(1, 100);
    let cut = part(&mut world, 50, seconds(120));
    world.end_rule(cut);
    let time = time_until_one_view(&mut world, seconds(60));
    assert!(time.is_some_and(|time| time < seconds(10)), "{time:?}");
}

#[test]
fn a_small_part_is_taken_back_soon() {
    let mut world = cluster(2, 32);
    let cut = part(&mut world, 1, seconds(120));
    world.end_rule(cut);
    let time = time_until_one_view(&mut world, seconds(60));
    assert!(time.is_some_and(|time| time < seconds(10)), "{time:?}");
    // Nobody is called dead again of what was said meanwhile.
    (0..32).for_each(|host| drop(world.events(host)));
    world.run_for(seconds(120));
    assert_eq!(deaths(&mut world), 0);
}

/// Nobody comes back of its own: who is dead in the eyes of all that reach it is redialled for ever,
/// at a capped rate.
#[test]
fn the_dead_are_redialled_for_ever_at_a_capped_rate() {
    let mut world = cluster(3, 8);
    world.crash(7);
    world.run_for(seconds(120));
    let sent = std::rc::Rc::new(std::cell::Cell::new(0_u32));
    let count = sent.clone();
    world.rule(move |packet: &sim::Packet<'_>, _: &mut gossip_core::rng::Rng| {
        count.set(count.get() + u32::from(packet.to == 7));
        sim::Verdict::Pass
    });
    world.run_for(seconds(600));
    // Seven dial it every 15 s, a quarter more or less.
    let dials = sent.get();
    assert!((7 * 600 / 19..=7 * 600 / 11 + 7).contains(&dials), "{dials}");
    world.start(7);
    assert!(time_until_one_view(&mut world, seconds(10)).is_some());
}
