//! The picture of each table, as `gossip-cli plot` draws it.

use serde_json::{Value, json};

use super::rows::{self, Expected, Picture};
use super::verdict::find;
use super::{Measured, Outcome};

/// What a table looks like; nothing when nothing was measured.
pub(super) fn figure(measured: &Measured) -> Option<Value> {
    let (axes, series) = match measured.table.picture {
        Picture::None => return None,
        Picture::Residue => (Axes::RESIDUE, residue(measured)),
        Picture::Times => (Axes::TIMES, times(measured)),
        Picture::Curve => (Axes::CURVE, curve(measured)?),
        Picture::Growth { measure, law, law_name } => {
            (Axes::GROWTH, growth(measured, measure, law, law_name))
        }
        Picture::Steps => (Axes::STEPS, steps(measured)),
        Picture::TradeOff(published) => (Axes::TRADE_OFF, trade_off(measured, published)),
    };
    let rows = matches!(measured.table.picture, Picture::Times).then(|| numbered(measured));
    let label = rows.unwrap_or_else(|| axes.x.0.to_owned());
    let empty = series.iter().all(|series| points_of(series).is_empty());
    (!empty).then(|| {
        json!({
            "id": measured.table.id,
            "title": measured.table.title,
            "about": measured.table.about,
            "x": {"label": label, "scale": axes.x.1},
            "y": {"label": axes.y.0, "scale": axes.y.1},
            "series": series,
        })
    })
}

/// Labels and scales.
struct Axes {
    x: (&'static str, &'static str),
    y: (&'static str, &'static str),
}

impl Axes {
    const RESIDUE: Self =
        Self { x: ("updates sent per site", "linear"), y: ("residue", "logarithmic") };
    const TIMES: Self = Self { x: ("", "linear"), y: ("cycles", "linear") };
    const CURVE: Self = Self { x: ("round", "linear"), y: ("nodes", "linear") };
    const GROWTH: Self =
        Self { x: ("nodes", "logarithmic"), y: ("cycles to the last node", "linear") };
    const TRADE_OFF: Self = Self {
        x: ("time to the first verdict, in percent of SWIM's", "linear"),
        y: ("false verdicts, in percent of SWIM's", "linear"),
    };
    const STEPS: Self = Self {
        x: ("share of susceptible nodes before a cycle", "linear"),
        y: ("after it", "linear"),
    };
}

fn residue(measured: &Measured) -> Vec<Value> {
    let published = measured.table.rows.iter().filter_map(|row| {
        let value =
            |name| row.figures.iter().find(|figure| figure.field == name).and_then(published);
        Some([value("traffic")?, value("residue")?])
    });
    let ours = outcomes(measured)
        .filter_map(|outcome| Some([number(outcome, "traffic")?, number(outcome, "residue")?]));
    vec![series("ours", "line", ours), series("published", "dots", published)]
}

fn times(measured: &Measured) -> Vec<Value> {
    let row = |name: &'static str| {
        let rows = (1..).zip(measured.table.rows);
        let theirs = rows.filter_map(move |(place, row)| {
            let figure = row.figures.iter().find(|figure| figure.field == name)?;
            Some([f64::from(place), published(figure)?])
        });
        let ours = (1..).zip(&measured.rows).filter_map(move |(place, outcome)| {
            Some([f64::from(place), number(outcome.as_ref()?, name)?])
        });
        [
            series(&format!("{name}, ours"), "line", ours),
            series(&format!("{name}, published"), "dots", theirs),
        ]
    };
    ["t_last", "t_ave"].into_iter().flat_map(row).collect()
}

/// The rows by their places on the axis.
fn numbered(measured: &Measured) -> String {
    let rows = (1..).zip(measured.table.rows).map(|(place, row)| format!("{place}: {}", row.name));
    rows.collect::<Vec<_>>().join("; ")
}

fn curve(measured: &Measured) -> Option<Vec<Value>> {
    let first = outcomes(measured).next()?;
    let nodes = number(first, "nodes")?;
    let cycles = cycles(first);
    let line = |of: &dyn Fn(&Value) -> Option<f64>| {
        let points =
            cycles.iter().filter_map(|cycle| Some([cycle.get("cycle")?.as_f64()?, of(cycle)?]));
        points.collect::<Vec<_>>()
    };
    let field = |name: &'static str| move |cycle: &Value| cycle.get(name)?.as_f64();
    let have = line(&|cycle| Some(nodes - field("susceptible")(cycle)?));
    Some(vec![
        series("have it", "area", have),
        series("tell it", "line", line(&field("infected"))),
        series("sendings", "dashes", line(&field("sent"))),
    ])
}

