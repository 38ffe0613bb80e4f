//! Scenario `rumor`: one update told from node to node until nobody tells it any more.

use clap::Args;
use gossip_core::sim::epidemic::{Cycle, Ending, Epidemic, Spread};
use gossip_core::strategy::Direction;
use gossip_core::strategy::dissemination::Exclusions;
use gossip_core::strategy::removal::Limit;
use serde_json::{Map, json};

use super::common::Common;
use super::figure::{Axis, Figure, Mark, Series};
use super::outcome::{Measure, Outcome, Sample, Table};
use super::scale::number;
use super::{Defaults, Scenario};
use crate::failure::Failure;
use crate::output::count;
use crate::registry;

/// How one update spreads as a rumor.
#[derive(Args, Clone, Debug)]
pub(super) struct Rumor {
    /// What holds where nothing else is said: `classic` is the published experiments, `production`
    /// what a node does by default
    #[arg(long, default_value = "classic", value_parser = ["classic", "production"])]
    preset: String,
    /// Which way the update flows [classic: push; production: push-pull]
    #[arg(long, value_parser = ["push", "pull", "push-pull", "push-then-pull"])]
    direction: Option<String>,
    /// When a node ceases to tell it [default: feedback-counter]
    #[arg(long, value_parser = registry::names(registry::REMOVALS))]
    removal: Option<String>,
    /// The removal rule's parameter [classic: 1; production: 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    k: Option<u32>,
    /// Partners of a node in each cycle [classic: 1; production: 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    fanout: Option<u32>,
    /// To whom a node never tells it: to whom it told it already, or who brought it
    /// [classic: nobody; production: both]
    #[arg(long, value_parser = ["nobody", "recipients", "sender", "both"])]
    exclude: Option<String>,
}

impl Rumor {
    /// The experiment that the options describe.
    fn epidemic(&self, common: &Common) -> Epidemic {
        let nodes = common.nodes as usize;
        let preset = match self.preset.as_str() {
            "production" => Epidemic::production(nodes),
            _ => Epidemic::classic(nodes),
        };
        let direction = self.direction.as_deref().and_then(Direction::from_name);
        let exclusions = self.exclude.as_deref().map(|names| Exclusions {
            recipients: ["both", "recipients"].contains(&names),
            sender: ["both", "sender"].contains(&names),
        });
        Epidemic {
            direction: direction.unwrap_or(preset.direction),
            ending: self.ending(preset.ending),
            exclusions: exclusions.unwrap_or(preset.exclusions),
            fan_out: self.fanout.map_or(preset.fan_out, |fanout| fanout as usize),
            ..preset
        }
    }

    fn ending(&self, preset: Ending) -> Ending {
        let (name, k) = words(preset);
        let k = self.k.or(k).unwrap_or(1);
        match self.removal.as_deref().unwrap_or(name) {
            "blind-coin" => Ending::Blind(Limit::Coin(k)),
            "blind-counter" => Ending::Blind(Limit::Counter(k)),
            "feedback-coin" => Ending::Feedback(Limit::Coin(k)),
            "never" => Ending::Never,
            _ => Ending::Feedback(Limit::Counter(k)),
        }
    }
}

/// A rule's name and parameter.
const fn words(ending: Ending) -> (&'static str, Option<u32>) {
    match ending {
        Ending::Blind(Limit::Coin(k)) => ("blind-coin", Some(k)),
        Ending::Blind(Limit::Counter(k)) => ("blind-counter", Some(k)),
        Ending::Feedback(Limit::Coin(k)) => ("feedback-coin", Some(k)),
        Ending::Feedback(Limit::Counter(k)) => ("feedback-counter", Some(k)),
        Ending::Never => ("never", None),
    }
}

