//! Kill cycles: nodes die at random moments while writers write, and nothing acknowledged is lost.

use std::time::{Duration, Instant};

use gossip_core::rng::Rng;
use serde::Serialize;

use super::crew::{Crew, DURABLE};
use super::writers::{Writers, held};
use crate::support::{QUICK, wait_until};

/// Nodes of the cluster.
const NODES: usize = 5;

/// Nodes that somebody writes at: the first ones.
const WRITERS: usize = 3;

/// How long the nodes may take to become equal once nobody writes.
const EQUAL: Duration = Duration::from_secs(60);

/// What to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cycles {
    pub(crate) cycles: u32,
    pub(crate) seed: u64,
    /// Cycles between two looks at everything; one more comes at the end.
    pub(crate) check_every: u32,
}

/// What was done. That it is returned says that every check held.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Survived {
    pub(crate) seed: u64,
    pub(crate) cycles: u32,
    pub(crate) kills: usize,
    /// Cycles in which every node died.
    pub(crate) blackouts: u32,
    pub(crate) checks: u32,
    pub(crate) acknowledged: u64,
    pub(crate) unknown: u64,
    pub(crate) slowest_start_ms: u128,
    pub(crate) slowest_equal_ms: u128,
    pub(crate) seconds: u64,
}

/// Runs the cycles and tells of each.
///
/// # Panics
/// When an acknowledged write is lost, something deleted comes back, or a node is stuck.
#[track_caller]
pub(crate) fn kill_cycles(plan: Cycles, tell: impl Fn(&str)) -> Survived {
    let begun = Instant::now();
    let mut rng = Rng::from_number(plan.seed);
    let mut crew = Crew::start(NODES, DURABLE, QUICK);
    let writers = Writers::start((0..WRITERS).map(|number| crew.node(number)), &mut rng);
    let mut survived = Survived { seed: plan.seed, cycles: plan.cycles, ..Survived::default() };
    for cycle in 1..=plan.cycles {
        let victims = victims(&mut rng);
        survived.kills += victims.len();
        survived.blackouts += u32::from(victims.len() == NODES);
        more(&writers, 1 + rng.below(200));
        for victim in &victims {
            writers.moved(*victim, None);
            crew.kill(*victim);
        }
        // Whoever is left goes on in the meantime.
        if (0..WRITERS).any(|writer| !victims.contains(&writer)) {
            more(&writers, rng.below(200));
        }
        for victim in &victims {
            let start = crew.restart(*victim).as_millis();
            survived.slowest_start_ms = survived.slowest_start_ms.max(start);
            writers.moved(*victim, Some(crew.node(*victim).admin().to_owned()));
        }
        nobody_is_stuck(&writers);
        let mut line = format!("cycle {cycle} of {}: killed {victims:?}", plan.cycles);
        if cycle % plan.check_every == 0 || cycle == plan.cycles {
            let equal = check(&crew, &writers);
            survived.checks += 1;
            survived.slowest_equal_ms = survived.slowest_equal_ms.max(equal.as_millis());
            line += &format!("; all there, equal after {} ms", equal.as_millis());
        }
        tell(&line);
    }
    survived.acknowledged = writers.ledger(|ledger| ledger.acknowledged);
    survived.unknown = writers.ledger(|ledger| ledger.unknown);
    survived.seconds = begun.elapsed().as_secs();
    survived
}

/// Mostly one node, sometimes two, now and then all: then nothing but disks remembers.
fn victims(rng: &mut Rng) -> Vec<usize> {
    let mut nodes: Vec<_> = (0..NODES).collect();
    rng.shuffle(&mut nodes);
    nodes.truncate(match rng.below(20) {
        0..12 => 1,
        12..17 => 2,
        _ => NODES,
    });
    nodes
}

/// Waits until so many more writes are acknowledged, by whomever.
#[track_caller]
fn more(writers: &Writers, count: u64) {
    let sum = || writers.acknowledged().iter().sum::<u64>();
    let wanted = sum() + count;
    wait_until("more writes are acknowledged", || (sum() >= wanted).then_some(()));
}

/// Waits until every writer has had another write acknowledged.
#[track_caller]
fn nobody_is_stuck(writers: &Writers) {
    let before = writers.acknowledged();
    wait_until("every node takes writes", || {
        let now = writers.acknowledged();
        now.iter().zip(&before).all(|(now, before)| now > before).then_some(())
    });
}

/// Compares what every node holds with what it must, while nobody writes. Returns how long the
/// nodes took to become equal.
#[track_caller]
fn check(crew: &Crew, writers: &Writers) -> Duration {
    writers.pause();
    crew.meet();
    let (equal, hash) = crew.equal(EQUAL);
    for node in crew.all() {
        let held = held(node.admin());
        let violations = writers.ledger(|ledger| ledger.violations(&held));
        assert!(violations.is_empty(), "{} of {hash}: {violations:#?}", node.ready["name"]);
    }
    assert!(crew.healthy(), "a store is not healthy");
    writers.ledger(|ledger| ledger.settle(&held(crew.node(0).admin())));
    writers.resume();
    equal
}
