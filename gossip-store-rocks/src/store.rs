//! The handle: it sends ops to the writing thread, and ends the threads when it goes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use gossip_core::store::{Restored, Store, StoreError, StoreOp, StoreReply};
use rocksdb::statistics::Ticker;
use rocksdb::{FlushOptions, Options};
use tokio::sync::oneshot;

use crate::config::RocksConfig;
use crate::error::{Damage, OpenError};
use crate::health::Health;
use crate::load::{self, Loaded};
use crate::marker::failed;
use crate::open::{self, Opened};
use crate::reader;
use crate::request::Request;
use crate::syncer::{Applied, Progress, Syncer};
use crate::tables::Tables;
use crate::wishes::Wishes;
use crate::writer::Writer;

/// A store on RocksDB. See the [crate](crate).
pub struct RocksStore {
    /// Whether a close was asked for.
    closing: AtomicBool,
    health: Health,
    options: Options,
    path: PathBuf,
    progress: Progress,
    /// Gone when the handle is dropped.
    requests: Option<Sender<Request>>,
    restored: Restored,
    sketches: usize,
    wishes: Arc<Wishes>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl RocksStore {
    /// Opens the store in a directory, or makes one if it is empty or not there.
    ///
    /// It reads the ids of all facts, about 1 s per million, so async callers run it where
    /// blocking is allowed. Dropping the store ends it as a crash of the process would, though its
    /// files are free when the drop returns; [`close`](Store::close) makes everything durable. A
    /// drop after a close that did not finish waits for nothing: its threads end when the disk lets
    /// them.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path, config: RocksConfig) -> Result<Self, OpenError> {
        let opened = open::open(path, &config)?;
        let corrupt = |what: String| OpenError::Corrupt { path: path.into(), what };
        let tables = Tables::of(&opened.db);
        let tables = tables.ok_or_else(|| corrupt("a column family is missing".to_owned()))?;
        let loaded = load::load(&tables).map_err(|damage| match &damage {
            Damage::Name(_) => {
                OpenError::NewerContent { path: path.into(), what: damage.to_string() }
            }
            Damage::Missing(_) | Damage::Rocks(_) | Damage::Row(_) => corrupt(damage.to_string()),
        })?;
        let (restored, sketches) = (loaded.restored.clone(), loaded.sketches);
        let options = opened.options.clone();
        let (requests, next_request) = mpsc::channel();
        let worker = thread::Builder::new().name("store-write".to_owned());
        let sequence = opened.db.latest_sequence_number();
        let progress = Progress::new(Applied { commit: restored.commit, sequence });
        let health = Health::default();
        let shared = Shared { health, progress, wishes: Arc::default() };
        let Shared { health, progress, wishes } = shared.clone();
        let worker = worker.spawn(move || serve(opened, loaded, &shared, next_request));
        let worker = worker.map_err(|source| failed("start a thread for", path, source))?;
        let (path, requests) = (path.into(), Some(requests));
        let worker = Mutex::new(Some(worker));
        let closing = AtomicBool::new(false);
        Ok(Self {
            closing,
            health,
            options,
            path,
            progress,
            requests,
            restored,
            sketches,
            wishes,
            worker,
        })
    }

    /// How often RocksDB has synced its log, if [`RocksConfig::statistics`] are kept.
    #[must_use]
    pub fn log_syncs(&self) -> u64 {
        self.options.get_ticker_count(Ticker::WalFileSynced)
    }

    /// Of how many shards the opening has found the sketch as the last close left it; those of others
    /// are made when somebody asks, by a look at all their facts.
    #[must_use]
    pub const fn sketches_found(&self) -> usize {
        self.sketches
    }

    fn send(&self, request: Request) -> Result<(), StoreError> {
        let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
        requests.send(request).map_err(|_| StoreError::Closed)
    }
}

#[async_trait]
impl Store for RocksStore {
    fn kind(&self) -> &'static str {
        "rocks"
    }

    async fn load(&self) -> Result<Restored, StoreError> {
        Ok(self.restored.clone())
    }

    async fn run(&self, op: StoreOp) -> Result<StoreReply, StoreError> {
        let (reply, answer) = oneshot::channel();
        let applied = self.progress.applied();
        if let StoreOp::Sync { commit } = op
            && commit <= applied.commit
        {
            // It has had its turn, and waits for nothing but the disk.
            self.health.check()?;
            if !self.wishes.push(vec![reply], applied.sequence) {
                return Err(StoreError::Closed);
            }
        } else {
            self.send(Request::Run(op, reply))?;
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn close(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.closing.store(true, Ordering::Release);
        self.send(Request::Close(reply))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for RocksStore {
    fn drop(&mut self) {
        self.requests = None;
        let worker = self.worker.get_mut().ok().and_then(Option::take);
        if *self.closing.get_mut() && worker.as_ref().is_some_and(|worker| !worker.is_finished()) {
            // Whoever closed it has waited as long as they would.
            return;
        }
        if worker.is_some_and(|worker| worker.join().is_err()) {
            tracing::error!(path = %self.path.display(), "the store's thread has panicked");
        }
    }
}

impl fmt::Debug for RocksStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What the threads of a store and its handle know together.
#[derive(Clone)]
struct Shared {
    health: Health,
    progress: Progress,
    wishes: Arc<Wishes>,
}

/// The life of an open store: three threads that borrow the database, until the last op.
fn serve(opened: Opened, loaded: Loaded, shared: &Shared, requests: Receiver<Request>) {
    let Opened { db, lock, mark, options: _ } = opened;
    let Some(tables) = Tables::of(&db) else { return };
    let Shared { health, progress, wishes } = shared;
    let (reads, next_read) = mpsc::channel();
    let syncer = Syncer { db: &db, health, mark: &mark, progress };
    let closing = thread::scope(|scope| {
        // Also when this thread panics: the others end, and nobody waits for ever.
        let _closed = CloseOnDrop(wishes);
        scope.spawn(move || reader::work(&next_read, health));
        scope.spawn(move || syncer.work(wishes));
        let (health, progress) = (health.clone(), progress.clone());
        Writer::new(tables, loaded, health, progress, reads, wishes).work(&requests)
    });
    let outcome = closing.as_ref().map(|_| {
        syncer.sync()?;
        // Sorted into files, so that the next opening has no log to read.
        let mut flush = FlushOptions::default();
        flush.set_wait(true);
        let Tables { checkpoints, db: _, expiry, heads, ids, meta, values } = tables;
        let families = [checkpoints, expiry, heads, ids, meta, values];
        let families: Vec<_> = families.iter().collect();
        db.flush_cfs_opt(&families, &flush).map_err(|error| health.poison(error))
    });
    // The files are free before anybody hears of it.
    drop(requests);
    drop(db);
    drop(lock);
    if let (Some(closing), Some(outcome)) = (closing, outcome) {
        // Whoever does not wait any more needs no answer.
        let _ = closing.send(outcome);
    }
}

struct CloseOnDrop<'a>(&'a Wishes);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
