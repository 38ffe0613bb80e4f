//! The ledger of long runs, fed what it must accept and what it must not.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::soak::ledger::{Attempt, Found, Ledger};

/// A ledger of one key, of attempts one after the other.
fn ledger(attempts: &[(Option<&str>, Option<&str>)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (value, version) in attempts {
        let (value, version) = (value.map(str::to_owned), version.map(str::to_owned));
        let began = Instant::now();
        let attempt = Attempt { value, began, ended: Instant::now(), version };
        ledger.note("k".into(), attempt);
    }
    ledger
}

fn held(found: Option<(&str, &str)>) -> BTreeMap<String, Found> {
    let entry = |(value, version): (&str, &str)| {
        ("k".to_owned(), Found { value: value.to_owned(), version: version.to_owned() })
    };
    found.map(entry).into_iter().collect()
}

#[track_caller]
fn check(attempts: &[(Option<&str>, Option<&str>)], found: Option<(&str, &str)>, expected: &str) {
    let mut ledger = ledger(attempts);
    let violations = ledger.violations(&held(found));
    assert_eq!(violations.is_empty(), expected.is_empty(), "{violations:?}");
    assert!(violations.iter().all(|text| text.contains(expected)), "{violations:?}");
    if violations.is_empty() {
        ledger.settle(&held(found));
        let violations = ledger.violations(&held(found));
        assert!(violations.is_empty(), "what is fine stays fine: {violations:?}");
    }
}

#[test]
fn what_may_be_found() {
    let (put, delete) = ((Some("a"), Some("1")), (None, Some("2")));
    check(&[put], Some(("a", "1")), "");
    check(&[put, (Some("b"), None)], Some(("a", "1")), "");
    check(&[put, (Some("b"), None)], Some(("b", "2")), "");
    check(&[put, delete], None, "");
    check(&[put, (None, None)], None, "");
    check(&[put, (None, None)], Some(("a", "1")), "");
    check(&[(Some("a"), None)], None, "");
    check(&[put, delete, (Some("b"), None)], Some(("b", "3")), "");
}

#[test]
fn what_may_not() {
    let (put, delete) = ((Some("a"), Some("1")), (None, Some("2")));
    check(&[put], None, "lost");
    check(&[put, (Some("b"), Some("2"))], Some(("a", "1")), "lost");
    check(&[put, delete], Some(("a", "1")), "resurrected");
    check(&[put], Some(("x", "9")), "nobody wrote");
    check(&[put], Some(("a", "9")), "acknowledged as");
    check(&[(Some("b"), None), put], Some(("b", "0")), "lost");
    check(&[(None, None), put], None, "lost");
    check(&[], Some(("a", "1")), "nobody wrote");
}

#[test]
fn what_was_settled_does_not_come_back() {
    let mut ledger = ledger(&[(Some("a"), Some("1")), (Some("b"), None)]);
    ledger.settle(&held(Some(("a", "1"))));
    assert!(!ledger.violations(&held(Some(("b", "2")))).is_empty());
}
