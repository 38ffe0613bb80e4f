//! Scenario `healing`: how soon a cluster that came apart is one again, and what it cost to be apart.

use std::time::Duration;

use clap::{Args, ValueEnum};
use gossip_core::sim::healing::{self, Config, Trouble};
use serde_json::Map;

use super::common::Common;
use super::joining::{MOST_NODES, check_lines, world_bytes};
use super::outcome::{Measure, Outcome, Sample};
use super::{Defaults, Scenario};
use crate::failure::Failure;
use crate::output::{self, count};

/// Let a cluster come apart, and end that: when do all see all alive again?
#[derive(Args, Clone, Debug)]
pub(super) struct Healing {
    /// What comes between the nodes
    #[arg(long, default_value = "partition", value_name = "TROUBLE")]
    after: After,
    /// How long nodes are apart and know it
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    apart: Duration,
    /// How long they may take to be one cluster
    #[arg(long, default_value = "2m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    patience: Duration,
    /// The chance that any packet is lost
    #[arg(long, default_value_t = 0.0, value_name = "CHANCE")]
    loss: f64,
    /// How long a packet takes at most; at least it takes a fifth of that
    #[arg(long, default_value = "5ms", value_parser = humantime::parse_duration, value_name = "DURATION")]
    delay: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum After {
    /// Half of the nodes are cut off from the other half
    Partition,
    /// All restart, and a tenth come back that had buried them
    Restart,
    /// Two clusters that have never heard of one another: one node is told of another
    Merger,
}

impl Healing {
    fn config(&self, common: &Common) -> Config {
        let Self { after, apart, patience, loss, delay } = *self;
        let trouble = match after {
            After::Partition => Trouble::Partition,
            After::Restart => Trouble::Restart,
            After::Merger => Trouble::Merger,
        };
        Config { nodes: common.nodes as usize, trouble, apart, patience, loss, delay }
    }
}

impl Scenario for Healing {
    const NAME: &'static str = "healing";
    const ABOUT: &'static str = "How soon a cluster that came apart is one again";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim healing --nodes 100 --apart 1h --runs 5
  gossip-cli sim healing --nodes 100 --after restart --apart 10s
  gossip-cli sim healing --nodes 40 --after merger --apart 10s";
    const DEFAULTS: Defaults = Defaults { nodes: "100", runs: "5" };
    const LOGARITHMIC: &'static [&'static str] = &["healed_ms"];

    type World = Config;
    type Run = healing::Outcome;
    type Tally = Tally;

    fn title(&self, common: &Common) -> String {
        let nodes = count(common.nodes.into());
        match self.after {
            After::Partition => format!("{nodes} nodes, half of them cut off from the others"),
            After::Restart => format!("{nodes} nodes, most restart among those who buried them"),
            After::Merger => format!("{nodes} nodes in two clusters that meet"),
        }
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        let refuse = |text: String| Err(Failure::usage(text));
        if !(4..=MOST_NODES).contains(&common.nodes) {
            return refuse(format!(
                "two parts of at least two, where every node keeps a session with every other: --nodes takes 4 to {MOST_NODES} here"
            ));
        }
        check_lines(self.loss, self.delay)
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        // All are told of half of the cluster at the same time (measured: 11 GB for 1,000 nodes after an hour).
        3 * world_bytes(common.nodes)
    }

    fn world(&self, common: &Common) -> Config {
        self.config(common)
    }

    fn run(&self, config: &mut Config, seed: u64, _: &mut dyn FnMut(String)) -> healing::Outcome {
        healing::run(config, seed)
    }

    fn tally(&self, common: &Common) -> Tally {
        Tally { config: self.config(common), ..Tally::default() }
    }

    fn fold(&self, tally: &mut Tally, seed: u64, run: healing::Outcome) {
        tally.add(seed, &run);
    }

    fn outcome(&self, _: &Common, tally: Tally) -> Outcome {
        tally.outcome()
    }
}

/// All runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    config: Config,
    healed_ms: Sample,
    healed_max: f64,
    apart_bytes_per_s: Sample,
    healing_bytes: Sample,
    deaths: u64,
    /// Runs in which they did not become one again.
    apart: Vec<u64>,
}

impl Tally {
    fn add(&mut self, seed: u64, run: &healing::Outcome) {
        let Some(healed) = run.healed else { return self.apart.push(seed) };
        let healed = healed.as_secs_f64() * 1e3;
        self.healed_ms.add(healed);
        self.healed_max = self.healed_max.max(healed);
        self.healing_bytes.add(run.healing as f64 / self.config.nodes as f64);
        self.deaths += run.deaths;
        let time = run.apart_for.as_secs_f64();
        if time > 0.0 {
            self.apart_bytes_per_s.add(run.apart as f64 / time);
        }
    }

    fn outcome(self) -> Outcome {
        let mean = Measure::mean;
        let apart = "sent by a node while they were apart";
        let measures = vec![
            mean("healed_ms", &self.healed_ms, "until all saw all alive"),
            Measure::exact("healed_max_ms", self.healed_max, "the same in the slowest run"),
            mean("apart_bytes_per_member_per_s", &self.apart_bytes_per_s, apart),
            mean("healing_bytes_per_member", &self.healing_bytes, "sent by a node as they met"),
            Measure::exact("deaths", self.deaths as f64, "called dead from then on, in all runs"),
        ];
        let problems = match self.apart.as_slice() {
            [] => Vec::new(),
            [first, ..] => vec![format!(
                "in {} runs they were not one cluster within {}; the first of them has seed {first}",
                count(self.apart.len() as u64),
                output::time(self.config.patience)
            )],
        };
        Outcome { fields: Map::new(), measures, problems, ..Outcome::default() }
    }
}
