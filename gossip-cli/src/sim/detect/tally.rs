//! What all runs of scenario `detect` come to.

use std::collections::BTreeMap;
use std::time::Duration;

use gossip_core::sim::detect::{self, Case, Config, Load, Mistaken};
use serde_json::{Map, Value, json};

use super::times::Times;
use crate::output::{self, count};
use crate::sim::grid::Point;
use crate::sim::outcome::{Measure, Outcome, Sample, Table, per_mille};

/// All runs so far.
#[derive(Debug)]
pub(in crate::sim) struct Tally {
    /// The detector's period.
    period: Duration,
    /// Whether anybody is to be found.
    searches: bool,
    /// Who was to be found, and how many of them nobody found, or not everybody.
    cases: u64,
    undetected: u64,
    not_everywhere: u64,
    times: Times,
    /// In whole periods: in which one the first probe was sent, and in which one it should be.
    probe_periods: Sample,
    law_periods: Sample,
    /// How many periods after it the first suspicion came.
    suspect_periods: Sample,
    mistaken: Mistaken,
    calm: Load,
    troubled: Load,
    longest_gap: Duration,
    joined_ms: Sample,
    /// Runs in which not all came to know all.
    apart: Vec<u64>,
    /// Of a grid: false verdicts by what was wrong.
    points: BTreeMap<Kind, Share>,
}

/// Points of a grid that have something in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Nodes(u32),
    Slow(Duration),
    Well(Duration),
}

/// What happened at some points of a grid.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    runs: u64,
    dead: u64,
    dead_healthy: u64,
}

