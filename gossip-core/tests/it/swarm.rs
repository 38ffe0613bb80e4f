//! Chaos, then calm, for many seeds: promises hold, faults fire, mistakes are noticed.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::ConfigSpec;
use gossip_core::io::{Answer, Command};
use gossip_core::sim::World;
use gossip_core::sim::swarm::{self, Act, Config, Mistake, Outcome, Plan, Step};
use gossip_core::wire::Talk;

/// How long after the chaos nodes may take to agree: the worst of 1,200 seeds took 21 s, the mean
/// is 3.0 s.
const SOON: Duration = Duration::from_secs(40);

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
    let mut spoken = BTreeMap::<_, u64>::new();
    for (seed, outcome) in seeds.iter().zip(&outcomes) {
        assert_holds(&config, *seed, outcome);
        let converged = outcome.converged.unwrap();
        assert!(converged <= SOON, "seed {seed}: nodes agreed {converged:?} after the chaos");
        for (kind, count) in &outcome.faults {
            *fired.entry(*kind).or_default() += count;
        }
        for (kind, count) in &outcome.spoken {
            *spoken.entry(*kind).or_default() += count;
        }
    }
    for kind in Act::FAULTS {
        assert!(fired.get(kind) > Some(&0), "{kind} never fired: {fired:?}");
    }
    let names = Talk::NAMES.into_iter().filter(|name| !name.is_empty());
    for kind in names.chain(["channel", "fact", "rumor"]) {
        assert!(spoken.get(kind) > Some(&0), "{kind} was never said: {spoken:?}");
    }
    let sum = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    assert!(sum(|outcome| outcome.writes.0) > 64 * 50, "too few writes were acknowledged");
    assert!(sum(|outcome| outcome.collected) > 0, "no deletion was let go of");
    assert!(sum(|outcome| outcome.shed) > 0, "no queue was ever full");
}

/// The promises that each mistake breaks: which of them first is a matter of luck.
const fn breaks(mistake: Mistake) -> &'static [&'static str] {
    match mistake {
        Mistake::AcknowledgeEarly | Mistake::ForgetClock | Mistake::ForgetTombstone => {
            &["acknowledged"]
        }
        Mistake::DropUnconfirmed => &["letting-go"],
        Mistake::EqualUncompared | Mistake::ExpireByArrival | Mistake::ForgetEpoch => &["liveness"],
        Mistake::ForgetLoss | Mistake::MergeByArrival | Mistake::ReturnWithState => &["versions"],
        // Who waits for what was shed fills a table with it, and never asks for it again.
        Mistake::ForgetShed => &["bounds", "liveness"],
        Mistake::KeepIndexEntry | Mistake::KeepInSketch => &["index"],
        Mistake::PromiseEarly | Mistake::SpeakUnborn => &["tickets"],
        Mistake::ReuseIncarnation => &["lives"],
        Mistake::SkipClockBound => &["clocks"],
        Mistake::SkipVerification => &["signatures"],
        // Who takes an older commit for the last one tells watchers, or whoever asks, too much.
        Mistake::TakeAnswersAsTheyCome => &["acknowledged", "watchers"],
        Mistake::UnboundedQueue => &["bounds"],
    }
}

/// The seed that notices a mistake breaks nothing without it: it is the mistake that is noticed.
#[test]
#[expect(clippy::print_stdout, reason = "which checker notices what, and how soon")]
fn every_mistake_is_noticed_within_two_hundred_seeds() {
    let sound = Config::default();
    let caught = on_threads(&Mistake::ALL, |mistake| {
        let config = Config { mistake: Some(*mistake), ..sound.clone() };
        let fails = |seed: u64| Some((seed, swarm::run(&config, seed).violations.first()?.checker));
        let (seed, checker) = (0..200).find_map(fails)?;
        Some((seed, checker, swarm::run(&sound, seed).violations))
    });
    let mut wrong = Vec::new();
    for (mistake, caught) in Mistake::ALL.into_iter().zip(caught) {
        println!("{mistake:?}: (seed, checker, violations without it) {caught:?}");
        let is_right = caught.is_some_and(|(_, checker, without)| {
            breaks(mistake).contains(&checker) && without.is_empty()
        });
        wrong.extend((!is_right).then_some(mistake));
    }
    assert!(wrong.is_empty(), "unnoticed, noticed by another checker, or broken anyway: {wrong:?}");
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

/// What never began has nothing to end: the first crash lasts as long as it says, and a cut that the
/// chaos is too short for does not outlive it.
#[test]
fn faults_end_with_the_chaos_and_end_only_what_they_began() {
    let config = Config { duration: Duration::from_secs(1), ..Config::default() };
    let cut = Config { partition: Some(Duration::from_millis(500)), ..config.clone() };
    for seed in 0..4 {
        assert_holds(&cut, seed, &swarm::run(&cut, seed));
    }
    let step = |millis, lasts, act| Step {
        at: Duration::from_millis(millis),
        lasts: Duration::from_millis(lasts),
        act,
    };
    let steps = vec![
        step(100, 5_000, Act::Leave(3)),
        step(200, 100, Act::FailWrites(3)),
        step(900, 5_000, Act::Leave(4)),
        step(1_200, 100, Act::Partition(1)),
    ];
    let outcome = swarm::play(&config, 1, &Plan { steps });
    assert_eq!(outcome.violations, []);
    assert!(outcome.frames > 0 && outcome.converged.is_some(), "{outcome:?}");
}

#[test]
fn what_came_during_a_pause_is_handled_in_order_although_it_was_made_longer() {
    let mut world = World::new(1);
    world.add_cluster(2, &ConfigSpec::default());
    world.run_for(Duration::from_secs(5));
    world.pause(1, Duration::from_secs(1));
    world.write(1, "key", Some("first"), None);
    world.run_for(Duration::from_millis(500));
    world.pause(1, Duration::from_millis(1_500));
    world.run_for(Duration::from_millis(200));
    world.write(1, "key", Some("second"), None);
    world.run_for(Duration::from_secs(5));
    let (channel, key) = (world.main_channel(1), Bytes::from_static(b"key"));
    let request = world.command(1, Command::Get { channel, key });
    world.run_for(Duration::from_secs(1));
    let Some(Answer::Facts(facts)) = world.answer(1, request) else { panic!("no answer") };
    let values: Vec<_> = facts.iter().map(|fact| fact.value()).collect();
    assert_eq!(values, [Some(b"second".as_slice())]);
}
