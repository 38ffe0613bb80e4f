//! Scenario `swarm`: chaos, then calm, and every promise checked at every step.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Command};
use gossip_core::sim::swarm::{self, Config, Shrunk};
use serde_json::{Map, json};

use super::common::Common;
use super::figure::{Axis, Figure, Mark, Series};
use super::outcome::{Measure, Outcome, Sample, Table};
use super::{Defaults, Scenario};
use crate::failure::Failure;
use crate::output::{self, count};

/// A cluster under every fault at once: lost, late, doubled and altered packets, partitions, failing
/// and forgetful disks, crashes, pauses, wrong clocks.
#[derive(Args, Clone, Debug)]
pub(super) struct Swarm {
    /// How long the chaos lasts [default: 90s]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    duration: Option<Duration>,
    /// How long after it nodes may take to agree [default: 60s]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    calm: Option<Duration>,
    /// The chance that any packet is lost, in chaos and in calm [default: 0.01]
    #[arg(long, value_parser = chance, value_name = "P")]
    loss: Option<f64>,
    /// A partition of this length in each seed, besides those that chaos draws [default: none]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    partition: Option<Duration>,
    /// How often each node crashes, stops or leaves, in times per minute [default: 0.3]
    #[arg(long, value_parser = rate, value_name = "RATE")]
    churn: Option<f64>,
    /// How long deletions stay in what nodes compare [default: 20s]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    horizon: Option<Duration>,
    /// When a promise is broken, try so many smaller plans for one that breaks it too
    #[arg(long, default_value_t = 300, value_name = "COUNT")]
    shrink: u32,
}

fn chance(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to below 1".into())
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=60.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 60".into())
}

impl Swarm {
    fn config(&self, common: &Common) -> Config {
        let default = Config::default();
        Config {
            nodes: common.nodes as usize,
            duration: self.duration.unwrap_or(default.duration),
            calm: self.calm.unwrap_or(default.calm),
            loss: self.loss.unwrap_or(default.loss),
            partition: self.partition,
            churn: self.churn.unwrap_or(default.churn),
            horizon: self.horizon.unwrap_or(default.horizon),
            ..default
        }
    }
}

impl Scenario for Swarm {
    const NAME: &'static str = "swarm";
    const ABOUT: &'static str = "Chaos, then calm: no promise may break, whatever fails";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim swarm --seeds 64
  gossip-cli sim swarm --seeds 100 --loss 0.2 --partition 30s --report swarm.html
  gossip-cli sim swarm --seeds 1 --seed 4711        # plays one seed again";
    const DEFAULTS: Defaults = Defaults { nodes: "16", runs: "64" };

    type World = Config;
    type Run = swarm::Outcome;
    type Tally = Tally;

    /// Each run is a seed, and is called so.
    fn command(command: Command) -> Command {
        command
            .mut_arg("runs", |arg| arg.long("seeds").alias("runs").help("How many seeds to play"))
    }

    fn title(&self, common: &Common) -> String {
        let Config { duration, loss, churn, partition, .. } = self.config(common);
        let nodes = count(common.nodes.into());
        let partition = partition.map(|time| format!(", cut apart for {}", output::time(time)));
        format!(
            "{nodes} nodes, {} of chaos, loss {loss}, churn {churn} per minute{}",
            output::time(duration),
            partition.unwrap_or_default()
        )
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        let Config { duration, horizon, partition, .. } = self.config(common);
        let refuse = |text: String| Err(Failure::usage(text));
        if common.nodes > MOST_NODES {
            return refuse(format!(
                "every node of a swarm is watched at every step: --nodes takes at most {MOST_NODES} here"
            ));
        }
        if partition.is_some_and(|partition| partition > duration) {
            return refuse(
                "--partition must end with the chaos: raise --duration or lower it".into(),
            );
        }
        if duration.is_zero() || horizon.is_zero() {
            return refuse("--duration and --horizon must be longer than nothing".into());
        }
        Ok(())
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        u64::from(common.nodes) * NODE_BYTES
    }

    fn world(&self, common: &Common) -> Config {
        self.config(common)
    }

    fn run(&self, config: &mut Config, seed: u64, _: &mut dyn FnMut(String)) -> swarm::Outcome {
        swarm::run(config, seed)
    }

    fn tally(&self, _: &Common) -> Tally {
        Tally::default()
    }

    fn fold(&self, tally: &mut Tally, seed: u64, run: swarm::Outcome) {
        tally.add(seed, run);
    }

