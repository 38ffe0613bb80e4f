//! `cargo xtask netns`: nodes across network namespaces, which need root and minutes.

use anyhow::{Context, Result, ensure};

use crate::prerequisites;
use crate::program::Program;

/// The test binary that needs root; `gossip-cli/Cargo.toml` keeps it out of a bare `cargo test`.
pub(crate) const TESTS: &str = "-p gossip-cli --test netns";

/// Runs the scenarios whose name contains the filter.
pub(crate) fn netns(rest: &[String]) -> Result<()> {
    ensure!(rest.len() <= 1, "it takes one filter, and got `{}`", rest.join(" "));
    prerequisites::check()?;
    prerequisites::check_namespaces()?;
    // Scenarios wait for most of their time, so that more of them than cores run side by side.
    let tests = format!("cargo test {TESTS} -- --show-output --test-threads 8");
    println!(
        "building gossip-cli and its scenarios: about 10 minutes the first time, for RocksDB is \
         built from source; then each variant of transport, store and lines takes about one"
    );
    let program = Program::new(&tests).arguments(rest);
    program.run().with_context(|| format!("to repeat it: {program}"))
}
