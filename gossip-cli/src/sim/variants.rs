//! The configurations that one command line asks for: itself, with the values of its sweeps, and
//! what it is compared with.

use clap::{ArgMatches, Command, FromArgMatches as _};

use super::Scenario;
use super::common::Common;
use crate::failure::Failure;

/// One configuration to simulate.
#[derive(Debug)]
pub(crate) struct Variant<S> {
    pub(crate) scenario: S,
    pub(crate) common: Common,
    /// What tells it from the others, such as `k 2, direction pull`; empty when it is the only
    /// one.
    pub(crate) label: String,
    /// The same without what a sweep counts up.
    pub(crate) line: String,
    /// Where it stands in a sweep of numbers: the option and its value.
    pub(crate) place: Option<(String, f64)>,
    /// The command line that asks for it alone.
    pub(crate) command: Vec<String>,
}

/// The most configurations of one command, so that a page of them can be read.
const CONFIGURATIONS: usize = 64;

/// Options that say how a command is carried out, not what is simulated.
const HOW: [&str; 5] = ["against", "report", "sweep", "threads", "timing"];

/// All configurations of a command line: what it is compared with comes after it, and each in the
/// order of the sweeps.
///
/// # Errors
/// When an option or a value in a sweep or comparison is not one.
pub(crate) fn all<S: Scenario>(matches: &ArgMatches) -> anyhow::Result<Vec<Variant<S>>> {
    let common = Common::from_arg_matches(matches)?;
    let base = tokens(&super::command::<S>(), matches, false);
    let sweeps = common.sweep.iter().map(|sweep| Sweep::parse(sweep));
    let sweeps: Vec<_> = sweeps.collect::<anyhow::Result<_>>()?;
    let mut comparisons: Vec<Vec<String>> = vec![Vec::new()];
    for against in &common.against {
        comparisons.push(against.split_whitespace().map(Into::into).collect());
    }
    let compared = comparisons.iter().flatten().filter_map(|token| token.strip_prefix("--"));
    let names = compared.map(|name| name.split('=').next().unwrap_or(name).to_owned());
    let mut names: Vec<_> = names.chain(sweeps.iter().map(|sweep| sweep.option.clone())).collect();
    names.sort();
    names.dedup();
    let mut variants = Vec::new();
    for comparison in &comparisons {
        for values in combinations(&sweeps) {
            let swept =
                values.iter().flat_map(|(option, value)| [format!("--{option}"), (*value).clone()]);
            let line: Vec<_> =
                base.iter().cloned().chain(swept).chain(comparison.iter().cloned()).collect();
            let place = values
                .iter()
                .find_map(|(option, value)| Some(((*option).clone(), value.parse().ok()?)));
            let mut variant = parse::<S>(&line, &names, place)?;
            // What is measured, a configuration must know; the rest of how concerns none of them.
            variant.common.timing = common.timing;
            variants.push(variant);
            if variants.len() > CONFIGURATIONS {
                let text = format!(
                    "that is more than {CONFIGURATIONS} configurations: sweep fewer values at a time"
                );
                return Err(Failure::usage(text));
            }
        }
    }
    Ok(variants)
}

/// An option and the values that it takes one after the other.
#[derive(Debug)]
struct Sweep {
    option: String,
    values: Vec<String>,
}

impl Sweep {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let malformed = || {
            let text =
                format!("--sweep expects an option and its values, as in k=1,2,3, not `{text}`");
            Failure::usage(text)
        };
        let (option, values) =
            text.trim_start_matches('-').split_once('=').ok_or_else(malformed)?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if option.is_empty() || values.iter().any(String::is_empty) {
            return Err(malformed());
        }
        if HOW.contains(&option) {
            return Err(Failure::usage(format!(
                "--{option} says how, not what: it cannot be swept"
            )));
        }
        Ok(Self { option: option.into(), values })
    }
}

fn combinations(sweeps: &[Sweep]) -> Vec<Vec<(&String, &String)>> {
    let none = vec![Vec::new()];
    sweeps.iter().fold(none, |before, sweep| {
        let with = |earlier: &Vec<_>| {
            let more = |value| earlier.iter().copied().chain([(&sweep.option, value)]).collect();
            sweep.values.iter().map(more).collect::<Vec<_>>()
        };
        before.iter().flat_map(with).take(CONFIGURATIONS + 1).collect()
    })
}

fn parse<S: Scenario>(
    line: &[String],
    names: &[String],
    place: Option<(String, f64)>,
) -> anyhow::Result<Variant<S>> {
    let command = super::command::<S>().no_binary_name(true).args_override_self(true);
    let wrong = |error: clap::Error| {
        // The first paragraph says what is wrong; the rest is about a whole command line.
        let text = error.render().to_string();
        let first = text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
        Failure::usage(format!("{}, in --sweep or --against", first.trim()))
    };
    let mut parser = command.clone();
    let matches = parser.try_get_matches_from_mut(line).map_err(wrong)?;
    let scenario = S::from_arg_matches(&matches).map_err(wrong)?;
    let common = Common::from_arg_matches(&matches).map_err(wrong)?;
    if let Some(how) = HOW.iter().find(|how| given(&matches, how)) {
        return Err(Failure::usage(format!(
            "--{how} says how, not what: it stands outside --against"
        )));
    }
    let label = |name: &&String| {
        let implied = || Some(format!("{name} {}", scenario.effective(&common, name)?));
        label(&command, &matches, name).or_else(implied)
    };
    let swept = |name: &&String| place.as_ref().is_some_and(|(option, _)| option == *name);
    let join = |labels: Vec<String>| labels.join(", ");
    let all = join(names.iter().filter_map(|name| label(&name)).collect());
    let line =
        join(names.iter().filter(|name| !swept(name)).filter_map(|name| label(&name)).collect());
    let command = tokens(&command, &matches, true);
    Ok(Variant { scenario, common, label: all, line, place, command })
}

/// What an option is set to, in words; nothing for a flag that is not set.
fn label(command: &Command, matches: &ArgMatches, name: &str) -> Option<String> {
    let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name))?;
    let values = values(arg, matches);
    if arg.get_action().takes_values() {
        (!values.is_empty()).then(|| format!("{name} {}", values.join(" ")))
    } else {
        matches.get_flag(arg.get_id().as_str()).then(|| name.to_owned())
    }
}

fn given(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
}

fn values(arg: &clap::Arg, matches: &ArgMatches) -> Vec<String> {
    let raw = matches.get_raw(arg.get_id().as_str());
    raw.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect()
}

/// The options that were given, as they are typed, without those that say how; what a result
/// depends on whoever asks is among them even when it was not typed.
fn tokens(command: &Command, matches: &ArgMatches, complete: bool) -> Vec<String> {
    let mut tokens = Vec::new();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        let always = complete && ["nodes", "runs", "seed"].contains(&id);
        let Some(long) = arg.get_long().filter(|_| given(matches, id) || always) else { continue };
        if HOW.contains(&id) {
            continue;
        }
        if arg.get_action().takes_values() {
            let pairs =
                values(arg, matches).into_iter().flat_map(|value| [format!("--{long}"), value]);
            tokens.extend(pairs);
        } else {
            tokens.push(format!("--{long}"));
        }
    }
    tokens
}
