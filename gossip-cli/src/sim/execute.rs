//! Carries a simulation out: configuration by configuration, then what people or scripts see.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::{Map, Value, json};

use super::common::Common;
use super::interrupt::Interrupt;
use super::outcome::Outcome;
use super::runner::{self, Stop};
use super::variants::{self, Variant};
use super::{Scenario, limits, measures, report, show};
use crate::args::Global;
use crate::failure::{Exit, Failure};
use crate::output;

/// One configuration and what came of it.
#[derive(Debug)]
pub(super) struct Finding<S> {
    pub(super) variant: Variant<S>,
    pub(super) outcome: Outcome,
    /// How many runs were done; less than asked for when it was stopped.
    pub(super) runs: u64,
    pub(super) time: Duration,
}

/// Simulates what a command line asks for, and tells.
///
/// # Errors
/// When the options do not go together or need too much memory, when something was found that must
/// not be, and when it was stopped before its end.
pub(super) fn execute<S: Scenario>(global: &Global, matches: &ArgMatches) -> anyhow::Result<()> {
    let variants = variants::all::<S>(matches)?;
    for Variant { scenario, common, .. } in &variants {
        scenario.check(common)?;
        limits::threads(1, scenario.world_bytes(common))?;
    }
    let how: Common = clap::FromArgMatches::from_arg_matches(matches)?;
    let report = how.report.as_deref().map(report::Target::open).transpose()?;
    let interrupt = Interrupt::catch()?;
    let mut findings: Vec<Finding<S>> = Vec::new();
    let many = variants.len() > 1;
    for variant in variants {
        let finding = simulate(variant, &how, &interrupt.stop)?;
        let Finding { variant: Variant { common, .. }, runs, .. } = &finding;
        let complete = *runs == common.runs;
        if *runs > 0 && global.json {
            output::json(&document(&finding, how.timing))?;
        } else if *runs > 0 && !many {
            output::line(&show::one(&finding, how.timing))?;
        }
        findings.extend(Some(finding).filter(|finding| finding.runs > 0));
        if !complete {
            break;
        }
    }
    let fits = measures::fits(&findings);
    if global.json {
        fits.iter().try_for_each(|fit| output::json(&fit.document()))?;
    } else if many {
        output::line(&show::many(&findings, &fits, how.timing))?;
    }
    if let Some(target) = report {
        let path = target.write(&report::page(&findings, &fits)?)?;
        output::note(&format!("the report is in {}", path.display()));
    }
    verdict(&findings, &interrupt.stop)
}

/// Whether all went well: the exit code and the words for it.
fn verdict<S>(findings: &[Finding<S>], stop: &Stop) -> anyhow::Result<()> {
    let problems: Vec<_> =
        findings.iter().flat_map(|finding| &finding.outcome.problems).cloned().collect();
    if !problems.is_empty() {
        return Err(Failure::failed(problems.join("\n")));
    }
    if stop.asked() {
        let runs: u64 = findings.iter().map(|finding| finding.runs).sum();
        let text =
            format!("stopped after {} runs; what is shown is of them alone", output::count(runs));
        return Err(Failure::ending(Exit::Partial, text));
    }
    Ok(())
}

fn simulate<S: Scenario>(
    variant: Variant<S>,
    how: &Common,
    stop: &Stop,
) -> anyhow::Result<Finding<S>> {
    let Variant { scenario, common, .. } = &variant;
    let wanted = how.threads.map_or_else(limits::cores, usize::from);
    let wanted = wanted.min(usize::try_from(common.runs).unwrap_or(usize::MAX));
    let threads = limits::threads(wanted, scenario.world_bytes(common))?;
    let bar = progress(&variant);
    let begun = Instant::now();
    let mut tally = scenario.tally(common);
    let run = |world: &mut S::World, number: u64| {
        let seed = common.seed_of(number);
        let mut watch = |text: String| {
            // What one of few runs does is worth a look; many are a blur.
            if common.runs <= threads as u64 {
                bar.set_message(text);
            }
        };
        (!stop.asked()).then(|| scenario.run(world, seed, &mut watch))
    };
    let fold = |number, run| {
        scenario.fold(&mut tally, common.seed_of(number), run);
        bar.inc(1);
    };
    let runs = runner::runs(common.runs, threads, stop, || scenario.world(common), run, fold);
    bar.finish_and_clear();
    let time = begun.elapsed();
    let outcome = scenario.outcome(common, tally);
    Ok(Finding { variant, outcome, runs, time })
}

/// A bar on a terminal, and silence elsewhere.
fn progress<S: Scenario>(variant: &Variant<S>) -> ProgressBar {
    let bar = ProgressBar::hidden();
    if std::io::stderr().is_terminal() {
        bar.set_length(variant.common.runs);
        bar.set_style(output::progress(
            "  {prefix} {bar:24.green/dim} {human_pos} of {human_len} runs, {elapsed}, {eta} to go {msg}",
        ));
        let label = if variant.label.is_empty() { S::NAME } else { &variant.label };
        bar.set_prefix(label.to_owned());
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

/// A finding as scripts read it.
fn document<S: Scenario>(finding: &Finding<S>, timing: bool) -> Map<String, Value> {
    let Finding { variant, outcome, runs, time } = finding;
    let mut document = outcome.fields.clone();
    for measure in &outcome.measures {
        document.entry(measure.name).or_insert_with(|| number(measure.value));
    }
    let errors = outcome
        .measures
        .iter()
        .filter_map(|measure| measure.error.map(|error| (measure.name.to_owned(), number(error))));
    let common = &variant.common;
    document.insert("standard_errors".into(), Value::Object(errors.collect()));
    document.insert("scenario".into(), json!(S::NAME));
    document.insert("nodes".into(), json!(common.nodes));
    document.insert("runs".into(), json!(runs));
    document.insert("seed".into(), json!(common.seed));
    document.insert("options".into(), json!(variant.command.join(" ")));
    if !variant.label.is_empty() {
        document.insert("label".into(), json!(variant.label));
    }
    if timing {
        document.insert("ms".into(), json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    }
    document
}

/// A number that counts something is written without a decimal point.
pub(super) fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && (0.0..EXACT).contains(&value) {
        json!(value as u64)
    } else {
        json!(value)
    }
}
