//! Scenario `detect`: how fast the dead are found, and who is called dead and is not.

mod tally;
mod times;

use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use gossip_core::sim::detect::{self, Config, MakeDetector};
use gossip_core::sim::{Anomaly, Spells};

use self::tally::Tally;
use super::common::Common;
use super::detectors::{Known, Options};
use super::grid::{self, Point};
use super::outcome::Outcome;
use super::{Defaults, Scenario};
use crate::failure::Failure;
use crate::output::{self, count};

/// Crashes, and nodes that are slow: how fast are the dead found, and who is called dead and is not?
#[derive(Args, Clone, Debug)]
pub(super) struct Detect {
    /// Who decides
    #[arg(long, default_value = "default", value_parser = PossibleValuesParser::new(Known::names()))]
    detector: String,
    /// The time between two probes, or two heartbeats [default: the detector's]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    period: Option<Duration>,
    /// How many others are asked to probe who does not answer [default: the detector's]
    #[arg(long, value_name = "COUNT")]
    indirect: Option<u32>,
    /// Suspicion lasts at least so many periods for each power of ten of members [default: the detector's]
    #[arg(long, value_name = "FACTOR")]
    alpha: Option<f64>,
    /// It lasts at most so many times as long [default: the detector's]
    #[arg(long, value_name = "FACTOR")]
    beta: Option<f64>,
    /// How many nodes crash, one after the other: the next when the last is dead to all
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    crashes: u32,
    /// All of them crash at the same time
    #[arg(long)]
    at_once: bool,
    /// How many nodes are slow, in lock step
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    slow_nodes: u32,
    /// For how long they are slow
    #[arg(long, default_value = "16384ms", value_parser = humantime::parse_duration, value_name = "DURATION")]
    slow_for: Duration,
    /// How long they are well before they are slow again [default: they are slow once, and are to be found]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    slow_every: Option<Duration>,
    /// What is wrong with them: their network is blocked and their timers run on; all of it stands still; or
    /// it is blocked and senders wait, so that hardly anything was said in the end
    #[arg(long, default_value = "blocked", value_parser = ["blocked", "paused", "stuck"])]
    slow_how: String,
    /// How long nodes are slow again and again, at least
    #[arg(long, default_value = "120s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    duration: Duration,
    /// How long nothing happens at first, and messages are counted
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    calm: Duration,
    /// How long it may take until all know of a crash
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    patience: Duration,
    /// Verdicts about a slow node do not count until it has been well for so long
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    catch_up: Duration,
    /// The chance that any packet is lost
    #[arg(long, default_value_t = 0.0, value_name = "CHANCE")]
    loss: f64,
    /// How long a packet takes at most; at least it takes a fifth of that
    #[arg(long, default_value = "1ms", value_parser = humantime::parse_duration, value_name = "DURATION")]
    delay: Duration,
    /// Nobody crashes, and each run is a point of the sweep in Lifeguard's paper: 432 runs play all of them,
    /// fewer a share that is spread evenly
    #[arg(long, conflicts_with_all = ["crashes", "slow_nodes", "slow_for", "slow_every"])]
    grid: bool,
}

impl Detect {
    const fn options(&self) -> Options {
        let Self { period, indirect, alpha, beta, .. } = *self;
        Options { period, indirect, alpha, beta }
    }

    /// What a run with this seed is told.
    fn config(&self, common: &Common, seed: u64) -> Config {
        let point = self.grid.then(|| Point::of(seed));
        let slow_nodes = point.map_or(self.slow_nodes, |point| point.nodes);
        let anomaly = match self.slow_how.as_str() {
            "paused" => Anomaly::Paused,
            "stuck" => Anomaly::Stuck,
            _ => Anomaly::Blocked,
        };
        let slow = Spells {
            anomaly,
            lasts: point.map_or(self.slow_for, |point| point.slow),
            apart: point.map_or(self.slow_every, |point| Some(point.well)),
        };
        Config {
            nodes: common.nodes as usize,
            period: Known::named(&self.detector).period(&self.options()),
            crashes: if self.grid { 0 } else { self.crashes as usize },
            at_once: self.at_once,
            slow_nodes: slow_nodes as usize,
            slow,
            duration: self.duration,
            calm: self.calm,
            patience: self.patience,
            catch_up: self.catch_up,
            loss: self.loss,
            delay: self.delay,
        }
    }

