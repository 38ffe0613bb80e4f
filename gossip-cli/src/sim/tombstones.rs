//! Scenario `tombstones`: deletions against a replica that was away for longer than they are compared.

use std::time::Duration;

use clap::Args;
use gossip_core::sim::tombstones::{self, Config};
use serde_json::{Map, json};

use super::common::Common;
use super::outcome::{Measure, Outcome, Sample};
use super::{Defaults, Scenario};
use crate::failure::Failure;
use crate::output::{self, count};

/// Delete, cut one replica off, heal: does anything come back?
#[derive(Args, Clone, Debug)]
pub(super) struct Tombstones {
    /// How long one replica is cut off [default: three horizons]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    partition: Option<Duration>,
    /// How long deletions stay in what nodes compare; afterwards they are dormant
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    horizon: Duration,
    /// How many keys are written, and deleted while the replica is away
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    keys: u32,
    /// How many of them are written again after their deletion
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    reinserts: u32,
    /// How many of the other replicas lose their disks meanwhile
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    lost: u32,
}

impl Tombstones {
    const fn config(&self, common: &Common) -> Config {
        Config {
            nodes: common.nodes as usize,
            keys: self.keys as usize,
            reinserts: self.reinserts as usize,
            horizon: self.horizon,
            partition: self.partition,
            lost: self.lost as usize,
        }
    }
}

impl Scenario for Tombstones {
    const NAME: &'static str = "tombstones";
    const ABOUT: &'static str =
        "Whether deleted values come back with a replica that was away for long";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim tombstones --horizon 10m --partition 30m
  gossip-cli sim tombstones --nodes 8 --lost 6 --runs 100";
    const DEFAULTS: Defaults = Defaults { nodes: "4", runs: "10" };

    type World = Config;
    type Run = tombstones::Outcome;
    type Tally = Tally;

    fn title(&self, common: &Common) -> String {
        let partition = self.partition.unwrap_or(self.horizon * 3);
        format!(
            "{} nodes, one cut off for {}, {} keys deleted meanwhile, horizon {}",
            count(common.nodes.into()),
            output::time(partition),
            count(self.keys.into()),
            output::time(self.horizon)
        )
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        let refuse = |text: String| Err(Failure::usage(text));
        if common.nodes > MOST_NODES {
            return refuse(format!(
                "every node is watched: --nodes takes at most {MOST_NODES} here"
            ));
        }
        if self.lost + 2 > common.nodes {
            return refuse(
                "one replica that was never away must keep its disk: lower --lost or raise --nodes"
                    .into(),
            );
        }
        if self.reinserts > self.keys {
            return refuse(
                "--reinserts are some of --keys: lower the one or raise the other".into(),
            );
        }
        if self.horizon < SHORTEST {
            return refuse(format!("--horizon must be at least {}", output::time(SHORTEST)));
        }
        Ok(())
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        u64::from(common.nodes) * (NODE_BYTES + u64::from(self.keys) * KEY_BYTES)
    }

    fn world(&self, common: &Common) -> Config {
        self.config(common)
    }

    fn run(
        &self,
        config: &mut Config,
        seed: u64,
        _: &mut dyn FnMut(String),
    ) -> tombstones::Outcome {
        tombstones::run(config, seed)
    }

    fn tally(&self, _: &Common) -> Tally {
        Tally::default()
    }

    fn fold(&self, tally: &mut Tally, seed: u64, run: tombstones::Outcome) {
        tally.add(seed, &run);
    }

    fn outcome(&self, _: &Common, tally: Tally) -> Outcome {
        tally.outcome()
    }
}

/// The most nodes: with each, checkers remember more.
const MOST_NODES: u32 = 256;

/// The shortest horizon: nodes need some rounds in it (a guess).
const SHORTEST: Duration = Duration::from_secs(10);

/// What a watched node and a key of it take (guesses, rounded up).
const NODE_BYTES: u64 = 4 << 20;
const KEY_BYTES: u64 = 8 << 10;

/// All runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    resurrections: u64,
    never_agreed: u64,
    dormant: Sample,
    guarded: Sample,
    reinserts_kept: Sample,
    left: Sample,
    converged_ms: Sample,
    broken: Vec<String>,
}

impl Tally {
    fn add(&mut self, seed: u64, run: &tombstones::Outcome) {
        self.resurrections += run.resurrections;
        self.dormant.add(run.dormant as f64);
        self.guarded.add(run.guarded as f64);
        self.reinserts_kept.add(run.reinserts_kept as f64);
        self.left.add(run.left as f64);
        match run.converged {
            Some(time) => self.converged_ms.add(time.as_millis() as f64),
            None => self.never_agreed += 1,
        }
        let told = run.violations.iter().map(|violation| format!("seed {seed}: {violation}"));
        self.broken.extend(told.take(MOST_TOLD.saturating_sub(self.broken.len())));
    }

    fn outcome(self) -> Outcome {
        let fields = [
            ("violations".to_owned(), json!(self.broken)),
            ("never_converged".to_owned(), json!(self.never_agreed)),
        ];
        let measures = vec![
            Measure::exact(
                "resurrections",
                self.resurrections as f64,
                "deleted values that came back, in all runs",
            ),
            Measure::mean(
                "dormant",
                &self.dormant,
                "certificates that were dormant when the cut healed",
            ),
            Measure::mean(
                "guarded",
                &self.guarded,
                "old values that came back and met their certificate",
            ),
            Measure::mean(
                "reinserts_kept",
                &self.reinserts_kept,
                "values written again, that everybody has",
            ),
            Measure::mean("left", &self.left, "certificates that are left at the end"),
            Measure::mean("converged_ms", &self.converged_ms, "until all were equal after the cut"),
        ];
        let mut problems = self.broken;
        if self.resurrections > 0 {
            problems.push(format!("{} deleted values came back", count(self.resurrections)));
        }
        if self.never_agreed > 0 {
            problems.push(format!(
                "in {} runs the replicas never became equal",
                count(self.never_agreed)
            ));
        }
        Outcome { fields: Map::from_iter(fields), measures, problems, ..Outcome::default() }
    }
}

/// The most broken promises that are told.
const MOST_TOLD: usize = 20;
