//! One update through one cluster, in synchronous cycles: the experiment of the classic papers, run
//! with production nodes.

mod cluster;
pub mod laws;
mod spread;

use self::cluster::Cluster;
pub use self::spread::{Cycle, Spread};
use crate::strategy::Direction;
use crate::strategy::dissemination::{Exclusions, RumorConfig};
use crate::strategy::removal::{Blind, Feedback, Limit, Never};

/// Which of a channel's slots carries the update; the other keeps silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a channel has these two slots")]
pub enum Carrier {
    /// Anti-entropy: whoever has the update tells it for ever.
    Repair,
    /// Rumor mongering: told until the removal rule ends it.
    Rumors,
}

/// When a host ceases to tell a rumor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the rules that exist")]
pub enum Ending {
    /// Every telling counts: [`Blind`].
    Blind(Limit),
    /// Tellings count whose recipient knew: [`Feedback`].
    Feedback(Limit),
    /// Never: the simple epidemic.
    Never,
}

impl Ending {
    pub(super) fn rule(self) -> Box<dyn crate::strategy::Removal> {
        match self {
            Self::Blind(limit) => Box::new(Blind::new(limit)),
            Self::Feedback(limit) => Box::new(Feedback::new(limit)),
            Self::Never => Box::new(Never::default()),
        }
    }
}

/// The parameters of an experiment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios build it literally over a preset")]
pub struct Epidemic {
    /// Hosts, at least 2. Each runs a production node.
    pub nodes: usize,
    /// What carries the update. Default rumors.
    pub carrier: Carrier,
    /// Which way it flows.
    pub direction: Direction,
    /// Partners per cycle; repair always has one.
    pub fan_out: usize,
    /// When a host ceases to tell it; repair never does.
    pub ending: Ending,
    /// To whom a rumor is never told.
    pub exclusions: Exclusions,
    /// Ids that one pull names.
    pub names: usize,
    /// Periods of age from which on the update is offered by its id: see [`RumorConfig::offer_after`].
    pub offer_after: u32,
    /// Whether only the smaller of two counters is incremented: see [`RumorConfig::minimize`].
    pub minimize: bool,
    /// Most partners that a host serves in one cycle; 0: no limit.
    pub connection_limit: u32,
    /// How many other partners are tried in place of a busy one; `u32::MAX`: all there are.
    pub hunt: u32,
    /// Where hosts stand on a line in the order of their numbers, how strongly near partners are
    /// preferred: see [`Line`](crate::strategy::sampler::Line). `None`: they are chosen uniformly.
    pub distance_exponent: Option<f64>,
    /// Cycles after which a host ceases to tell a rumor whatever its rule says.
    pub rounds: u32,
    /// Whether a run ends once nobody lacks the update, although some still tell it: what they would
    /// send is not counted. Of a rumor that goes ids first that is no copy of it.
    pub until_all: bool,
    /// After so many cycles a run ends although somebody still tells. Default 10,000 (a guess: a
    /// hundred times the longest of the published ones).
    pub most_cycles: u32,
}

impl Epidemic {
    /// The setting of Demers et al. 1987, table 1 with k = 1: push to one partner at random, feedback
    /// and counter, nobody excluded, no connection limit.
    #[must_use]
    pub const fn classic(nodes: usize) -> Self {
        Self {
            nodes,
            carrier: Carrier::Rumors,
            direction: Direction::Push,
            fan_out: 1,
            ending: Ending::Feedback(Limit::Counter(1)),
            exclusions: Exclusions { recipients: false, sender: false },
            names: 0,
            offer_after: u32::MAX,
            minimize: false,
            connection_limit: 0,
            hunt: 0,
            distance_exponent: None,
            rounds: u32::MAX,
            until_all: false,
            most_cycles: 10_000,
        }
    }

    /// What a node does by default, but in synchronous cycles, and with partners drawn uniformly.
    #[must_use]
    pub fn production(nodes: usize) -> Self {
        let RumorConfig { direction, exclusions, fan_out, names, rounds, .. } =
            RumorConfig::default();
        let ending = Ending::Feedback(Limit::default());
        Self { direction, exclusions, fan_out, names, rounds, ending, ..Self::classic(nodes) }
    }

    /// Runs it once: one update, written at a random host. A function of the parameters and the seed.
    #[must_use]
    pub fn run(&self, seed: u64) -> Spread {
        self.run_watched(seed, &mut |_| {})
    }

    /// The same, and shows each cycle as it ends: the first shown is the origin alone.
    pub fn run_watched(&self, seed: u64, watch: &mut dyn FnMut(&Cycle)) -> Spread {
        Cluster::new(self, seed).spread(watch)
    }

    /// Whether a run goes on until no host tells it any more.
    const fn outlasts_spread(&self) -> bool {
        !self.until_all
            && matches!(self.carrier, Carrier::Rumors)
            && !(matches!(self.ending, Ending::Never) && self.rounds == u32::MAX)
    }
}
