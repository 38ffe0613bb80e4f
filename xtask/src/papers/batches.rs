//! Rows that take an hour go in batches, each kept when it is finished: run number i has the seed plus
//! i, so batches of seeds that follow one another are the runs of one command.

use serde_json::{Map, Value, json};

use super::rows::Row;

/// Runs per batch: of 100,000 nodes some minutes on two cores (measured).
const RUNS: u64 = 20;

/// The runs of a row that go together, as seed and number of runs.
pub(super) fn of(row: &Row, seed: u64, runs: u64) -> Vec<(u64, u64)> {
    if !row.is_huge() || row.is_sweep() {
        return vec![(seed, runs)];
    }
    (0..runs).step_by(RUNS as usize).map(|done| (seed + done, RUNS.min(runs - done))).collect()
}

/// What one command of all runs would have told, of what the commands of each batch told: sums of
/// runs, the largest of what is called a maximum, means, and their standard errors. What cannot be
/// told from these is left out.
pub(super) fn pool(batches: Vec<Vec<Value>>) -> Vec<Value> {
    if let [_] = &*batches {
        return batches.into_iter().flatten().collect();
    }
    let documents: Vec<_> = batches.iter().filter_map(|batch| batch.first()?.as_object()).collect();
    let Some(first) = documents.first() else { return Vec::new() };
    let runs: f64 = documents.iter().map(|document| number(document, "runs")).sum();
    let (mut pooled, mut errors) = (Map::new(), Map::new());
    for (name, value) in *first {
        let Some(here) = value.as_f64() else { continue };
        let values = || documents.iter().map(|document| number(document, name));
        let value = if name == "runs" {
            runs
        } else if name.ends_with("_max") {
            values().fold(here, f64::max)
        } else if let Some(error) = pooled_error(&documents, name, runs) {
            errors.insert(name.clone(), json!(error));
            mean(&documents, name, runs)
        } else if values().all(|other| other.to_bits() == here.to_bits()) {
            here
        } else {
            continue;
        };
        pooled.insert(name.clone(), json!(value));
    }
    pooled.insert("standard_errors".into(), errors.into());
    vec![pooled.into()]
}

fn number(document: &Map<String, Value>, name: &str) -> f64 {
    document.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

fn mean(documents: &[&Map<String, Value>], name: &str, runs: f64) -> f64 {
    let sum: f64 = documents.iter().map(|it| number(it, name) * number(it, "runs")).sum();
    sum / runs
}

/// The standard error of the mean of all runs: from the spread within batches, and among them.
fn pooled_error(documents: &[&Map<String, Value>], name: &str, runs: f64) -> Option<f64> {
    let mean = mean(documents, name, runs);
    let squares: Option<Vec<f64>> = documents
        .iter()
        .map(|document| {
            let error = document.get("standard_errors")?.get(name)?.as_f64()?;
            let (runs, off) = (number(document, "runs"), number(document, name) - mean);
            Some(error * error * runs * (runs - 1.0) + runs * off * off)
        })
        .collect();
    let squares: f64 = squares?.iter().sum();
    Some((squares / (runs * (runs - 1.0))).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::papers::rows::TABLES;

    #[test]
    fn batches_are_the_runs_of_one_command() {
        let rows = || TABLES.iter().flat_map(|table| table.rows);
        let many = rows().filter(|row| of(row, 1, row.runs).len() > 1).count();
        assert_eq!(many, 1, "K3 at 100,000 nodes");
        for row in rows() {
            let mut next = 1;
            for (seed, runs) in of(row, 1, row.runs) {
                assert_eq!(seed, next);
                next += runs;
            }
            assert_eq!(next, 1 + row.runs);
        }
    }

    /// Values of eight runs, as three batches and as one.
    #[test]
    fn pooled_batches_tell_what_one_would() {
        let values = [1.0, 4.0, 2.0, 8.0, 5.0, 7.0, 3.0, 3.0_f64];
        let document = |values: &[f64]| {
            let runs = values.len() as f64;
            let mean = values.iter().sum::<f64>() / runs;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let error = (squares / (runs * (runs - 1.0))).sqrt();
            let most = values.iter().copied().fold(0.0, f64::max);
            vec![json!({
                "m": mean, "m_max": most, "nodes": 9.0, "per_cycle": [], "runs": runs,
                "standard_errors": { "m": error },
            })]
        };
        let (first, rest) = values.split_at(3);
        let (second, third) = rest.split_at(3);
        let pooled = pool([first, second, third].map(document).to_vec());
        let whole = document(&values);
        assert_eq!(pooled.len(), 1);
        let (pooled, whole) = (&pooled[0], &whole[0]);
        let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-12;
        for name in ["m", "m_max", "nodes", "runs"] {
            assert!(near(&pooled[name], &whole[name]), "{name}: {pooled} {whole}");
        }
        assert!(near(&pooled["standard_errors"]["m"], &whole["standard_errors"]["m"]));
        assert_eq!(pooled.get("per_cycle"), None);
    }

    #[test]
    fn one_batch_is_left_as_it_is() {
        let documents = vec![json!({"per_cycle": [1]}), json!({"fit": {}})];
        assert_eq!(pool(vec![documents.clone()]), documents);
    }
}
