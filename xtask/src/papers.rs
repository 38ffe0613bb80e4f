//! `cargo xtask papers`: published figures against ours, measured by `gossip-cli sim` alone.
//!
//! What is compared is a table of data ([`rows`]). Results of finished commands are kept under
//! target/, so that a run that was ended goes on where it was.

mod batches;
mod measure;
mod page;
mod picture;
mod rows;
mod verdict;

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

pub(crate) use self::measure::Simulator;
use self::rows::{Row, TABLES, Table};
use self::verdict::Verdict;
use crate::program::root;

/// Where the page and its pictures are, from the workspace's root.
const PAGE: &str = "docs/papers.md";
const PICTURES: &str = "docs/papers";

/// A table with what came of its rows; a row that was left out has nothing.
#[derive(Debug)]
struct Measured {
    table: &'static Table,
    /// Whether it was to be measured: others stay on the page as they are.
    chosen: bool,
    rows: Vec<Option<Outcome>>,
}

/// A row with what was measured, or why nothing was.
#[derive(Debug)]
struct Outcome {
    command: String,
    documents: Vec<Value>,
    verdicts: Vec<Verdict>,
    failure: Option<String>,
}

impl Outcome {
    fn is_good(&self) -> bool {
        self.failure.is_none() && self.verdicts.iter().all(|verdict| verdict.holds)
    }
}

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Wanted {
    effort: Effort,
    /// Measures nothing: the page of what earlier runs have finished.
    finished: bool,
    /// The tables to measure; none named: all.
    only: Vec<&'static str>,
}

impl Wanted {
    fn of(mut rest: &[String]) -> Result<Self> {
        let mut wanted = Self { effort: Effort::Full, finished: false, only: Vec::new() };
        if let [before @ .., last] = rest
            && last == "--finished"
        {
            (wanted.finished, rest) = (true, before);
        }
        if let [before @ .., only, names] = rest
            && only == "--only"
        {
            let known = |name: &str| {
                let all = || TABLES.iter().map(|table| table.id);
                all().find(|id| *id == name).with_context(|| {
                    format!("no table `{name}`; there are {}", all().collect::<Vec<_>>().join(", "))
                })
            };
            wanted.only = names.split(',').map(known).collect::<Result<_>>()?;
            rest = before;
        }
        wanted.effort = Effort::of(rest)?;
        Ok(wanted)
    }

    fn chooses(&self, table: &Table) -> bool {
        self.only.is_empty() || self.only.contains(&table.id)
    }
}

/// How much time the page may take.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Effort {
    /// As many runs as each row names.
    Full,
    /// A look: few runs, and nothing that is large.
    Quick,
    /// No row takes more runs than this.
    AtMost(u64),
}

impl Effort {
    fn of(rest: &[String]) -> Result<Self> {
        match rest {
            [] => Ok(Self::Full),
            [one] if one == "--quick" => Ok(Self::Quick),
            [one, runs] if one == "--at-most" => {
                let runs = runs.parse().ok().filter(|runs| *runs > 0);
                runs.map(Self::AtMost).context("--at-most takes a number of runs, 1 or more")
            }
            _ => bail!(
                "it takes --quick, --at-most RUNS or nothing, then --only TABLE,.. or nothing, then --finished or nothing, \
                 and got `{}`",
                rest.join(" ")
            ),
        }
    }

    fn runs(self, row: &Row) -> u64 {
        match self {
            Self::Full => row.runs,
            Self::Quick => row.quick,
            Self::AtMost(most) if row.is_huge() => row.runs.min(huge(most)),
            Self::AtMost(most) => row.runs.min(most),
        }
    }
}

/// How many runs a row of 100,000 nodes takes where others take at most so many: it needs a hundred
/// times as long as one of 1,000.
const fn huge(most: u64) -> u64 {
    if most / 20 > 3 { most / 20 } else { 3 }
}

