//! A store on RocksDB: atomic merges, group commit, applied told apart from durable.
//!
//! [`RocksStore`] keeps the promises of [`gossip_core::store`] on a disk, and passes that port's
//! conformance suite, also when a crash takes all that was never synced.
//!
//! # What is promised
//! - A merge is answered when it is *applied*: in the log, as the system's page cache has it, and
//!   seen by every later read. A killed process loses none of it.
//! - `Sync` and `Remember` are answered when they are *durable*: after a sync of the log that began
//!   after they had their turn. One sync answers all who wait; it delays no merge and no read.
//! - After any crash the store is as of some moment between the last durable answer and the end. No
//!   half of a merge is ever seen: each is one batch, with the commit number inside.
//! - After a failed write or sync the store is poisoned: writes are refused with the reason, reads
//!   go on. Reopened with space, it has everything that was durable.
//! - What was announced as expired stays announced; what became dormant is counted once.
//!
//! # Threads
//! ```text
//!            first poll                     views fixed at an op's turn
//!  run(op) ─────────────▶ store-write ───────────────────────────────────▶ reading thread
//!      ▲                  one batch per                                         │
//!      │                  queue-full of merges ── who waits to be durable ─▶ syncing thread
//!      └──── answers ───────────┴───────────────────────────────────────────────┘
//! ```
//! The writing thread takes ops in order. What merges have put, and what they have touched, lies in
//! one batch until the queue is empty, a read comes, or it has 4 MiB; only then the catalogues in
//! memory learn of it, so they never know more than the disk. RocksDB adds two threads to sort and
//! merge files.
//!
//! # Layout
//! The directory holds `FORMAT` (kind and schema, as text), `LOCK`, `DURABLE` (how far the log was
//! synced at last) and `db`, where RocksDB's files are. All numbers are big-endian.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `heads` | channel, topic, key | 1 to 16 × (id, whether the value is apart, length, the author's bytes), in the retain rule's order |
//! | `values` | channel, topic, id | a value longer than 1 KiB: the rest of the author's bytes |
//! | `ids` | channel, topic, version, id | lives, tombstone or expires (and when); key |
//! | `expiry` | instant, channel, topic, version, id | nothing: it waits to be announced |
//! | `meta` | `c` | the last commit |
//! | `meta` | `t`, channel, topic | the epoch that the shard has reached, and how many facts became dormant since the last sweep |
//! | `meta` | [`MetaName::to_bytes`](gossip_core::store::MetaName::to_bytes) | what the node remembers |
//! | `checkpoints` | channel, topic | the last commit, and the shard's sketch after it ([`Catalogue::checkpoint`](gossip_core::store::catalogue::Catalogue::checkpoint)) |
//!
//! An opening reads `meta`, `expiry` and `ids`, and makes of them the catalogue of each shard: 60
//! bytes for a fact and some 14 for its key's hash, which tells new keys without a search. Heads and
//! values stay on the disk. A close leaves the sketches that were asked for as `checkpoints`: an opening
//! takes each that is of exactly what it finds, and ignores all others, for they are made anew when somebody
//! asks.
//!
//! # Failures
//! | what | is told by | what to do |
//! |---|---|---|
//! | another process has it open | [`OpenError::InUse`] | stop that one |
//! | a newer program wrote it, or something small into it | [`OpenError::NewerSchema`], [`OpenError::NewerContent`] | run that program |
//! | the directory holds other files, or another kind of store | [`OpenError::NotAStore`], [`OpenError::OtherStore`] | name another directory |
//! | the log ends within a write, or in noise | nothing: opens as of the last whole batch | |
//! | the log is damaged before what was durable; a file is lost or damaged | [`OpenError::Corrupt`] | start empty, and take the state from partners or a snapshot |
//! | no permission, no space, no such disk | [`OpenError::Io`] | mend that |
//! | a row cannot be read for a question | [`StoreError::Unreadable`](gossip_core::store::StoreError::Unreadable) | look at the disk; all else goes on |
//! | a write or sync fails; a row cannot be read within a write | [`StoreError::Poisoned`](gossip_core::store::StoreError::Poisoned) | free space or replace the disk, then restart |
//! | reading or syncing panics | [`StoreError::Poisoned`](gossip_core::store::StoreError::Poisoned) | restart, and report it |
//! | it was closed | [`StoreError::Closed`](gossip_core::store::StoreError::Closed) | |

mod batch;
mod checkpoint;
mod config;
mod error;
mod filter;
mod health;
mod keys;
mod load;
mod lock;
mod log;
mod mark;
mod marker;
mod merge;
mod meta;
mod open;
mod questions;
mod reader;
mod request;
mod rows;
mod store;
mod sweep;
mod syncer;
mod tables;
mod view;
mod wishes;
mod writer;

pub use self::config::RocksConfig;
pub use self::error::OpenError;
pub use self::store::RocksStore;
