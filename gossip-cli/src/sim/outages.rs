//! Scenario `outages`: how soon everybody has what it missed.

use std::time::Duration;

use clap::Args;
use gossip_core::sim::outages::{self, Config};
use serde_json::{Map, json};

use super::common::Common;
use super::outcome::{Measure, Outcome, quantile};
use super::{Defaults, Scenario};
use crate::failure::Failure;
use crate::output::{self, count};

/// Loss, a partition, crashes: how soon has everybody what it missed?
#[derive(Args, Clone, Debug)]
pub(super) struct Outages {
    /// How long updates are written
    #[arg(long, default_value = "2m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    duration: Duration,
    /// Updates per second in the whole cluster
    #[arg(long, default_value_t = 2.0, value_name = "RATE")]
    writes: f64,
    /// The chance that any packet is lost
    #[arg(long, default_value_t = 0.1, value_name = "CHANCE")]
    loss: f64,
    /// How long one half is cut off from the other
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    partition: Duration,
    /// The share of the nodes that crash in a minute
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    churn: f64,
    /// How long a crashed node is down
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    down: Duration,
}

impl Outages {
    fn config(&self, common: &Common) -> Config {
        Config {
            nodes: common.nodes as usize,
            duration: self.duration,
            writes: self.writes,
            loss: self.loss,
            partition: self.partition,
            churn: self.churn,
            down: self.down,
            ..Config::default()
        }
    }
}

impl Scenario for Outages {
    const NAME: &'static str = "outages";
    const ABOUT: &'static str =
        "How soon everybody has what it missed, under loss, a partition and crashes";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim outages
  gossip-cli sim outages --nodes 100 --loss 0.3 --churn 0.2 --runs 10";
    const DEFAULTS: Defaults = Defaults { nodes: "1000", runs: "1" };

    type World = Config;
    type Run = outages::Outcome;
    type Tally = Tally;

    fn title(&self, common: &Common) -> String {
        format!(
            "{} nodes, loss {}, apart for {}, churn {} a minute",
            count(common.nodes.into()),
            self.loss,
            output::time(self.partition),
            self.churn
        )
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        let refuse = |text: &str| Err(Failure::usage(text));
        if common.nodes < 2 {
            return refuse("somebody must miss something: --nodes is at least 2");
        }
        if !(0.0..1.0).contains(&self.loss) {
            return refuse("--loss is a chance: from 0 to below 1");
        }
        if !(0.0..=MOST_WRITES).contains(&self.writes) {
            return refuse("--writes is from 0 to 20 a second: one in each look");
        }
        if !(0.0..=1.0).contains(&self.churn) {
            return refuse("--churn is a share: from 0 to 1");
        }
        Ok(())
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        let updates = (self.duration.as_secs_f64() * self.writes) as u64;
        u64::from(common.nodes) * (NODE_BYTES + updates * UPDATE_BYTES)
    }

    fn world(&self, common: &Common) -> Config {
        self.config(common)
    }

    fn run(&self, config: &mut Config, seed: u64, _: &mut dyn FnMut(String)) -> outages::Outcome {
        outages::run(config, seed)
    }

    fn tally(&self, _: &Common) -> Tally {
        Tally::default()
    }

    fn fold(&self, tally: &mut Tally, _: u64, run: outages::Outcome) {
        tally.add(run);
    }

    fn outcome(&self, _: &Common, tally: Tally) -> Outcome {
        tally.outcome()
    }
}

/// Most updates per second: a world looks at its nodes so often.
const MOST_WRITES: f64 = 20.0;

/// What a node and an update at it take (guesses, rounded up from what was measured).
const NODE_BYTES: u64 = 64 << 10;
const UPDATE_BYTES: u64 = 2 << 10;

/// All runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    reached: Vec<u64>,
    missed: Vec<u64>,
    never: u64,
    written: u64,
    crashes: u64,
    /// By window, of all runs together.
    quiet_bytes: Vec<u64>,
    runs: u64,
}

impl Tally {
    fn add(&mut self, run: outages::Outcome) {
        self.reached.extend(run.reached.into_iter().map(u64::from));
        self.missed.extend(run.missed.into_iter().map(u64::from));
        self.never += run.never;
        self.written += run.written;
        self.crashes += run.crashes;
        self.runs += 1;
        self.quiet_bytes.resize(self.quiet_bytes.len().max(run.quiet_bytes.len()), 0);
        for (sum, bytes) in self.quiet_bytes.iter_mut().zip(run.quiet_bytes) {
            *sum += bytes;
        }
    }

    fn outcome(mut self) -> Outcome {
        self.reached.sort_unstable();
        self.missed.sort_unstable();
        let times = |sorted: &[u64]| {
            let [p50, p99, max] = [50, 99, 100].map(|percent| quantile(sorted, percent));
            json!({ "count": sorted.len(), "p50": p50, "p99": p99, "max": max })
        };
        let runs = self.runs.max(1);
        let quiet: Vec<_> = self.quiet_bytes.iter().map(|bytes| bytes / runs).collect();
        let fields = [
            ("reached_ms", times(&self.reached)),
            ("missed_ms", times(&self.missed)),
            ("never", json!(self.never)),
            ("written", json!(self.written)),
            ("crashes", json!(self.crashes)),
            ("quiet_bytes", json!(quiet)),
        ];
        let exact = |name, value: u64, about| Measure::exact(name, value as f64, about);
        let first = quiet.first().copied().unwrap_or_default();
        let last = quiet.last().copied().unwrap_or_default();
        let measures = vec![
            exact("written", self.written, "updates, in all runs"),
            exact("crashes", self.crashes, "crashes, in all runs"),
            exact(
                "reached_p99_ms",
                quantile(&self.reached, 99),
                "until who could be reached had one",
            ),
            exact(
                "missed_p50_ms",
                quantile(&self.missed, 50),
                "from a path to a missed one, median",
            ),
            exact("missed_p99_ms", quantile(&self.missed, 99), "the same, 99 of 100"),
            exact("missed_max_ms", quantile(&self.missed, 100), "the same, the longest"),
            exact("never", self.never, "updates that somebody never got"),
            exact("quiet_first", first, "bytes a node sends in the first half minute of calm"),
            exact("quiet_last", last, "bytes a node sends in the last half minute of calm"),
        ];
        let problems = match self.never {
            0 => Vec::new(),
            never => vec![format!("{} updates never reached a live node", count(never))],
        };
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        Outcome { fields: Map::from_iter(fields), measures, problems, ..Outcome::default() }
    }
}
