//! Configuration as users meet it: files, variables, flags and their mistakes.

use crate::support::{Node, Scratch, finish, program, run};

#[test]
fn mistakes_name_the_nearest_key() {
    let scratch = Scratch::new();
    let file = scratch.file("node.toml", "[rumors]\nfanout = 3\nperiod = \"2s\"\n");
    let wrong = run(&["config", "check", &file]).code(2);
    assert!(wrong.stderr.contains("node.toml:2"), "{wrong:?}");
    assert!(wrong.stderr.contains("did you mean `rumors.fan_out`?"), "{wrong:?}");
    let wrong = run(&["node", "--config", &file]).code(2);
    assert!(wrong.stderr.contains("rumors.fan_out"), "{wrong:?}");
    let good = scratch.file("good.toml", "[rumors]\nfan_out = 3\nperiod = \"2s\"\n");
    assert_eq!(run(&["--json", "config", "check", &good]).code(0).json()["keys"], 2);
    run(&["config", "check", &scratch.path("absent.toml")]).code(2);
    let order = scratch.file("order.toml", "[peering]\nredial_min = \"1m\"\nredial_max = \"1s\"\n");
    assert!(run(&["config", "check", &order]).code(2).stderr.contains("redial_min"));

    let mut node = program(&["node"]);
    node.env("GOSSIP_RUMORS_PERIODE", "1s");
    let wrong = finish(node, b"").code(2);
    assert!(wrong.stderr.contains("did you mean `GOSSIP_RUMORS_PERIOD`?"), "{wrong:?}");
}

#[test]
fn later_layers_win_and_say_where_from() {
    let scratch = Scratch::new();
    let file = scratch.file("node.toml", "[rumors]\nfan_out = 5\nperiod = \"2s\"\n");
    let mut show = program(&["--json", "config", "show", "--config", &file]);
    show.env("GOSSIP_RUMORS_PERIOD", "3s");
    let shown = finish(show, b"").code(0).lines();
    let find = |key: &str| shown.iter().find(|line| line["key"] == key).unwrap();
    assert_eq!(shown.len(), 2);
    assert_eq!(find("rumors.fan_out")["value"], "5");
    assert_eq!(find("rumors.fan_out")["origin"], format!("{file}:2"));
    assert_eq!(find("rumors.period")["value"], "\"3s\"");
    assert_eq!(find("rumors.period")["origin"], "GOSSIP_RUMORS_PERIOD");

    // What --effective shows is a file again.
    let effective = run(&["config", "show", "--config", &file, "--effective"]).code(0).stdout;
    let again = scratch.file("again.toml", &effective);
    run(&["config", "check", &again]).code(0);

    let keys = run(&["--json", "config", "keys"]).code(0).lines();
    assert!(keys.len() > 50);
    for key in &keys {
        for field in ["key", "default", "unit", "range", "variable", "doc"] {
            assert!(key.get(field).is_some(), "{key}");
        }
    }
}

#[test]
fn a_flag_beats_the_environment() {
    let node = Node::start_with(&["--name", "flag"], &[("GOSSIP_NODE_NAME", "variable")]);
    assert_eq!(node.ready["name"], "flag");
    let node =
        Node::start_with(&[], &[("GOSSIP_NODE_NAME", "variable"), ("GOSSIP_NODE_TAGS", "a=1,b=2")]);
    assert_eq!(node.ready["name"], "variable");
    let members = node.run(&["members"]).code(0).json();
    assert_eq!(members["members"][0]["tags"]["b"], "2");
}

#[test]
fn version_and_completion_answer() {
    let version = run(&["--json", "version"]).code(0).json();
    assert!(version["version"].is_string() && version["git"].is_string());
    assert!(version["wire"]["min"].as_u64() <= version["wire"]["max"].as_u64());
    assert!(run(&["completion", "bash"]).code(0).stdout.contains("gossip-cli"));
    assert!(run(&["kv", "put", "--help"]).code(0).stdout.contains("Example: gossip-cli kv put"));
}
