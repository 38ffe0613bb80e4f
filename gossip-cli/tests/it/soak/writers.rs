//! Writers: threads that put and delete at one node each, and note in the ledger what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gossip_core::rng::Rng;
use serde_json::{Value, json};

use super::ledger::{Attempt, Found, Ledger};
use crate::support::{Node, PATIENCE, wait_until};

/// Keys of each writer's own, and as many that all of them share.
const KEYS: usize = 150;

/// Most writes of one request.
const BATCH: usize = 8;

/// How long an answer may take before the outcome counts as unknown.
const ANSWER: Duration = Duration::from_secs(20);

/// Threads that write until they are dropped.
#[derive(Debug)]
pub(crate) struct Writers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    board: Mutex<Board>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Board {
    /// Acknowledged writes of each writer.
    acknowledged: Vec<u64>,
    /// Where each writer's node serves; `None` while it is down.
    admins: Vec<Option<String>>,
    /// Writers with a request under way.
    busy: usize,
    ended: bool,
    /// Each writer's node.
    ids: Vec<String>,
    ledger: Ledger,
    paused: bool,
}

impl Writers {
    /// One writer per node. They write at once.
    pub(crate) fn start<'a>(nodes: impl IntoIterator<Item = &'a Node>, rng: &mut Rng) -> Self {
        let mut board = Board::default();
        for node in nodes {
            board.admins.push(Some(node.admin().to_owned()));
            board.ids.push(node.id().to_owned());
        }
        let count = board.ids.len();
        board.acknowledged = vec![0; count];
        let shared = Arc::new(Shared { board: Mutex::new(board), changed: Condvar::new() });
        let writer = |number| {
            let (shared, rng) = (Arc::clone(&shared), rng.fork(&format!("writer {number}")));
            thread::spawn(move || Writer { number, rng, shared, written: 0 }.run())
        };
        let threads = (0..count).map(writer).collect();
        Self { shared, threads }
    }

    /// The node of this writer is down, or serves here; a number beyond the writers is no node of
    /// theirs.
    pub(crate) fn moved(&self, writer: usize, admin: Option<String>) {
        self.shared.change(|board| {
            board.admins.get_mut(writer).into_iter().for_each(|place| place.clone_from(&admin));
        });
    }

    /// How many writes each writer has seen acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<u64> {
        self.shared.lock().acknowledged.clone()
    }

    /// Lets no request begin, and waits until none is under way.
    #[track_caller]
    pub(crate) fn pause(&self) {
        self.shared.change(|board| board.paused = true);
        wait_until("the writers pause", || (self.shared.lock().busy == 0).then_some(()));
    }

    /// Goes on after a pause.
    pub(crate) fn resume(&self) {
        self.shared.change(|board| board.paused = false);
    }

    /// Looks into the ledger.
    pub(crate) fn ledger<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.shared.lock().ledger)
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.shared.change(|board| board.ended = true);
        for thread in self.threads.drain(..) {
            // Its panic has been shown.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

struct Writer {
    number: usize,
    rng: Rng,
    shared: Arc<Shared>,
    written: u64,
}

impl Writer {
    fn run(mut self) {
        while let Some(admin) = self.turn() {
            let writes = self.batch();
            let began = Instant::now();
            let versions = send(&admin, &writes);
            let ended = Instant::now();
            self.shared.change(|board| {
                for (at, (key, value)) in writes.into_iter().enumerate() {
                    let version = versions.get(at).cloned().flatten();
                    let version = version.map(|version| version + &board.ids[self.number]);
                    board.acknowledged[self.number] += u64::from(version.is_some());
                    board.ledger.note(key, Attempt { value, began, ended, version });
                }
                // Whoever does not answer is down, or about to be told so.
                let here = &mut board.admins[self.number];
                if versions.is_empty() && here.as_ref() == Some(&admin) {
                    *here = None;
                }
                board.busy -= 1;
            });
        }
    }

    /// Where to write next, once there is a place; `None`: no more.
    fn turn(&self) -> Option<String> {
        let mut board = self.shared.lock();
        loop {
            if board.ended {
                return None;
            }
            let admin = board.admins[self.number].clone();
            if let Some(admin) = admin.filter(|_| !board.paused) {
                board.busy += 1;
                return Some(admin);
            }
            let waited = self.shared.changed.wait(board);
            board = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts and deletes, keys of our own and shared ones, each key once.
    fn batch(&mut self) -> BTreeMap<String, Option<String>> {
        let count = 1 + self.rng.index(BATCH);
        let write = |_| {
            let owner = if self.rng.index(4) == 0 { "all".into() } else { self.number.to_string() };
            let key = format!("soak/{owner}/{:03}", self.rng.index(KEYS));
            self.written += 1;
            let put = self.rng.index(5) > 0;
            let padding = "x".repeat(self.rng.index(400));
            (key, put.then(|| format!("{}-{}-{padding}", self.number, self.written)))
        };
        (0..count).map(write).collect()
    }
}

/// Sends writes; the version of each that was acknowledged, or nothing if nobody answered.
fn send(admin: &str, writes: &BTreeMap<String, Option<String>>) -> Vec<Option<String>> {
    let write = |(key, value): (&String, &Option<String>)| match value {
        Some(value) => json!({ "key": key, "value": value }),
        None => json!({ "key": key }),
    };
    let body = json!({ "channel": "main", "writes": writes.iter().map(write).collect::<Vec<_>>() });
    let answer = agent().post(format!("http://{admin}/v1/kv/write")).send_json(&body);
    let Ok(answer) = answer.and_then(|mut answer| answer.body_mut().read_json::<Value>()) else {
        return Vec::new();
    };
    let results = answer["results"].as_array().cloned().unwrap_or_default();
    let version = |result: &Value| result["written"]["version"].as_str().map(str::to_owned);
    results.iter().map(version).collect()
}

/// What the node at this admin port holds under the writers' keys.
pub(crate) fn held(admin: &str) -> BTreeMap<String, Found> {
    let url = format!("http://{admin}/v1/kv/list?channel=main&prefix=soak/");
    let text = agent().get(url).call().unwrap().body_mut().read_to_string().unwrap();
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| entry[name].as_str().unwrap().to_owned();
        let version = field("version") + &field("author");
        (field("key"), Found { value: field("value"), version })
    };
    text.lines().map(entry).collect()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER.min(PATIENCE)));
    config.proxy(None).build().into()
}
