//! Opening: what is this directory, is it free, and is everything there that was promised?

use std::io;
use std::path::Path;

use rocksdb::{DB, ErrorKind};

use crate::config::RocksConfig;
use crate::error::OpenError;
use crate::lock::Lock;
use crate::log::{self, Traps};
use crate::mark::Mark;
use crate::marker::{self, Directory, failed};
use crate::tables;

/// The directory of RocksDB's own files within the store's.
const DATABASE: &str = "db";

/// An open database, and what was opened beside it.
pub(crate) struct Opened {
    pub(crate) db: DB,
    pub(crate) lock: Lock,
    pub(crate) mark: Mark,
    pub(crate) options: rocksdb::Options,
}

/// Opens a store, or makes one in an empty directory.
pub(crate) fn open(path: &Path, config: &RocksConfig) -> Result<Opened, OpenError> {
    marker::create_directory(path)?;
    // What is no store is not touched, not even by a lock.
    marker::look(path)?;
    let lock = Lock::take(path)?;
    // Before the lock, another process may have made it a store.
    let is_new = marker::look(path)? == Directory::Empty;
    if is_new {
        marker::begin(path)?;
    }
    let mark = Mark::open(path).map_err(|source| failed("open the mark in", path, source))?;
    let promised = mark.read();
    let database = path.join(DATABASE);
    let options = tables::database(config);
    // Without it, RocksDB would take everything else for rubbish and begin anew.
    if !is_new && !database.join("CURRENT").exists() {
        let what = format!("{DATABASE}/CURRENT is missing");
        return Err(OpenError::Corrupt { path: path.into(), what });
    }
    // At these even the look would never end.
    let traps = Traps::find(&database).map_err(|source| failed("read", &database, source))?;
    let disarmed = traps.disarm().map_err(|source| failed("write", &database, source));
    let db = disarmed.and_then(|()| open_database(path, config, &options, promised));
    let db = db.inspect_err(|_| traps.restore())?;
    if is_new {
        marker::complete(path)?;
    }
    Ok(Opened { db, lock, mark, options })
}

/// Opens RocksDB if everything is there.
fn open_database(
    path: &Path,
    config: &RocksConfig,
    options: &rocksdb::Options,
    promised: u64,
) -> Result<DB, OpenError> {
    let database = path.join(DATABASE);
    if log::is_any(&database).map_err(|source| failed("read", &database, source))? {
        // Only looks: were it opened for writing, RocksDB would make the loss final.
        let families = tables::families(config);
        let looked = DB::open_cf_descriptors_read_only(options, &database, families, false);
        keeps(path, &looked.map_err(|error| refused(path, &error))?, promised)?;
    }
    let db = DB::open_cf_descriptors(options, &database, tables::families(config));
    let db = db.map_err(|error| refused(path, &error))?;
    keeps(path, &db, promised)?;
    Ok(db)
}

/// Everything that was durable once is there.
fn keeps(path: &Path, db: &DB, promised: u64) -> Result<(), OpenError> {
    let found = db.latest_sequence_number();
    if found >= promised {
        return Ok(());
    }
    let what = format!(
        "its log can be read up to write {found}, while everything up to {promised} was durable"
    );
    Err(OpenError::Corrupt { path: path.into(), what })
}

/// What RocksDB's refusal means. That a file of its own is missing it calls an IO error.
fn refused(path: &Path, error: &rocksdb::Error) -> OpenError {
    if error.kind() == ErrorKind::IOError && !error.as_ref().contains("No such file") {
        return failed("open the store in", path, io::Error::other(error.clone()));
    }
    OpenError::Corrupt { path: path.into(), what: error.to_string() }
}
