//! The RocksDB store in real directories.

#![expect(clippy::print_stdout, reason = "a test in another process says what it found")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for what it looks for")]

mod checkpoint;
mod conformance;
mod crash;
mod fixture;
mod full;
mod noise;
mod opening;
mod order;
mod support;
mod threads;