    fn trouble(&self) -> String {
        if self.grid {
            return format!("points of the {} in Lifeguard's sweep", grid::POINTS);
        }
        let crashes = match self.crashes {
            0 => "nobody crashes".into(),
            1 => "one crashes".into(),
            crashes => format!("{} crash", count(crashes.into())),
        };
        if self.slow_nodes == 0 {
            return crashes;
        }
        let (nodes, time) = (count(self.slow_nodes.into()), output::time(self.slow_for));
        let again = self.slow_every.map(|apart| format!(" every {}", output::time(apart)));
        format!("{crashes}, {nodes} {} for {time}{}", self.slow_how, again.unwrap_or_default())
    }
}

impl Scenario for Detect {
    const NAME: &'static str = "detect";
    const ABOUT: &'static str = "How fast the dead are found, and who is called dead and is not";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim detect --nodes 128 --crashes 10
  gossip-cli sim detect --crashes 0 --slow-nodes 32 --slow-for 8192ms --slow-every 1s
  gossip-cli sim detect --crashes 0 --slow-nodes 4 --slow-for 32768ms
  gossip-cli sim detect --grid --calm 0s --runs 72";
    const DEFAULTS: Defaults = Defaults { nodes: "128", runs: "10" };
    const LOGARITHMIC: &'static [&'static str] = &["messages_per_member_per_period"];

    type World = (Common, MakeDetector);
    type Run = detect::Outcome;
    type Tally = Tally;

    fn title(&self, common: &Common) -> String {
        let (nodes, detector) = (count(common.nodes.into()), &self.detector);
        format!("{nodes} nodes, detector {detector}, {}", self.trouble())
    }

    fn effective(&self, _: &Common, option: &str) -> Option<String> {
        let period = Known::named(&self.detector).period(&self.options());
        (option == "period").then(|| output::time(period))
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        let refuse = |text: String| Err(Failure::usage(text));
        if let Some(option) = Known::named(&self.detector).unheeded(&self.options()) {
            let name = &self.detector;
            return refuse(format!(
                "--{option} means nothing to the detector `{name}`: leave it out, or take another one"
            ));
        }
        if common.nodes > MOST_NODES {
            return refuse(format!(
                "every node keeps a session with every other: --nodes takes at most {MOST_NODES} here"
            ));
        }
        if self.period.is_some_and(|period| period < SHORTEST) {
            return refuse(format!("--period must be at least {}", output::time(SHORTEST)));
        }
        for (name, factor) in [("alpha", self.alpha), ("beta", self.beta)] {
            if factor.is_some_and(|factor| !(0.0..=1_000.0).contains(&factor)) {
                return refuse(format!("--{name} is a factor: from 0 to 1000"));
            }
        }
        if !(0.0..1.0).contains(&self.loss) {
            return refuse("--loss is a chance: from 0 to below 1".into());
        }
        if self.delay > Duration::from_secs(10) {
            return refuse("--delay takes at most 10s: no exchange would come to its end".into());
        }
        let slow = if self.grid { grid::MOST_SLOW } else { self.slow_nodes };
        let crashes = if self.grid { 0 } else { self.crashes };
        if slow.saturating_add(crashes) >= common.nodes {
            return refuse(
                "a node that neither crashes nor is slow must be left: raise --nodes, or lower --crashes and --slow-nodes"
                    .into(),
            );
        }
        if slow > 0 && self.slow_for.is_zero() {
            return refuse("--slow-for must be longer than nothing".into());
        }
        if self.slow_every.is_some() && self.slow_nodes == 0 {
            return refuse("--slow-every is about --slow-nodes: say how many".into());
        }
        Ok(())
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        let nodes = u64::from(common.nodes);
        nodes * (NODE_BYTES + nodes * PAIR_BYTES)
    }

    fn world(&self, common: &Common) -> Self::World {
        let (known, options) = (Known::named(&self.detector), self.options());
        (common.clone(), Rc::new(move || known.make(&options)))
    }

    fn run(
        &self,
        (common, detector): &mut Self::World,
        seed: u64,
        _: &mut dyn FnMut(String),
    ) -> detect::Outcome {
        detect::run(&self.config(common, seed), detector, seed)
    }

    fn tally(&self, common: &Common) -> Tally {
        Tally::new(&self.config(common, common.seed))
    }

    fn fold(&self, tally: &mut Tally, seed: u64, run: detect::Outcome) {
        tally.add(seed, self.grid.then(|| Point::of(seed)), &run);
    }

    fn outcome(&self, _: &Common, tally: Tally) -> Outcome {
        tally.outcome()
    }
}

/// The most nodes: what a pair of them takes is taken for each pair.
const MOST_NODES: u32 = 2_500;

/// The shortest period: shorter ones are round trips.
const SHORTEST: Duration = Duration::from_millis(10);

/// What a node takes, and what it takes for each other one (guesses, rounded up from what was
/// measured).
const NODE_BYTES: u64 = 1 << 20;
const PAIR_BYTES: u64 = 4 << 10;
