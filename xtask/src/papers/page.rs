//! docs/papers.md: the tables as people read them.

use std::fmt::Write as _;

use serde_json::Value;

use super::rows::Picture;
use super::verdict::{Verdict, find};
use super::{Effort, Measured, Outcome, PICTURES, Wanted, huge, picture};

/// The whole page. It says nothing about the time or the machine: the same program writes the same
/// page. Tables that were not to be measured are taken from the page as it was before.
pub(super) fn page(tables: &[Measured], wanted: &Wanted, build: &str, before: &str) -> String {
    let mut page = String::from(INTRODUCTION);
    let note = match wanted.effort {
        Effort::Full => String::new(),
        Effort::Quick => QUICK.into(),
        Effort::AtMost(most) => at_most(most),
    };
    let is_whole = wanted.only.is_empty();
    if is_whole {
        page += &note;
    }
    page += &overview(tables, build, before);
    for measured in tables {
        page += &match kept_section(measured, before) {
            Some(section) => section,
            None if is_whole || !measured.chosen => section(measured, ""),
            None => section(measured, &note),
        };
    }
    page
}

/// What the page said of a table that was not to be measured.
fn kept_section(measured: &Measured, before: &str) -> Option<String> {
    let head = format!("\n## {}\n", measured.table.title);
    let (_, section) = before.split_once(&head).filter(|_| !measured.chosen)?;
    let section = section.split("\n## ").next().unwrap_or_default();
    Some(format!("## {}\n{}\n\n", measured.table.title, section.trim_end()))
}

/// The same of its line in the overview: how many of its figures hold, and by which build.
fn kept_line(measured: &Measured, before: &str) -> Option<String> {
    let head = format!("| {} | ", measured.table.title);
    let line =
        before.lines().find_map(|line| line.strip_prefix(&head)).filter(|_| !measured.chosen)?;
    let mut cells = line.trim_end_matches('|').split('|').map(str::trim);
    let (holds, build) = (cells.next()?, cells.next().unwrap_or("an earlier one"));
    Some(format!("{head}{holds} | {build} |"))
}

const INTRODUCTION: &str = "# Published figures, and ours

`cargo xtask papers` writes this page. It builds `gossip-cli`, runs the commands below, and compares what they print with what was
published. They run the production node with its production strategies in virtual time; only signatures are simulated. Each command
is a function of its options and its seed: it prints the same every time on one platform. Run number i has the seed plus i.
`--only TABLE,..` measures some tables and leaves the others as they are: tables with the same build in the overview are of one program.

Ours is a mean over runs, with its standard error. A tolerance is what the printed digits leave open, and the error of the mean.
[simulator.md](simulator.md) says how to ask questions of your own.

";

const QUICK: &str = "> **This was made by a quick run**, with few runs and without what is large. Its tolerances are wider by four standard
> errors. `cargo xtask papers` without `--quick` makes the real one.

";

fn at_most(most: u64) -> String {
    format!(
        "> **No row took more than {most} runs**, and none of 100,000 nodes more than {}. Where that is fewer than a row names,
> its tolerances are wider by four standard errors. `cargo xtask papers` alone makes the whole one.\n\n",
        huge(most)
    )
}

fn overview(tables: &[Measured], build: &str, before: &str) -> String {
    let mut text = String::from("| Table | Figures that hold | Build |\n|---|---|---|\n");
    for measured @ Measured { table, rows, .. } in tables {
        if let Some(line) = kept_line(measured, before) {
            let _ = writeln!(text, "{line}");
            continue;
        }
        let verdicts = || rows.iter().flatten().flat_map(|outcome| &outcome.verdicts);
        let failed = rows.iter().flatten().filter(|outcome| outcome.failure.is_some()).count();
        let (good, all) = (verdicts().filter(|verdict| verdict.holds).count(), verdicts().count());
        let mut cell =
            if good == all { format!("all {all}") } else { format!("**{good} of {all}**") };
        if failed > 0 {
            let _ = write!(cell, ", **{failed} commands failed**");
        }
        let mut build = build;
        if all == 0 && failed == 0 {
            (cell, build) = ("not measured".into(), "–");
        }
        let _ = writeln!(text, "| {} | {cell} | {build} |", table.title);
    }
    text + "\n"
}

