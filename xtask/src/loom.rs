//! Loom models: the same sources under `--cfg gossip_loom`, with a target folder of their own.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::program::{Program, root};
use crate::tidy::Tree;

/// Runs every test of gossip-core whose path contains `loom`.
pub(crate) fn loom() -> Result<()> {
    let models = Tree::load(&root())?
        .sources("gossip-core/src")
        .any(|source| source.tokens.iter().any(|token| token.text == "gossip_loom"));
    if !models {
        println!("gossip-core has no source under cfg(gossip_loom): no model to run");
        return Ok(());
    }
    // A filter that matches nothing passes in silence, so the models are counted first.
    let list = models_command().arguments(&["--".into(), "--list".into()]).read()?;
    let count = list.lines().filter(|line| line.ends_with(": test")).count();
    ensure!(count > 0, "sources know gossip_loom, but no test has `loom` in its path");
    println!("{count} models");
    models_command().run()
}

/// Optimised, because models run for long, yet with the assertions of a debug build.
fn models_command() -> Program {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    Program::new("cargo test --release -p gossip-core --features runtime --lib loom")
        .environment("CARGO_TARGET_DIR", PathBuf::from(target).join("loom").to_string_lossy())
        .environment("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .environment("RUSTFLAGS", format!("{flags} --cfg gossip_loom").trim())
}
