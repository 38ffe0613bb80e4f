//! Chaos, then calm, for many seeds: promises hold, faults fire, mistakes are noticed.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use gossip_core::sim::swarm::{self, Act, Config, Mistake, Outcome, Plan, Step};

/// Does the same for all items, on as many threads as there are cores; the results in order.
fn on_threads<T: Send + Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(2, Into::into).min(items.len());
    let share = |thread: usize| items.iter().skip(thread).step_by(threads);
    let mut shares: Vec<_> = thread::scope(|scope| {
        let act = &act;
        let run = |thread| scope.spawn(move || share(thread).map(act).collect::<Vec<_>>());
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap().into_iter()).collect()
    });
    (0..items.len()).map(|item| shares[item % threads].next().unwrap()).collect()
}

fn assert_holds(config: &Config, seed: u64, outcome: &Outcome) {
    if let Some(violation) = outcome.violations.first() {
        let plan = swarm::shrink(config, seed, 200).map(|shrunk| shrunk.plan.to_string());
        let command = swarm::replay(config, seed);
        panic!("{violation}\n{command}\n{}", plan.unwrap_or_default());
    }
}

#[test]
fn sixty_four_seeds_break_no_promise_and_every_kind_of_fault_fires() {
    let config = Config::default();
    let seeds: Vec<_> = (0..64).collect();
    let outcomes = on_threads(&seeds, |seed| swarm::run(&config, *seed));
    let mut fired = BTreeMap::<_, u64>::new();
    for (seed, outcome) in seeds.iter().zip(&outcomes) {
        assert_holds(&config, *seed, outcome);
        assert!(outcome.converged < Some(config.calm), "seed {seed}");
        for (kind, count) in &outcome.faults {
            *fired.entry(*kind).or_default() += count;
        }
    }
    for kind in Act::FAULTS {
        assert!(fired.get(kind) > Some(&0), "{kind} never fired: {fired:?}");
    }
    let sum = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    assert!(sum(|outcome| outcome.writes.0) > 64 * 50, "too few writes were acknowledged");
    assert!(sum(|outcome| outcome.collected) > 0, "no deletion was let go of");
    assert!(sum(|outcome| outcome.shed) > 0, "no queue was ever full");
}

#[test]
fn every_mistake_is_noticed_within_two_hundred_seeds() {
    let caught = on_threads(&Mistake::ALL, |mistake| {
        let config = Config { mistake: Some(*mistake), ..Config::default() };
        let fails = |seed: &u64| !swarm::run(&config, *seed).violations.is_empty();
        (0..200).find(fails)
    });
    let missed = Mistake::ALL.iter().zip(caught).filter(|(_, seed)| seed.is_none());
    let missed: Vec<_> = missed.map(|(mistake, _)| mistake).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_failure_shrinks_to_a_handful_of_faults() {
    let config = Config { mistake: Some(Mistake::ReuseIncarnation), ..Config::default() };
    let (seed, whole) = (0..200)
        .map(|seed| (seed, swarm::chaos(&config, seed)))
        .find(|(seed, plan)| !swarm::play(&config, *seed, plan).violations.is_empty())
        .unwrap();
    let shrunk = swarm::shrink(&config, seed, 200).unwrap();
    let Plan { steps } = &shrunk.plan;
    assert!(steps.len() <= 3, "of {} steps: {}", whole.steps.len(), shrunk.plan);
    let again = swarm::play(&config, seed, &shrunk.plan);
    assert_eq!(again, shrunk.outcome, "what is left fails in the same way");
    let command = swarm::replay(&config, seed);
    assert_eq!(command, format!("gossip-cli sim swarm --seeds 1 --seed {seed}"));
}

#[test]
fn the_same_seed_gives_the_same_run_whatever_else_goes_on() {
    let config = Config { trace: true, ..Config::default() };
    let alone = swarm::run(&config, 7);
    assert!(alone.trace.is_some());
    let seeds = [3, 7, 7, 5, 7, 8];
    let beside = on_threads(&seeds, |seed| swarm::run(&config, *seed));
    for (seed, outcome) in seeds.iter().zip(beside) {
        assert_eq!(outcome.trace == alone.trace, *seed == 7, "seed {seed}");
        assert!(*seed != 7 || outcome == alone, "the outcome of seed {seed} differs");
    }
}

#[test]
fn a_fault_that_never_fires_is_named() {
    let config = Config { duration: Duration::from_secs(5), ..Config::default() };
    let step = |at, act| Step { at: Duration::from_secs(at), lasts: Duration::from_secs(1), act };
    // Nobody is cut off from nobody, and who is down cannot crash.
    let steps = vec![
        step(1, Act::Partition(0)),
        Step { lasts: Duration::from_secs(3), ..step(1, Act::Crash(3)) },
        step(2, Act::Crash(3)),
    ];
    let plan = Plan { steps: steps.clone() };
    let outcome = swarm::play(&config, 1, &plan);
    assert_eq!(outcome.idle, [steps[0].clone(), steps[2].clone()]);
    assert_eq!((outcome.faults["crash"], outcome.faults["partition"]), (1, 0));
}