impl Tally {
    pub(super) fn new(config: &Config) -> Self {
        let once = config.slow_nodes > 0 && config.slow.apart.is_none();
        Self {
            period: config.period,
            searches: once || config.crashes > 0,
            cases: 0,
            undetected: 0,
            not_everywhere: 0,
            times: Times::default(),
            probe_periods: Sample::default(),
            law_periods: Sample::default(),
            suspect_periods: Sample::default(),
            mistaken: Mistaken::default(),
            calm: Load::default(),
            troubled: Load::default(),
            longest_gap: Duration::ZERO,
            joined_ms: Sample::default(),
            apart: Vec::new(),
            points: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, seed: u64, point: Option<Point>, run: &detect::Outcome) {
        let Some(joined) = run.joined else { return self.apart.push(seed) };
        self.joined_ms.add(joined.as_millis() as f64);
        run.cases.iter().for_each(|case| self.add_case(case));
        let Mistaken { dead, dead_healthy, steady, steady_healthy, suspect } = run.mistaken;
        self.mistaken.dead += dead;
        self.mistaken.dead_healthy += dead_healthy;
        self.mistaken.steady += steady;
        self.mistaken.steady_healthy += steady_healthy;
        self.mistaken.suspect += suspect;
        self.longest_gap = self.longest_gap.max(run.longest_gap);
        add_load(&mut self.calm, &run.calm);
        add_load(&mut self.troubled, &run.troubled);
        if let Some(Point { nodes, slow, well }) = point {
            for kind in [Kind::Nodes(nodes), Kind::Slow(slow), Kind::Well(well)] {
                let share = self.points.entry(kind).or_default();
                share.runs += 1;
                share.dead += steady;
                share.dead_healthy += steady_healthy;
            }
        }
    }

    fn add_case(&mut self, case: &Case) {
        let Case { running, probed, suspected, detected, everywhere, .. } = *case;
        self.cases += 1;
        self.undetected += u64::from(detected.is_none());
        self.not_everywhere += u64::from(everywhere.is_none());
        self.times.add(case);
        let periods = |time: Duration| time.as_secs_f64() / self.period.as_secs_f64();
        if let Some(probed) = probed {
            self.probe_periods.add(periods(probed).ceil());
            self.law_periods.add(law(running));
        }
        if let (Some(probed), Some(suspected)) = (probed, suspected) {
            self.suspect_periods.add(periods(suspected) - periods(probed));
        }
    }

    pub(super) fn outcome(mut self) -> Outcome {
        self.times.sort();
        let problems = match self.apart.as_slice() {
            [] => Vec::new(),
            [first, ..] => vec![format!(
                "in {} runs not all came to know all; the first of them has seed {first}",
                count(self.apart.len() as u64)
            )],
        };
        Outcome {
            fields: self.fields(),
            measures: self.measures(),
            notes: Vec::new(),
            tables: self.tables(),
            figures: self.times.figure(self.cases).into_iter().collect(),
            problems,
        }
    }

    fn fields(&self) -> Map<String, Value> {
        let rate = |count: u64| self.per_period(&self.calm, count);
        let records: Map<_, _> = self
            .calm
            .records
            .iter()
            .map(|(name, count)| ((*name).to_owned(), json!(rate(*count))))
            .collect();
        let Load { bytes, frames, time, .. } = &self.troubled;
        let troubled = json!({
            "messages": self.troubled.messages(),
            "frames": frames,
            "bytes": bytes,
            "member_s": time.as_secs_f64(),
        });
        let fields =
            [("records_per_member_per_period", Value::Object(records)), ("troubled", troubled)];
        let fields = self.times.fields().into_iter().chain(fields);
        fields.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn measures(&self) -> Vec<Measure> {
        let Mistaken { dead, dead_healthy, steady, steady_healthy, suspect } = self.mistaken;
        let Times { detected, everywhere, .. } = &self.times;
        let exact = |name, value: u64, about| Measure::exact(name, value as f64, about);
        let mut measures =
            vec![exact("found", self.cases, "nodes that were to be found dead, in all runs")];
        if self.searches {
            let first = |share| per_mille(detected, share);
            let all = |share| per_mille(everywhere, share);
            let law = self.probe_periods.mean() / self.law_periods.mean().max(1.0);
            measures.extend([
                exact("undetected", self.undetected, "of them nobody called dead"),
                exact("not_everywhere", self.not_everywhere, "of them somebody did not"),
                Measure::mean(
                    "first_probe_periods",
                    &self.probe_periods,
                    "the period in which one was probed first",
                ),
                Measure::exact(
                    "first_probe_over_law",
                    law,
                    "that, as a share of 1 / (1 - (1 - 1/(N-1))^(N-1))",
                ),
                Measure::mean(
                    "suspect_after_probe_periods",
                    &self.suspect_periods,
                    "how much later the first suspicion came",
                ),
                exact("first_detect_p50_ms", first(500), "until the first called one dead, median"),
                exact("first_detect_p99_ms", first(990), "the same, 99 of 100"),
                exact("first_detect_p999_ms", first(999), "the same, 999 of 1,000"),
                exact("everywhere_p50_ms", all(500), "until all did, median"),
                exact("everywhere_p99_ms", all(990), "the same, 99 of 100"),
                exact("everywhere_p999_ms", all(999), "the same, 999 of 1,000"),
            ]);
        }
        measures.extend([
            exact("false_positives", dead, "\"dead\", about nodes that run and are well"),
            exact("false_positives_healthy", dead_healthy, "those by nodes that are never slow"),
            exact("false_positives_steady", steady, "\"dead\", about nodes that are never slow"),
            exact(
                "false_positives_steady_healthy",
                steady_healthy,
                "those by nodes that are never slow",
            ),
            exact("false_suspicions", suspect, "\"suspect\", about nodes that run and are well"),
        ]);
        let share = steady_healthy as f64 / steady.max(1) as f64 * 100.0;
        let about = "the latter, in percent of those about the same nodes by all";
        measures.push(Measure::exact("steady_healthy_percent", share, about));
        if !self.calm.time.is_zero() {
            measures.extend(self.load());
        }
        measures.push(Measure::mean("joined_ms", &self.joined_ms, "until all knew all"));
        measures
    }

    /// What detection costs while nothing happens.
    fn load(&self) -> [Measure; 3] {
        let seconds = self.calm.time.as_secs_f64();
        let gap = self.longest_gap.as_secs_f64() / self.period.as_secs_f64();
        let messages = self.per_period(&self.calm, self.calm.messages());
        [
            Measure::exact(
                "messages_per_member_per_period",
                messages,
                "probes, requests to probe and answers that a node sends",
            ),
            Measure::exact(
                "bytes_per_member_per_s",
                self.calm.bytes as f64 / seconds,
                "bytes that a node sends a second, of all that it says",
            ),
            Measure::exact(
                "longest_gap_periods",
                gap,
                "the longest that a node did not probe another",
            ),
        ]
    }

    fn per_period(&self, load: &Load, count: u64) -> f64 {
        let periods = load.time.as_secs_f64() / self.period.as_secs_f64();
        if periods > 0.0 { count as f64 / periods } else { 0.0 }
    }

    fn tables(&self) -> Vec<Table> {
        if self.points.is_empty() {
            return Vec::new();
        }
        let row = |(kind, share): (&Kind, &Share)| {
            let kind = match kind {
                Kind::Nodes(nodes) => format!("{nodes} slow nodes"),
                Kind::Slow(time) => format!("slow for {}", output::time(*time)),
                Kind::Well(time) => format!("well for {}", output::time(*time)),
            };
            let Share { runs, dead, dead_healthy } = *share;
            vec![kind, count(runs), count(dead), count(dead_healthy)]
        };
        let heads = ["", "runs", "false positives", "by healthy nodes"];
        vec![Table {
            title: "False positives about nodes that are never slow".into(),
            heads: heads.map(Into::into).to_vec(),
            rows: self.points.iter().map(row).collect(),
            bars: None,
        }]
    }
}

/// In which period a node that crashed is probed first, on average, where each of the others probes one
/// of its others in every period (Das et al. 2002, with the number of nodes as it is).
fn law(running: usize) -> f64 {
    let others = running.saturating_sub(1).max(1) as f64;
    1.0 / (1.0 - (1.0 - 1.0 / others).powf(others))
}

fn add_load(sum: &mut Load, load: &Load) {
    sum.bytes += load.bytes;
    sum.frames += load.frames;
    for (kind, count) in &load.records {
        *sum.records.entry(kind).or_default() += count;
    }
    sum.time += load.time;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_of_the_first_probe() {
        let near = |nodes: usize, periods: f64| (law(nodes) - periods).abs() < 5e-4;
        assert!(near(16, 1.551_1) && near(1 << 20, 1.581_98), "{} {}", law(16), law(1 << 20));
        assert!(near(2, 1.0), "one other probes it in every period");
    }
}
