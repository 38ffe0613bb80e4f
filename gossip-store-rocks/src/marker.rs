//! The file that says what a directory is: `FORMAT`, two lines of text.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::error::OpenError;

/// The schema that this program writes: the form of all keys and rows. Whoever changes one raises
/// it, says what becomes of older stores, and adds a fixture.
pub(crate) const SCHEMA: u32 = 1;

const NAME: &str = "FORMAT";
const NAME_UNDER_WAY: &str = "FORMAT.new";
const KIND: &str = "gossip-store-rocks";

/// What a directory is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Directory {
    /// It is empty, or a store's creation was cut short in it: nothing was ever kept there.
    Empty,
    /// A store of the schema that this program writes.
    Store,
}

/// Finds out what a directory is, and changes nothing.
pub(crate) fn look(path: &Path) -> Result<Directory, OpenError> {
    let text = match fs::read_to_string(path.join(NAME)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return look_without(path),
        Err(source) => return Err(failed("read", &path.join(NAME), source)),
    };
    let mut lines = text.lines();
    let kind = lines.next().unwrap_or_default();
    if kind != KIND {
        return Err(OpenError::OtherStore { path: path.into(), kind: kind.into() });
    }
    let schema = lines.next().and_then(|line| line.strip_prefix("schema ")?.parse().ok());
    match schema {
        Some(SCHEMA) => Ok(Directory::Store),
        Some(found) if found > SCHEMA => {
            Err(OpenError::NewerSchema { path: path.into(), found, known: SCHEMA })
        }
        _ => {
            let what = format!("{NAME} names no schema: {text:?}");
            Err(OpenError::Corrupt { path: path.into(), what })
        }
    }
}

/// A directory without the file is empty, is to become a store, or is not ours.
fn look_without(path: &Path) -> Result<Directory, OpenError> {
    if path.join(NAME_UNDER_WAY).exists() {
        return Ok(Directory::Empty);
    }
    let entries = fs::read_dir(path).map_err(|source| failed("read", path, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| failed("read", path, source))?;
        if entry.file_name() != crate::lock::NAME {
            return Err(OpenError::NotAStore { path: path.into() });
        }
    }
    Ok(Directory::Empty)
}

/// Makes a directory, durably, with all above it that are missing.
pub(crate) fn create_directory(path: &Path) -> Result<(), OpenError> {
    let missing: Vec<_> = path.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(path).map_err(|source| failed("create", path, source))?;
    for made in missing {
        // A relative path ends in nothing, which is where we are.
        let parent = made.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_directory(parent.unwrap_or_else(|| Path::new(".")))?;
    }
    Ok(())
}

/// Notes durably that a store is being made in an empty directory.
pub(crate) fn begin(path: &Path) -> Result<(), OpenError> {
    let create = || -> io::Result<()> {
        let mut file = File::create(path.join(NAME_UNDER_WAY))?;
        write!(file, "{KIND}\nschema {SCHEMA}\n")?;
        file.sync_all()
    };
    create().map_err(|source| failed("create a store in", path, source))?;
    sync_directory(path)
}

/// Says that everything of a new store is there, once that is durable: whatever is missing later
/// was lost.
pub(crate) fn complete(path: &Path) -> Result<(), OpenError> {
    sync_directory(path)?;
    let renamed = fs::rename(path.join(NAME_UNDER_WAY), path.join(NAME));
    renamed.map_err(|source| failed("create a store in", path, source))?;
    sync_directory(path)
}

/// Makes durable which files a directory has.
fn sync_directory(path: &Path) -> Result<(), OpenError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|source| failed("sync", path, source))
}

pub(crate) fn failed(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { action, path: path.into(), source }
}
