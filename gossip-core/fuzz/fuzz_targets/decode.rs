//! Bytes into `testkit::fuzz::decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gossip_core::testkit::fuzz::decode(data));
