//! What people see of a simulation at a terminal.

use super::Scenario;
use super::execute::Finding;
use super::measures::Fit;
use super::outcome::{Measure, Table};
use super::scale::number;
use crate::output::{self, BAD, FAINT, GOOD, STRONG, count, paint};

/// Columns of a bar.
const BAR: usize = 32;

/// One configuration: its measures and its tables.
pub(super) fn one<S: Scenario>(finding: &Finding<S>, timing: bool) -> String {
    let Finding { variant, outcome, runs, time } = finding;
    let common = &variant.common;
    let runs = if *runs == 1 { "one run".into() } else { format!("{} runs", count(*runs)) };
    let title = paint(STRONG, &variant.scenario.title(common));
    let rest = paint(FAINT, &format!("{runs}, seed {}", common.seed));
    let mut lines = vec![String::new(), format!("  {title}  {rest}"), String::new()];
    lines.extend(measures(&outcome.measures));
    lines.extend(outcome.notes.iter().map(|note| format!("\n  {}", paint(FAINT, note))));
    for shown in &outcome.tables {
        lines.extend([String::new(), table(shown)]);
    }
    lines.extend(problems(&outcome.problems));
    if timing {
        lines.extend([String::new(), format!("  {}", paint(FAINT, &output::time(*time)))]);
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Many configurations: a row of measures each, and the laws that they follow.
pub(super) fn many<S: Scenario>(findings: &[Finding<S>], fits: &[Fit], timing: bool) -> String {
    let Some(Finding { outcome, .. }) = findings.first() else { return String::new() };
    let title = paint(STRONG, S::ABOUT);
    let rest = paint(FAINT, &format!("{} configurations", findings.len()));
    let names = outcome.measures.iter().map(|measure| measure.name.to_owned());
    let mut heads: Vec<_> = [String::new()].into_iter().chain(names).collect();
    heads.push("runs".into());
    if timing {
        heads.push("time".into());
    }
    let row = |finding: &Finding<S>| {
        let label = finding.variant.label.clone();
        let values = finding.outcome.measures.iter().map(with_error);
        let mut row: Vec<_> = [label].into_iter().chain(values).collect();
        row.push(count(finding.runs));
        if timing {
            row.push(output::time(finding.time));
        }
        row
    };
    let rows = findings.iter().map(row).collect();
    let shown = table(&Table { heads, rows, ..Table::default() });
    let mut lines = vec![String::new(), format!("  {title}  {rest}"), String::new(), shown];
    for Fit { measure, line, law, .. } in fits {
        let of = if line.is_empty() { String::new() } else { format!(" ({line})") };
        let text = format!("{measure} = {:.2} + {:.2} · log₂ N{of}", law.intercept, law.slope);
        let explains = format!("explains {:.2} % of the variance", law.r_squared * 100.0);
        lines.extend([
            String::new(),
            format!("  {}  {}", paint(STRONG, &text), paint(FAINT, &explains)),
        ]);
    }
    lines.extend(findings.iter().flat_map(|finding| problems(&finding.outcome.problems)));
    lines.push(String::new());
    lines.join("\n")
}

fn measures(measures: &[Measure]) -> Vec<String> {
    let width = |of: fn(&Measure) -> usize| measures.iter().map(of).max().unwrap_or(0);
    let names = width(|measure| measure.name.len());
    let values = width(|measure| with_error(measure).chars().count());
    let line = |measure: &Measure| {
        let value = with_error(measure);
        let about = paint(FAINT, measure.about);
        format!("  {:<names$}  {value:<values$}  {about}", measure.name)
    };
    measures.iter().map(line).collect()
}

/// A value with its error, to the digits that the error leaves.
pub(super) fn with_error(measure: &Measure) -> String {
    match measure.error {
        Some(error) if error > 0.0 => {
            let digits = (1.0 - error.log10().floor()).clamp(0.0, 6.0) as usize;
            if error < 1e-5 {
                return format!("{} ± {}", number(measure.value), number(error));
            }
            format!("{:.digits$} ± {error:.digits$}", measure.value)
        }
        _ => number(measure.value),
    }
}

/// A table with numbers to the right, words to the left, and bars.
fn table(table: &Table) -> String {
    let Table { title, heads, rows, bars } = table;
    let wordy = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.into_iter().any(|cell| cell.chars().next().is_some_and(char::is_alphabetic))
    };
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.chain(heads.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns: Vec<_> = (0..heads.len()).map(|column| (width(column), wordy(column))).collect();
    let line = |cells: &[String], bar: Option<String>| {
        let pad = |(cell, (width, wordy)): (&String, &(usize, bool))| {
            if *wordy { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        let mut cells: Vec<_> = cells.iter().zip(&columns).map(pad).collect();
        if let Some(bar) = bar {
            cells.insert(1.min(cells.len()), bar);
        }
        format!("  {}", cells.join("  ")).trim_end().to_owned()
    };
    let head = bars.as_ref().map(|(head, _)| format!("{head:BAR$}"));
    let mut lines: Vec<_> = Some(title)
        .filter(|title| !title.is_empty())
        .map(|title| format!("  {}", paint(STRONG, title)))
        .into_iter()
        .collect();
    lines.push(paint(FAINT, &line(heads, head)));
    for (number, row) in rows.iter().enumerate() {
        let share = bars.as_ref().map(|(_, shares)| shares.get(number).copied().unwrap_or(0.0));
        lines.push(line(row, share.map(bar)));
    }
    lines.join("\n")
}

/// How full something is; whatever there is shows.
fn bar(share: f64) -> String {
    const EIGHTHS: [char; 8] = ['█', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (BAR * 8) as f64).ceil() as usize;
    let mut full = "█".repeat(eighths / 8);
    full.extend(EIGHTHS.get(eighths % 8).filter(|_| !eighths.is_multiple_of(8)));
    let rest = BAR.saturating_sub(full.chars().count());
    format!("{}{}", paint(GOOD, &full), paint(FAINT, &"·".repeat(rest)))
}

fn problems(problems: &[String]) -> Vec<String> {
    problems.iter().map(|problem| format!("  {} {problem}", paint(BAD, "✗"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::figure::Scale;

    #[test]
    fn values_have_the_digits_that_their_error_leaves() {
        let check = |value: f64, error: Option<f64>, text: &str| {
            let measure = Measure { name: "a", value, error, about: "", scale: Scale::Linear };
            assert_eq!(with_error(&measure), text);
        };
        check(0.036_912_3, Some(0.000_21), "0.03691 ± 0.00021");
        check(16.912, Some(0.14), "16.91 ± 0.14");
        check(4.0e-6, Some(1.1e-6), "4·10⁻⁶ ± 1.1·10⁻⁶");
        check(3.0, Some(0.0), "3");
        check(1_234.0, None, "1,234");
    }

    #[test]
    fn tables_align_numbers_and_draw_bars() {
        let rows = vec![vec!["0".into(), "999".into()], vec!["10".into(), "1".into()]];
        let bars = Some(("who".into(), vec![0.0, 1.0]));
        let shown = table(&Table {
            heads: vec!["cycle".into(), "left".into()],
            rows,
            bars,
            ..Table::default()
        });
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], format!("  cycle  who{}  left", " ".repeat(BAR - 3)));
        assert_eq!(lines[1], format!("      0  {}   999", "·".repeat(BAR)));
        assert_eq!(lines[2], format!("     10  {}     1", "█".repeat(BAR)));
    }
}
