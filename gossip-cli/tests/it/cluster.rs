//! State and members across a cluster of processes.

use serde_json::{Value, json};

use crate::support::{
    Node, PATIENCE, Running, Scratch, cluster, equal, finish, program, run, wait_until,
};

#[track_caller]
fn has_fields(document: &Value, fields: &[&str]) {
    for field in fields {
        assert!(document.get(field).is_some(), "{field} is missing in {document}");
    }
}

#[track_caller]
fn is_hex(value: &Value, digits: usize) {
    let text = value.as_str().unwrap();
    let hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    assert!(hex && text.len() == digits, "{text}");
}

#[test]
fn writes_are_read_everywhere() {
    let nodes = cluster(3);
    let written = nodes[0].run(&["kv", "put", "colour", "green"]).code(0).json();
    assert_eq!(written["key"], "colour");
    is_hex(&written["version"], 16);
    is_hex(&written["id"], 64);
    for node in &nodes {
        node.sees("colour", "green");
    }
    let got = nodes[2].run(&["kv", "get", "colour"]).code(0).json();
    assert_eq!(got["author"], nodes[0].id());
    assert_eq!(got["version"], written["version"]);
    assert_eq!(got["value_base64"], "Z3JlZW4=");
    assert_eq!(got["expires_at"], Value::Null);

    nodes[1].run(&["kv", "put", "colour", "-5"]).code(0);
    nodes[0].sees("colour", "-5");
    nodes[2].run(&["kv", "del", "colour"]).code(0);
    wait_until("the deletion arrives", || {
        (nodes[0].run(&["kv", "get", "colour"]).code == 1).then_some(())
    });
    let absent = nodes[0].run(&["kv", "get", "colour"]).code(1);
    assert!(absent.stdout.is_empty() && absent.stderr.contains("no value"), "{absent:?}");

    let hash = equal(&nodes.iter().collect::<Vec<_>>(), PATIENCE);
    has_fields(&hash, &["channel", "epoch", "entries", "tombstones", "state_hash"]);
    is_hex(&hash["state_hash"], 64);
    assert_eq!((&hash["entries"], &hash["tombstones"]), (&json!(0), &json!(1)));
    nodes[0].run(&["wait", "--converged", "--timeout", "30s"]).code(0);
    let long = "k".repeat(600);
    let refused = nodes[0].run(&["kv", "put", &long, "v"]).code(1);
    assert!(refused.stderr.contains("at most 512"), "{refused:?}");
    let large = "v".repeat(100_000);
    nodes[0].run(&["kv", "put", "large", &large]).code(0);
    nodes[2].sees("large", &large);
    let put = program(&["--admin", nodes[0].admin(), "kv", "put", "huge", "-"]);
    let refused = finish(put, &vec![b'v'; 1 << 20]).code(1);
    assert!(refused.stderr.contains("the value may have"), "{refused:?}");
}

#[test]
fn bytes_survive_standard_input() {
    let node = Node::start(&[]);
    let bytes = b"\xff\x00 two\nlines";
    let put = program(&["--admin", node.admin(), "kv", "put", "binary", "-"]);
    finish(put, bytes).code(0);
    let got = node.run(&["kv", "get", "binary"]).code(0).json();
    assert_eq!(got["value_base64"], "/wAgdHdvCmxpbmVz");
    assert_eq!(got["value"], String::from_utf8_lossy(bytes).as_ref());
}

#[test]
fn values_expire_everywhere_and_watchers_are_told() {
    let nodes = cluster(2);
    let command =
        program(&["--json", "--admin", nodes[1].admin(), "kv", "watch", "--prefix", "w/"]);
    let watch = Running::start(command);
    assert!(watch.complaints.recv_timeout(PATIENCE).unwrap().contains("watching"));
    nodes[0].run(&["kv", "put", "other", "1"]).code(0);
    nodes[0].run(&["kv", "put", "w/brief", "1", "--ttl", "1500ms"]).code(0);
    let change = watch.next();
    has_fields(&change, &["op", "key", "value", "version", "author"]);
    assert_eq!((&change["op"], &change["key"]), (&json!("put"), &json!("w/brief")));
    assert_eq!(change["author"], nodes[0].id());
    nodes[1].sees("w/brief", "1");
    let expires = nodes[1].run(&["kv", "get", "w/brief"]).code(0).json();
    assert!(expires["expires_at"].as_u64().unwrap() > 1_700_000_000_000, "{expires}");
    let change = watch.next();
    assert_eq!((&change["op"], &change["value"]), (&json!("expire"), &Value::Null));
    for node in &nodes {
        wait_until("the value is gone", || {
            (node.run(&["kv", "get", "w/brief"]).code == 1).then_some(())
        });
    }
    nodes[1].run(&["kv", "put", "w/deleted", "1"]).code(0);
    nodes[1].run(&["kv", "del", "w/deleted"]).code(0);
    assert_eq!(watch.next()["op"], "put");
    assert_eq!(watch.next()["op"], "delete");
}

