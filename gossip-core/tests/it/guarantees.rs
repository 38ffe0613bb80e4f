//! The tests that docs/guarantees.md names for membership exist.

use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../../docs/guarantees.md");

/// The part whose names are whole paths.
const SECTION: &str = "## Membership: which test proves it";

/// What stands between backticks there and is the path of a test: its crate and path.
fn named() -> Vec<(&'static str, &'static str)> {
    let (_, section) = DOCUMENT.split_once(SECTION).unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let quoted = section.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    quoted.map(|name| name.split_once(": ").unwrap_or(("gossip-core", name))).collect()
}

/// Files in which a test with this path may stand.
fn places(krate: &str, path: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(krate);
    let tests = root.join("tests/it").join(path.join("/")).with_extension("rs");
    let module = path.split_last().filter(|(last, _)| **last == "tests").map(|(_, rest)| rest);
    let inside = module.map(|rest| root.join("src").join(rest.join("/")).with_extension("rs"));
    let beside = root.join("src").join(path.join("/")).with_extension("rs");
    [tests, beside].into_iter().chain(inside).collect()
}

fn exists(krate: &str, path: &str) -> bool {
    let parts: Vec<_> = path.split("::").collect();
    let (test, module) = parts.split_last().unwrap();
    let begins = format!("fn {test}(");
    let has = |file: PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains(&begins));
    places(krate, module).into_iter().any(has)
}

#[test]
fn every_test_that_the_table_names_exists() {
    let named = named();
    assert!(named.len() > 100, "{} names", named.len());
    let missing: Vec<_> = named.iter().filter(|(krate, path)| !exists(krate, path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!exists("gossip-core", "membership::view::tests::nothing_of_the_kind"));
}
