//! A picture as data: what is drawn, tabulated beside it, and laid over the same picture of another
//! configuration.

use serde::{Deserialize, Serialize};

/// One picture with its axes and its lines.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// What pictures of several configurations are matched by; letters and dashes.
    pub(crate) id: String,
    pub(crate) title: String,
    /// What is to be seen, in a sentence: it stands below the picture, and in place of it for
    /// whoever cannot see it.
    pub(crate) about: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// What a direction of a picture means.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Axis {
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) scale: Scale,
}

/// How values become places.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scale {
    /// Equal distances are equal differences.
    #[default]
    Linear,
    /// Equal distances are equal ratios. A value of zero lies at the lower end.
    Logarithmic,
}

/// Points that belong together.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Series {
    pub(crate) label: String,
    pub(crate) mark: Mark,
    /// In the order in which a line connects them.
    pub(crate) points: Vec<[f64; 2]>,
}

/// How points are shown.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    /// A line with the ground below it filled.
    Area,
    /// A bar for each.
    Bars,
    /// A line of dashes.
    Dashes,
    /// A dot for each, and nothing between them.
    Dots,
    /// A line.
    Line,
}

impl Axis {
    pub(crate) fn linear(label: &str) -> Self {
        Self { label: label.into(), scale: Scale::Linear }
    }

    pub(crate) fn logarithmic(label: &str) -> Self {
        Self { label: label.into(), scale: Scale::Logarithmic }
    }
}

impl Series {
    pub(crate) fn new(
        label: impl Into<String>,
        mark: Mark,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points = points.into_iter().map(|(x, y)| [x, y]).collect();
        Self { label: label.into(), mark, points }
    }
}

/// The same pictures of several configurations as one each, their lines named by the
/// configuration. What would hide others becomes a line.
pub(crate) fn overlaid(configurations: &[(String, Vec<Figure>)]) -> Vec<Figure> {
    let [(_, only)] = configurations else {
        let mut merged: Vec<Figure> = Vec::new();
        for (label, figures) in configurations {
            for figure in figures {
                let mut named = named(figure, label);
                for series in &mut named {
                    let crowd = series.mark == Mark::Bars && configurations.len() > 2;
                    if series.mark == Mark::Area || crowd {
                        series.mark = Mark::Line;
                    }
                }
                match merged.iter_mut().find(|other| other.id == figure.id) {
                    Some(other) => other.series.extend(named),
                    None => merged.push(Figure { series: named, ..figure.clone() }),
                }
            }
        }
        return merged;
    };
    only.clone()
}

fn named(figure: &Figure, configuration: &str) -> Vec<Series> {
    let alone = figure.series.len() == 1;
    let name = |series: &Series| {
        if alone { configuration.into() } else { format!("{configuration}: {}", series.label) }
    };
    figure.series.iter().map(|series| Series { label: name(series), ..series.clone() }).collect()
}

/// A figure's numbers: a row per x, a column per series, gaps where a series has no such x.
pub(crate) fn rows(figure: &Figure) -> Vec<(f64, Vec<Option<f64>>)> {
    let mut xs: Vec<f64> =
        figure.series.iter().flat_map(|series| &series.points).map(|[x, _]| *x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let at = |series: &Series, x: f64| {
        let found = series.points.iter().rfind(|[other, _]| other.total_cmp(&x).is_eq());
        found.map(|[_, y]| *y)
    };
    let row = |x: f64| (x, figure.series.iter().map(|series| at(series, x)).collect());
    xs.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(lines: &[&str]) -> Figure {
        let series = lines.iter().map(|line| Series::new(*line, Mark::Line, [(1.0, 2.0)]));
        Figure {
            id: "a".into(),
            title: String::new(),
            about: String::new(),
            x: Axis::linear("x"),
            y: Axis::linear("y"),
            series: series.collect(),
        }
    }

    #[test]
    fn pictures_of_two_configurations_are_one() {
        let alone = overlaid(&[("one".into(), vec![figure(&["u", "v"])])]);
        assert_eq!(alone, [figure(&["u", "v"])]);
        let both = overlaid(&[
            ("one".into(), vec![figure(&["u", "v"])]),
            ("two".into(), vec![figure(&["u"])]),
        ]);
        assert_eq!(both, [figure(&["one: u", "one: v", "two"])]);
    }

    #[test]
    fn tables_have_gaps_where_nothing_was_measured() {
        let mut both = figure(&["u", "v"]);
        both.series[1].points = vec![[0.5, 7.0]];
        assert_eq!(rows(&both), [(0.5, vec![None, Some(7.0)]), (1.0, vec![Some(2.0), None])]);
    }
}