    fn outcome(&self, common: &Common, tally: Tally) -> Outcome {
        let config = self.config(common);
        let first = tally.broken.first().map(|broken| broken.seed);
        let shrunk = first.filter(|_| self.shrink > 0);
        if let Some(seed) = shrunk {
            let most = count(self.shrink.into());
            output::note(&format!(
                "seed {seed} broke a promise; at most {most} smaller plans are played for one that does too"
            ));
        }
        let shrunk = shrunk.and_then(|seed| swarm::shrink(&config, seed, self.shrink));
        tally.outcome(&config, shrunk.as_ref())
    }
}

/// The most nodes of a swarm: sides of partitions have a bit for each.
const MOST_NODES: u32 = 64;

/// What a node of a swarm takes, with all that checkers remember of it (a guess, rounded up).
const NODE_BYTES: u64 = 8 << 20;

/// The most broken promises that are told; a defect breaks many.
const MOST_TOLD: usize = 20;

/// All seeds so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    broken: Vec<Broken>,
    seeds: u64,
    seeds_broken: u64,
    never_agreed: u64,
    faults: BTreeMap<&'static str, u64>,
    spoken: BTreeMap<&'static str, u64>,
    idle: u64,
    converged_ms: Sample,
    slowest_ms: u64,
    agreed_ms: Vec<u64>,
    lost_writes: u64,
    resurrections: u64,
    acknowledged: u64,
    refused: u64,
    collected: u64,
    frames: u64,
}

/// A promise that was broken.
#[derive(Debug)]
struct Broken {
    seed: u64,
    checker: &'static str,
    text: String,
}

impl Tally {
    fn add(&mut self, seed: u64, run: swarm::Outcome) {
        self.seeds += 1;
        self.seeds_broken += u64::from(!run.violations.is_empty());
        let broken = run.violations.iter().map(|violation| Broken {
            seed,
            checker: violation.checker,
            text: violation.to_string(),
        });
        let room = MOST_TOLD.saturating_sub(self.broken.len());
        self.broken.extend(broken.take(room));
        for (kind, fired) in run.faults {
            *self.faults.entry(kind).or_default() += fired;
        }
        for (kind, count) in run.spoken {
            *self.spoken.entry(kind).or_default() += count;
        }
        self.idle += run.idle.len() as u64;
        match run.converged {
            Some(time) => {
                let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                self.converged_ms.add(ms as f64);
                self.slowest_ms = self.slowest_ms.max(ms);
                self.agreed_ms.push(ms);
            }
            None => self.never_agreed += 1,
        }
        self.lost_writes += run.lost_writes;
        self.resurrections += run.resurrections;
        self.acknowledged += run.writes.0;
        self.refused += run.writes.1;
        self.collected += run.collected;
        self.frames += run.frames;
    }

    fn outcome(&self, config: &Config, shrunk: Option<&Shrunk>) -> Outcome {
        let violation = |broken: &Broken| {
            let Broken { seed, checker, text } = broken;
            let replay = swarm::replay(config, *seed);
            json!({"seed": seed, "checker": checker, "text": text, "replay": replay})
        };
        let mut fields = Map::from_iter([
            ("violations".to_owned(), self.broken.iter().map(violation).collect()),
            ("faults".to_owned(), json!(self.faults)),
            ("spoken".to_owned(), json!(self.spoken)),
            ("converged_ms_after_heal".to_owned(), json!(self.slowest())),
        ]);
        if let Some(Shrunk { plan, runs, .. }) = shrunk {
            let steps: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
            fields.insert("shrunk".into(), json!({"steps": steps, "plans_tried": runs}));
        }
        fields.insert("never_converged".into(), json!(self.never_agreed));
        fields.insert("faults_idle".into(), json!(self.idle));
        let exact = |name, value: u64, about| Measure::exact(name, value as f64, about);
        let slowest = self.slowest().map(|ms| {
            exact("converged_ms_after_heal", ms, "until all agreed, in the slowest seed")
        });
        let measures = [
            exact("seeds_broken", self.seeds_broken, "seeds in which a promise was broken"),
            exact("lost_writes", self.lost_writes, "acknowledged writes that were lost"),
            exact("resurrections", self.resurrections, "deleted values that came back"),
            Measure::mean("converged_ms_mean", &self.converged_ms, "until all agreed, on average"),
            exact("acknowledged", self.acknowledged, "writes that were promised to last"),
            exact("refused", self.refused, "writes that were not"),
            exact("collected", self.collected, "deletions that all confirmed, and let go"),
            exact("frames", self.frames, "frames that nodes took"),
        ];
        let measures = measures.into_iter().chain(slowest).collect();
        Outcome {
            fields,
            measures,
            notes: Vec::new(),
            tables: vec![
                table("Faults that fired", "fault", "times", &self.faults),
                table("What nodes said", "record", "sent", &self.spoken),
            ],
            figures: vec![self.agreement()],
            problems: self.problems(config, shrunk),
        }
    }

