//! How long it took to find the dead.

use gossip_core::sim::detect::Case;
use serde_json::{Value, json};

use crate::sim::figure::{Axis, Figure, Mark, Series};
use crate::sim::outcome::per_mille;

/// Times in milliseconds; [sorted](Self::sort) in the end.
#[derive(Debug, Default)]
pub(super) struct Times {
    probed: Vec<u64>,
    suspected: Vec<u64>,
    pub(super) detected: Vec<u64>,
    pub(super) everywhere: Vec<u64>,
    silence: Vec<u64>,
}

impl Times {
    pub(super) fn add(&mut self, case: &Case) {
        let Case { running: _, probed, suspected, detected, everywhere, silence } = *case;
        let found = [probed, suspected, detected, everywhere, silence];
        for (times, time) in self.all_mut().into_iter().zip(found) {
            times.extend(time.map(|time| time.as_millis() as u64));
        }
    }

    pub(super) fn sort(&mut self) {
        self.all_mut().into_iter().for_each(|times| times.sort_unstable());
    }

    const fn all_mut(&mut self) -> [&mut Vec<u64>; 5] {
        let Self { probed, suspected, detected, everywhere, silence } = self;
        [probed, suspected, detected, everywhere, silence]
    }

    /// As fields of the JSON.
    pub(super) fn fields(&self) -> [(&'static str, Value); 5] {
        let Self { probed, suspected, detected, everywhere, silence } = self;
        [
            ("first_probe_ms", quantiles(probed)),
            ("first_suspect_ms", quantiles(suspected)),
            ("first_detect_ms", quantiles(detected)),
            ("everywhere_ms", quantiles(everywhere)),
            ("silence_ms", quantiles(silence)),
        ]
    }

    /// What share of so many was found so fast; nothing where none was.
    pub(super) fn figure(&self, cases: u64) -> Option<Figure> {
        let curves = [
            ("first suspicion", &self.suspected),
            ("first called dead", &self.detected),
            ("dead to all", &self.everywhere),
        ];
        let curve = |(label, sorted): (&str, &Vec<u64>)| {
            let step = sorted.len().div_ceil(POINTS).max(1);
            let share = |rank: u64| rank as f64 / cases.max(1) as f64;
            let known = (1_u64..).zip(sorted).map(|(rank, ms)| (*ms as f64, share(rank)));
            let last = known.clone().last();
            Series::new(label, Mark::Line, known.step_by(step).chain(last))
        };
        let figure = Figure {
            id: "found".into(),
            title: "How fast the dead are found".into(),
            about: "The share of those that were to be found, by the milliseconds that it took until the first node \
                    suspected one, called it dead, and until all others did."
                .into(),
            x: Axis::linear("ms"),
            y: Axis::linear("share"),
            series: curves.into_iter().map(curve).collect(),
        };
        (!self.detected.is_empty()).then_some(figure)
    }
}

/// Most points of a curve.
const POINTS: usize = 200;

fn quantiles(sorted: &[u64]) -> Value {
    let found = |value: Value| if sorted.is_empty() { Value::Null } else { value };
    let [p50, p99, p999] = [500, 990, 999].map(|share| found(json!(per_mille(sorted, share))));
    let mean = sorted.iter().sum::<u64>() as f64 / sorted.len().max(1) as f64;
    json!({ "count": sorted.len(), "p50": p50, "p99": p99, "p999": p999, "mean": found(json!(mean)) })
}
