//! `version`: which program this is.

use gossip_core::membership::Alive;
use serde::Serialize;

use crate::args::Global;
use crate::output;

#[derive(Serialize)]
struct Version {
    version: &'static str,
    wire: Wire,
    git: &'static str,
}

#[derive(Serialize)]
struct Wire {
    min: u8,
    max: u8,
}

/// Prints the version.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn run(global: &Global) -> anyhow::Result<()> {
    let (min, max) = Alive::VERSIONS;
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        wire: Wire { min, max },
        git: env!("GOSSIP_CLI_GIT"),
    };
    if global.json {
        return output::json(&version);
    }
    let Version { version, wire, git } = version;
    output::line(&format!(
        "gossip-cli {version} ({git}), wire versions {} to {}",
        wire.min, wire.max
    ))
}
