//! One process at a time: a lock on the file `LOCK`, which the system frees when the process ends.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::OpenError;
use crate::marker::failed;

pub(crate) const NAME: &str = "LOCK";

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Lock {
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let file = path.join(NAME);
        // Not truncated: it may be another's.
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
        let opened = opened.map_err(|source| failed("open", &file, source))?;
        match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(opened)),
            Err(Errno::WOULDBLOCK) => Err(OpenError::InUse { path: path.into() }),
            Err(error) => Err(failed("lock", &file, error.into())),
        }
    }
}
