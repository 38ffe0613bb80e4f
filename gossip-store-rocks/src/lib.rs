//! The RocksDB store.

mod batch;
mod config;
mod error;
mod filter;
mod health;
mod keys;
mod load;
mod lock;
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
mod writer;

pub use self::config::RocksConfig;
pub use self::error::OpenError;
pub use self::store::RocksStore;
