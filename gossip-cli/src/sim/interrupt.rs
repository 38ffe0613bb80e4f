//! Ctrl-C during a simulation: the first ends it after the runs under way, the second at once.

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::runner::Stop;
use crate::failure::Exit;
use crate::output;
use crate::signals::Signals;

/// Listens as long as it lives.
#[derive(Debug)]
pub(super) struct Interrupt {
    runtime: Option<Runtime>,
    pub(super) stop: Stop,
}

impl Interrupt {
    /// Catches signals from here on.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(super) fn catch() -> anyhow::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().context("no threads")?;
        let stop = Stop::default();
        let asked = stop.clone();
        let signals = runtime.block_on(async { Signals::catch() })?;
        runtime.spawn(async move {
            signals.reach(1).await;
            output::note("ending after the runs under way; Ctrl-C again ends at once");
            asked.ask();
            signals.reach(2).await;
            std::process::exit(Exit::Partial as i32);
        });
        Ok(Self { runtime: Some(runtime), stop })
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
