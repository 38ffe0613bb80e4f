//! What was durable at last: a number in the file `DURABLE`, beside the log.
//!
//! The log is read up to the first record that is not whole. At its end that is a write which the
//! crash cut short; anywhere else it is damage, and what comes after it was promised to somebody.
//! This file tells the two apart. It holds the sequence number that the last completed sync has
//! covered, is written after that sync, and is never synced itself: what the disk has of it may be
//! old, but never claims too much.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const NAME: &str = "DURABLE";

/// The number twice, so that a torn write is noticed.
const BYTES: usize = 2 * 16 + 1;

/// The open file.
#[derive(Debug)]
pub(crate) struct Mark(File);

impl Mark {
    /// Opens the file, or makes one that claims nothing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let options =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).clone();
        options.open(path.join(NAME)).map(Self)
    }

    /// What was durable; 0 claims nothing.
    pub(crate) fn read(&self) -> u64 {
        let mut bytes = [0; BYTES];
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let (first, rest) = bytes.split_at(16);
        let again = rest.get(..16).unwrap_or_default();
        let text = std::str::from_utf8(first).ok().filter(|_| first == again);
        text.and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0)
    }

    /// Claims this. A claim that cannot be written leaves an older one, which is as true.
    pub(crate) fn write(&self, sequence: u64) {
        let text = format!("{sequence:016x}{sequence:016x}\n");
        if let Err(error) = self.0.write_all_at(text.as_bytes(), 0) {
            tracing::warn!(%error, "the mark of what is durable cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_claim_is_read_and_a_torn_one_claims_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mark = Mark::open(directory.path()).unwrap();
        assert_eq!(mark.read(), 0);
        mark.write(0x1234);
        mark.write(u64::MAX);
        assert_eq!(Mark::open(directory.path()).unwrap().read(), u64::MAX);
        mark.0.write_all_at(b"0", 3).unwrap();
        assert_eq!(mark.read(), 0);
    }
}
