//! How one update spread, over many runs: what the scenarios `rumor` and `anti-entropy` share.

use clap::Args;
use gossip_core::sim::epidemic::laws::{self, Law};
use gossip_core::sim::epidemic::{Carrier, Cycle, Ending, Epidemic, Spread};
use gossip_core::strategy::Direction;
use serde_json::{Map, Value, json};

use super::common::Common;
use super::execute::number as exact;
use super::figure::{Axis, Figure, Mark, Series};
use super::outcome::{Measure, Outcome, Sample, Table};
use super::scale::number;
use crate::failure::Failure;
use crate::output::count;

/// Which partners are within reach.
#[derive(Args, Clone, Debug)]
pub(super) struct Reach {
    /// Most partners that a node serves in a cycle; others find it busy [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    connection_limit: Option<u32>,
    /// How many others a node tries instead of a busy one: a number, or `inf` for all there are
    /// [default: 0]
    #[arg(long, value_name = "COUNT", value_parser = hunt)]
    hunt: Option<u32>,
    /// Nodes stand on a line, and choose partners at distance d with a probability like d^-A
    /// [default: all are as likely]
    #[arg(long, value_name = "A", value_parser = exponent)]
    distance_exponent: Option<f64>,
}

impl Reach {
    /// The experiment with this reach.
    pub(super) fn within(&self, epidemic: Epidemic) -> Epidemic {
        Epidemic {
            connection_limit: self.connection_limit.unwrap_or(epidemic.connection_limit),
            hunt: self.hunt.unwrap_or(epidemic.hunt),
            distance_exponent: self.distance_exponent.or(epidemic.distance_exponent),
            ..epidemic
        }
    }

    /// Whether the options go together.
    ///
    /// # Errors
    /// When they do not: with the next step.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.hunt.is_some() && self.connection_limit.is_none() {
            let text = "--hunt needs busy partners: add --connection-limit, or leave it out";
            return Err(Failure::usage(text));
        }
        Ok(())
    }

    /// What is unusual about it, for a title.
    pub(super) fn words(&self) -> String {
        let limit = self.connection_limit.map(|limit| format!(", connection limit {limit}"));
        let hunt = self.hunt.map(|hunt| match hunt {
            u32::MAX => ", hunting without end".to_owned(),
            hunt => format!(", hunt limit {hunt}"),
        });
        let distance =
            self.distance_exponent.map(|exponent| format!(", partners like d^-{exponent}"));
        [limit, hunt, distance].into_iter().flatten().collect()
    }
}

fn hunt(text: &str) -> Result<u32, String> {
    match text {
        "inf" => Ok(u32::MAX),
        number => number.parse().map_err(|_| "expected a number, or `inf`".into()),
    }
}

fn exponent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=10.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 10".into())
}

/// About how much memory the experiment's hosts take.
pub(super) fn world_bytes(common: &Common) -> u64 {
    u64::from(common.nodes) * NODE_BYTES
}

/// One run, whose cycles are told as they end.
pub(super) fn run(epidemic: &Epidemic, seed: u64, watch: &mut dyn FnMut(String)) -> Run {
    let nodes = epidemic.nodes as u64;
    let mut cycle = 0;
    let spread = epidemic.run_watched(seed, &mut |Cycle { susceptible, .. }| {
        let infected = nodes - u64::from(*susceptible);
        watch(format!("cycle {cycle}: {} of {} have it", count(infected), count(nodes)));
        cycle += 1;
    });
    Run::of(&spread, law(epidemic))
}

/// The law that one step of the experiment obeys, where there is one: see [`laws`].
fn law(epidemic: &Epidemic) -> Option<Law> {
    let Epidemic {
        carrier, ending, fan_out, exclusions, connection_limit, distance_exponent, ..
    } = *epidemic;
    let endless = carrier == Carrier::Repair || ending == Ending::Never;
    let uniform = distance_exponent.is_none() && !exclusions.recipients && !exclusions.sender;
    let simple = endless && uniform && fan_out == 1 && connection_limit == 0;
    match epidemic.direction {
        _ if !simple => None,
        Direction::Pull => Some(Law::Pull),
        Direction::Push => Some(Law::Push),
        Direction::PushPull => Some(Law::PushPull),
        _ => None,
    }
}

