//! The RocksDB store in real directories.

mod conformance;
mod crash;
mod fixture;
mod full;
mod opening;
mod order;
mod support;