fn section(measured: &Measured, note: &str) -> String {
    let Measured { table, rows, .. } = measured;
    let folder = PICTURES.trim_start_matches("docs/");
    let mut text = format!("## {}\n\n{note}{}\n\n", table.title, table.about);
    if picture::figure(measured).is_some() {
        let _ = writeln!(text, "![{}]({folder}/{}.svg)\n", table.title, table.id);
    }
    text += "| | Figure | Published | Ours | Tolerance | |\n|---|---|---|---|---|---|\n";
    let mut commands = String::new();
    for (row, outcome) in table.rows.iter().zip(rows) {
        match outcome {
            None => {
                let _ = writeln!(text, "| {} | | | not measured | | |", row.name);
            }
            Some(outcome @ Outcome { failure: None, .. }) => text += &figures(row.name, outcome),
            Some(Outcome { failure: Some(failure), .. }) => {
                let failure = failure.lines().next().unwrap_or_default();
                let _ = writeln!(text, "| {} | | | {failure} | | **failed** |", row.name);
            }
        }
        if let Some(Outcome { command, .. }) = outcome {
            let _ = writeln!(commands, "gossip-cli {command}");
        }
    }
    if matches!(table.picture, Picture::Curve) {
        text += &rounds(rows.iter().flatten().next());
    }
    if !commands.is_empty() {
        let _ = write!(text, "\n```sh\n{commands}```\n");
    }
    text + "\n"
}

/// The rounds of a row, as means over its runs.
fn rounds(outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else { return String::new() };
    let nodes = find(&outcome.documents, "nodes").and_then(Value::as_f64).unwrap_or(0.0);
    let mut text = String::from(
        "\n| Round | Have it | Lack it | Tell it | Sendings |\n|---|---|---|---|---|\n",
    );
    for cycle in picture::cycles(outcome) {
        let field = |name| cycle.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let [number, lack, tell, sent] = ["cycle", "susceptible", "infected", "sent"].map(field);
        let error = field("standard_error");
        let _ = writeln!(
            text,
            "| {number} | {:.2} ± {error:.2} | {lack:.2} | {tell:.1} | {sent:.1} |",
            nodes - lack
        );
    }
    text
}

fn figures(name: &str, outcome: &Outcome) -> String {
    let mut text = String::new();
    for (place, verdict) in outcome.verdicts.iter().enumerate() {
        let Verdict { field, ours, published, tolerance, holds } = verdict;
        let name = if place == 0 { name } else { "" };
        let field = match *field {
            "conditional.holds" => "every step",
            "fit.r_squared" => "r² of the line",
            "fit.largest_deviation" => "cycles off the line",
            plain => plain,
        };
        let mark = if *holds { "holds" } else { "**fails**" };
        let _ =
            writeln!(text, "| {name} | {field} | {published} | {ours} | {tolerance} | {mark} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::rows::TABLES;
    use super::*;

    #[test]
    fn tables_that_are_not_measured_stay_as_they_are() {
        let empty = |table: &'static super::super::Table| Measured {
            table,
            chosen: true,
            rows: table.rows.iter().map(|_| None).collect(),
        };
        let mut tables: Vec<_> = TABLES.iter().map(empty).collect();
        let mut wanted = Wanted { effort: Effort::Full, finished: false, only: vec![TABLES[0].id] };
        let first = page(&tables, &wanted, "abc", "");
        let measured = first.replace("not measured | – |", "all 3 | abc |");
        tables.iter_mut().skip(1).for_each(|table| table.chosen = false);
        let second = page(&tables, &wanted, "def", &measured);
        assert_eq!(second.matches("all 3 | abc |").count(), TABLES.len() - 1);
        assert_eq!(second.replace("all 3 | abc |", "not measured | – |"), first);
        let old = measured.replace(" | abc |", " |");
        assert!(page(&tables, &wanted, "def", &old).contains("all 3 | an earlier one |"));
        wanted.effort = Effort::Quick;
        assert_eq!(page(&tables, &wanted, "def", &measured).matches("quick run").count(), 1);
    }
}