    /// How long the slowest seed took to agree; `None` when some seed never did.
    fn slowest(&self) -> Option<u64> {
        (self.never_agreed == 0).then_some(self.slowest_ms)
    }

    /// How many seeds had agreed after how long.
    fn agreement(&self) -> Figure {
        let mut times = self.agreed_ms.clone();
        times.sort_unstable();
        let all = self.seeds.max(1) as f64;
        // Steps: nothing changes until the next seed has agreed.
        let step = |(place, ms): (usize, &u64)| {
            let seconds = *ms as f64 / 1_000.0;
            [(seconds, place as f64 / all), (seconds, (place + 1) as f64 / all)]
        };
        let points = [(0.0, 0.0)].into_iter().chain(times.iter().enumerate().flat_map(step));
        Figure {
            id: "agreement".into(),
            title: "When all nodes agree again".into(),
            about: "The share of seeds whose nodes all hold the same, by the time since the chaos ended.".into(),
            x: Axis::linear("seconds after the chaos"),
            y: Axis::linear("share of seeds"),
            series: vec![Series::new("agreed", Mark::Area, points)],
        }
    }

    fn problems(&self, config: &Config, shrunk: Option<&Shrunk>) -> Vec<String> {
        let Some(first) = self.broken.first() else { return Vec::new() };
        let mut problems: Vec<_> = self
            .broken
            .iter()
            .map(|broken| format!("seed {}: {}", broken.seed, broken.text))
            .collect();
        problems.push(format!("to see it again: {}", swarm::replay(config, first.seed)));
        if let Some(Shrunk { plan, outcome, .. }) = shrunk {
            let seen = outcome.violations.first().map(ToString::to_string).unwrap_or_default();
            problems.push(format!("{} steps are enough for: {seen}\n{plan}", plan.steps.len()));
        }
        problems
    }
}

/// So many of each kind.
fn table(title: &str, kind: &str, times: &str, counts: &BTreeMap<&'static str, u64>) -> Table {
    let row = |(kind, times): (&&str, &u64)| vec![(*kind).to_owned(), count(*times)];
    Table {
        title: title.into(),
        heads: vec![kind.into(), times.into()],
        rows: counts.iter().map(row).collect(),
        bars: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_add_up() {
        let config = Config { nodes: 3, duration: Duration::from_secs(10), ..Config::default() };
        let mut tally = Tally::default();
        for seed in 1..4 {
            tally.add(seed, swarm::run(&config, seed));
        }
        let Outcome { measures, problems, .. } = tally.outcome(&config, None);
        let value = |name| measures.iter().find(|it| it.name == name).map(|it| it.value);
        assert!(value("frames") > Some(100.0), "{measures:?}");
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn no_time_is_told_where_some_seed_never_agreed() {
        let time = |tally: &Tally| {
            let Outcome { fields, measures, .. } = tally.outcome(&Config::default(), None);
            let measured = measures.iter().any(|it| it.name == "converged_ms_after_heal");
            (fields["converged_ms_after_heal"].clone(), measured)
        };
        let mut tally = Tally { slowest_ms: 70, ..Tally::default() };
        assert_eq!(time(&tally), (json!(70), true));
        tally.never_agreed = 1;
        assert_eq!(time(&tally), (json!(null), false));
    }

    #[test]
    fn broken_promises_are_told_with_the_command_that_repeats_them() {
        let mut tally = Tally::default();
        let broken = Broken { seed: 7, checker: "versions", text: "versions: host 1 ..".into() };
        tally.broken.push(broken);
        let Outcome { fields, problems, .. } = tally.outcome(&Config::default(), None);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[1].ends_with("gossip-cli sim swarm --seeds 1 --seed 7"), "{problems:?}");
        assert_eq!(fields["violations"][0]["seed"], 7);
    }
}