/// What a simulated node takes, rounded up from what 100,000 of them took.
const NODE_BYTES: u64 = 60 * 1024;

/// The chance to doubt a law that holds.
const LEVEL: f64 = 0.01;

/// What one run leaves: histograms instead of hosts.
#[derive(Debug)]
pub(super) struct Run {
    cycles: Vec<Cycle>,
    /// How many hosts it reached in each cycle.
    arrivals: Vec<u64>,
    /// How many hosts sent it how often.
    sent: Vec<u64>,
    steps: Option<Steps>,
    residue: f64,
    traffic: f64,
    payload_copies: f64,
    messages_per_node: f64,
    t_ave: f64,
    t_last: f64,
}

/// How well the steps of runs obey their law.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    comparisons: usize,
    /// The chance of a step as bad as the worst, at most.
    worst: f64,
    /// All deviations added up, in nodes.
    deviation: f64,
    /// The variance of that.
    variance: f64,
}

impl Run {
    fn of(spread: &Spread, law: Option<Law>) -> Self {
        let arrivals = histogram(spread.arrivals.iter().flatten().copied());
        let reached: u64 = arrivals.iter().sum();
        Self {
            arrivals,
            sent: histogram(spread.sent.iter().copied()),
            steps: law.map(|law| {
                let laws::Verdict { comparisons, worst, deviation, variance, .. } =
                    law.judge([spread]);
                let worst = worst.map_or(1.0, |step| step.p_value);
                Steps { comparisons, worst, deviation, variance }
            }),
            residue: spread.residue(),
            traffic: spread.traffic(),
            payload_copies: spread.payloads as f64 / reached.max(1) as f64,
            messages_per_node: spread.messages_per_host(),
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

/// The steps that began with both kinds of nodes, as shares before and after.
fn pairs(cycles: &[Cycle], nodes: u64) -> impl Iterator<Item = [f64; 2]> {
    let steps = cycles.iter().zip(cycles.iter().skip(1)).map(move |(before, after)| {
        [before, after].map(|cycle| f64::from(cycle.susceptible) / nodes as f64)
    });
    steps.filter(|[before, _]| *before > 0.0)
}

/// Of how many runs single steps are told: enough for a cloud around the law.
const PAIRED: u64 = 20;

/// All runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    runs: u64,
    /// Sums over runs at each cycle; a run that has ended stays as it was.
    cycles: Vec<Sums>,
    /// What runs that have ended add to any later cycle.
    left: u64,
    left_squares: u128,
    arrivals: Vec<u64>,
    sent: Vec<u64>,
    steps: Option<Steps>,
    /// Shares of susceptible nodes before and after each step of the first runs.
    pairs: Vec<[f64; 2]>,
    residue: Sample,
    traffic: Sample,
    payload_copies: Sample,
    messages_per_node: Sample,
    t_ave: Sample,
    t_last: Sample,
    t_last_max: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    susceptible: u64,
    /// Of the squares of `susceptible` in each run.
    squares: u128,
    infected: u64,
    sent: u64,
}

impl Tally {
    /// Adds a run.
    pub(super) fn add(&mut self, run: Run) {
        let left = run.cycles.last().map_or(0, |cycle| u64::from(cycle.susceptible));
        if self.cycles.len() < run.cycles.len() {
            let ended =
                Sums { susceptible: self.left, squares: self.left_squares, ..Sums::default() };
            self.cycles.resize(run.cycles.len(), ended);
        }
        let ended = Cycle { susceptible: left as u32, infected: 0, sent: 0 };
        let cycles = run.cycles.iter().copied().chain(std::iter::repeat(ended));
        for (sums, cycle) in self.cycles.iter_mut().zip(cycles) {
            sums.susceptible += u64::from(cycle.susceptible);
            sums.squares += u128::from(cycle.susceptible).pow(2);
            sums.infected += u64::from(cycle.infected);
            sums.sent += u64::from(cycle.sent);
        }
        self.runs += 1;
        self.left += left;
        self.left_squares += u128::from(left).pow(2);
        let merge = |into: &mut Vec<u64>, from: &[u64]| {
            from.iter().enumerate().for_each(|(place, count)| add(into, place, *count));
        };
        merge(&mut self.arrivals, &run.arrivals);
        merge(&mut self.sent, &run.sent);
        if let Some(steps) = run.steps {
            let all = self.steps.get_or_insert_with(|| Steps { worst: 1.0, ..Steps::default() });
            all.comparisons += steps.comparisons;
            all.worst = all.worst.min(steps.worst);
            all.deviation += steps.deviation;
            all.variance += steps.variance;
            if self.runs <= PAIRED {
                self.pairs.extend(pairs(&run.cycles, run.arrivals.iter().sum::<u64>() + left));
            }
        }
        self.residue.add(run.residue);
        self.traffic.add(run.traffic);
        self.payload_copies.add(run.payload_copies);
        self.messages_per_node.add(run.messages_per_node);
        self.t_ave.add(run.t_ave);
        self.t_last.add(run.t_last);
        self.t_last_max = self.t_last_max.max(run.t_last as u32);
    }

    /// What the runs came to, in the fields of `rumor` or of `anti-entropy`.
    pub(super) fn outcome(&self, carrier: Carrier, common: &Common) -> Outcome {
        let nodes = f64::from(common.nodes);
        let times = [
            Measure::mean("t_ave", &self.t_ave, "cycles until it reaches a node, on average"),
            Measure::mean(
                "t_last",
                &self.t_last,
                "cycles until it reaches the last node that it reaches",
            ),
        ];
        let costs = match carrier {
            Carrier::Repair => vec![Measure::mean(
                "messages_per_node",
                &self.messages_per_node,
                "datagrams that a node sends until all have it",
            )],
            Carrier::Rumors => vec![
                Measure::mean("residue", &self.residue, "share of the nodes that it never reaches")
                    .logarithmic(),
                Measure::mean("traffic", &self.traffic, "sendings of the update per node"),
                Measure::mean(
                    "payload_copies",
                    &self.payload_copies,
                    "copies per node that it reaches",
                ),
            ],
        };
        let measures = match carrier {
            Carrier::Repair => times.into_iter().chain(costs).collect(),
            Carrier::Rumors => costs.into_iter().chain(times).collect(),
        };
        let most = ("t_last_max".to_owned(), json!(self.t_last_max));
        let mut fields = Map::from_iter([("per_cycle".to_owned(), self.per_cycle()), most]);
        fields.extend(self.conditional().map(|law| ("conditional".to_owned(), law)));
        Outcome {
            fields,
            measures,
            notes: self.conditional_words().into_iter().collect(),
            tables: vec![self.rounds(nodes)],
            figures: vec![self.curve(nodes), self.arrivals(nodes), self.load(nodes)],
            problems: Vec::new(),
        }
    }

    fn per_cycle(&self) -> Value {
        let cycle = |([cycle, susceptible, infected, sent], error): (&[f64; 4], f64)| {
            json!({
                "cycle": exact(*cycle),
                "susceptible": exact(*susceptible),
                "infected": exact(*infected),
                "sent": exact(*sent),
                "standard_error": exact(error),
            })
        };
        self.means().iter().zip(self.errors()).map(cycle).collect()
    }

    /// The test of every step against its law, corrected for their number, as scripts read it.
    fn conditional(&self) -> Option<Value> {
        let (steps, p_value, drift) = self.tested()?;
        let holds = p_value > LEVEL / 2.0 && laws::normal_tails(drift) > LEVEL / 2.0;
        Some(json!({
            "comparisons": steps.comparisons,
            "p_value": p_value,
            "drift": drift,
            "holds": holds,
            "pairs": self.pairs,
        }))
    }

    fn conditional_words(&self) -> Option<String> {
        let (Steps { comparisons, .. }, p_value, drift) = self.tested()?;
        Some(format!(
            "{} steps against their law, each on its own state: the worst has p = {} after Bonferroni's correction, all together are {drift:.2} standard deviations off",
            count(comparisons as u64),
            number(p_value)
        ))
    }

    /// The steps, Bonferroni's p-value of the worst one, and the drift of all steps of all runs.
    fn tested(&self) -> Option<(Steps, f64, f64)> {
        let steps = self.steps.filter(|steps| steps.comparisons > 0)?;
        let p_value = (steps.worst * steps.comparisons as f64).min(1.0);
        Some((steps, p_value, laws::drift(steps.deviation, steps.variance)))
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

    /// The standard error of how many are susceptible after each cycle; 0 for a single run.
    fn errors(&self) -> impl Iterator<Item = f64> {
        let runs = self.runs.max(1) as f64;
        self.cycles.iter().map(move |sums| {
            let mean = sums.susceptible as f64 / runs;
            let variance = (sums.squares as f64 / runs - mean * mean).max(0.0);
            (variance / (runs - 1.0).max(1.0)).sqrt()
        })
    }

    fn rounds(&self, nodes: f64) -> Table {
        let means = self.means();
        let heads = ["cycle", "have it", "tell it", "lack it", "sent"];
        // Means have a decimal where it tells something, and all of them in a column or none.
        let mean = |value: f64| match self.runs {
            2.. if value < 999.95 => format!("{value:.1}"),
            _ => number(value),
        };
        let row = |[cycle, susceptible, infected, sent]: &[f64; 4]| {
            let means = [nodes - susceptible, *infected, *susceptible, *sent].map(mean);
            [number(*cycle)].into_iter().chain(means).collect()
        };
        let rows: Vec<Vec<String>> = means.iter().map(row).collect();
        let bars = means.iter().map(|[_, susceptible, ..]| 1.0 - susceptible / nodes);
        // A long end in which nothing changes is its first and its last cycle.
        let same = |row: &Vec<String>| row.get(1..) == rows.last().and_then(|last| last.get(1..));
        let first = rows.iter().rposition(|row| !same(row)).map_or(0, |place| place + 1);
        let last = rows.len().saturating_sub(1);
        let kept = rows.iter().zip(bars).enumerate();
        let kept = kept.filter(|(place, _)| *place <= first || *place == last);
        let (rows, bars) = kept.map(|(_, (row, bar))| (row.clone(), bar)).unzip();
        Table {
            title: String::new(),
            heads: heads.map(Into::into).to_vec(),
            rows,
            bars: Some(("who has it".into(), bars)),
        }
    }

    fn curve(&self, nodes: f64) -> Figure {
        let means = self.means();
        let have = means.iter().map(|[cycle, susceptible, ..]| (*cycle, 1.0 - susceptible / nodes));
        let tell = means.iter().map(|[cycle, _, infected, _]| (*cycle, infected / nodes));
        Figure {
            id: "curve".into(),
            title: "Who has it, and who tells it".into(),
            about: "The share of nodes that have the update, and of those that still tell it, at each cycle's end; means over runs.".into(),
            x: Axis::linear("cycle"),
            y: Axis::linear("share of nodes"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(susceptible: &[u32]) -> Run {
        let cycle = |susceptible: &u32| Cycle { susceptible: *susceptible, infected: 0, sent: 1 };
        Run {
            cycles: susceptible.iter().map(cycle).collect(),
            arrivals: vec![1, 1],
            sent: vec![0, 2],
            steps: None,
            residue: 0.0,
            traffic: 1.0,
            payload_copies: 1.0,
            messages_per_node: 1.0,
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
            assert_eq!(Vec::from_iter(tally.errors()), [0.0, 0.5, 1.0, 2.0]);
            let sent: Vec<_> = tally.means().iter().map(|row| row[3]).collect();
            assert_eq!(sent, [1.0, 1.0, 0.5, 0.5]);
            assert_eq!(tally.arrivals, [2, 2]);
        }
    }

    #[test]
    fn steps_of_all_runs_are_judged_together() {
        let mut tally = Tally::default();
        for (deviation, variance) in [(1.0, 1.0), (-10.0, 99.0), (3.0, 0.0)] {
            let steps = Some(Steps { comparisons: 4, worst: 0.5, deviation, variance });
            tally.add(Run { arrivals: vec![1, 5], steps, ..run(&[9, 5, 4]) });
        }
        let law = tally.conditional().unwrap();
        assert_eq!(law["drift"], -0.6);
        assert_eq!(law["comparisons"], 12);
        assert_eq!(law["pairs"][1], json!([0.5, 0.4]));
    }
}
