//! Commands that hand over to another program of the workspace: demo, swarm, fuzz and bench.

use anyhow::{Result, ensure};

use crate::prerequisites;
use crate::program::{Program, has_member, root};

/// A converged cluster to look at.
pub(crate) fn demo(rest: &[String]) -> Result<()> {
    ensure!(has_member("gossip-cli"), "gossip-cli is not in this workspace: nothing can be shown");
    prerequisites::check()?;
    println!(
        "building gossip-cli, then starting its demo: about 10 minutes the first time on two cores, \
         for RocksDB is built from source, seconds afterwards"
    );
    // The profile of the tests: RocksDB is built once for both.
    Program::new("cargo run -p gossip-cli -- demo").arguments(rest).replace()
}

/// Chaos from many seeds; 10,000 unless told otherwise. What is given goes to the scenario.
pub(crate) fn swarm(rest: &[String]) -> Result<()> {
    let seeds = rest.iter().any(|word| word == "--seeds" || word.starts_with("--seeds="));
    let seeds: &[&str] = if seeds { &[] } else { &["--seeds", "10000"] };
    let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
    let swarm = "cargo run --release -p gossip-cli --no-default-features -- sim swarm";
    Program::new(swarm).arguments(&seeds).arguments(rest).replace()
}

/// Random input for `testkit::fuzz`, which are plain functions: stable Rust drives them.
pub(crate) fn fuzz(rest: &[String]) -> Result<()> {
    ensure!(has_fuzz(), "{FUZZ} is not in this workspace: there is nothing to fuzz with");
    fuzzer().arguments(rest).replace()
}

/// The same as [`fuzz`], for a bounded time as a step among others.
pub(crate) fn fuzz_for(seconds: u32) -> Program {
    fuzzer().arguments(&["--seconds".into(), seconds.to_string()])
}

/// Whether the fuzzer's driver exists.
pub(crate) fn has_fuzz() -> bool {
    root().join(FUZZ).is_file()
}

const FUZZ: &str = "gossip-core/examples/fuzz.rs";

fn fuzzer() -> Program {
    Program::new("cargo run --release -p gossip-core --features testkit --example fuzz --")
}
