//! Values of 1 MB beside values of 10 bytes, over datagrams alone, streams alone, and both.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Node, PATIENCE, Running, equal, finish, program};

const NODES: usize = 4;
const LARGE: usize = 1_000_000;

/// Time between two rounds of rumors: long enough that a busy machine adds little to it.
const ROUND: Duration = Duration::from_millis(500);

/// How often the time of a small value is taken; the median counts.
const RUNS: usize = 5;

#[test]
fn small_values_pass_large_ones_over_datagrams_alone() {
    small_values_pass_large_ones("udp");
}

#[test]
fn small_values_pass_large_ones_over_streams_alone() {
    small_values_pass_large_ones("tcp");
}

#[test]
fn small_values_pass_large_ones_over_both() {
    small_values_pass_large_ones("udp+tcp");
}

#[expect(clippy::print_stdout, reason = "the times are what the test is about")]
fn small_values_pass_large_ones(transport: &str) {
    let nodes = cluster(transport);
    let watchers: Vec<_> = nodes.iter().skip(1).map(watcher).collect();
    let alone = median((0..RUNS).map(|run| {
        let key = format!("alone-{run}");
        put_small(&nodes[0], &key, &watchers)
    }));
    let begun = Instant::now();
    let beside = thread::scope(|scope| {
        let admins: Vec<_> = nodes.iter().map(Node::admin).collect();
        let large = scope.spawn(move || {
            (0..RUNS).for_each(|run| put_large(admins[run % NODES], &format!("large-{run}")));
        });
        let times: Vec<_> = (0..RUNS)
            .map(|run| put_small(&nodes[0], &format!("beside-{run}"), &watchers))
            .collect();
        large.join().unwrap();
        median(times.into_iter())
    });
    let nodes: Vec<_> = nodes.iter().collect();
    for run in 0..RUNS {
        nodes.iter().for_each(|node| node.sees(&format!("large-{run}"), &"x".repeat(LARGE)));
    }
    equal(&nodes, PATIENCE);
    let all = begun.elapsed();
    println!("{transport}: {alone:?} alone, {beside:?} beside {RUNS} of {LARGE}; all in {all:?}");
    assert!(beside <= alone + ROUND, "{beside:?} beside large values, {alone:?} alone");
}

fn cluster(transport: &str) -> Vec<Node> {
    let period = format!("{}ms", ROUND.as_millis());
    let start = |seeds: &[&str]| {
        let arguments = [&["--transport", transport][..], seeds].concat();
        Node::start_with(&arguments, &[("GOSSIP_RUMORS_PERIOD", &period)])
    };
    let mut nodes = vec![start(&[])];
    for _ in 1..NODES {
        nodes.push(start(&["--seed", nodes[0].listen()]));
    }
    for node in &nodes {
        node.run(&["wait", "--members", &NODES.to_string(), "--timeout", "30s"]).code(0);
    }
    nodes
}

/// Whoever sees all that changes at a node.
fn watcher(node: &Node) -> Running {
    let watcher = Running::start(program(&["--json", "--admin", node.admin(), "kv", "watch"]));
    watcher.complaints.recv_timeout(PATIENCE).expect("it says when it watches");
    watcher
}

/// Writes ten bytes; how long it takes until all watchers have seen them.
fn put_small(node: &Node, key: &str, watchers: &[Running]) -> Duration {
    let begun = Instant::now();
    node.run(&["kv", "put", key, "ten bytes!"]).code(0);
    for watcher in watchers {
        while watcher.next()["key"] != key {}
    }
    begun.elapsed()
}

fn put_large(admin: &str, key: &str) {
    let put = program(&["--json", "--admin", admin, "kv", "put", key, "-"]);
    finish(put, &[b'x'; LARGE]).code(0);
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}
