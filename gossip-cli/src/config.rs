//! Configuration: a file, then the environment, then flags; one table of keys for all of them.

mod field;
mod key;
mod layers;
mod table;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gossip_core::config::ConfigSpec;
use gossip_core::runtime::RuntimeConfig;
use gossip_transport_tcp::TcpLimits;
use gossip_transport_udp::SOCKET_BUFFER_BYTES;

pub(crate) use self::field::parse_seed;
pub(crate) use self::key::Key;
pub(crate) use self::layers::{Origin, Problem};
pub(crate) use self::table::KEYS;
use crate::failure::Failure;
use crate::registry::Choices;

/// Where other nodes find a node that was not told otherwise.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:7946";

/// Where the admin port is unless somebody says otherwise.
pub(crate) const DEFAULT_ADMIN: &str = "127.0.0.1:7980";

/// Everything that a node is told, of the type that its use needs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) admin: AdminSettings,
    pub(crate) choices: Choices,
    pub(crate) data: Option<PathBuf>,
    pub(crate) identity: Option<PathBuf>,
    pub(crate) log: String,
    pub(crate) runtime: RuntimeConfig,
    pub(crate) spec: ConfigSpec,
    pub(crate) store: Option<String>,
    pub(crate) transport: TransportSettings,
}

/// The admin port.
#[derive(Clone, Debug)]
pub(crate) struct AdminSettings {
    pub(crate) hosts: Vec<String>,
    pub(crate) listen: SocketAddr,
    pub(crate) token_file: Option<PathBuf>,
}

/// How other nodes reach this one.
#[derive(Clone, Debug)]
pub(crate) struct TransportSettings {
    pub(crate) advertise: Option<SocketAddr>,
    pub(crate) kind: String,
    pub(crate) links: usize,
    pub(crate) links_per_host: usize,
    pub(crate) listen: SocketAddr,
    pub(crate) segmentation: bool,
    pub(crate) socket_buffer_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "constants of this file")]
        let address = |text: &str| text.parse().expect("an address");
        Self {
            admin: AdminSettings {
                hosts: Vec::new(),
                listen: address(DEFAULT_ADMIN),
                token_file: None,
            },
            choices: Choices::default(),
            data: None,
            identity: None,
            log: "warn".into(),
            runtime: RuntimeConfig::default(),
            spec: ConfigSpec::default(),
            store: None,
            transport: TransportSettings {
                advertise: None,
                kind: "udp+tcp".into(),
                links: TcpLimits::default().links,
                links_per_host: TcpLimits::default().accepted_per_host,
                listen: address(DEFAULT_LISTEN),
                segmentation: true,
                socket_buffer_bytes: SOCKET_BUFFER_BYTES,
            },
        }
    }
}

/// Settings, and where each that was set comes from.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) origins: Vec<(&'static Key, Origin)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) settings: Settings,
}

impl Loaded {
    /// The file's settings, if one is given, and the environment's above them.
    ///
    /// # Errors
    /// Only when the file cannot be read; what is wrong in it is among the problems.
    pub(crate) fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let mut loaded = Self::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read the configuration {}: {error}", path.display()))
            })?;
            loaded.file(path, &text);
        }
        loaded.environment(environment);
        Ok(loaded)
    }

    /// Sets a key as its flag says.
    pub(crate) fn flag(&mut self, flag: &'static str, key: &str, value: Vec<String>) {
        self.set(Origin::Flag(flag), key, &value);
    }

    /// The settings, if nothing is wrong with them.
    ///
    /// # Errors
    /// Everything that is wrong, in one message.
    pub(crate) fn settings(&self) -> anyhow::Result<&Settings> {
        if self.problems.is_empty() {
            return Ok(&self.settings);
        }
        let lines: Vec<_> = self.problems.iter().map(ToString::to_string).collect();
        Err(Failure::usage(lines.join("\n")))
    }

    /// Where a key's value comes from; `None`: it is the default.
    pub(crate) fn origin(&self, key: &Key) -> Option<&Origin> {
        let same = |(set, _): &&(&'static Key, Origin)| set.path() == key.path();
        self.origins.iter().rev().find(same).map(|(_, origin)| origin)
    }
}

/// The settings of this file and this process's environment.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<Loaded> {
    Loaded::read(file, layers::process_environment())
}
