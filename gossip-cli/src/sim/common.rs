//! What every scenario is asked with.

use std::path::PathBuf;

use clap::Args;

use crate::sim::limits;

/// Options of every scenario.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// How many nodes
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..=limits::NODES))]
    pub(crate) nodes: u32,
    /// How many runs; what is shown is their mean
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=limits::RUNS))]
    pub(crate) runs: u64,
    /// Where all randomness comes from: run number i, counted from 0, has this seed plus i
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Try an option with several values, one configuration each; repeated, all combinations
    #[arg(long, value_name = "OPTION=VALUE,..")]
    pub(crate) sweep: Vec<String>,
    /// Compare with the same command and these options instead; may be repeated
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub(crate) against: Vec<String>,
    /// Write a page with pictures, which needs nothing else to be looked at
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// On how many threads; changes nothing but the time [default: as many as the machine has]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Tell how long it took: the only output that differs from time to time
    #[arg(long)]
    pub(crate) timing: bool,
}

impl Common {
    /// The seed of a run.
    pub(crate) const fn seed_of(&self, run: u64) -> u64 {
        self.seed.wrapping_add(run)
    }
}
