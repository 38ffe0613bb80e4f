//! Real input: every file path that Debian's package database lists, with its package.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, PATIENCE, Running, Scratch, equal, program, wait_until};

/// Records of the first import.
const RECORDS: usize = 60_000;

/// From an import's end until all hashes are equal.
const EQUAL: Duration = Duration::from_secs(30);

/// A node's largest resident memory.
const MEMORY_KIB: u64 = 1024 * 1024;

/// Path and package, without repetition, as NDJSON; where the database lists fewer, made-up
/// names fill up.
fn records(prefix: &str, count: usize) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let lists = fs::read_dir(Path::new("/var/lib/dpkg/info")).into_iter().flatten().flatten();
    for path in
        lists.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "list"))
    {
        let package = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap_or_default();
        pairs.extend(text.lines().map(|line| (format!("{prefix}{line}"), package.clone())));
    }
    pairs.sort();
    pairs.dedup_by(|a, b| a.0 == b.0);
    pairs.retain(|(key, _)| key.len() <= 512);
    let made_up = (0..count).map(|n| (format!("{prefix}/made/up/{n:06}"), "none".to_owned()));
    let pairs = pairs.into_iter().chain(made_up).take(count);
    let line = |(key, value)| format!("{}\n", serde_json::json!({ "key": key, "value": value }));
    pairs.map(line).collect()
}

fn peak_kib(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn start(scratch: &Scratch, number: usize, seeds: &[&str]) -> Node {
    let identity = scratch.path(&format!("identity-{number}"));
    let mut arguments = vec!["--identity", &identity];
    arguments.extend(seeds.iter().flat_map(|seed| ["--seed", seed]));
    // What a user gets who sets nothing.
    Node::start_with(&arguments, &[])
}

#[test]
fn five_nodes_take_a_package_database() {
    let scratch = Scratch::new();
    let file = scratch.file("first.ndjson", &records("", RECORDS));
    let mut nodes = vec![start(&scratch, 0, &[])];
    for number in 1..5 {
        nodes.push(start(&scratch, number, &[nodes[0].listen()]));
    }
    for node in &nodes {
        node.run(&["wait", "--members", "5", "--timeout", "30s"]).code(0);
    }

    let imported = nodes[0].run(&["--timeout", "60s", "kv", "import", &file]).code(0).json();
    assert_eq!(
        (imported["imported"].as_u64(), imported["rejected"].as_u64()),
        (Some(RECORDS as u64), Some(0))
    );
    let begun = Instant::now();
    let hash = equal(&nodes.iter().collect::<Vec<_>>(), EQUAL);
    eprintln!("import {imported}; equal {:?} later: {hash}", begun.elapsed());
    assert_eq!(hash["entries"], RECORDS);

    // The second import stands still in its middle while two nodes are killed.
    let second = records("second", RECORDS);
    let middle = second.len() / 2;
    let mut import = program(&["--json", "--admin", nodes[0].admin(), "kv", "import", "-"]);
    let mut import = Running::start_fed(import.stdin(Stdio::piped()));
    import.input().write_all(&second.as_bytes()[..middle]).unwrap();
    wait_until("the second import is under way", || {
        let entries = nodes[4].hash("this")["entries"].as_u64().unwrap();
        (entries > RECORDS as u64 + 1_000).then_some(())
    });
    for number in [3, 4] {
        nodes[number].process.signal("-KILL");
        nodes[number].process.wait();
    }
    import.input().write_all(&second.as_bytes()[middle..]).unwrap();
    import.end_input();
    for number in [3, 4] {
        let before = nodes[number].id().to_owned();
        let seeds = [nodes[0].listen(), nodes[1].listen()].map(str::to_owned);
        nodes[number] = start(&scratch, number, &[&seeds[0], &seeds[1]]);
        assert_eq!(nodes[number].id(), before);
    }
    let imported: Value = import.last();
    assert!(import.wait().success());
    let begun = Instant::now();
    let hash = equal(&nodes.iter().collect::<Vec<_>>(), EQUAL + PATIENCE);
    eprintln!("import {imported}; equal {:?} later: {hash}", begun.elapsed());
    assert_eq!(hash["entries"], 2 * RECORDS);
    for node in &nodes {
        let peak = peak_kib(node);
        eprintln!("peak {peak} KiB");
        assert!(peak < MEMORY_KIB, "{peak} KiB");
    }
}