impl Scenario for Rumor {
    const NAME: &'static str = "rumor";
    const ABOUT: &'static str = "How one update spreads as a rumor, and what it costs";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim rumor --preset production --nodes 16 --runs 1
  gossip-cli sim rumor --direction pull --k 2 --report pull.html
  gossip-cli sim rumor --sweep k=1,2,3,4,5 --against '--direction pull' --report compared.html
  gossip-cli sim rumor --direction push-pull --removal never --sweep nodes=16,128,1000,8000 --runs 30";
    const DEFAULTS: Defaults = Defaults { nodes: "1000", runs: "100" };
    const PAIRS: &'static [(&'static str, &'static str)] = &[("traffic", "residue")];
    const LOGARITHMIC: &'static [&'static str] = &["t_last", "t_ave"];

    type World = Epidemic;
    type Run = Run;
    type Tally = Tally;

    fn title(&self, common: &Common) -> String {
        let epidemic = self.epidemic(common);
        let (rule, k) = words(epidemic.ending);
        let rule =
            k.map_or_else(|| format!("told for ever ({rule})"), |k| format!("{rule} k = {k}"));
        let direction = epidemic.direction.name();
        format!(
            "{} nodes, {direction}, {rule}, fan-out {}",
            count(common.nodes.into()),
            epidemic.fan_out
        )
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        let Epidemic { nodes, fan_out, ending, .. } = self.epidemic(common);
        if fan_out >= nodes {
            let text = format!(
                "--fanout {fan_out} needs more than {nodes} nodes: raise --nodes or lower --fanout"
            );
            return Err(Failure::usage(text));
        }
        if ending == Ending::Never && self.k.is_some() {
            return Err(Failure::usage(
                "--k says nothing to `--removal never`: leave one of them out",
            ));
        }
        Ok(())
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        u64::from(common.nodes) * NODE_BYTES
    }

    fn world(&self, common: &Common) -> Self::World {
        self.epidemic(common)
    }

    fn run(&self, world: &mut Epidemic, seed: u64, watch: &mut dyn FnMut(String)) -> Run {
        let nodes = world.nodes as u64;
        let mut cycle = 0;
        let spread = world.run_watched(seed, &mut |Cycle { susceptible, .. }| {
            let infected = nodes - u64::from(*susceptible);
            watch(format!("cycle {cycle}: {} of {} have it", count(infected), count(nodes)));
            cycle += 1;
        });
        Run::of(&spread)
    }

    fn tally(&self, _: &Common) -> Tally {
        Tally::default()
    }

    fn fold(&self, tally: &mut Tally, _: u64, run: Run) {
        tally.add(run);
    }

    fn outcome(&self, common: &Common, tally: Tally) -> Outcome {
        tally.outcome(f64::from(common.nodes))
    }
}

/// What a simulated node takes, rounded up from what 10,000 of them took.
const NODE_BYTES: u64 = 60 * 1024;

/// What one run leaves: histograms instead of hosts.
#[derive(Debug)]
pub(super) struct Run {
    cycles: Vec<Cycle>,
    /// How many hosts it reached in each cycle.
    arrivals: Vec<u64>,
    /// How many hosts sent it how often.
    sent: Vec<u64>,
    residue: f64,
    traffic: f64,
    payload_copies: f64,
    t_ave: f64,
    t_last: f64,
}

impl Run {
    fn of(spread: &Spread) -> Self {
        let arrivals = histogram(spread.arrivals.iter().flatten().copied());
        let reached: u64 = arrivals.iter().sum();
        Self {
            arrivals,
            sent: histogram(spread.sent.iter().copied()),
            residue: spread.residue(),
            traffic: spread.traffic(),
            payload_copies: spread.payloads as f64 / reached.max(1) as f64,
            t_ave: spread.t_ave(),
            t_last: spread.t_last().into(),
            cycles: spread.cycles.clone(),
        }
    }
}

fn histogram(values: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut counts = Vec::new();
    values.for_each(|value| add(&mut counts, value as usize, 1));
    counts
}

fn add(counts: &mut Vec<u64>, place: usize, more: u64) {
    if counts.len() <= place {
        counts.resize(place + 1, 0);
    }
    if let Some(count) = counts.get_mut(place) {
        *count += more;
    }
}

