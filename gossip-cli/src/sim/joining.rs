//! Scenario `joining`: how soon nodes that start at once know one another, and what that and their rest cost.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use gossip_core::sim::joining::{self, Config};
use gossip_core::sim::reconcile::Clock;
use serde_json::{Map, Value, json};

use super::common::Common;
use super::outcome::{Measure, Outcome, Sample};
use super::{Defaults, Scenario};
use crate::clock;
use crate::failure::Failure;
use crate::output::{self, count};

/// Start all nodes at once with one seed: when does each know all, and what does that cost?
#[derive(Args, Clone, Debug)]
pub(super) struct Joining {
    /// How long nodes may take to know all
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    patience: Duration,
    /// How long it is counted what nodes send once all is calm; 0s: not at all
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    calm: Duration,
    /// The chance that any packet is lost
    #[arg(long, default_value_t = 0.0, value_name = "CHANCE")]
    loss: f64,
    /// How long a packet takes at most; at least it takes a fifth of that
    #[arg(long, default_value = "1ms", value_parser = humantime::parse_duration, value_name = "DURATION")]
    delay: Duration,
}

impl Joining {
    fn config(&self, common: &Common) -> Config {
        let Self { patience, calm, loss, delay } = *self;
        Config { nodes: common.nodes as usize, patience, calm, loss, delay, ..Config::default() }
    }
}

impl Scenario for Joining {
    const NAME: &'static str = "joining";
    const ABOUT: &'static str = "How soon newcomers know all, and what that and their rest cost";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim joining --nodes 128 --runs 10
  gossip-cli sim joining --nodes 1000 --runs 1 --timing";
    const DEFAULTS: Defaults = Defaults { nodes: "128", runs: "10" };
    const LOGARITHMIC: &'static [&'static str] = &["known_ms"];

    type World = (Config, Option<Clock>);
    type Run = joining::Outcome;
    type Tally = Tally;

    fn title(&self, common: &Common) -> String {
        format!("{} nodes start at once with one seed", count(common.nodes.into()))
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        let refuse = |text: String| Err(Failure::usage(text));
        if !(2..=MOST_NODES).contains(&common.nodes) {
            return refuse(format!(
                "every node keeps a session with every other: --nodes takes 2 to {MOST_NODES} here"
            ));
        }
        check_lines(self.loss, self.delay)
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        world_bytes(common.nodes)
    }

    fn world(&self, common: &Common) -> Self::World {
        (self.config(common), common.timing.then_some(clock::cpu as Clock))
    }

    fn run(
        &self,
        (config, clock): &mut Self::World,
        seed: u64,
        _: &mut dyn FnMut(String),
    ) -> joining::Outcome {
        joining::run(config, seed, *clock)
    }

    fn tally(&self, common: &Common) -> Tally {
        Tally { config: self.config(common), ..Tally::default() }
    }

    fn fold(&self, tally: &mut Tally, seed: u64, run: joining::Outcome) {
        tally.add(seed, &run);
    }

    fn outcome(&self, _: &Common, tally: Tally) -> Outcome {
        tally.outcome()
    }
}

/// The most nodes: what a pair of them takes is taken for each pair.
pub(super) const MOST_NODES: u32 = 2_500;

/// Checks what packets suffer.
pub(super) fn check_lines(loss: f64, delay: Duration) -> anyhow::Result<()> {
    if !(0.0..1.0).contains(&loss) {
        return Err(Failure::usage("--loss is a chance: from 0 to below 1"));
    }
    if delay > Duration::from_secs(10) {
        let text = "--delay takes at most 10s: no exchange would come to its end";
        return Err(Failure::usage(text));
    }
    Ok(())
}

/// What a world takes in which each of so many nodes knows each.
pub(super) fn world_bytes(nodes: u32) -> u64 {
    let nodes = u64::from(nodes);
    nodes * (NODE_BYTES + nodes * PAIR_BYTES)
}

