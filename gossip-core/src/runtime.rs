//! The tokio driver of a [`Node`]: carries its effects out and hands applications a [`Gossip`].
//!
//! ```text
//!  Gossip ──commands──▶ ┌────────┐ ◀──frames──▶ Transport
//!  Events ◀──events──── │ driver │ ──ops──▶ store worker ──answers──▶ (driver)
//!                       │ (Node) │ ──jobs─▶ verifiers ─────verdicts─▶ (driver)
//!                       └────────┘ ──names▶ resolver ──────addresses▶ (driver)
//! ```
//! One task owns the node; whatever is slow runs elsewhere and comes back as an input. Nothing
//! here waits for a peer, a disk or a subscriber.
//!
//! ```
//! use std::sync::Arc;
//!
//! use gossip_core::config::{ConfigSpec, Strategies};
//! use gossip_core::fact::SigningKeys;
//! use gossip_core::runtime::{RuntimeConfig, spawn};
//! use gossip_core::store::MemoryStore;
//! use gossip_core::transport::{MemoryLimits, MemoryNet};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let net = MemoryNet::new(MemoryLimits::default());
//! let transport = Arc::new(net.transport("127.0.0.1:7000".parse()?));
//! let strategies = Strategies::new(Box::new(SigningKeys::new([1; 32], [2; 32])));
//! let (config, options) = (ConfigSpec::default(), RuntimeConfig::default());
//! let node = spawn(config, strategies, transport, Arc::new(MemoryStore::new()), options).await?;
//!
//! node.put("city", "Berlin").await?;
//! let entry = node.get("city").await?.expect("it was just written");
//! assert_eq!((entry.value(), entry.author()), (&b"Berlin"[..], node.id()));
//! node.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod clock;
mod driver;
mod entry;
mod events;
mod exports;
mod handle;
mod members;
mod resolver;
mod verifiers;
mod writer;

use std::sync::Arc;
use std::thread;

use thiserror::Error;

use self::clock::Clock;
use self::driver::Driver;
pub use self::entry::Entry;
pub use self::events::{Events, Happening};
pub use self::exports::Exporter;
pub use self::handle::{Gossip, GossipError};
pub use self::members::{MemberChanges, MemberNews};
use crate::config::{ConfigError, ConfigSpec, Strategies};
use crate::fact::Verifier;
use crate::io::Boot;
use crate::node::Node;
use crate::store::{Store, StoreError};
use crate::transport::{Payloads, Transport, TransportError};

/// What a driver may use. Plain; change fields of the default.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "users build it literally over a default")]
pub struct RuntimeConfig {
    /// How signatures are checked. Default: by this node, each of them; several nodes of one process
    /// may share what they have found.
    pub verifier: Verifier,
    /// Signature jobs that run at a time, on tokio's blocking threads; zero counts as one.
    ///
    /// Default: the machine's parallelism, at most 4, for a channel has no more jobs on their way.
    /// Below, facts of others wait; more finds no work.
    pub verifiers: usize,
    /// Events that wait for the slowest subscriber before it misses some; rounded up to a power
    /// of two, zero counts as one.
    ///
    /// Default 65,536 (guess: a second of merges at full speed). Costs some 32 bytes each, at once.
    /// Below a burst, subscribers miss events; above, a stalled one keeps that many facts alive.
    pub events: usize,
    /// Who keeps what the node exports before it forgets it. Default: nobody; then it is told as an
    /// event alone.
    pub exporter: Option<Arc<dyn Exporter>>,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        let parallelism = thread::available_parallelism().map_or(1, usize::from);
        Self {
            verifier: Verifier::new(),
            verifiers: parallelism.min(4),
            events: 65_536,
            exporter: None,
        }
    }
}

/// Why a node did not start. Nothing runs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The configuration contradicts itself or the transport.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system gave no randomness.
    #[error("the system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a node stopped although nobody asked it to. What it wrote is as its store keeps it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DriverError {
    /// Another process uses this node's key. Give each node a key of its own.
    #[error("identity in use: another process uses this node's key; give each node its own")]
    IdentityInUse,
    /// The transport is broken.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A part panicked (its message is on standard error), or its runtime was shut down.
    #[error("the {part} has vanished: it panicked, or its runtime was shut down")]
    Vanished {
        /// Which.
        part: &'static str,
    },
}

/// Starts a node on the current tokio runtime, which needs its time and I/O drivers.
///
/// It runs until [`Gossip::shutdown`], until the last handle is dropped, or until its transport
/// breaks.
///
/// # Errors
/// [`SpawnError`]; then nothing was started.
pub async fn spawn(
    config: ConfigSpec,
    strategies: Strategies,
    transport: Arc<dyn Transport>,
    store: Arc<dyn Store>,
    options: RuntimeConfig,
) -> Result<Gossip, SpawnError> {
    let config = config.build(Payloads::of(&*transport))?;
    let restored = store.load().await?;
    let config = config.resume(&restored, strategies.keys.id())?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(SpawnError::Randomness)?;
    let endpoints = transport.endpoints();
    let boot = Boot { directory: None, endpoints: endpoints.clone(), restored, seed };
    let main_channel = config.main_channel();
    let clock = Clock::start();
    let node = Node::new(clock.now(), config, strategies, boot);
    let (id, store_kind) = (node.id(), store.kind());
    let line = Driver::start(clock, node, transport, store, options);
    Ok(Gossip::new(line, id, main_channel, endpoints, store_kind))
}
