//! Long runs against real processes, by `cargo xtask soak [imports|kills] [--cycles N] [--seed S]
//! [--json]`.
//!
//! `imports` puts Debian's package index at one of five nodes, twice, and kills two of them in the
//! middle; `kills` lets nodes die at random moments while three are written at. Both run if none is
//! named. Nodes keep their state in RocksDB and talk over UDP and TCP. A check that fails
//! ends the run, and leaves the nodes' directories where it says.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a run that panics has failed, and one that succeeds reports"
)]

#[path = "../it/soak/mod.rs"]
mod soak;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../it/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use soak::{Crew, Cycles, DURABLE, kill_cycles, two_imports};

const USAGE: &str = "soak [imports|kills] [--cycles N] [--seed S] [--json]";

/// From an import's end until all hashes are equal.
const EQUAL: Duration = Duration::from_secs(30);

struct Arguments {
    cycles: u32,
    json: bool,
    only: Option<String>,
    seed: u64,
}

fn main() -> ExitCode {
    let Some(Arguments { cycles, json, only, seed }) = arguments() else {
        println!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let tell = |line: &str| eprintln!("{line}");
    let imports = wanted("imports").then(|| {
        let records = debian_packages();
        tell(&format!("imports: {} packages, twice", records.len()));
        two_imports(&mut Crew::start(5, DURABLE, &[]), &records, EQUAL, tell)
    });
    let kills = wanted("kills").then(|| {
        tell(&format!("kills: {cycles} cycles, seed {seed}"));
        kill_cycles(Cycles { cycles, seed, check_every: 5 }, tell)
    });
    if json {
        println!("{}", json!({ "imports": imports, "kills": kills }));
    } else {
        imports.iter().for_each(|imports| println!("{imports:#?}"));
        kills.iter().for_each(|kills| println!("{kills:#?}"));
    }
    ExitCode::SUCCESS
}

fn arguments() -> Option<Arguments> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut found = Arguments { cycles: 100, json: false, only: None, seed: now.as_secs() };
    let mut rest = std::env::args().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--cycles" => found.cycles = rest.next()?.parse().ok()?,
            "--json" => found.json = true,
            "--seed" => found.seed = rest.next()?.parse().ok()?,
            "imports" | "kills" => found.only = Some(argument),
            _ => return None,
        }
    }
    Some(found)
}

/// Debian's package index, name to record; of several versions the last one listed.
///
/// # Panics
/// When this machine has no index: `apt-get update` fetches it.
fn debian_packages() -> BTreeMap<String, String> {
    let output = Command::new("apt-cache").arg("dumpavail").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let record = |record: &str| {
        let name = record.lines().find_map(|line| line.strip_prefix("Package: "))?;
        Some((name.to_owned(), record.to_owned()))
    };
    let records: BTreeMap<_, _> = text.split("\n\n").filter_map(record).collect();
    assert!(!records.is_empty(), "there is no package index: run apt-get update");
    records
}
