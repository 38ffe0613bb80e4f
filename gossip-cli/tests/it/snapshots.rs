//! Snapshots: taken from a running node, looked at, brought back, and refused when they are not
//! what they were.

use std::fs;

use gossip_core::fact::Domain;
use gossip_core::id::{ChannelId, ClusterId};
use gossip_core::store::snapshot::Writer;
use gossip_core::time::Wall;
use serde_json::json;

use crate::support::{Node, PATIENCE, Scratch, equal, finish, program, run};

/// A node with some of everything; its snapshot's path.
fn saved(scratch: &Scratch) -> (Node, String) {
    let node = Node::start(&[]);
    let lines: Vec<_> = (0..900).map(|n| format!("s/{n:04},value {n}")).collect();
    node.run(&["kv", "import", &scratch.file("records.csv", &lines.join("\n"))]).code(0);
    node.run(&["kv", "del", "s/0003"]).code(0);
    node.run(&["kv", "put", "brief", "1", "--ttl", "1h"]).code(0);
    let put = program(&["--admin", node.admin(), "kv", "put", "large", "-"]);
    finish(put, &vec![0xff; 200_000]).code(0);
    let file = scratch.path("a.snapshot");
    let saved = node.run(&["snapshot", "save", &file]).code(0).json();
    assert_eq!(saved["facts"], 902);
    assert_eq!(saved["bytes"], fs::metadata(&file).unwrap().len());
    (node, file)
}

#[test]
fn what_is_saved_is_shown_and_restored() {
    let scratch = Scratch::new();
    let (node, file) = saved(&scratch);
    let shown = run(&["--json", "snapshot", "show", &file]).code(0).json();
    let cluster = ClusterId::from_name("gossip").to_string();
    assert_eq!((&shown["cluster"], &shown["channel"]), (&json!(cluster), &json!("main")));
    assert_eq!((&shown["entries"], &shown["tombstones"]), (&json!(901), &json!(1)));
    for field in ["channel_id", "taken_at", "facts", "expired", "bytes", "hash"] {
        assert!(shown.get(field).is_some(), "{field} is missing in {shown}");
    }
    let human = run(&["snapshot", "show", &file]).code(0).stdout;
    assert!(human.contains("901 entries") && human.contains("ago"), "{human}");

    let data = scratch.path("data");
    let restore = || run(&["--json", "snapshot", "restore", &file, "--data", &data]);
    assert_eq!(restore().code(0).json()["facts"], 902);
    let refused = restore().code(1);
    assert!(refused.stderr.contains("holds a state already"), "{refused:?}");
    let restored = Node::start(&["--data", &data]);
    equal(&[&node, &restored], PATIENCE);
    for key in ["s/0004", "brief", "large"] {
        let [a, b] = [&node, &restored].map(|node| node.run(&["kv", "get", key]).code(0).json());
        assert_eq!(a, b, "the author's own fact");
    }
    restored.run(&["kv", "put", "s/0004", "later"]).code(0);
    restored.sees("s/0004", "later");
}

#[test]
fn what_is_not_as_it_was_is_refused() {
    let scratch = Scratch::new();
    let (_node, file) = saved(&scratch);
    let bytes = fs::read(&file).unwrap();
    let data = scratch.path("data");
    let refused = |bytes: &[u8], why: &str| {
        let file = scratch.path("b.snapshot");
        fs::write(&file, bytes).unwrap();
        let shown = run(&["snapshot", "show", &file]).code(1);
        assert!(shown.stderr.contains(why), "{shown:?}");
        let restored = run(&["snapshot", "restore", &file, "--data", &data]).code(1);
        assert!(restored.stderr.contains(why), "{restored:?}");
        assert!(!fs::exists(format!("{data}/store")).unwrap(), "nothing is made of it");
    };
    refused(&bytes[..bytes.len() - 1], "cut short");
    refused(b"something else entirely", "no snapshot");
    let last = bytes.len() - 40;
    let changed = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        changed
    };
    refused(&changed(last), "damaged");
    // A forger can mend the checksum, but not sign.
    let signature = 16 + 1 + 32 + 32 + 8 + 4 + 2;
    let mut forged = changed(signature + 10);
    let end = forged.len() - 32;
    let hash = *blake3::hash(&forged[..end]).as_bytes();
    forged[end..].copy_from_slice(&hash);
    refused(&forged, "not its author's");
    run(&["snapshot", "show", &scratch.path("absent")]).code(1);
}

#[test]
fn an_old_snapshot_takes_another_word() {
    let scratch = Scratch::new();
    let cluster = ClusterId::from_name("gossip");
    let domain = Domain::new(cluster, ChannelId::derived(cluster, ChannelId::MAIN));
    let mut bytes = Vec::new();
    Writer::begin(&domain, Wall::from_millis(1_700_000_000_000), &mut bytes).end(&mut bytes);
    let file = scratch.path("old.snapshot");
    fs::write(&file, bytes).unwrap();
    let data = scratch.path("data");
    let restore = ["snapshot", "restore", &file, "--data", &data];
    let refused = run(&restore).code(1);
    assert!(refused.stderr.contains("--even-old"), "{refused:?}");
    run(&[&restore[..], &["--even-old"]].concat()).code(0);
}

#[test]
fn no_part_of_a_snapshot_is_left_behind() {
    let scratch = Scratch::new();
    let file = scratch.file("kept.snapshot", "old");
    run(&["--admin", "127.0.0.1:1", "snapshot", "save", &file]).code(4);
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    let node = Node::start(&[]);
    let refused = node.run(&["snapshot", "save", &scratch.path("no/such/directory/file")]).code(1);
    assert!(refused.stderr.contains("make its directory"), "{refused:?}");
    node.run(&["snapshot", "save", &file]).code(0);
    run(&["snapshot", "show", &file]).code(0);
}
