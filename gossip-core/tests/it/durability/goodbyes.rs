//! Stopping and leaving: who comes back as it was, and who as a newcomer.

use gossip_core::config::{ChannelSlots, Strategies};
use gossip_core::fact::HORIZON;
use gossip_core::membership::MemberStatus;
use gossip_core::strategy::detector::{Heartbeat, HeartbeatConfig};
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Nodes that act once a minute, so that days pass quickly.
fn slow_cluster(seed: u64, count: usize) -> World {
    let mut world = World::new(seed);
    for host in 0..count {
        let rumors = RumorConfig { period: MINUTE / 6, ..RumorConfig::default() };
        let repair =
            RepairConfig { period: MINUTE / 4, period_max: MINUTE, ..RepairConfig::default() };
        let config = ConfigSpec {
            seeds: if host == 0 { Vec::new() } else { seed_of(&world, 0) },
            alive_interval: MINUTE * 10,
            view_rumors: RumorConfig { period: MINUTE, ..RumorConfig::default() },
            view_repair: RepairConfig { period: MINUTE, period_max: MINUTE * 4, ..repair },
            redial_max: MINUTE,
            ..ConfigSpec::default()
        };
        let patience = HeartbeatConfig { interval: MINUTE, ..HeartbeatConfig::default() };
        world.add_with(
            config,
            Box::new(move |keys| Strategies {
                detector: Box::new(Heartbeat::new(patience)),
                main: ChannelSlots::new(rumors, repair),
                ..Strategies::new(Box::new(keys))
            }),
        );
    }
    assert!(world.run_until(MINUTE * 10, MINUTE, all_alive), "seed {seed}: nobody meets");
    world
}

fn status_of(world: &mut World, at: usize, of: usize) -> MemberStatus {
    member(world, at, of).status
}

#[test]
fn who_stops_is_seen_to_leave_at_once_and_comes_back_as_it_was() {
    let mut world = cluster(1, 4);
    world.write(3, "own", Some("1"), None);
    world.run_for(seconds(5));
    let stop = world.command(3, Command::Stop);
    world.run_for(seconds(1));
    assert!(matches!(world.answer(3, stop), Some(Answer::Done)));
    for host in 0..3 {
        assert_eq!(status_of(&mut world, host, 3), MemberStatus::Left, "host {host}");
    }
    let refused = world.write(3, "late", Some("1"), None);
    assert_eq!(outcome(&mut world, 3, refused), Some(Err(WriteError::Left)));
    world.crash(3);
    world.write(0, "meanwhile", Some("1"), None);
    world.run_for(seconds(60));
    for host in 0..3 {
        assert_eq!(
            status_of(&mut world, host, 3),
            MemberStatus::Left,
            "host {host}: never suspected"
        );
    }
    world.start(3);
    assert!(world.run_until(seconds(10), MOMENT, all_alive));
    assert!(world.run_until(seconds(20), MOMENT, World::converged));
    let events = world.events(3);
    assert_eq!(count(&events, |event| matches!(event, Event::Renewed { .. })), 0);
    assert!(world.exports(3).is_empty());
}

/// Cycles of stops around the horizon, while keys are deleted: nobody forgets a deletion that a
/// stopped member has not seen, and nothing of what it holds comes back.
#[test]
fn who_stopped_for_longer_than_the_horizon_resurrects_nothing() {
    for seed in 0..3 {
        let mut world = slow_cluster(seed, 3);
        let mut random = random(seed);
        for cycle in 0..3 {
            let key = format!("doomed-{cycle}");
            world.write(0, &key, Some("alive"), None);
            world.run_for(MINUTE * 30);
            world.command(2, Command::Stop);
            world.run_for(seconds(2));
            world.crash(2);
            assert_eq!(status_of(&mut world, 0, 2), MemberStatus::Left);
            world.write(1, &key, None, None);
            let they_restart = random.below(2) == 0;
            world.run_for(HORIZON - MINUTE * 40 + MINUTE * random.below(180) as u32);
            if they_restart {
                // Those who run restart too: they must not forget for whom they wait.
                for host in 0..2 {
                    world.crash(host);
                    world.start(host);
                    world.run_for(MINUTE * 10);
                }
            }
            let waiting = world.totals(0, None);
            assert_eq!(waiting.dormant + waiting.sum.count(), 1, "seed {seed}: it is waited for");
            world.start(2);
            for _ in 0..20 {
                world.run_for(MINUTE);
                for host in 0..2 {
                    assert_eq!(reads(&mut world, host, &key), Some(false), "seed {seed}");
                }
            }
            assert_eq!(reads(&mut world, 2, &key), Some(false), "seed {seed}: it was told");
            // Everybody has confirmed now: the deletion is let go of, and stays dead.
            world.run_for(HORIZON + MINUTE * 240);
            for host in 0..3 {
                let totals = world.totals(host, None);
                assert_eq!((totals.dormant, totals.sum.count()), (0, 0), "seed {seed}, {host}");
            }
        }
        assert!(world.exports(2).is_empty(), "seed {seed}: nothing was wiped");
    }
}

/// A goodbye for good is said once it is durable, so that no crash lets its sayer come back with
/// what nobody waited for.
#[test]
fn nobody_leaves_before_its_store_knows() {
    let mut world = cluster(4, 3);
    world.disk(2).sync_interval = seconds(5);
    let leave = world.command(2, Command::Leave);
    let again = world.command(2, Command::Leave);
    assert!(matches!(world.answer(2, again), Some(Answer::Refused(_))), "one goodbye at a time");
    world.run_for(seconds(4));
    assert!(world.answer(2, leave).is_none());
    assert_eq!(status_of(&mut world, 0, 2), MemberStatus::Alive, "nothing was said yet");
    world.crash(2);
    world.start(2);
    world.run_for(seconds(20));
    assert_eq!(count(&world.events(2), |event| matches!(event, Event::Renewed { .. })), 0);

    let leave = world.command(2, Command::Leave);
    let left = world.run_until(seconds(10), Duration::from_millis(1), |world| {
        status_of(world, 0, 2) == MemberStatus::Left
    });
    assert!(left);
    // In the very moment when the first hears of it, it is durable.
    world.crash(2);
    assert!(world.answer(2, leave).is_none(), "told, and not yet done");
    world.disk(2).sync_interval = Duration::ZERO;
    world.start(2);
    world.run_for(seconds(10));
    assert_eq!(count(&world.events(2), |event| matches!(event, Event::Renewed { .. })), 1);
}

/// A store that cannot remember the goodbye refuses it; stopping still works.
#[test]
fn a_store_that_refuses_writes_lets_nobody_leave_but_stop() {
    let mut world = cluster(5, 3);
    world.disk(1).fault = sim::Fault::Writes;
    let leave = world.command(1, Command::Leave);
    world.run_for(seconds(2));
    assert!(matches!(world.answer(1, leave), Some(Answer::Refused(_))));
    assert_eq!(status_of(&mut world, 0, 1), MemberStatus::Alive);
    let stop = world.command(1, Command::Stop);
    world.run_for(seconds(2));
    assert!(matches!(world.answer(1, stop), Some(Answer::Done)));
    assert_eq!(status_of(&mut world, 0, 1), MemberStatus::Left);
}
