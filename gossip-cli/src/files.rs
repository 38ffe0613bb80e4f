//! Files that are there as a whole, and for good, or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 16;

/// Writes a file: readers see the old one until the new one is complete and durable, and only its
/// owner reads it, as with the state it comes from.
///
/// # Errors
/// What `write` says; or that the file cannot be written, and what to do. Then it is as it was.
pub(crate) fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let folder = folder_of(path);
    let failed = |error: io::Error| unwritten(path, &error);
    let file = NamedTempFile::new_in(folder).map_err(failed)?;
    let mut buffered = BufWriter::with_capacity(BUFFER, file);
    // What the file refused is told like the rest; what it was made of has its own words.
    let outcome = write(&mut buffered).map_err(|error| match error.downcast::<io::Error>() {
        Ok(error) => failed(error),
        Err(error) => error,
    })?;
    let file = buffered.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    sync_folder(folder).map_err(failed)?;
    Ok(outcome)
}

/// Makes a file that is not there yet, durably, for its owner alone.
///
/// # Errors
/// What the system said.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
    sync_folder(folder_of(path))?;
    Ok(file)
}

/// A failure to write this file, with the next step.
pub(crate) fn unwritten(path: &Path, error: &io::Error) -> anyhow::Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system has many other reasons")]
    let next = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; free space, or write it elsewhere, and run this again"
        }
        ErrorKind::NotFound => "; make its directory first",
        ErrorKind::PermissionDenied => "; write it where this user may",
        _ => "",
    };
    Failure::failed(format!("cannot write {}: {error}{next}", path.display()))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// What the system said.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "old").unwrap();
        let outcome: anyhow::Result<()> = replace(&path, |file| {
            file.write_all(b"half")?;
            anyhow::bail!("broken off")
        });
        assert!(outcome.unwrap_err().to_string().contains("broken off"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        replace(&path, |file| Ok(file.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing temporary stays");
        assert!(create(&path).is_err(), "it is there");
        let absent = folder.path().join("no/such/folder");
        let error = replace(&absent, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("make its directory"), "{error}");
    }
}
