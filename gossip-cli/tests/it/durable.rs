//! Nodes that keep their state in files: what they hold again after any end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::soak::{Crew, Cycles, DURABLE, kill_cycles, two_imports};
use crate::support::{Node, PATIENCE, QUICK, Running, Scratch, equal, node, run, wait_until};

fn start(data: &str, more: &[&str]) -> Node {
    Node::start(&[&["--store", "rocks", "--data", data], more].concat())
}

/// Stops a node as an operator does.
#[track_caller]
fn stop(mut node: Node) {
    node.process.signal("-TERM");
    assert!(node.process.wait().success(), "{:?}", node.process.said());
}

#[test]
fn a_node_alone_holds_again_what_it_held() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let first = start(&data, &[]);
    let lines: Vec<_> = (0..1_000).map(|n| format!("k/{n:04},value {n}")).collect();
    let file = scratch.file("records.csv", &lines.join("\n"));
    first.run(&["kv", "import", &file]).code(0);
    first.run(&["kv", "del", "k/0007"]).code(0);
    first.run(&["kv", "put", "k/0008", "again"]).code(0);
    let (id, hash) = (first.id().to_owned(), first.hash("this"));
    let own = first.sees_member(&id, "alive")["incarnation"].as_u64().unwrap();
    stop(first);

    let mut second = start(&data, &[]);
    assert_eq!(second.id(), id, "the directory holds the key too");
    let status = second.run(&["status"]).code(0).json();
    assert_eq!(
        (&status["store"]["kind"], &status["store"]["healthy"]),
        (&json!("rocks"), &json!(true))
    );
    let again = second.hash("this");
    for part in ["entries", "tombstones"] {
        assert_eq!(again[part], hash[part]);
    }
    assert_eq!(second.run(&["kv", "get", "k/0008"]).code(0).json()["value"], "again");
    second.run(&["kv", "get", "k/0007"]).code(1);
    let later = second.sees_member(&id, "alive")["incarnation"].as_u64().unwrap();
    assert!(later > own, "{later} after {own}");

    // What is acknowledged is there after -9 as well.
    second.run(&["kv", "put", "k/0009", "acknowledged"]).code(0);
    second.process.signal("-KILL");
    second.process.wait();
    let third = start(&data, &[]);
    assert_eq!(third.run(&["kv", "get", "k/0009"]).code(0).json()["value"], "acknowledged");
}

#[test]
fn a_stopped_node_is_left_at_once_and_comes_back_to_what_it_had() {
    let scratch = Scratch::new();
    let first = Node::start(&[]);
    let data = scratch.path("data");
    let back = || start(&data, &["--seed", first.listen()]);
    let stopped = back();
    let id = stopped.id().to_owned();
    first.run(&["wait", "--members", "2", "--timeout", "30s"]).code(0);
    stopped.run(&["kv", "put", "own", "1"]).code(0);
    first.sees("own", "1");
    stop(stopped);
    first.sees_member(&id, "left");
    first.run(&["kv", "put", "meanwhile", "2"]).code(0);
    let returned = back();
    returned.sees("meanwhile", "2");
    first.sees_member(&id, "alive");
    let files = fs::read_dir(&data).unwrap().map(|file| file.unwrap().file_name());
    let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["identity", "store"], "nothing was given up");
}

