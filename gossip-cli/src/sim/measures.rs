//! Measures of many configurations: as pictures over what was swept, and as laws.

use serde_json::{Map, Value, json};

use super::Scenario;
use super::execute::Finding;
use super::figure::{Axis, Figure, Mark, Scale, Series};
use super::fit::Line;
use super::outcome::Measure;

/// How a measure grows with the number of nodes: a line in the logarithm to base 2.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub(super) measure: &'static str,
    /// Which configurations; empty when there is one line of them.
    pub(super) line: String,
    pub(super) law: Line,
    nodes: Vec<f64>,
    /// How far the point that is farthest from the line is above or below it.
    off: f64,
}

impl Fit {
    /// As scripts read it: the last lines of a sweep.
    pub(super) fn document(&self) -> Map<String, Value> {
        let Self { measure, line, law, off, .. } = self;
        let mut fit = Map::new();
        fit.insert("measure".into(), json!(measure));
        fit.insert("over".into(), json!("log2 nodes"));
        fit.insert("intercept".into(), json!(law.intercept));
        fit.insert("slope".into(), json!(law.slope));
        fit.insert("r_squared".into(), json!(law.r_squared));
        fit.insert("largest_deviation".into(), json!(off));
        if !line.is_empty() {
            fit.insert("label".into(), json!(line));
        }
        Map::from_iter([("fit".to_owned(), Value::Object(fit))])
    }
}

/// The laws that a sweep over the number of nodes shows.
pub(super) fn fits<S: Scenario>(findings: &[Finding<S>]) -> Vec<Fit> {
    let mut fits = Vec::new();
    for measure in S::LOGARITHMIC {
        for line in lines(findings) {
            let points = points(findings, line, measure, |place| place == "nodes");
            let logarithms: Vec<_> = points.iter().map(|(x, y)| (x.log2(), *y)).collect();
            if let Some(law) = Line::through(&logarithms) {
                let nodes = points.iter().map(|(x, _)| *x).collect();
                let off = logarithms.iter().map(|(x, y)| (y - law.at(*x)).abs());
                let off = off.fold(0.0, f64::max);
                fits.push(Fit { measure, line: line.to_owned(), law, nodes, off });
            }
        }
    }
    fits
}

/// What the measures look like over what was swept, and over one another.
pub(super) fn figures<S: Scenario>(findings: &[Finding<S>], fits: &[Fit]) -> Vec<Figure> {
    let Some(option) = findings.iter().find_map(|finding| finding.variant.place.as_ref()) else {
        return Vec::new();
    };
    let option = &option.0;
    let pairs = S::PAIRS.iter().filter_map(|pair| pair_figure(findings, option, *pair));
    let measures = findings.first().map_or(&[][..], |finding| &finding.outcome.measures);
    let single = measures.iter().map(|measure| measure_figure(findings, option, measure, fits));
    pairs.chain(single).filter(says_something).collect()
}

/// Whether anything is to be seen: a measure that is zero everywhere has no picture.
fn says_something(figure: &Figure) -> bool {
    figure.series.iter().flat_map(|series| &series.points).any(|[_, y]| *y != 0.0)
}

fn measure_figure<S: Scenario>(
    findings: &[Finding<S>],
    option: &str,
    measure: &Measure,
    fits: &[Fit],
) -> Figure {
    let mut series = Vec::new();
    let mut law = String::new();
    for line in lines(findings) {
        let points = points(findings, line, measure.name, |place| place == option);
        let fit = fits.iter().find(|fit| fit.measure == measure.name && fit.line == line);
        let label = if line.is_empty() { "measured" } else { line };
        let mark = if fit.is_some() { Mark::Dots } else { Mark::Line };
        series.push(Series::new(label, mark, points));
        if let Some(Fit { law: fitted, nodes, .. }) = fit {
            let label = format!("{:.2} + {:.2} · log₂ N", fitted.intercept, fitted.slope);
            law = format!(" The line explains {:.2} % of the variance.", fitted.r_squared * 100.0);
            let ends = nodes.iter().map(|nodes| (*nodes, fitted.at(nodes.log2())));
            series.push(Series::new(label, Mark::Dashes, ends));
        }
    }
    let x = if option == "nodes" { Axis::logarithmic("nodes") } else { Axis::linear(option) };
    Figure {
        id: format!("{}-over-{option}", measure.name),
        title: format!("{} over {option}", measure.name),
        about: format!("{} for each value of {option}: {}.{law}", measure.name, measure.about),
        x,
        y: Axis { label: measure.name.into(), scale: measure.scale },
        series,
    }
}

fn pair_figure<S: Scenario>(
    findings: &[Finding<S>],
    option: &str,
    (x, y): (&'static str, &'static str),
) -> Option<Figure> {
    let find = |finding: &Finding<S>, name| value(finding, name);
    let series = lines(findings).into_iter().map(|line| {
        let of_line = findings.iter().filter(|finding| finding.variant.line == line);
        let points = of_line.filter_map(|finding| Some((find(finding, x)?, find(finding, y)?)));
        Series::new(if line.is_empty() { y } else { line }, Mark::Line, points)
    });
    let measures = &findings.first()?.outcome.measures;
    let scale = |name| measures.iter().find(|measure| measure.name == name).map(|m| m.scale);
    Some(Figure {
        id: format!("{y}-against-{x}"),
        title: format!("{y} against {x}"),
        about: format!(
            "Each point is a value of {option}: what {y} costs in {x}. Nearer to the lower left corner is better."
        ),
        x: Axis { label: x.into(), scale: Scale::Linear },
        y: Axis { label: y.into(), scale: scale(y)? },
        series: series.collect(),
    })
}

/// Configurations that differ in more than what is swept, in their order.
fn lines<S>(findings: &[Finding<S>]) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    for finding in findings {
        if !lines.contains(&finding.variant.line.as_str()) {
            lines.push(&finding.variant.line);
        }
    }
    lines
}

fn points<S>(
    findings: &[Finding<S>],
    line: &str,
    measure: &str,
    swept: impl Fn(&str) -> bool,
) -> Vec<(f64, f64)> {
    let of_line = findings.iter().filter(|finding| finding.variant.line == line);
    let point = |finding: &Finding<S>| {
        let (option, place) = finding.variant.place.as_ref()?;
        Some((*place, value(finding, measure)?)).filter(|_| swept(option))
    };
    of_line.filter_map(point).collect()
}

fn value<S>(finding: &Finding<S>, name: &str) -> Option<f64> {
    let measures = &finding.outcome.measures;
    measures.iter().find(|measure| measure.name == name).map(|measure| measure.value)
}
