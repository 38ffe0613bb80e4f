//! docs/papers.md: the tables as people read them.

use std::fmt::Write as _;

use serde_json::Value;

use super::rows::Picture;
use super::verdict::{Verdict, find};
use super::{Effort, Measured, Outcome, PICTURES, huge, picture};

/// The whole page. It says nothing about the time or the machine: the same program writes the same
/// page.
pub(super) fn page(tables: &[Measured], effort: Effort) -> String {
    let mut page = String::from(INTRODUCTION);
    match effort {
        Effort::Full => {}
        Effort::Quick => page += QUICK,
        Effort::AtMost(most) => page += &at_most(most),
    }
    page += &overview(tables);
    for measured in tables {
        page += &section(measured);
    }
    page
}

const INTRODUCTION: &str = "# Published figures, and ours

`cargo xtask papers` writes this page. It builds `gossip-cli`, runs the commands below, and compares what they print with what was
published. They run the production node with its production strategies in virtual time; only signatures are simulated. Each command
is a function of its options and its seed: it prints the same every time on one platform. Run number i has the seed plus i.

Ours is a mean over runs, with its standard error. A tolerance is what the printed digits leave open, and the error of the mean.
[simulator.md](simulator.md) says how to ask questions of your own.

";

const QUICK: &str = "> **This page was made by a quick run**, with few runs and without what is large. Its tolerances are wider by four standard
> errors. `cargo xtask papers` without `--quick` makes the real one.

";

fn at_most(most: u64) -> String {
    format!(
        "> **No row of this page took more than {most} runs**, and none of 100,000 nodes more than {}. Where that is fewer than a row names,
> its tolerances are wider by four standard errors. `cargo xtask papers` alone makes the whole one.\n\n",
        huge(most)
    )
}

fn overview(tables: &[Measured]) -> String {
    let mut text = String::from("| Table | Figures that hold |\n|---|---|\n");
    for Measured { table, rows } in tables {
        let verdicts = || rows.iter().flatten().flat_map(|outcome| &outcome.verdicts);
        let failed = rows.iter().flatten().filter(|outcome| outcome.failure.is_some()).count();
        let (good, all) = (verdicts().filter(|verdict| verdict.holds).count(), verdicts().count());
        let mut cell =
            if good == all { format!("all {all}") } else { format!("**{good} of {all}**") };
        if failed > 0 {
            let _ = write!(cell, ", **{failed} commands failed**");
        }
        if all == 0 && failed == 0 {
            cell = "not measured".into();
        }
        let _ = writeln!(text, "| {} | {cell} |", table.title);
    }
    text + "\n"
}

fn section(measured: &Measured) -> String {
    let Measured { table, rows } = measured;
    let folder = PICTURES.trim_start_matches("docs/");
    let mut text = format!("## {}\n\n{}\n\n", table.title, table.about);
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
