//! `sim`: clusters of production nodes in virtual time, measured.
//!
//! A scenario is one file: its options, what one run finds, and how runs become an
//! [`Outcome`]. It is named in [`SCENARIOS`]; threads, sweeps, comparisons, JSON,
//! tables and reports are the same for all of them.

mod anti_entropy;
mod common;
mod detect;
mod detectors;
mod execute;
mod figure;
mod fit;
mod grid;
mod healing;
mod interrupt;
mod joining;
mod limits;
mod measures;
mod outages;
mod outcome;
mod plot;
mod reconcile;
mod report;
mod rumor;
mod runner;
mod scale;
mod show;
mod spread;
mod swarm;
mod tombstones;
mod variants;

use std::fmt;

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use self::common::Common;
use self::outcome::Outcome;
use crate::args::Global;

/// A question that the simulator answers. Its options are its fields.
trait Scenario: Args + Send + Sized + Sync + 'static {
    /// What it is asked by.
    const NAME: &'static str;
    /// What it measures, as a line of the help.
    const ABOUT: &'static str;
    /// Command lines to begin with.
    const EXAMPLE: &'static str;
    /// How many nodes and runs when nobody says.
    const DEFAULTS: Defaults;
    /// Which measures are drawn over one another when an option is swept: horizontal, vertical.
    const PAIRS: &'static [(&'static str, &'static str)] = &[];
    /// Which measures should grow with the logarithm of the number of nodes.
    const LOGARITHMIC: &'static [&'static str] = &[];

    /// What a thread keeps from run to run.
    type World;
    /// What one run found: small, for many wait for their turn.
    type Run: Send;
    /// What runs come to, one after the other.
    type Tally;

    /// Names for common options that say what they mean here.
    fn command(command: Command) -> Command {
        command
    }

    /// What an option is when it is not given and has no fixed default.
    fn effective(&self, _: &Common, _: &str) -> Option<String> {
        None
    }

    /// What is simulated, in a few words for a title.
    fn title(&self, common: &Common) -> String;

    /// Whether the options go together.
    ///
    /// # Errors
    /// When they do not: with the next step.
    fn check(&self, common: &Common) -> anyhow::Result<()>;

    /// About how much memory one world takes.
    fn world_bytes(&self, common: &Common) -> u64;

    /// What a thread begins with.
    fn world(&self, common: &Common) -> Self::World;

    /// One run: a function of the options and the seed, whatever the world did before.
    fn run(&self, world: &mut Self::World, seed: u64, watch: &mut dyn FnMut(String)) -> Self::Run;

    /// What no run comes to.
    fn tally(&self, common: &Common) -> Self::Tally;

    /// Adds a run; they come in the order of their numbers.
    fn fold(&self, tally: &mut Self::Tally, seed: u64, run: Self::Run);

    /// What all runs came to.
    fn outcome(&self, common: &Common, tally: Self::Tally) -> Outcome;
}

/// A scenario's own defaults of common options.
#[derive(Clone, Copy, Debug)]
struct Defaults {
    nodes: &'static str,
    runs: &'static str,
}

/// A scenario by its name.
#[derive(Clone, Copy)]
struct Entry {
    name: &'static str,
    command: fn() -> Command,
    execute: fn(&Global, &ArgMatches) -> anyhow::Result<()>,
}

impl Entry {
    const fn of<S: Scenario>() -> Self {
        Self { name: S::NAME, command: command::<S>, execute: execute::execute::<S> }
    }
}

/// All scenarios. A later one is a file and a line here.
const SCENARIOS: &[Entry] = &[
    Entry::of::<anti_entropy::AntiEntropy>(),
    Entry::of::<detect::Detect>(),
    Entry::of::<healing::Healing>(),
    Entry::of::<joining::Joining>(),
    Entry::of::<outages::Outages>(),
    Entry::of::<reconcile::Reconcile>(),
    Entry::of::<rumor::Rumor>(),
    Entry::of::<swarm::Swarm>(),
    Entry::of::<tombstones::Tombstones>(),
];

/// A scenario as it was asked for.
#[derive(Clone)]
pub(crate) struct SimCommand {
    entry: Entry,
    matches: ArgMatches,
}

/// Carries the command out.
///
/// # Errors
/// When options do not go together, the machine is too small, or the scenario found what must not
/// be.
pub(crate) fn run(global: &Global, command: &SimCommand) -> anyhow::Result<()> {
    (command.entry.execute)(global, &command.matches)
}

/// The picture that this JSON describes, as a file.
///
/// # Errors
/// When it describes none.
pub(crate) fn picture(json: &str) -> anyhow::Result<String> {
    plot::file(&serde_json::from_str(json)?)
}

/// A scenario's command line.
fn command<S: Scenario>() -> Command {
    let Defaults { nodes, runs } = S::DEFAULTS;
    // Flattened options bring the words about their struct along: what is said last, stays.
    let command = S::command(Common::augment_args(S::augment_args(Command::new(S::NAME))));
    let command = command.about(S::ABOUT).long_about(None).after_help(S::EXAMPLE);
    command
        .mut_arg("nodes", |arg| arg.required(false).default_value(nodes))
        .mut_arg("runs", |arg| arg.required(false).default_value(runs))
}

impl FromArgMatches for SimCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let asked = matches.subcommand().and_then(|(name, matches)| {
            let entry = *SCENARIOS.iter().find(|entry| entry.name == name)?;
            Some(Self { entry, matches: matches.clone() })
        });
        asked.ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for SimCommand {
    fn augment_subcommands(command: Command) -> Command {
        let scenarios = SCENARIOS.iter().map(|entry| (entry.command)());
        command.subcommand_required(true).arg_required_else_help(true).subcommands(scenarios)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        SCENARIOS.iter().any(|entry| entry.name == name)
    }
}

impl fmt::Debug for SimCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sim {}", self.entry.name)
    }
}
