//! Deletions outlive a partition of three horizons.

use std::time::Duration;

use gossip_core::config::{ChannelSlots, ConfigSpec, Strategies};
use gossip_core::io::Seed;
use gossip_core::sim::swarm::{Mistake, making};
use gossip_core::sim::tombstones::{self, Config};
use gossip_core::sim::{self, World, check};
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nothing_comes_back_and_what_was_written_again_stays() {
    for (seed, lost) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        let config = Config { lost, ..Config::default() };
        let outcome = tombstones::run(&config, seed);
        assert_eq!(outcome.violations, [], "seed {seed}");
        assert_eq!(outcome.resurrections, 0, "seed {seed}");
        assert_eq!(outcome.dormant, 90, "seed {seed}: all but those written again");
        assert_eq!(outcome.guarded, 90, "seed {seed}: the absent replica held all of them");
        assert_eq!(outcome.reinserts_kept, 10, "seed {seed}");
        assert_eq!(outcome.left, 0, "seed {seed}: everybody has confirmed");
        assert!(outcome.converged.is_some(), "seed {seed}");
    }
}

/// The same schedule bites: with certificates dropped unconfirmed, everything comes back.
#[test]
fn who_lets_go_unconfirmed_sees_the_dead_return() {
    let outcome = making(Some(Mistake::DropUnconfirmed), || tombstones::run(&Config::default(), 1));
    assert_eq!((outcome.resurrections, outcome.guarded), (90, 0), "{outcome:?}");
}

/// Two hosts confirm what has left, without a deletion that a third made while it was cut off. When
/// it comes, what they confirmed before says nothing of it: whoever holds what it deletes is waited
/// for.
#[test]
fn a_deletion_that_comes_late_is_confirmed_anew() {
    let mut world = World::new(1);
    world.set_horizon(SECOND * 20);
    check::all().into_iter().for_each(|checker| world.check(checker));
    let rumors = RumorConfig::default();
    let repair = RepairConfig { period: SECOND, period_max: SECOND, ..RepairConfig::default() };
    for host in 0..3 {
        let seeds = if host == 0 { Vec::new() } else { vec![Seed::Address(world.address(0))] };
        let spec = ConfigSpec { seeds, redial_max: SECOND * 2, ..ConfigSpec::default() };
        let strategies = move |keys| Strategies {
            main: ChannelSlots::new(rumors, repair),
            ..Strategies::new(Box::new(keys))
        };
        world.add_with(spec, Box::new(strategies));
    }
    world.run_for(SECOND * 5);
    world.write(0, "doomed", Some("v"), None);
    world.write(0, "other", Some("v"), None);
    world.run_for(SECOND * 10);
    let cut = world.rule(sim::cut(|host| host == 2));
    world.write(2, "doomed", None, None);
    world.write(0, "other", None, None);
    world.run_for(SECOND * 200);
    assert_eq!(world.totals(0, None).dormant, 1, "the other is waited for with");
    world.end_rule(cut);
    let cut = world.rule(sim::cut(|host| host == 1));
    world.run_for(SECOND * 100);
    assert_eq!(world.violations(), []);
    assert_eq!(world.totals(0, None).dormant, 2, "host 1 holds what is deleted");
    world.end_rule(cut);
    world.run_for(SECOND * 200);
    world.finish_checks();
    assert_eq!(world.violations(), []);
    for host in 0..3 {
        let totals = world.totals(host, None);
        assert_eq!((totals.entries, totals.dormant), (0, 0), "host {host}: all are let go of");
    }
}
