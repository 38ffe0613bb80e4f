//! What a crash can leave in RocksDB's logs that its reader would never get past.
//!
//! Logs and manifests have one form: blocks of 32 KiB with records of a checksum (4 bytes), a length
//! (2), a type (1) and a payload. Some types belong to logs whose files are used again, which this
//! store never writes. RocksDB's reader (`log::Reader::ReadPhysicalRecord`, 11.8.1) looks at the
//! type before the checksum, and where it meets one of those behind ordinary records, it reports
//! nothing, skips nothing and tries again for ever. Noise has one at its start once in 43 times.
//!
//! There [`Traps`] makes the type one that RocksDB calls damage whatever the checksum says: it reads
//! up to there, as with all other damage. No record that it could read is changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Whether a log has anything in it.
pub(crate) fn is_any(database: &Path) -> io::Result<bool> {
    for (name, file) in files(database)? {
        if is_log(&name) && fs::metadata(file)?.len() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All places where RocksDB might read for ever.
#[derive(Debug)]
pub(crate) struct Traps(Vec<Trap>);

/// The type of what looks like a record of a log that is used again.
#[derive(Debug)]
struct Trap {
    file: PathBuf,
    at: u64,
    kind: u8,
}

impl Traps {
    /// Looks for them, and changes nothing.
    pub(crate) fn find(database: &Path) -> io::Result<Self> {
        let mut traps = Vec::new();
        for (name, file) in files(database)? {
            if is_log(&name) || name.starts_with("MANIFEST-") {
                find_in(&file, &mut traps)?;
            }
        }
        Ok(Self(traps))
    }

    /// Makes ordinary damage of them. It needs no sync: who loses it finds them again.
    pub(crate) fn disarm(&self) -> io::Result<()> {
        if !self.0.is_empty() {
            tracing::warn!(places = self.0.len(), "the log holds noise, and is read up to there");
        }
        self.0.iter().try_for_each(|trap| trap.write(DAMAGE))
    }

    /// Puts back what was there, for a store that is refused is left as it is.
    pub(crate) fn restore(&self) {
        for trap in &self.0 {
            if let Err(error) = trap.write(trap.kind) {
                tracing::warn!(%error, file = %trap.file.display(), "noise is not put back");
            }
        }
    }
}

impl Trap {
    fn write(&self, kind: u8) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.file)?.write_all_at(&[kind], self.at)
    }
}

fn find_in(file: &Path, traps: &mut Vec<Trap>) -> io::Result<()> {
    let (mut opened, mut begin, mut block) = (File::open(file)?, 0, Vec::new());
    while opened.by_ref().take(BLOCK_BYTES).read_to_end(&mut block)? > 0 {
        for (at, kind) in recycled(&block) {
            traps.push(Trap { file: file.into(), at: begin + at as u64, kind });
        }
        begin += BLOCK_BYTES;
        block.clear();
    }
    Ok(())
}

/// Where in a block a record seems to be of a log that is used again.
///
/// It goes on where RocksDB's reader leaves a block, after a wrong checksum for one. So it needs no
/// checksums, sees every place where the reader can be, and finds others only in what is skipped.
fn recycled(block: &[u8]) -> Vec<(usize, u8)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some([_, _, _, _, low, high, kind, ..]) = block.get(at..) {
        if RECYCLED.contains(kind) {
            found.push((at + KIND_AT, *kind));
        }
        at += HEADER_BYTES + usize::from(u16::from_le_bytes([*low, *high]));
    }
    found
}

fn is_log(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "log")
}

/// The files of a database and their names; none if it is not there yet.
fn files(database: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(database) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let named = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into(), entry.path());
    entries.map(|entry| entry.map(named)).collect()
}

const BLOCK_BYTES: u64 = 32 * 1024;
const HEADER_BYTES: usize = 7;
const KIND_AT: usize = 6;

/// The types of logs that are used again (RocksDB's `db/log_format.h`).
const RECYCLED: [u8; 6] = [5, 6, 7, 8, 11, 131];

/// No type of RocksDB's, and none that it may ignore. Not 0, with which it skips a block in silence.
const DAMAGE: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, payload_bytes: u16) -> Vec<u8> {
        let [low, high] = payload_bytes.to_le_bytes();
        let header = [1, 2, 3, 4, low, high, kind];
        [&header[..], &vec![5; usize::from(payload_bytes)]].concat()
    }

    #[track_caller]
    fn check(records: &[Vec<u8>], found: &[(usize, u8)]) {
        assert_eq!(recycled(&records.concat()), found);
    }

    #[test]
    fn only_the_types_of_records_count() {
        check(&[], &[]);
        check(&[record(1, 10), record(2, 300), record(4, 0)], &[]);
        check(&[record(1, 10), record(5, 3), record(131, 0)], &[(23, 5), (33, 131)]);
        // A header that is cut short is none.
        check(&[record(1, 10), vec![5; 6]], &[]);
        check(&[record(1, 10), vec![5; 7]], &[(23, 5)]);
        // Nothing is where a length leads out of the block.
        check(&[record(1, 10), vec![1, 2, 3, 4, 255, 255, 1], record(5, 0)], &[]);
    }

    #[test]
    fn blocks_count_from_the_start_of_the_file_and_noise_is_put_back() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Traps::find(&directory.path().join("none")).unwrap().0.is_empty());
        let out_of_the_block = vec![1, 2, 3, 4, 255, 255, 8];
        let bytes = [record(1, 32_751), vec![5; 10], out_of_the_block, record(7, 1)].concat();
        for (name, traps) in [("000012.log", 2), ("MANIFEST-000013", 2), ("LOG", 0)] {
            let file = directory.path().join(name);
            fs::write(&file, &bytes).unwrap();
            let found = Traps::find(directory.path()).unwrap();
            let places: Vec<_> = found.0.iter().map(|trap| (trap.at, trap.kind)).collect();
            let expected = [(32_758 + 6, 5), (32_768 + 6, 8)];
            assert_eq!(places, expected[..traps]);
            found.disarm().unwrap();
            let changed = fs::read(&file).unwrap();
            let differ = (0..bytes.len()).filter(|at| bytes[*at] != changed[*at]).count();
            assert_eq!(differ, traps);
            assert!(Traps::find(directory.path()).unwrap().0.is_empty());
            found.restore();
            assert_eq!(fs::read(&file).unwrap(), bytes);
            fs::remove_file(&file).unwrap();
        }
    }
}
