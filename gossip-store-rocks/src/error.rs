//! Why a store does not open, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a store does not open. Nothing on the disk has changed, and each says what to do next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Something in the store is not as it was written, or what was once durable is missing.
    #[error(
        "the store in {} is damaged: {what}; move the directory away and start empty, to take \
         the state from partners or from a snapshot (what only this node had is lost)",
        path.display()
    )]
    Corrupt {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Another process has it open.
    #[error(
        "the store in {} is in use by another process; stop that one, or name another directory",
        path.display()
    )]
    InUse {
        /// The store's directory.
        path: PathBuf,
    },
    /// The system refused something.
    #[error(
        "cannot {action} {}: {source}; see that the directory is on a writable disk with free \
         space and belongs to the user who runs this",
        path.display()
    )]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer version of this program has kept something in it that this one does not know.
    #[error(
        "the store in {} holds {what}: a newer program has written it; run the newer program, or \
         start with an empty directory",
        path.display()
    )]
    NewerContent {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A newer version of this program wrote it.
    #[error(
        "the store in {} has schema {found}, and this program knows schemas up to {known}; run \
         the newer program, or start with an empty directory",
        path.display()
    )]
    NewerSchema {
        /// The store's directory.
        path: PathBuf,
        /// The schema on disk.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The directory holds other files.
    #[error(
        "{} is not empty and holds no store; name an empty directory, one that does not exist \
         yet, or that of a store",
        path.display()
    )]
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// Another kind of store keeps its files there.
    #[error(
        "{} holds a store of another kind, {kind:?}; start with that kind of store, or name \
         another directory",
        path.display()
    )]
    OtherStore {
        /// The directory.
        path: PathBuf,
        /// What kind it says it is.
        kind: String,
    },
}

/// Something inside an open store failed.
#[derive(Debug, Error)]
pub(crate) enum Damage {
    /// A place in time order leads nowhere.
    #[error("{0} has no row where another one says so")]
    Missing(&'static str),
    /// RocksDB says so.
    #[error("{0}")]
    Rocks(#[from] rocksdb::Error),
    /// A newer program has kept something small.
    #[error("a small row with an unknown name, {}", .0.escape_ascii())]
    Name(Vec<u8>),
    /// A row has another form than was written.
    #[error("a row of {0} cannot be read")]
    Row(&'static str),
}
