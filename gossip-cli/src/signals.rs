//! SIGINT and SIGTERM: the first asks for a graceful end, the second for one at once.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many signals have come. Clones see the same.
#[derive(Clone, Debug)]
pub(crate) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Catches signals from here on.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        let failed = "cannot catch signals";
        let mut interrupt = signal(SignalKind::interrupt()).context(failed)?;
        let mut terminate = signal(SignalKind::terminate()).context(failed)?;
        let (sender, receiver) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                sender.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(receiver))
    }

    /// Until so many have come.
    pub(crate) async fn reach(&self, count: u32) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|seen| *seen >= count).await.is_err() {
            // Nothing counts any more: the runtime is ending.
            std::future::pending().await
        }
    }
}