#[test]
fn imports_are_listed_in_order_and_rejections_are_told() {
    let nodes = cluster(2);
    let scratch = Scratch::new();
    let records: Vec<_> =
        (0..1_200).map(|n| format!("{{\"key\":\"i/{n:04}\",\"value\":\"{n}\"}}")).collect();
    let file = scratch.file("good.ndjson", &records.join("\n"));
    let imported = nodes[0].run(&["kv", "import", &file]).code(0).json();
    assert_eq!((&imported["imported"], &imported["rejected"]), (&json!(1_200), &json!(0)));
    assert!(imported["ms"].is_u64());
    equal(&nodes.iter().collect::<Vec<_>>(), PATIENCE);
    let listed = nodes[1].run(&["kv", "list", "--prefix", "i/"]).code(0).lines();
    let keys: Vec<_> = listed.iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 1_200);
    assert!(keys.is_sorted());
    let few = nodes[1].run(&["kv", "list", "--prefix", "i/", "--limit", "3"]).code(0).lines();
    assert_eq!(few.len(), 3);
    has_fields(&few[0], &["key", "value", "value_base64", "version", "author", "expires_at"]);

    let file = scratch
        .file("mixed.csv", &format!("key,value\nc/1,x\n{},y\nc/2\nc/3,z\n", "k".repeat(600)));
    let partial = nodes[0].run(&["kv", "import", &file]).code(3);
    assert_eq!(partial.json()["imported"], 2);
    assert_eq!(partial.json()["rejected"], 2);
    assert!(partial.stderr.contains("line 3: the key has 600 bytes"), "{partial:?}");
    assert!(partial.stderr.contains("line 4: has 1 fields"), "{partial:?}");
    let stdin = program(&["--json", "--admin", nodes[0].admin(), "kv", "import", "-"]);
    assert_eq!(finish(stdin, b"s/1,x\ns/2,y\n").code(0).json()["imported"], 2);
    nodes[0].run(&["kv", "import", &scratch.path("absent.csv")]).code(1);
}

#[test]
fn members_and_status_have_their_fields() {
    let nodes = cluster(3);
    let members = nodes[1].run(&["members"]).code(0).json();
    let members = members["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    for member in members {
        has_fields(
            member,
            &[
                "id",
                "name",
                "org",
                "endpoints",
                "status",
                "incarnation",
                "since_ms",
                "rtt_ms",
                "tags",
                "version",
            ],
        );
        has_fields(&member["endpoints"], &["datagram", "stream"]);
        is_hex(&member["id"], 64);
        assert_eq!(member["status"], "alive");
    }
    let none = nodes[1].run(&["members", "--status", "dead"]).code(0).json();
    assert_eq!(none["members"], json!([]));
    nodes[1].run(&["members", "--status", "("]).code(2);

    let status = nodes[1].run(&["status"]).code(0).json();
    has_fields(
        &status,
        &[
            "id",
            "name",
            "uptime_ms",
            "channels",
            "peers",
            "queues",
            "entries",
            "rounds",
            "wire",
            "verify",
            "rejected",
            "store",
        ],
    );
    has_fields(
        &status["wire"],
        &["sent_bytes", "spared_bytes", "received_bytes", "sent_frames", "received_frames"],
    );
    has_fields(&status["verify"], &["checked", "skipped_known", "failed"]);
    let peers = json!({"alive": 3, "suspect": 0, "dead": 0, "left": 0, "evicted": 0});
    assert_eq!(status["peers"], peers);
    let store = &status["store"];
    assert_eq!((&store["kind"], &store["healthy"]), (&json!("memory"), &json!(true)));
    has_fields(store, &["kind", "healthy", "read_only", "reason", "commit", "durable"]);
    assert_eq!((&status["id"], &status["name"]), (&nodes[1].ready["id"], &json!("n1")));
    let human = run(&["--admin", nodes[1].admin(), "members"]).code(0).stdout;
    assert!(
        human.contains("3 members") && !human.contains('\u{1b}'),
        "no colour in a pipe: {human}"
    );
}

#[test]
fn nodes_join_later_and_unknown_channels_are_refused() {
    let first = Node::start(&["--name", "first"]);
    let second = Node::start(&["--name", "second"]);
    first.run(&["kv", "put", "before", "1"]).code(0);
    second.run(&["join", first.listen()]).code(0);
    for node in [&first, &second] {
        node.run(&["wait", "--members", "2", "--timeout", "30s"]).code(0);
    }
    second.sees("before", "1");
    second.run(&["join", "nowhere"]).code(2);
    let refused = first.run(&["--channel", "other", "kv", "get", "before"]).code(1);
    assert!(refused.stderr.contains("it is in: main"), "{refused:?}");
}
