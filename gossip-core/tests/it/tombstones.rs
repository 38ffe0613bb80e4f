//! Deletions outlive a partition of three horizons.

use gossip_core::sim::tombstones::{self, Config};

#[test]
fn nothing_comes_back_and_what_was_written_again_stays() {
    for (seed, lost) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        let config = Config { lost, ..Config::default() };
        let outcome = tombstones::run(&config, seed);
        assert_eq!(outcome.violations, [], "seed {seed}");
        assert_eq!(outcome.resurrections, 0, "seed {seed}");
        assert_eq!(outcome.dormant, 90, "seed {seed}: all but those written again");
        assert_eq!(outcome.guarded, 100, "seed {seed}: the absent replica held all of them");
        assert_eq!(outcome.reinserts_kept, 10, "seed {seed}");
        assert_eq!(outcome.left, 0, "seed {seed}: everybody has confirmed");
        assert!(outcome.converged.is_some(), "seed {seed}");
    }
}

/// The same schedule bites: with certificates dropped unconfirmed, everything comes back.
#[test]
fn who_lets_go_unconfirmed_sees_the_dead_return() {
    use gossip_core::sim::swarm::{Mistake, making};

    let outcome = making(Some(Mistake::DropUnconfirmed), || tombstones::run(&Config::default(), 1));
    assert!(outcome.resurrections >= 90, "{outcome:?}");
}
