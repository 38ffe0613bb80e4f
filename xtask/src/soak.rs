//! `cargo xtask soak`: long runs against real processes, for minutes.

use anyhow::Result;

use crate::prerequisites;
use crate::program::Program;

/// The test binary; `gossip-cli/Cargo.toml` keeps it out of a bare `cargo test`.
pub(crate) const TESTS: &str = "-p gossip-cli --test soak";

/// Runs what the arguments name.
pub(crate) fn soak(rest: &[String]) -> Result<()> {
    prerequisites::check()?;
    println!(
        "building gossip-cli: about 10 minutes the first time, for RocksDB is built from source; \
         then about two minutes on two cores"
    );
    Program::new(&format!("cargo test {TESTS} --")).arguments(rest).replace()
}
