//! Why a node believes what it believes, and what is wrong with its cluster: told by real processes.

use serde_json::{Value, json};

use crate::support::{Node, PATIENCE, Running, cluster, program, run, wait_until};

/// A document's fields, in their order.
fn fields(document: &Value) -> Vec<&str> {
    document.as_object().unwrap().keys().map(String::as_str).collect()
}

#[track_caller]
fn has_fields(document: &Value, wanted: &[&str]) {
    let there = fields(document);
    for field in wanted {
        assert!(there.contains(field), "{field} is missing in {document}");
    }
}

/// The codes of what a doctor finds, and whom each concerns.
fn findings(doctor: &Value) -> Vec<(&str, Vec<&str>)> {
    let findings = doctor["findings"].as_array().unwrap().iter();
    findings
        .map(|it| {
            let nodes = it["nodes"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
            (it["code"].as_str().unwrap(), nodes.collect())
        })
        .collect()
}

/// Waits until a doctor has found nothing.
#[track_caller]
fn well(node: &Node) -> Value {
    wait_until("all is well", || {
        let outcome = node.run(&["doctor"]);
        (outcome.code == 0 && outcome.json()["findings"] == json!([])).then(|| outcome.json())
    })
}

/// The kinds of a member's evidence at a node.
fn kinds(why: &Value) -> Vec<&str> {
    let evidence = why["evidence"].as_array().unwrap().iter();
    evidence.map(|line| line["kind"].as_str().unwrap()).collect()
}

#[test]
fn all_is_well_and_members_are_named_in_any_way() {
    let nodes = cluster(3);
    let doctor = well(&nodes[0]);
    assert_eq!((&doctor["ok"], fields(&doctor)), (&json!(true), vec!["findings", "ok", "views"]));
    let views = doctor["views"].as_array().unwrap();
    assert_eq!(views.len(), 1, "{doctor}");
    has_fields(&views[0], &["state_hash", "nodes"]);
    assert_eq!(views[0]["nodes"].as_array().unwrap().len(), 3);
    let human = run(&["--admin", nodes[1].admin(), "doctor"]).code(0).stdout;
    assert_eq!(human, "well: 3 nodes report one view of the cluster\n");

    let (id, short) = (nodes[2].id(), &nodes[2].id()[..16]);
    for name in ["n2", id, short] {
        let why = nodes[0].run(&["why", name]).code(0).json();
        has_fields(&why, &["node", "status", "evidence"]);
        assert_eq!((&why["node"], &why["status"]), (&json!(id), &json!("alive")));
        for line in why["evidence"].as_array().unwrap() {
            has_fields(line, &["at_ms", "kind", "by", "detail"]);
            assert!(line["at_ms"].as_u64().unwrap() > 1_700_000_000_000, "{line}");
        }
        assert_eq!(kinds(&why)[0], "joined");
        assert_eq!(why["link"]["link"], "good");
    }
    let unknown = nodes[0].run(&["why", "nobody"]).code(1);
    assert!(unknown.stderr.contains("gossip-cli members"), "{unknown:?}");
    nodes[0].run(&["evict", "nobody"]).code(1);
    nodes[0].run(&["why"]).code(2);
    nodes[0].run(&["views", "--diff", "n1"]).code(2);
    let twin = Node::start(&["--name", "n2", "--seed", nodes[0].listen()]);
    nodes[0].sees_member(twin.id(), "alive");
    let ambiguous = nodes[0].run(&["why", "n2"]).code(2);
    assert!(ambiguous.stderr.contains(twin.id()) && ambiguous.stderr.contains(id), "{ambiguous:?}");
    let own = nodes[0].run(&["evict", "n0"]).code(1);
    assert!(own.stderr.contains("to leave, leave"), "{own:?}");
}

#[test]
fn views_and_links_are_shown_and_compared() {
    let nodes = cluster(3);
    well(&nodes[0]);
    let views = nodes[1].run(&["views"]).code(0).json();
    assert_eq!(views["views"].as_array().unwrap().len(), 1);
    let diff = nodes[1].run(&["views", "--diff", "n0", "n2"]).code(0).json();
    assert_eq!(diff["diff"], json!({"a": nodes[0].id(), "b": nodes[2].id(), "members": []}));
    let human = run(&["--admin", nodes[1].admin(), "views", "--diff", "n0", "n2"]).code(0).stdout;
    assert_eq!(human, "n0 and n2 see all others alike\n");

    let links = nodes[1].run(&["reachability", "--matrix"]).code(0).json();
    assert_eq!(fields(&links), ["links", "nodes"]);
    assert_eq!(links["links"].as_array().unwrap().len(), 6, "each from both ends");
    for link in links["links"].as_array().unwrap() {
        has_fields(link, &["from", "to", "link", "loss_percent", "heard_ms", "answered_ms"]);
        assert_eq!(link["link"], "good");
    }
    let matrix = run(&["--admin", nodes[1].admin(), "reachability", "--matrix"]).code(0).stdout;
    let rows: Vec<_> = matrix.lines().skip(1).take(3).map(|row| &row[row.len() - 5..]).collect();
    let mut signs: Vec<_> = rows.concat().chars().collect();
    signs.sort_unstable();
    assert_eq!(signs.iter().filter(|sign| **sign == '.').count(), 6, "{matrix}");
    let list = run(&["--admin", nodes[1].admin(), "reachability"]).code(0).stdout;
    assert_eq!(list, "6 of 6 links are good\n");
}

#[test]
fn a_stopped_process_is_found_and_says_itself_that_it_stood_still() {
    let nodes = cluster(4);
    well(&nodes[0]);
    let stopped = nodes[3].id();
    nodes[3].process.signal("-STOP");
    nodes[0].sees_member(stopped, "dead");
    let doctor = wait_until("everybody has found out", || {
        let doctor = nodes[1].run(&["doctor"]).code(1).json();
        (findings(&doctor) == [("dead", vec![stopped])]).then_some(doctor)
    });
    has_fields(&doctor["findings"][0], &["severity", "code", "nodes", "text", "next"]);
    assert_eq!(doctor["ok"], false);
    let why = nodes[0].run(&["why", "n3"]).code(0).json();
    let told = kinds(&why);
    for kind in ["joined", "silent", "suspected", "convicted"] {
        assert!(told.contains(&kind), "{told:?}");
    }
    assert_eq!(why["link"]["link"], "silent");
    let human = run(&["--admin", nodes[0].admin(), "why", "n3"]).code(0).stdout;
    assert!(human.contains("dead to this node") && !human.contains('\u{1b}'), "{human}");

    nodes[3].process.signal("-CONT");
    nodes[0].sees_member(stopped, "alive");
    let doctor = wait_until("it says so", || {
        let outcome = nodes[0].run(&["doctor"]);
        (outcome.code == 0).then(|| outcome.json())
    });
    assert_eq!(findings(&doctor), [("stood-still", vec![stopped])]);
    let why = nodes[0].run(&["why", "n3"]).code(0).json();
    let still = why["evidence"].as_array().unwrap().iter().find(|it| it["kind"] == "stood-still");
    assert_eq!(still.unwrap()["by"], stopped, "{why}");
    assert!(kinds(&why).contains(&"heard-again"), "{why}");
}

#[test]
fn a_follower_of_members_is_told_of_an_eviction_why_and_by_whom() {
    let nodes = cluster(3);
    let follow = |arguments: &[&str]| {
        Running::start(program(
            &[&["--admin", nodes[0].admin(), "members", "--watch"], arguments].concat(),
        ))
    };
    let (watch, people) = (follow(&["--json"]), follow(&[]));
    let all = watch.next();
    assert_eq!((all["members"].as_array().unwrap().len(), all.get("change")), (3, None));
    // Both follow before anything changes: what a follower is shown at first is no change.
    wait_until("people are shown it as well", || {
        people.lines.recv_timeout(PATIENCE).unwrap().contains(" n2 ").then_some(())
    });
    let mut version = all["view_version"].as_u64().unwrap();
    let evicted = nodes[1].run(&["evict", "n2"]).code(0).json();
    assert_eq!((&evicted["node"], &evicted["before"]), (&json!(nodes[2].id()), &json!("alive")));
    let change = loop {
        let change = watch.next();
        version += 1;
        assert_eq!(change["view_version"], version, "nothing is left out");
        if change["members"][0]["status"] == "evicted" {
            break change;
        }
    };
    assert_eq!(change["members"][0]["id"], nodes[2].id());
    let wanted = json!({"before": "alive", "cause": "evicted", "by": nodes[1].id()});
    assert_eq!(change["change"], wanted);
    let line = wait_until("people are told", || {
        let line = people.lines.recv_timeout(PATIENCE).unwrap();
        line.starts_with("evicted").then_some(line)
    });
    assert!(line.contains("n2  was alive: evicted, by"), "{line}");
    let why = nodes[0].run(&["why", "n2"]).code(0).json();
    let line = why["evidence"].as_array().unwrap().iter().find(|it| it["kind"] == "evicted");
    assert_eq!(line.unwrap()["by"], nodes[1].id(), "{why}");
    assert_eq!(nodes[1].run(&["evict", "n2"]).code(0).json()["before"], "evicted");
    let doctor = wait_until("the others agree", || {
        let outcome = nodes[0].run(&["doctor"]);
        (outcome.code == 0).then(|| outcome.json())
    });
    assert_eq!(findings(&doctor), [("evicted", vec![nodes[2].id()])]);
}
