//! The demo: small ones here, in every mode.

use std::fs;

use serde_json::Value;

use crate::support::{Scratch, finish, program, run};

#[track_caller]
fn demo(arguments: &[&str]) -> Value {
    let report =
        run(&[&["--json", "demo", "--period", "100ms"], arguments].concat()).code(0).json();
    let fields = [
        "nodes",
        "fanout",
        "mode",
        "entries",
        "converged",
        "ms_to_all",
        "rounds_to_all",
        "datagrams",
        "bytes",
        "duplicates",
        "state_hash",
        "per_round",
    ];
    for field in fields {
        assert!(report.get(field).is_some(), "{field} is missing in {report}");
    }
    assert_eq!(report["converged"], true);
    let rounds = report["per_round"].as_array().unwrap();
    assert_eq!(rounds.len() as u64, report["rounds_to_all"].as_u64().unwrap());
    for (round, number) in rounds.iter().zip(1_u64..) {
        assert_eq!(round["round"], number);
    }
    report
}

#[test]
fn every_mode_converges() {
    for mode in ["push", "pull", "push-pull"] {
        let report = demo(&["--nodes", "6", "--fanout", "2", "--entries", "100", "--mode", mode]);
        assert_eq!((&report["mode"], &report["nodes"]), (&mode.into(), &6.into()));
        let infected = report["per_round"].as_array().unwrap().last().unwrap()["infected"].clone();
        assert_eq!(infected, 6, "{report}");
    }
}

#[test]
fn every_transport_and_store_converges() {
    let stores: &[&str] = if cfg!(feature = "rocks") { &["memory", "rocks"] } else { &["memory"] };
    for transport in ["udp", "tcp", "udp+tcp"] {
        for store in stores {
            let kinds = ["--transport", transport, "--store", store];
            demo(&[&["--nodes", "4", "--fanout", "2", "--entries", "50"], &kinds[..]].concat());
        }
    }
}

#[test]
fn survivors_converge_on_a_file() {
    let scratch = Scratch::new();
    let lines: Vec<_> = (0..300).map(|n| format!("key/{n},value {n}")).collect();
    let file = scratch.file("records.csv", &lines.join("\n"));
    let report = demo(&["--nodes", "8", "--kill", "3", "--import", &file]);
    assert_eq!(report["entries"], 300);
    let infected = report["per_round"].as_array().unwrap().last().unwrap()["infected"].clone();
    assert_eq!(infected, 5, "{report}");
    run(&["demo", "--nodes", "3", "--kill", "2"]).code(2);
}

#[test]
fn a_demo_that_fails_says_why_and_leaves_nothing() {
    let scratch = Scratch::new();
    let failed = |arguments: &[&str], part: &str| {
        let mut demo = program(&[&["demo", "--nodes", "4"], arguments].concat());
        demo.env("TMPDIR", scratch.path(""));
        let outcome = finish(demo, b"").code(1);
        let said: Vec<_> = outcome.stderr.lines().collect();
        assert!(matches!(said[..], [one] if one.contains(part)), "{outcome:?}");
        assert_eq!(fs::read_dir(scratch.path("")).unwrap().count(), 0);
    };
    failed(&["--timeout", "1ns"], "in 0 s");
    failed(&["--import", "/no/such/file"], "cannot read");
}

#[test]
fn people_see_the_rounds() {
    let shown =
        run(&["demo", "--nodes", "4", "--entries", "10", "--period", "100ms"]).code(0).stdout;
    for part in ["4 nodes, push-pull", "one update", "4 of 4", "frames", "state hash"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colour in a pipe: {shown}");
}