#[test]
fn who_left_for_good_finds_its_writes_in_a_file() {
    let scratch = Scratch::new();
    let first = Node::start(&[]);
    let data = scratch.path("data");
    let back = || start(&data, &["--seed", first.listen()]);
    let mut gone = back();
    first.run(&["wait", "--members", "2", "--timeout", "30s"]).code(0);
    gone.run(&["kv", "put", "own", "1"]).code(0);
    gone.run(&["kv", "put", "other", "2"]).code(0);
    gone.run(&["kv", "del", "other"]).code(0);
    gone.run(&["kv", "put", "shared", "old"]).code(0);
    gone.run(&["kv", "put", "deleted", "old"]).code(0);
    gone.run(&["kv", "put", "dead", "once"]).code(0);
    gone.run(&["kv", "del", "dead"]).code(0);
    equal(&[&first, &gone], PATIENCE);
    gone.run(&["leave"]).code(0);
    assert!(gone.process.wait().success());
    // While it is away others write newer values, delete, and make deleted keys again.
    first.run(&["kv", "put", "shared", "new"]).code(0);
    first.run(&["kv", "del", "deleted"]).code(0);
    first.run(&["kv", "put", "dead", "alive"]).code(0);
    let returned = back();
    let exported = wait_until("the export", || {
        let mut files = fs::read_dir(&data).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.to_string_lossy().contains("/exported-"))
    });
    returned.sees("own", "1");
    let said = wait_until("the next step is told", || {
        returned.process.complaints.try_iter().find(|line| line.contains("kv import"))
    });
    assert!(said.contains(exported.to_str().unwrap()), "{said}");
    let text = fs::read_to_string(&exported).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |key: &str| lines.iter().find(|line| line["key"] == key).unwrap();
    assert_eq!(line("own")["value"], "1");
    assert_eq!(line("other")["deleted"], true);
    let got = first.run(&["kv", "get", "own"]).code(0).json();
    assert_eq!(line("own")["version"], got["version"], "the version that others hold too");

    returned.run(&["wait", "--members", "2", "--timeout", "30s"]).code(0);
    returned.run(&["wait", "--converged", "--timeout", "30s"]).code(0);
    // What nobody holds is written again, and nothing else.
    let lost = "{\"key\":\"lost\",\"value\":\"3\",\"version\":\"0000000000000001\"}\n";
    let file = scratch.file("exported.ndjson", &format!("{text}{lost}"));
    let imported = returned.run(&["kv", "import", &file]).code(0).json();
    let counts = ["imported", "superseded", "rejected"].map(|part| imported[part].as_u64());
    assert_eq!(counts, [Some(1), Some(5), Some(0)], "{imported}\n{text}");
    for node in [&first, &returned] {
        for (key, value) in [("own", "1"), ("shared", "new"), ("dead", "alive"), ("lost", "3")] {
            node.sees(key, value);
        }
        node.run(&["kv", "get", "deleted"]).code(1);
        node.run(&["kv", "get", "other"]).code(1);
    }
    let said = run(&["--admin", returned.admin(), "kv", "import", &file]).code(0).stdout;
    assert!(said.contains("0 imported") && said.contains("6 left out"), "{said}");
}

#[test]
fn two_of_five_nodes_die_in_the_middle_of_an_import() {
    let mut crew = Crew::start(5, DURABLE, QUICK);
    let records: BTreeMap<_, _> = (0..3_000)
        .map(|n| (format!("package-{n:05}"), format!("{n} {}", "x".repeat(n % 700))))
        .collect();
    let imports = two_imports(&mut crew, &records, PATIENCE, |line| eprintln!("{line}"));
    eprintln!("{imports:?}");
}

#[test]
fn nothing_acknowledged_is_lost_however_nodes_die() {
    let plan = Cycles { cycles: 5, seed: 1, check_every: 1 };
    let survived = kill_cycles(plan, |line| eprintln!("{line}"));
    eprintln!("{survived:?}");
    assert!(survived.acknowledged > 0 && survived.checks == 5);
}

#[test]
fn a_second_process_is_refused() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let _first = start(&data, &[]);
    let mut second = Running::start(node(&["--store", "rocks", "--data", &data]));
    assert_eq!(second.wait().code(), Some(1));
    let said: Vec<_> = second.complaints.iter().collect();
    assert!(said.iter().any(|line| line.contains("process") && line.contains("store")), "{said:?}");
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    let scratch = Scratch::new();
    let refused = |arguments: &[&str], code, part: &str| {
        let mut process = Running::start(node(arguments));
        assert_eq!(process.wait().code(), Some(code));
        let said: Vec<_> = process.complaints.iter().collect();
        assert!(said.iter().any(|line| line.contains(part)), "{said:?}");
    };
    refused(&["--store", "rocks"], 2, "--data");
    let data = scratch.path("data");
    stop(start(&data, &[]));
    let format = file_in(Path::new(&data), "FORMAT");
    let ours = fs::read_to_string(&format).unwrap();
    fs::write(&format, "gossip-store-rocks\nschema 999\n").unwrap();
    refused(&["--store", "rocks", "--data", &data], 1, "schema 999");
    refused(&["--store", "rocks", "--data", &data], 1, "run the newer program");
    fs::write(&format, ours).unwrap();
    stop(start(&data, &[]));
    let manifest = file_in(Path::new(&data), "MANIFEST");
    fs::write(manifest, "nonsense").unwrap();
    refused(&["--store", "rocks", "--data", &data], 1, "move the directory away");
    let file = scratch.file("file", "");
    refused(&["--store", "rocks", "--data", &file], 2, "Not a directory");
}

/// A file somewhere in a directory, by the beginning of its name.
#[track_caller]
fn file_in(directory: &Path, begins: &str) -> PathBuf {
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins)) {
            return path;
        }
    }
    panic!("no {begins} in {}", directory.display())
}
