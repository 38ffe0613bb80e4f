//! Whether a figure is what was published.

use serde_json::Value as Json;

use super::rows::{Expected, Row, Value};

/// A figure, ours and theirs, as the page shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) field: &'static str,
    pub(super) ours: String,
    pub(super) published: String,
    pub(super) tolerance: String,
    pub(super) holds: bool,
}

/// How many standard errors a row of fewer runs than it names may be off beside the tolerance: with a
/// hundred figures, one in a hundred such pages has a false alarm.
const SIGMAS: f64 = 4.0;

/// All figures of a row; `wide` when it took fewer runs than it names. A figure that the command does
/// not tell does not hold.
pub(super) fn all(row: &Row, documents: &[Json], rows: &[&[Json]], wide: bool) -> Vec<Verdict> {
    row.figures.iter().map(|expected| judge(*expected, documents, rows, wide)).collect()
}

/// The first document's field of this path, in which dots lead into fields of fields.
pub(super) fn find<'a>(documents: &'a [Json], path: &str) -> Option<&'a Json> {
    documents
        .iter()
        .find_map(|document| path.split('.').try_fold(document, |value, field| value.get(field)))
}

fn judge(
    Expected { field, value }: Expected,
    documents: &[Json],
    rows: &[&[Json]],
    wide: bool,
) -> Verdict {
    let found = find(documents, field);
    let number = if matches!(value, Value::NoneAbove(_)) {
        let all = documents.iter().filter_map(|document| document.get(field)?.as_f64());
        all.reduce(f64::max)
    } else {
        found.and_then(Json::as_f64)
    };
    let error = find(documents, &format!("standard_errors.{field}")).and_then(Json::as_f64);
    let slack = if wide { SIGMAS * error.unwrap_or(0.0) } else { 0.0 };
    // Few runs may miss nobody at all, which tells no error: whom they miss are rare events (Poisson).
    let hosts = ["nodes", "runs"].map(|name| find(documents, name).and_then(Json::as_f64));
    let hosts = hosts.into_iter().collect::<Option<Vec<_>>>().map(|sizes| sizes.iter().product());
    let rare = |bound: f64| match hosts {
        Some(hosts) if wide && field == "residue" => slack.max(SIGMAS * rare(bound, hosts)),
        _ => slack,
    };
    let within = |from: f64, to: f64| {
        number.is_some_and(|number| (from - rare(from)..=to + rare(to)).contains(&number))
    };
    let (published, tolerance, holds) = match value {
        Value::Near { published, tolerance } => {
            let holds = within(published - tolerance, published + tolerance);
            (text(published), format!("± {}", text(tolerance)), holds)
        }
        Value::Percent { published, tolerance } => {
            let off = published * tolerance / 100.0;
            (text(published), format!("± {tolerance} %"), within(published - off, published + off))
        }
        Value::Within { published, from, to } => {
            (text(published), format!("{} to {}", text(from), text(to)), within(from, to))
        }
        Value::NoneAbove(most) => {
            (format!("none above {}", text(most)), String::new(), within(f64::MIN, most))
        }
        Value::AtMost(most) => (format!("≤ {}", text(most)), String::new(), within(f64::MIN, most)),
        Value::AtLeast(least) => {
            (format!("≥ {}", text(least)), String::new(), within(least, f64::MAX))
        }
        Value::PercentOfRow { row, published, from, to } => {
            let other = rows.get(row).copied().unwrap_or_default();
            return share(field, [documents, other], published, (from, to));
        }
        Value::Exactly(exact) => (text(exact), "exact".into(), number == Some(exact)),
        Value::Holds => {
            return test(
                field,
                found,
                find(documents, "conditional.p_value"),
                find(documents, "conditional.drift"),
            );
        }
    };
    let ours = match (number, error) {
        (None, _) => "nothing".into(),
        (Some(number), Some(error)) if error > 0.0 => {
            format!("{} ± {}", digits(number, error), digits(error, error))
        }
        (Some(number), _) => text(number),
    };
    let slack = (slack > 0.0).then(|| format!("{SIGMAS} standard errors"));
    let parts = [Some(tolerance).filter(|tolerance| !tolerance.is_empty()), slack];
    let tolerance = parts.into_iter().flatten().collect::<Vec<_>>().join(", and ");
    Verdict { field, ours, published, tolerance, holds }
}

/// The standard error of the share that so many hosts show of what has this chance.
fn rare(chance: f64, hosts: f64) -> f64 {
    (chance.max(0.0) / hosts).sqrt()
}

/// A row beside another one.
fn share(
    field: &'static str,
    documents: [&[Json]; 2],
    published: f64,
    (from, to): (f64, f64),
) -> Verdict {
    let [ours, other] = documents.map(|documents| find(documents, field).and_then(Json::as_f64));
    let share = ours.zip(other).filter(|(_, other)| *other > 0.0);
    let share = share.map(|(ours, other)| ours / other * 100.0);
    let tolerance = if from > 0.0 {
        format!("{} to {} %", text(from), text(to))
    } else {
        format!("≤ {} %", text(to))
    };
    Verdict {
        field,
        ours: share.map_or_else(|| "nothing".into(), |share| format!("{} %", text(share))),
        published: format!("{} %", text(published)),
        tolerance,
        holds: share.is_some_and(|share| (from..=to).contains(&share)),
    }
}