fn growth(measured: &Measured, measure: &str, law: fn(f64) -> f64, law_name: &str) -> Vec<Value> {
    // A sweep stands for itself: the largest that was measured holds those before it.
    let sweep = |outcome: &&Outcome| law_name.is_empty() && outcome.documents.len() > 1;
    let last = outcomes(measured).filter(sweep).last();
    let shown =
        outcomes(measured).filter(|outcome| last.is_none_or(|last| std::ptr::eq(*outcome, last)));
    let shown: Vec<_> = shown.collect();
    let documents = || shown.iter().flat_map(|outcome| &outcome.documents);
    let ours = documents().filter_map(|document| {
        Some([document.get("nodes")?.as_f64()?, document.get(measure)?.as_f64()?])
    });
    let ours: Vec<[f64; 2]> = ours.collect();
    let ends = ours.iter().map(|[nodes, _]| *nodes);
    if !law_name.is_empty() {
        let law = ends.map(|nodes| [nodes, law(nodes)]).collect::<Vec<_>>();
        return vec![series("ours", "dots", ours), series(law_name, "dashes", law)];
    }
    let fit = documents().filter_map(|document| document.get("fit"));
    let fit = fit.filter(|fit| fit.get("measure").and_then(Value::as_str) == Some(measure));
    let line =
        fit.filter_map(|fit| Some((fit.get("intercept")?.as_f64()?, fit.get("slope")?.as_f64()?)));
    let lines: Vec<Value> = line
        .map(|(intercept, slope)| {
            let points = ends.clone().map(|nodes| [nodes, intercept + slope * nodes.log2()]);
            series(&format!("{intercept:.2} + {slope:.2} log₂ N"), "dashes", points)
        })
        .collect();
    [series("ours", "dots", ours.clone())].into_iter().chain(lines).collect()
}

/// The cycles in which anything happened, on average.
pub(super) fn cycles(outcome: &Outcome) -> &[Value] {
    let cycles = find(&outcome.documents, "per_cycle").and_then(Value::as_array);
    let cycles = cycles.map_or(&[][..], Vec::as_slice);
    let sent =
        |cycle: &Value| cycle.get("sent").and_then(Value::as_f64).is_some_and(|sent| sent >= 0.05);
    let last = cycles.iter().rposition(sent).map_or(0, |last| last + 2);
    cycles.get(..last.min(cycles.len())).unwrap_or_default()
}

/// The steps of single runs, and the published recurrences: means would be off, for a mean of squares
/// is no square of means.
fn steps(measured: &Measured) -> Vec<Value> {
    let shares = (0..=50).map(|place| f64::from(place) / 50.0);
    let law = |of: fn(f64) -> f64| shares.clone().map(move |share| [share, of(share)]);
    let mut all = vec![
        series("p²", "dashes", law(|share| share * share)),
        series("p e^-(1-p)", "dashes", law(|share| share * (share - 1.0).exp())),
    ];
    for (row, outcome) in measured.table.rows.iter().zip(&measured.rows) {
        let Some(outcome) = outcome else { continue };
        let pairs = find(&outcome.documents, "conditional.pairs").and_then(Value::as_array);
        let point = |pair: &Value| Some([pair.get(0)?.as_f64()?, pair.get(1)?.as_f64()?]);
        let pairs = pairs.into_iter().flatten().filter_map(point);
        all.push(series(row.name, "dots", pairs));
    }
    all
}

/// The pairs of rows after the first, against that.
fn trade_off(measured: &Measured, published: &[[f64; 3]]) -> Vec<Value> {
    let of = |row: usize, field: &str| number(measured.rows.get(row)?.as_ref()?, field);
    let percent = |row, base, field: &str| {
        let other = of(base, field).filter(|other| *other > 0.0)?;
        Some(of(row, field)? / other * 100.0)
    };
    let ours = |field: &'static str| {
        let point =
            |row| Some([percent(row + 1, 1, "first_detect_ms.p50")?, percent(row, 0, field)?]);
        (2..measured.rows.len()).step_by(2).filter_map(point).collect::<Vec<_>>()
    };
    let theirs = |of: fn(&[f64; 3]) -> [f64; 2]| published.iter().map(of);
    vec![
        series("all, ours", "line", ours("false_positives_steady")),
        series("all, published", "dots", theirs(|[time, all, _]| [*time, *all])),
        series("by healthy nodes, ours", "dashes", ours("false_positives_steady_healthy")),
        series("by healthy nodes, published", "dots", theirs(|[time, _, well]| [*time, *well])),
    ]
}

fn outcomes(measured: &Measured) -> impl Iterator<Item = &Outcome> {
    measured.rows.iter().flatten()
}

fn number(outcome: &Outcome, field: &str) -> Option<f64> {
    find(&outcome.documents, field)?.as_f64()
}

const fn published(figure: &Expected) -> Option<f64> {
    match figure.value {
        rows::Value::Near { published, .. }
        | rows::Value::Percent { published, .. }
        | rows::Value::Within { published, .. } => Some(published),
        rows::Value::AtLeast(_)
        | rows::Value::AtMost(_)
        | rows::Value::NoneAbove(_)
        | rows::Value::Exactly(_)
        | rows::Value::Holds
        | rows::Value::PercentOfRow { .. } => None,
    }
}

fn series(label: &str, mark: &str, points: impl IntoIterator<Item = [f64; 2]>) -> Value {
    let points: Vec<_> = points.into_iter().collect();
    json!({"label": label, "mark": mark, "points": points})
}

fn points_of(series: &Value) -> &[Value] {
    series.get("points").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
