//! State that leaves a node as lines, and comes back.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{Node, Scratch, finish, program, run};

/// Every live entry of a node: what it is, and when it ends.
fn entries(node: &Node) -> BTreeMap<String, (Value, Value)> {
    let listed = node.run(&["kv", "list"]).code(0).lines().into_iter();
    let entry = |line: Value| {
        (line["key"].to_string(), (line["value_base64"].clone(), line["expires_at"].clone()))
    };
    listed.map(entry).collect()
}

#[test]
fn what_is_exported_is_imported_again() {
    let scratch = Scratch::new();
    let from = Node::start(&[]);
    let lines: Vec<_> =
        (0..1_300).map(|n| format!("{{\"key\":\"e/{n:04}\",\"value\":\"{n}\"}}")).collect();
    from.run(&["kv", "import", &scratch.file("records.ndjson", &lines.join("\n"))]).code(0);
    let put = program(&["--admin", from.admin(), "kv", "put", "binary", "-"]);
    finish(put, b"\xff\x00 two\nlines").code(0);
    from.run(&["kv", "put", "empty", ""]).code(0);
    from.run(&["kv", "put", "quoted", "\"\\ \u{1f642}"]).code(0);
    from.run(&["kv", "put", "brief", "1", "--ttl", "1h"]).code(0);
    from.run(&["kv", "del", "e/0003"]).code(0);

    let file = scratch.path("export.ndjson");
    let exported = from.run(&["kv", "export", &file]).code(0).json();
    assert_eq!(exported["exported"], 1_303);
    assert_eq!(fs::metadata(&file).unwrap().len(), exported["bytes"].as_u64().unwrap());
    let to = Node::start(&[]);
    let imported = to.run(&["kv", "import", &file]).code(0).json();
    assert_eq!(imported["imported"], 1_303);
    let (before, after) = (entries(&from), entries(&to));
    assert_eq!(before.len(), 1_303);
    for (key, (value, expires)) in &before {
        let (again, expires_again) = &after[key];
        assert_eq!(value, again, "{key}");
        let times = expires.as_u64().zip(expires_again.as_u64());
        assert_eq!(expires.is_null(), expires_again.is_null(), "{key}");
        assert!(times.is_none_or(|(a, b)| a.abs_diff(b) < 60_000), "{key}");
    }
    // What `kv list` prints is taken as well.
    let listed = from.run(&["kv", "list", "--prefix", "binary"]).code(0).stdout;
    let third = Node::start(&[]);
    let import = program(&["--json", "--admin", third.admin(), "kv", "import", "-"]);
    assert_eq!(finish(import, listed.as_bytes()).code(0).json()["imported"], 1);
    assert_eq!(
        third.run(&["kv", "get", "binary"]).code(0).json()["value_base64"],
        "/wAgdHdvCmxpbmVz"
    );
}

#[test]
fn exports_have_prefixes_and_mistakes_have_reasons() {
    let scratch = Scratch::new();
    let node = Node::start(&[]);
    for key in ["a/1", "a/2", "b/1"] {
        node.run(&["kv", "put", key, "v"]).code(0);
    }
    let exported = run(&["--admin", node.admin(), "kv", "export", "--prefix", "a/"]).code(0).stdout;
    assert_eq!(exported, "{\"key\":\"a/1\",\"value\":\"v\"}\n{\"key\":\"a/2\",\"value\":\"v\"}\n");
    let absent = scratch.path("no/such/directory/file");
    let refused = node.run(&["kv", "export", &absent]).code(1);
    assert!(refused.stderr.contains("make its directory"), "{refused:?}");
    run(&["--admin", "127.0.0.1:1", "kv", "export"]).code(4);

    let deletions =
        "{\"key\":\"a/1\",\"deleted\":true}\n{\"key\":\"x\",\"value\":\"v\",\"expires_at\":1}\n";
    let import = program(&["--json", "--admin", node.admin(), "kv", "import", "-"]);
    let partial = finish(import, deletions.as_bytes()).code(3);
    assert_eq!(partial.json()["imported"], 1);
    assert!(partial.stderr.contains("line 2: has expired"), "{partial:?}");
    node.run(&["kv", "get", "a/1"]).code(1);
}
