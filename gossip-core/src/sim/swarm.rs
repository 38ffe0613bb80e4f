//! Chaos, then calm: many seeds of a cluster under every fault at once, watched by
//! [all checkers](super::check::all): some of them at every step, some now and then or in the end.
//!
//! A seed makes a [`Plan`]: a list of writes, reads and timed faults, plain data. Playing it gives an
//! [`Outcome`]; a plan that breaks a promise is [shrunk](shrink) to the few steps that it takes.

mod chaos;
mod flavour;
mod plan;
mod play;
mod shrink;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::chaos::chaos;
pub use self::plan::{Act, Plan, Step, Value};
pub use self::shrink::{Shrunk, shrink};
use super::check::Violation;
#[cfg(feature = "testkit")]
pub use crate::mistake::{Mistake, making};

/// What all seeds of a swarm have in common.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "whoever runs a swarm builds it over a default")]
pub struct Config {
    /// How many nodes. Default 16; at least 2.
    pub nodes: usize,
    /// How long the chaos lasts. Default 90 s: deletions of its first part leave the compared set in
    /// it. A much shorter one lets nothing go.
    pub duration: Duration,
    /// How long after it nodes may take to agree. Default 60 s (measured: see `Outcome::converged`).
    pub calm: Duration,
    /// The chance that any packet is lost, in calm and in chaos. Default 0.01.
    pub loss: f64,
    /// A partition of this length in each seed, besides those that chaos draws. Default none.
    pub partition: Option<Duration>,
    /// How often each node crashes, stops or leaves, in times per minute. Default 0.3.
    pub churn: f64,
    /// How long deletions stay in the compared set. Default 20 s, for nobody waits for a day.
    pub horizon: Duration,
    /// The mistake that all nodes make, to see whether it is noticed. Default none.
    #[cfg(feature = "testkit")]
    pub mistake: Option<Mistake>,
    /// Whether to hash all that nodes want, to compare runs: it costs more than the run.
    pub trace: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 16,
            duration: Duration::from_secs(90),
            calm: Duration::from_secs(60),
            loss: 0.01,
            partition: None,
            churn: 0.3,
            horizon: Duration::from_secs(20),
            #[cfg(feature = "testkit")]
            mistake: None,
            trace: false,
        }
    }
}

/// What became of one seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The promises that were broken; the first ones, for one broken promise breaks others.
    pub violations: Vec<Violation>,
    /// How often each kind of fault fired: packets that it touched, ops that it failed, crashes.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many records of each kind nodes sent, whatever became of them.
    pub spoken: BTreeMap<&'static str, u64>,
    /// The planned faults that never fired.
    pub idle: Vec<Step>,
    /// How long after the chaos all nodes agreed; `None` if they did not in time.
    pub converged: Option<Duration>,
    /// Acknowledged writes that were lost.
    pub lost_writes: u64,
    /// Deleted values that came back.
    pub resurrections: u64,
    /// Writes that were acknowledged, and those that were refused.
    pub writes: (u64, u64),
    /// Deletions and expired values that all members confirmed, dropped.
    pub collected: u64,
    /// Facts that full queues shed.
    pub shed: u64,
    /// Frames that nodes took.
    pub frames: u64,
    /// How long it took, in virtual time.
    pub lasted: Duration,
    /// The hash of all that nodes wanted, if it was asked for.
    pub trace: Option<[u8; 32]>,
}

/// Plays what a seed plans.
#[must_use]
pub fn run(config: &Config, seed: u64) -> Outcome {
    play(config, seed, &chaos(config, seed))
}

/// Plays a plan; the seed is that of the world's other randomness.
#[must_use]
pub fn play(config: &Config, seed: u64, plan: &Plan) -> Outcome {
    #[cfg(feature = "testkit")]
    return making(config.mistake, || play::play(config, seed, plan));
    #[cfg(not(feature = "testkit"))]
    play::play(config, seed, plan)
}

/// The one command that plays a seed again.
#[must_use]
pub fn replay(config: &Config, seed: u64) -> String {
    let Config { nodes, duration, calm, loss, partition, churn, horizon, .. } = config;
    let default = Config::default();
    let mut command = format!("gossip-cli sim swarm --seeds 1 --seed {seed}");
    let mut option = |name: &str, value: String| command.push_str(&format!(" --{name} {value}"));
    let time = |time: &Duration| format!("{}us", time.as_micros());
    if *nodes != default.nodes {
        option("nodes", nodes.to_string());
    }
    if *duration != default.duration {
        option("duration", time(duration));
    }
    if *calm != default.calm {
        option("calm", time(calm));
    }
    if *loss != default.loss {
        option("loss", loss.to_string());
    }
    if let Some(partition) = partition {
        option("partition", time(partition));
    }
    if *churn != default.churn {
        option("churn", churn.to_string());
    }
    if *horizon != default.horizon {
        option("horizon", time(horizon));
    }
    command
}
