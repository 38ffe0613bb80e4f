//! Bytes into `testkit::fuzz::inputs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gossip_core::testkit::fuzz::inputs(data));
