//! What a machine can bear: how many nodes and threads fit into its memory.

use crate::failure::Failure;
use crate::output::count;

/// The most nodes of one simulated cluster.
pub(crate) const NODES: i64 = 2_000_000;

/// The most runs of one command.
pub(crate) const RUNS: u64 = 100_000_000;

/// The share of the free memory that a simulation may take, in percent: the rest is for what the
/// estimate does not know.
const SHARE_PERCENT: u64 = 90;

/// How many worlds of this many bytes can be simulated at a time: at most as many as wanted.
///
/// # Errors
/// When not even one fits.
pub(crate) fn threads(wanted: usize, world_bytes: u64) -> anyhow::Result<usize> {
    match available_bytes() {
        Some(available) => fitting(wanted, world_bytes, available),
        None => Ok(wanted),
    }
}

fn fitting(wanted: usize, world_bytes: u64, available: u64) -> anyhow::Result<usize> {
    let fit = available / 100 * SHARE_PERCENT / world_bytes.max(1);
    if fit == 0 {
        let (needs, has) = (mebibytes(world_bytes), mebibytes(available));
        return Err(Failure::failed(format!(
            "the cluster needs about {needs} MiB of memory and {has} MiB are free: simulate fewer nodes, or use a larger machine"
        )));
    }
    Ok(wanted.min(usize::try_from(fit).unwrap_or(usize::MAX)))
}

/// The threads that the machine runs at a time.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn mebibytes(bytes: u64) -> String {
    count(bytes >> 20)
}

/// What the system says that a program can still take; nothing where it does not say so.
fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_before_it_begins() {
        assert_eq!(fitting(8, 1 << 20, 1 << 30).unwrap(), 8);
        assert_eq!(fitting(8, 1 << 28, 1 << 30).unwrap(), 3);
        assert!(fitting(1, 1 << 30, 1 << 30).unwrap_err().to_string().contains("fewer nodes"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_how_much_is_free() {
        assert!(available_bytes().unwrap() > 1 << 20);
    }
}