/// All runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    runs: u64,
    /// Sums over runs at each cycle; a run that has ended stays as it was.
    cycles: Vec<Sums>,
    /// What runs that have ended add to any later cycle.
    left: u64,
    arrivals: Vec<u64>,
    sent: Vec<u64>,
    residue: Sample,
    traffic: Sample,
    payload_copies: Sample,
    t_ave: Sample,
    t_last: Sample,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    susceptible: u64,
    infected: u64,
    sent: u64,
}

impl Tally {
    fn add(&mut self, run: Run) {
        let left = run.cycles.last().map_or(0, |cycle| u64::from(cycle.susceptible));
        if self.cycles.len() < run.cycles.len() {
            let ended = Sums { susceptible: self.left, ..Sums::default() };
            self.cycles.resize(run.cycles.len(), ended);
        }
        let ended = Cycle { susceptible: left as u32, infected: 0, sent: 0 };
        let cycles = run.cycles.iter().copied().chain(std::iter::repeat(ended));
        for (sums, cycle) in self.cycles.iter_mut().zip(cycles) {
            sums.susceptible += u64::from(cycle.susceptible);
            sums.infected += u64::from(cycle.infected);
            sums.sent += u64::from(cycle.sent);
        }
        self.runs += 1;
        self.left += left;
        let merge = |into: &mut Vec<u64>, from: &[u64]| {
            from.iter().enumerate().for_each(|(place, count)| add(into, place, *count));
        };
        merge(&mut self.arrivals, &run.arrivals);
        merge(&mut self.sent, &run.sent);
        self.residue.add(run.residue);
        self.traffic.add(run.traffic);
        self.payload_copies.add(run.payload_copies);
        self.t_ave.add(run.t_ave);
        self.t_last.add(run.t_last);
    }

    fn outcome(&self, nodes: f64) -> Outcome {
        let means = self.means();
        let per_cycle: Vec<_> = means
            .iter()
            .map(|[cycle, susceptible, infected, sent]| {
                json!({"cycle": *cycle as u64, "susceptible": susceptible, "infected": infected, "sent": sent})
            })
            .collect();
        let measures = vec![
            Measure::mean("residue", &self.residue, "share of the nodes that it never reaches")
                .logarithmic(),
            Measure::mean("traffic", &self.traffic, "sendings of the update per node"),
            Measure::mean(
                "payload_copies",
                &self.payload_copies,
                "copies per node that it reaches",
            ),
            Measure::mean("t_ave", &self.t_ave, "cycles until it reaches a node, on average"),
            Measure::mean(
                "t_last",
                &self.t_last,
                "cycles until it reaches the last node that it reaches",
            ),
        ];
        Outcome {
            fields: Map::from_iter([("per_cycle".to_owned(), per_cycle.into())]),
            measures,
            tables: vec![self.rounds(nodes)],
            figures: vec![self.curve(nodes), self.arrivals(nodes), self.load(nodes)],
            problems: Vec::new(),
        }
    }

    /// Cycle, susceptible, infected and sent, as means over runs.
    fn means(&self) -> Vec<[f64; 4]> {
        let runs = self.runs.max(1) as f64;
        let mean = |sum: u64| sum as f64 / runs;
        let row = |(cycle, sums): (usize, &Sums)| {
            [cycle as f64, mean(sums.susceptible), mean(sums.infected), mean(sums.sent)]
        };
        self.cycles.iter().enumerate().map(row).collect()
    }

    fn rounds(&self, nodes: f64) -> Table {
        let means = self.means();
        let heads = ["cycle", "have it", "tell it", "lack it", "sent"];
        let row = |[cycle, susceptible, infected, sent]: &[f64; 4]| {
            [*cycle, nodes - susceptible, *infected, *susceptible, *sent].map(tenths).to_vec()
        };
        Table {
            title: String::new(),
            heads: heads.map(Into::into).to_vec(),
            rows: means.iter().map(row).collect(),
            bars: Some((
                "who has it".into(),
                means.iter().map(|[_, susceptible, ..]| 1.0 - susceptible / nodes).collect(),
            )),
        }
    }

