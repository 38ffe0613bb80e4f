//! Scenario `reconcile`: what it costs two replicas to find their difference.

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use gossip_core::sim::reconcile::{self, Base, Clock, Config, Pattern};
use gossip_core::strategy::reconcile::RepairConfig;
use serde_json::{Map, json};

use super::common::Common;
use super::outcome::{Measure, Outcome, Sample, quantile};
use super::{Defaults, Scenario};
use crate::clock;
use crate::failure::Failure;
use crate::output::count;
use crate::registry;

/// Two replicas that differ: how many bytes, and how many round trips?
#[derive(Args, Clone, Debug)]
pub(super) struct Reconcile {
    /// How a difference is found
    #[arg(long, default_value = "adaptive", value_parser = PossibleValuesParser::new(registry::names(registry::RECONCILERS)))]
    strategy: String,
    /// How many facts each replica holds
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    entries: u32,
    /// How many facts one of them holds and the other does not, half of them here, half there
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    difference: u32,
    /// Where these stand in time: anywhere in a day, all after it, all in one minute of it; or keys
    /// that changed while one replica was away, old facts here, new ones there
    #[arg(long, default_value = "uniform", value_parser = ["uniform", "recent", "clustered", "changed"])]
    pattern: String,
    /// How long a packet takes
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration, value_name = "DURATION")]
    delay: Duration,
}

impl Reconcile {
    fn config(&self) -> Config {
        let usual = RepairConfig::default();
        let repair = registry::make(registry::RECONCILERS, &self.strategy, usual);
        let pattern = match self.pattern.as_str() {
            "changed" => Pattern::Changed,
            "clustered" => Pattern::Clustered,
            "recent" => Pattern::Recent,
            _ => Pattern::Uniform,
        };
        Config {
            entries: self.entries as usize,
            difference: self.difference as usize,
            pattern,
            repair,
            delay: self.delay,
        }
    }
}

impl Scenario for Reconcile {
    const NAME: &'static str = "reconcile";
    const ABOUT: &'static str = "What it costs two replicas to find their difference";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim reconcile --entries 100000 --difference 1000
  gossip-cli sim reconcile --difference 100 --sweep strategy=adaptive,range,rateless
  gossip-cli sim reconcile --pattern recent --sweep difference=1,10,100,1000 --report cost.html";
    const DEFAULTS: Defaults = Defaults { nodes: "2", runs: "20" };
    const PAIRS: &'static [(&'static str, &'static str)] = &[("difference", "bytes_p50")];

    type World = (Base, Option<Clock>);
    type Run = reconcile::Outcome;
    type Tally = Tally;

    fn title(&self, _: &Common) -> String {
        format!(
            "{} entries, {} differ ({}), {}",
            count(self.entries.into()),
            count(self.difference.into()),
            self.pattern,
            self.strategy
        )
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        if common.nodes != 2 {
            return Err(Failure::usage("two replicas are compared: leave --nodes out"));
        }
        if self.difference > self.entries.saturating_mul(2) {
            return Err(Failure::usage(
                "of so few entries not so many can differ: --difference is at most twice --entries",
            ));
        }
        Ok(())
    }

    fn world_bytes(&self, _: &Common) -> u64 {
        WORLD_BYTES + (u64::from(self.entries) + u64::from(self.difference)) * ENTRY_BYTES
    }

    fn world(&self, common: &Common) -> Self::World {
        (Base::new(&self.config()), common.timing.then_some(clock::cpu as Clock))
    }

    fn run(
        &self,
        (base, clock): &mut Self::World,
        seed: u64,
        _: &mut dyn FnMut(String),
    ) -> reconcile::Outcome {
        reconcile::run(base, seed, *clock)
    }

    fn tally(&self, _: &Common) -> Tally {
        Tally::default()
    }

    fn fold(&self, tally: &mut Tally, _: u64, run: reconcile::Outcome) {
        tally.0.push(run);
    }

    fn outcome(&self, common: &Common, tally: Tally) -> Outcome {
        let mut outcome = tally.outcome(self.difference);
        if common.timing {
            outcome.measures.extend(tally.times());
        }
        outcome
    }
}

/// What a world takes without its facts, and what a fact takes in all copies of it (guesses, rounded up
/// from what was measured).
const WORLD_BYTES: u64 = 64 << 20;
const ENTRY_BYTES: u64 = 2_000;

/// All runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<reconcile::Outcome>);

impl Tally {
    fn outcome(&self, difference: u32) -> Outcome {
        let sorted = |value: fn(&reconcile::Outcome) -> u64| {
            let mut values: Vec<_> = self.0.iter().map(value).collect();
            values.sort_unstable();
            values
        };
        let bytes = sorted(|run| run.bytes);
        let datagrams = sorted(|run| run.datagrams);
        let trips = sorted(|run| run.round_trips);
        let asking = sorted(|run| run.asking_bytes);
        let over_sent: u64 = self.0.iter().map(|run| run.over_sent).sum();
        let never = self.0.iter().filter(|run| run.converged.is_none()).count() as u64;
        let mut converged = Sample::default();
        for time in self.0.iter().filter_map(|run| run.converged) {
            converged.add(time.as_millis() as f64);
        }
        let median = quantile(&bytes, 50);
        let fields = [
            ("bytes", json!({ "p50": median, "p99": quantile(&bytes, 99) })),
            ("round_trips", json!({ "p50": quantile(&trips, 50), "max": quantile(&trips, 100) })),
            ("over_sent", json!(over_sent)),
            (
                "datagrams",
                json!({ "p50": quantile(&datagrams, 50), "max": quantile(&datagrams, 100) }),
            ),
            ("asking_bytes", json!({ "p50": quantile(&asking, 50) })),
            ("never_converged", json!(never)),
        ];
        let exact = |name, value: u64, about| Measure::exact(name, value as f64, about);
        let mut measures = vec![
            exact("bytes_p50", median, "bytes both ways until one side knows, median"),
            exact("bytes_p99", quantile(&bytes, 99), "the same, 99 of 100 runs"),
            exact("round_trips_p50", quantile(&trips, 50), "round trips until then, median"),
            exact("round_trips_max", quantile(&trips, 100), "round trips, at most"),
            exact("over_sent", over_sent, "facts sent to who had them, all runs"),
            Measure::mean("converged_ms", &converged, "until both were equal"),
        ];
        if difference > 0 {
            let each = median as f64 / f64::from(difference);
            measures.insert(1, Measure::exact("bytes_each", each, "bytes per difference, median"));
        }
        let mut problems = Vec::new();
        if never > 0 {
            problems.push(format!("in {} runs the replicas never became equal", count(never)));
        }
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        Outcome { fields: Map::from_iter(fields), measures, problems, ..Outcome::default() }
    }

    /// What differs from time to time.
    fn times(&self) -> [Measure; 2] {
        let median = |value: fn(&reconcile::Outcome) -> Duration| {
            let mut nanos: Vec<_> = self.0.iter().map(|run| value(run).as_nanos() as u64).collect();
            nanos.sort_unstable();
            quantile(&nanos, 50) as f64 / 1e3
        };
        let encoding = median(|run| run.answering);
        let reading = median(|run| run.reading);
        [
            Measure::exact("encode_us", encoding, "CPU µs of the side that answers, median"),
            Measure::exact("decode_us", reading, "CPU µs of the side that asks and reads, median"),
        ]
    }
}