/// What a node takes, and what it takes for each other one (rounded up from what was measured at 500 to 2,500 nodes: 3.0
/// to 3.1 KB a pair; it is more where slots have just doubled).
const NODE_BYTES: u64 = 1 << 18;
const PAIR_BYTES: u64 = 13 << 8;

/// All runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    config: Config,
    known_ms: Sample,
    known_max: f64,
    linked_ms: Sample,
    seed_bytes: Sample,
    median_bytes: Sample,
    most_bytes: Sample,
    bytes_per_s: Sample,
    frames_per_s: Sample,
    /// Microseconds of CPU of a node per second.
    cpu_us: Sample,
    /// Records sent in the calm, by kind, of all runs.
    records: BTreeMap<&'static str, u64>,
    runs: u64,
    /// Runs in which not all came to know all.
    apart: Vec<u64>,
}

impl Tally {
    fn add(&mut self, seed: u64, run: &joining::Outcome) {
        let Some(known) = run.known else { return self.apart.push(seed) };
        self.runs += 1;
        let known = known.as_secs_f64() * 1e3;
        self.known_ms.add(known);
        self.known_max = self.known_max.max(known);
        self.seed_bytes.add(run.seed.bytes as f64);
        self.median_bytes.add(run.median.bytes as f64);
        self.most_bytes.add(run.most.bytes as f64);
        if let Some(linked) = run.linked {
            self.linked_ms.add(linked.as_secs_f64() * 1e3);
        }
        let time = self.node_seconds();
        if time > 0.0 {
            self.bytes_per_s.add(run.calm.bytes as f64 / time);
            self.frames_per_s.add(run.calm.frames as f64 / time);
        }
        if let Some(cpu) = run.calm_cpu.filter(|_| time > 0.0) {
            self.cpu_us.add(cpu.as_secs_f64() * 1e6 / time);
        }
        for (name, count) in &run.calm.records {
            *self.records.entry(name).or_default() += count;
        }
    }

    /// For how long nodes are measured, all together.
    fn node_seconds(&self) -> f64 {
        self.config.calm.as_secs_f64() * self.config.nodes as f64
    }

    fn outcome(self) -> Outcome {
        let time = (self.node_seconds() * self.runs as f64).max(f64::MIN_POSITIVE);
        let records = self
            .records
            .iter()
            .map(|(name, count)| ((*name).to_owned(), Value::from(*count as f64 / time)));
        let records = Value::Object(records.collect());
        let fields = [("records_per_member_per_s".to_owned(), json!(records))];
        let mean = Measure::mean;
        let mut measures = vec![
            mean("known_ms", &self.known_ms, "until every node knew every other"),
            Measure::exact("known_max_ms", self.known_max, "the same in the slowest run"),
            mean("seed_bytes", &self.seed_bytes, "what the seed sent until then"),
            mean("median_bytes", &self.median_bytes, "half of the others sent no more than this"),
            mean("most_bytes", &self.most_bytes, "the most that one of them sent"),
        ];
        if !self.config.calm.is_zero() {
            measures.extend([
                mean("linked_ms", &self.linked_ms, "until every pair had a session"),
                mean("bytes_per_member_per_s", &self.bytes_per_s, "sent by a node in the calm"),
                mean("frames_per_member_per_s", &self.frames_per_s, "the same in datagrams"),
            ]);
        }
        if self.cpu_us.mean() > 0.0 {
            let about = "microseconds of CPU of a node per second, the simulator's included";
            measures.push(mean("cpu_us_per_member_per_s", &self.cpu_us, about));
        }
        let problems = match self.apart.as_slice() {
            [] => Vec::new(),
            [first, ..] => vec![format!(
                "in {} runs not all came to know all within {}; the first of them has seed {first}",
                count(self.apart.len() as u64),
                output::time(self.config.patience)
            )],
        };
        Outcome { fields: Map::from_iter(fields), measures, problems, ..Outcome::default() }
    }
}