    fn curve(&self, nodes: f64) -> Figure {
        let means = self.means();
        let have = means.iter().map(|[cycle, susceptible, ..]| (*cycle, nodes - susceptible));
        let tell = means.iter().map(|[cycle, _, infected, _]| (*cycle, *infected));
        Figure {
            id: "curve".into(),
            title: "Who has it, and who tells it".into(),
            about: "Nodes that have the update, and nodes that still tell it, at each cycle's end; means over runs.".into(),
            x: Axis::linear("cycle"),
            y: Axis::linear("nodes"),
            series: vec![
                Series::new("have it", Mark::Area, have),
                Series::new("tell it", Mark::Line, tell),
            ],
        }
    }

    fn arrivals(&self, nodes: f64) -> Figure {
        let all = nodes * self.runs.max(1) as f64;
        let share = |(cycle, count): (usize, &u64)| (cycle as f64, *count as f64 / all);
        Figure {
            id: "arrivals".into(),
            title: "When it arrives".into(),
            about: "The share of all nodes that the update reaches in each cycle; its origin has it in cycle 0.".into(),
            x: Axis::linear("cycle"),
            y: Axis::linear("share of nodes"),
            series: vec![Series::new("arrivals", Mark::Bars, self.arrivals.iter().enumerate().map(share))],
        }
    }

    fn load(&self, nodes: f64) -> Figure {
        let all = nodes * self.runs.max(1) as f64;
        let share = |(sent, count): (usize, &u64)| (sent as f64, *count as f64 / all);
        Figure {
            id: "load".into(),
            title: "Who bears the traffic".into(),
            about: "The share of all nodes that send the update so many times in a run: the narrower, the more even is the load.".into(),
            x: Axis::linear("times that a node sends it"),
            y: Axis::linear("share of nodes"),
            series: vec![Series::new("nodes", Mark::Bars, self.sent.iter().enumerate().map(share))],
        }
    }
}

/// A mean count of nodes: whole ones as they are, and no more than tenths.
fn tenths(value: f64) -> String {
    if value.fract() == 0.0 || value >= 999.95 { number(value) } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(susceptible: &[u32]) -> Run {
        let cycle = |susceptible: &u32| Cycle { susceptible: *susceptible, infected: 0, sent: 1 };
        Run {
            cycles: susceptible.iter().map(cycle).collect(),
            arrivals: vec![1, 1],
            sent: vec![0, 2],
            residue: 0.0,
            traffic: 1.0,
            payload_copies: 1.0,
            t_ave: 1.0,
            t_last: 2.0,
        }
    }

    #[test]
    fn runs_that_have_ended_stay_as_they_were() {
        for order in [[0, 1], [1, 0]] {
            let runs = [run(&[9, 5]), run(&[9, 6, 3, 1])];
            let mut tally = Tally::default();
            for number in order {
                let Run { cycles, .. } = &runs[number];
                tally.add(Run { cycles: cycles.clone(), ..run(&[]) });
            }
            let susceptible: Vec<_> = tally.means().iter().map(|row| row[1]).collect();
            assert_eq!(susceptible, [9.0, 5.5, 4.0, 3.0]);
            let sent: Vec<_> = tally.means().iter().map(|row| row[3]).collect();
            assert_eq!(sent, [1.0, 1.0, 0.5, 0.5]);
            assert_eq!(tally.arrivals, [2, 2]);
        }
    }

    #[test]
    fn every_rule_of_nodes_can_be_simulated() {
        use clap::FromArgMatches as _;
        for name in registry::names(registry::REMOVALS) {
            let line = ["rumor", "--removal", name];
            let matches = super::super::command::<Rumor>().try_get_matches_from(line).unwrap();
            let rumor = Rumor::from_arg_matches(&matches).unwrap();
            let common = Common::from_arg_matches(&matches).unwrap();
            assert_eq!(words(rumor.epidemic(&common).ending).0, name);
        }
    }
}