fn test(
    field: &'static str,
    found: Option<&Json>,
    p_value: Option<&Json>,
    drift: Option<&Json>,
) -> Verdict {
    let number =
        |value: Option<&Json>| value.and_then(Json::as_f64).map_or_else(|| "nothing".into(), text);
    Verdict {
        field,
        ours: format!("worst step p = {}, drift {} σ", number(p_value), number(drift)),
        published: "the law".into(),
        tolerance: "doubted in 1 of 100".into(),
        holds: found.and_then(Json::as_bool) == Some(true),
    }
}

/// A number to four significant digits.
pub(super) fn text(number: f64) -> String {
    if number == 0.0 {
        return "0".into();
    }
    if number.abs() < 1e-3 {
        let text = format!("{number:.2e}");
        let (head, power) = text.split_once('e').unwrap_or((&text, "0"));
        let head = trimmed(head);
        return format!("{head}e{power}");
    }
    let decimals = (3.0 - number.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    trimmed(&format!("{number:.decimals$}")).to_owned()
}

/// A number to the digits that an error leaves.
fn digits(number: f64, error: f64) -> String {
    if error < 1e-5 {
        return text(number);
    }
    let decimals = (1.0 - error.log10().floor()).clamp(0.0, 7.0) as usize;
    format!("{number:.decimals$}")
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(value: Value, ours: f64, wide: bool) -> bool {
        let documents = [json!({"m": ours, "standard_errors": {"m": 0.1}})];
        judge(Expected { field: "m", value }, &documents, &[], wide).holds
    }

    #[test]
    fn figures_hold_within_their_tolerance_and_not_beyond() {
        let near = Value::Near { published: 2.0, tolerance: 0.5 };
        assert!(holds(near, 2.5, false) && holds(near, 1.5, false));
        assert!(!holds(near, 2.51, false) && !holds(near, 1.49, false));
        assert!(holds(near, 2.89, true) && !holds(near, 2.91, true), "four standard errors more");
        let percent = Value::Percent { published: 2.0, tolerance: 5.0 };
        assert!(holds(percent, 2.1, false) && !holds(percent, 2.11, false));
        assert!(holds(Value::AtMost(1.0), 1.0, false) && !holds(Value::AtMost(1.0), 1.01, false));
        assert!(holds(Value::AtLeast(1.0), 1.0, false) && !holds(Value::AtLeast(1.0), 0.99, false));
        assert!(holds(Value::Exactly(0.0), 0.0, true) && !holds(Value::Exactly(0.0), 1e-9, true));
        let within = Value::Within { published: 4.0, from: 2.0, to: 8.0 };
        assert!(holds(within, 2.0, false) && !holds(within, 8.1, false));
    }

    #[test]
    fn the_worst_of_a_sweep_counts() {
        let documents = [json!({"residue": 0.0}), json!({"residue": 0.2}), json!({"fit": {}})];
        let judge = |most| {
            let value = Value::NoneAbove(most);
            judge(Expected { field: "residue", value }, &documents, &[], false).holds
        };
        assert!(judge(0.2) && !judge(0.1));
    }

    #[test]
    fn rows_are_held_against_another() {
        let (first, second) = ([json!({"m": 200.0})], [json!({"m": 3.0})]);
        let judge = |row, to| {
            let value = Value::PercentOfRow { row, published: 1.5, from: 1.0, to };
            judge(Expected { field: "m", value }, &second, &[&first], false)
        };
        assert!(judge(0, 1.5).holds && !judge(0, 1.4).holds && !judge(1, 9.0).holds);
        assert_eq!(judge(0, 1.5).ours, "1.5 %");
    }

    #[test]
    fn few_runs_may_miss_nobody() {
        let value = Value::Within { published: 4e-6, from: 2e-6, to: 8e-6 };
        let judge = |ours: f64, wide: bool| {
            let documents = [json!({"residue": ours, "nodes": 1_000, "runs": 100})];
            judge(Expected { field: "residue", value }, &documents, &[], wide).holds
        };
        assert!(judge(0.0, true) && judge(4e-5, true), "none and four where 0.4 are expected");
        assert!(!judge(6e-5, true) && !judge(0.0, false));
    }

    #[test]
    fn what_was_not_told_does_not_hold() {
        let expected = Expected { field: "m", value: Value::AtMost(1.0) };
        assert!(!judge(expected, &[json!({"n": 1})], &[], false).holds);
        let test = Expected { field: "conditional.holds", value: Value::Holds };
        assert!(!judge(test, &[json!({"conditional": {"holds": false}})], &[], false).holds);
        assert!(judge(test, &[json!({"conditional": {"holds": true}})], &[], false).holds);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(text(0.18), "0.18");
        assert_eq!(text(4e-6), "4e-6");
        assert_eq!(text(16.0), "16");
        assert_eq!(text(100_000.0), "100000");
        assert_eq!(digits(0.036_91, 0.000_21), "0.03691");
    }
}
