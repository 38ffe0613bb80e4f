//! The RocksDB store in real directories.

mod conformance;
