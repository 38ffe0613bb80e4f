//! An empty node takes a state from others over TCP, dies half-way, and goes on.

use serde_json::Value;

use crate::support::{Node, PATIENCE, Scratch, equal, wait_until};

const ENTRIES: u64 = 30_000;

fn number(status: &Value, name: &str) -> u64 {
    status.pointer(name).and_then(Value::as_u64).unwrap_or_default()
}

#[test]
fn a_transfer_goes_on_after_a_kill() {
    let scratch = Scratch::new();
    let value = "v".repeat(200);
    let lines: Vec<_> = (0..ENTRIES).map(|n| format!("k/{n:05},{value}")).collect();
    let file = scratch.file("records.csv", &lines.join("\n"));
    let first = Node::start(&["--transport", "tcp"]);
    first.run(&["kv", "import", &file]).code(0);
    let others = [(); 2].map(|()| Node::start(&["--transport", "tcp", "--seed", first.listen()]));
    equal(&[&first, &others[0], &others[1]], PATIENCE);

    let data = scratch.path("data");
    let join = || {
        let arguments = ["--transport", "tcp", "--store", "rocks", "--data", &data];
        Node::start(&[&arguments[..], &["--seed", first.listen()]].concat())
    };
    let mut newcomer = join();
    let (held, taking) = wait_until("a part has come", || {
        let status = newcomer.run(&["status"]).code(0).json();
        let taking = Some(status["taking"].clone()).filter(|taking| !taking.is_null())?;
        Some((number(&status, "/entries"), taking)).filter(|(entries, _)| *entries > 0)
    });
    newcomer.process.signal("-KILL");
    newcomer.process.wait();
    assert!(held < ENTRIES, "killed too late");
    assert!(number(&taking, "/partners") > 0 && number(&taking, "/left") > 0, "{taking}");

    let again = join();
    let kept = number(&again.run(&["status"]).code(0).json(), "/entries");
    assert!(kept >= held, "{kept} of {held} entries are there after the kill");
    equal(&[&first, &again], PATIENCE);
    assert_eq!(number(&first.hash("this"), "/entries"), ENTRIES);
    // What was there is not verified again.
    let checked = number(&again.run(&["status"]).code(0).json(), "/verify/checked");
    assert!(checked <= ENTRIES - held + 1_000, "{checked} signatures, {held} entries were there");
}