/// Measures everything, or the tables that are asked for, and writes the page.
pub(crate) fn papers(rest: &[String]) -> Result<()> {
    let wanted = Wanted::of(rest)?;
    let simulator = Simulator::build()?;
    let begun = Instant::now();
    let empty = |table: &'static Table| {
        let rows = table.rows.iter().map(|_| None).collect();
        Measured { table, chosen: wanted.chooses(table), rows }
    };
    let mut tables: Vec<_> = TABLES.iter().map(empty).collect();
    let chosen = || TABLES.iter().filter(|table| wanted.chooses(table));
    let count: usize = chosen().map(|table| table.rows.len()).sum();
    let mut number = 0;
    // What takes hours comes last.
    for huge in [false, true] {
        for Measured { table, rows, .. } in tables.iter_mut().filter(|measured| measured.chosen) {
            let mut title = Some(table.title);
            for (index, row) in table.rows.iter().enumerate() {
                if row.is_huge() != huge {
                    continue;
                }
                if let Some(title) = title.take() {
                    println!("\n{title}");
                }
                number += 1;
                let before: Vec<_> = rows.iter().map(|outcome| told(outcome.as_ref())).collect();
                let place = format!("[{number}/{count}]");
                let outcome = measure(&simulator, row, &wanted, &before, &place)?;
                if let Some(slot) = rows.get_mut(index) {
                    *slot = outcome;
                }
            }
        }
    }
    fs::create_dir_all(root().join(PICTURES)).context("cannot make the folder of pictures")?;
    for measured in tables.iter().filter(|measured| measured.chosen) {
        if let Some(figure) = picture::figure(measured) {
            let path = root().join(PICTURES).join(format!("{}.svg", measured.table.id));
            let drawn = simulator.plot(&figure)?;
            fs::write(&path, drawn).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    let before = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    fs::write(root().join(PAGE), page::page(&tables, &wanted, simulator.build_name(), &before))
        .with_context(|| format!("writing {PAGE}"))?;
    summary(&tables, begun.elapsed().as_secs_f64())
}

fn command(row: &Row, seed: u64, runs: u64) -> String {
    format!("sim {} --runs {runs} --seed {seed}", row.command)
}

/// What a row's command printed.
fn told(outcome: Option<&Outcome>) -> &[Value] {
    outcome.map_or(&[][..], |outcome| &outcome.documents)
}

/// A row as far as it is to be measured: of what is finished alone, or all of it.
fn measure(
    simulator: &Simulator,
    row: &'static Row,
    Wanted { effort, finished, .. }: &Wanted,
    before: &[&[Value]],
    place: &str,
) -> Result<Option<Outcome>> {
    let mut batches = batches::of(row, SEED, effort.runs(row));
    if *finished {
        // Fewer runs than asked for are told as such, with wider tolerances.
        let has = |(seed, runs): &(u64, u64)| simulator.has(&command(row, *seed, *runs));
        batches = batches.into_iter().take_while(has).collect();
    }
    if *finished && batches.is_empty() {
        println!("  {place} {:<16} left out: no run has finished it", row.name);
        return Ok(None);
    }
    run(simulator, row, &batches, before, place)
}

fn run(
    simulator: &Simulator,
    row: &'static Row,
    batches: &[(u64, u64)],
    before: &[&[Value]],
    place: &str,
) -> Result<Option<Outcome>> {
    let runs: u64 = batches.iter().map(|(_, runs)| runs).sum();
    if runs == 0 {
        println!("  {place} {:<16} left out: too large for a quick run", row.name);
        return Ok(None);
    }
    let whole = command(row, SEED, runs);
    println!("  {place} {:<16} gossip-cli {whole}", row.name);
    let begun = Instant::now();
    let mut measured = Vec::new();
    let commands = batches.iter().map(|(seed, runs)| command(row, *seed, *runs));
    let done = commands.enumerate().try_for_each(|(done, command)| {
        if batches.len() > 1 && !simulator.has(&command) {
            println!("          batch {} of {}: gossip-cli {command}", done + 1, batches.len());
        }
        measured.push(simulator.run(&command)?);
        Ok(())
    });
    let outcome = match done {
        Ok(()) => {
            let documents = batches::pool(measured);
            let verdicts = verdict::all(row, &documents, before, runs < row.runs);
            Outcome { command: whole, documents, verdicts, failure: None }
        }
        Err(error) if measure::was_interrupted(&error) => return Err(error),
        Err(error) => Outcome {
            command: whole,
            documents: Vec::new(),
            verdicts: Vec::new(),
            failure: Some(format!("{error:#}")),
        },
    };
    for verdict in &outcome.verdicts {
        let Verdict { field, ours, published, tolerance, holds } = verdict;
        let mark = if *holds { "ok" } else { "FAILED" };
        println!("          {field:<20} {ours:<24} published {published} ({tolerance}): {mark}");
    }
    if let Some(failure) = &outcome.failure {
        println!("          FAILED: {failure}");
    }
    println!("          {:.1} s", begun.elapsed().as_secs_f64());
    Ok(Some(outcome))
}

/// Every command begins with it.
const SEED: u64 = 1;

fn summary(tables: &[Measured], seconds: f64) -> Result<()> {
    let rows = || tables.iter().flat_map(|measured| measured.table.rows.iter().zip(&measured.rows));
    let done = rows().filter(|(_, outcome)| outcome.is_some()).count();
    let bad = |(row, outcome): (&'static Row, &Option<Outcome>)| {
        outcome.as_ref().is_some_and(|outcome| !outcome.is_good()).then_some(row)
    };
    let failed: Vec<_> = rows().filter_map(bad).collect();
    println!("\n{} of {done} rows hold, {seconds:.0} s; {PAGE} has them all", done - failed.len());
    let names: Vec<_> =
        failed.iter().map(|row| format!("{} ({})", row.name, row.command)).collect();
    ensure!(failed.is_empty(), "these do not hold: {}", names.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effort(text: &str) -> Result<Effort> {
        Effort::of(&Vec::from_iter(text.split_whitespace().map(String::from)))
    }

    #[test]
    fn no_row_takes_more_runs_than_asked_for() {
        let rows = || TABLES.iter().flat_map(|table| table.rows);
        let most = effort("--at-most 200").unwrap();
        assert!(rows().all(|row| most.runs(row) <= row.runs.min(200) && most.runs(row) > 0));
        let large: Vec<_> = rows().filter(|row| row.is_huge()).map(|row| most.runs(row)).collect();
        assert_eq!(large, [10, 10, 4], "200 / 20, and no more than the row names");
        assert!(rows().all(|row| !row.is_huge() || Effort::AtMost(1).runs(row) == 3));
        assert_eq!(effort("").unwrap(), Effort::Full);
        assert_eq!(effort("--quick").unwrap(), Effort::Quick);
        let text =
            ["--at-most", "20", "--only", "lifeguard,growth", "--finished"].map(String::from);
        let some = Wanted::of(&text).unwrap();
        assert_eq!((some.only.as_slice(), some.finished), (&["lifeguard", "growth"][..], true));
        assert_eq!(some.effort, Effort::AtMost(20));
        assert_eq!(TABLES.iter().filter(|table| some.chooses(table)).count(), 2);
        assert!(Wanted::of(&["--only", "lifegard"].map(String::from)).is_err());
        let all = Wanted::of(&[]).unwrap();
        assert!(TABLES.iter().all(|table| all.chooses(table)));
        for wrong in ["--at-most", "--at-most 0", "--at-most few", "--fast", "--quick 3"] {
            assert!(effort(wrong).is_err(), "{wrong}");
        }
    }
}
