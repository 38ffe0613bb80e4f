//! What a scenario found, in the form that people, scripts and reports read.

use serde_json::{Map, Value};

use super::figure::{Figure, Scale};

/// What the runs of one configuration came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The fields of the scenario's JSON.
    pub(crate) fields: Map<String, Value>,
    /// Its results that are one number each, the most important first.
    pub(crate) measures: Vec<Measure>,
    /// What else is worth a sentence.
    pub(crate) notes: Vec<String>,
    /// Its results that are many.
    pub(crate) tables: Vec<Table>,
    pub(crate) figures: Vec<Figure>,
    /// What must not be and was; empty when all is well.
    pub(crate) problems: Vec<String>,
}

/// A mean over runs, or a count of all of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measure {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// The standard error, where it is a mean.
    pub(crate) error: Option<f64>,
    /// What it says, with its unit, in a few words.
    pub(crate) about: &'static str,
    /// How it is drawn when it is one of many.
    pub(crate) scale: Scale,
}

/// Rows of numbers under heads; perhaps with a bar in each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) heads: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// A head, and how full the bar of each row is, from 0 to 1.
    pub(crate) bars: Option<(String, Vec<f64>)>,
}

impl Measure {
    /// A count, or anything else without an error.
    pub(crate) const fn exact(name: &'static str, value: f64, about: &'static str) -> Self {
        Self { name, value, error: None, about, scale: Scale::Linear }
    }

    /// The mean of a sample.
    pub(crate) fn mean(name: &'static str, sample: &Sample, about: &'static str) -> Self {
        let (value, error) = (sample.mean(), Some(sample.standard_error()));
        Self { name, value, error, about, scale: Scale::Linear }
    }

    /// Drawn on a logarithmic axis.
    pub(crate) fn logarithmic(self) -> Self {
        Self { scale: Scale::Logarithmic, ..self }
    }
}

/// Mean and spread of numbers that come one after the other (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Sample {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let off = value - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (value - self.mean);
    }

    /// 0 when there is nothing.
    pub(crate) const fn mean(&self) -> f64 {
        self.mean
    }

    /// How far the mean is off, as one standard deviation of it; 0 for less than two values.
    pub(crate) fn standard_error(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let count = self.count as f64;
        (self.squares / (count - 1.0) / count).sqrt()
    }
}

/// The smallest value that is not exceeded by so many of a hundred.
pub(crate) fn quantile(sorted: &[u64], percent: usize) -> u64 {
    per_mille(sorted, percent * 10)
}

/// The smallest value that is not exceeded by so many of a thousand.
pub(crate) fn per_mille(sorted: &[u64], share: usize) -> u64 {
    let place = (sorted.len() * share).div_ceil(1_000).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_know_their_mean_and_error() {
        let mut sample = Sample::default();
        assert_eq!((sample.mean(), sample.standard_error()), (0.0, 0.0));
        for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            sample.add(value);
        }
        assert_eq!(sample.mean(), 5.0);
        // Squares of 32 in all, so a variance of 32/7, shared by 8.
        assert!((sample.standard_error() - (32.0_f64 / 7.0 / 8.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_values() {
        let values: Vec<_> = (1..=100).collect();
        assert_eq!([50, 99, 100].map(|percent| quantile(&values, percent)), [50, 99, 100]);
        assert_eq!([500, 990, 999].map(|share| per_mille(&values, share)), [50, 99, 100]);
        assert_eq!((quantile(&[7], 50), quantile(&[], 50)), (7, 0));
    }
}
