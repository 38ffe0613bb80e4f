//! What people see of the demo.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use super::Report;
use super::spread::Round;
use crate::args::DemoArgs;
use crate::output::{self, FAINT, GOOD, STRONG, count, paint};

/// Columns of the bar.
const BAR: usize = 32;

/// Time between two pictures of the spinner.
const SPIN: Duration = Duration::from_millis(80);

/// Tells people how the demo goes, or keeps silent.
#[derive(Debug)]
pub(super) struct Show {
    told: bool,
}

impl Show {
    pub(super) const fn new(told: bool) -> Self {
        Self { told }
    }

    pub(super) fn title(&self, arguments: &DemoArgs) -> anyhow::Result<()> {
        let DemoArgs { nodes, fanout, period, mode, transport, store, .. } = arguments;
        let title = format!("{nodes} nodes, {mode}, fan-out {fanout}");
        let rest =
            format!("a round every {}, over {transport}, state in {store}", output::time(*period));
        self.line(&format!("\n  {}  {}\n", paint(STRONG, &title), paint(FAINT, &rest)))
    }

    /// Carries a stage out, under a spinner, and tells what came of it.
    pub(super) async fn stage<T: Display>(
        &self,
        name: &str,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let spinner = ProgressBar::hidden();
        if self.told && std::io::stderr().is_terminal() {
            spinner.set_draw_target(ProgressDrawTarget::stderr());
            spinner.set_message(format!("{name} .."));
            spinner.enable_steady_tick(SPIN);
        }
        let begun = Instant::now();
        let outcome = work.await;
        spinner.finish_and_clear();
        let found = outcome?;
        let time = format!("{:>7}", output::time(begun.elapsed()));
        self.line(&format!("  {} {name:<7} {} {found}", paint(GOOD, "✓"), paint(FAINT, &time)))?;
        Ok(found)
    }

    pub(super) fn origin(&self, name: &str) -> anyhow::Result<()> {
        self.line(&format!("\n  one update, put at {}", paint(STRONG, name)))?;
        let heads =
            format!("  {:>5}  {:BAR$}  {:>10}  {:>10}", "round", "who has it", "", "facts sent");
        self.line(&paint(FAINT, &heads))
    }

    pub(super) fn round(&self, round: Round, alive: usize) -> anyhow::Result<()> {
        let Round { round, infected, sent } = round;
        let full = infected * BAR / alive.max(1);
        let bar =
            format!("{}{}", paint(GOOD, &"█".repeat(full)), paint(FAINT, &"░".repeat(BAR - full)));
        let share = format!("{infected} of {alive}");
        self.line(&format!("  {round:>5}  {bar}  {share:>10}  {:>10}", count(sent)))
    }

    pub(super) fn result(&self, report: &Report, alive: usize) -> anyhow::Result<()> {
        let Report { ms_to_all, rounds_to_all, datagrams, bytes, duplicates, state_hash, .. } =
            report;
        let rounds = if *rounds_to_all == 1 { "round" } else { "rounds" };
        let head = format!("all {alive} nodes after {ms_to_all} ms, in {rounds_to_all} {rounds}");
        self.line(&format!("\n  {} {}", paint(GOOD, "✓"), paint(STRONG, &head)))?;
        self.line(&format!(
            "    {} frames, {} bytes, {} facts came where they were known",
            count(*datagrams),
            count(*bytes),
            count(*duplicates)
        ))?;
        self.line(&format!("    state hash {state_hash}, the same at every node\n"))
    }

    fn line(&self, text: &str) -> anyhow::Result<()> {
        if self.told { output::line(text) } else { Ok(()) }
    }
}
