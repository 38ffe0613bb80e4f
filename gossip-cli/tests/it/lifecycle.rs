//! How nodes begin and end, and which exit codes tell of it.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Node, PATIENCE, Running, Scratch, cluster, equal, program, run, wait_until};

#[test]
fn the_ready_line_is_the_first_and_only_one() {
    let node = Node::start(&["--name", "one"]);
    assert_eq!(node.ready["event"], "ready");
    assert_eq!(node.ready["name"], "one");
    assert!(!node.listen().ends_with(":0") && !node.admin().ends_with(":0"));
    assert!(node.ready["version"].is_string());
    let complaint = wait_until("the warning", || {
        node.process.complaints.try_iter().find(|line| line.contains("in the clear"))
    });
    assert!(complaint.starts_with("warning:"), "{complaint}");
    node.run(&["kv", "put", "k", "v"]).code(0);
    assert!(node.process.lines.try_recv().is_err());
}

#[test]
fn signals_and_leave_say_goodbye() {
    let mut nodes = cluster(3);
    let gone = nodes.pop().unwrap();
    let id = gone.id().to_owned();
    let mut process = gone.process;
    process.signal("-TERM");
    assert!(process.wait().success());
    nodes[0].sees_member(&id, "left");
    nodes[1].sees_member(&id, "left");

    let gone = nodes.pop().unwrap();
    let id = gone.id().to_owned();
    gone.run(&["leave"]).code(0);
    let mut process = gone.process;
    assert!(process.wait().success());
    nodes[0].sees_member(&id, "left");
    let status = nodes[0].run(&["status"]).code(0).json();
    assert_eq!(status["peers"]["left"], 2);
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut nodes = cluster(2);
    // Nobody confirms a goodbye: it is not over before the second signal comes.
    nodes[1].process.signal("-STOP");
    let process = &mut nodes[0].process;
    for signal in ["-INT", "-TERM"] {
        process.signal(signal);
    }
    assert_eq!(process.wait().code(), Some(1));
    let said: Vec<_> = process.complaints.iter().collect();
    assert!(said.iter().any(|line| line.contains("second signal")), "{said:?}");
}

#[test]
fn a_killed_node_comes_back_with_a_higher_incarnation_and_becomes_equal() {
    let scratch = Scratch::new();
    let identity = scratch.path("identity");
    let first = Node::start(&["--name", "stays"]);
    let start = || Node::start(&["--identity", &identity, "--seed", first.listen()]);
    let mut killed = start();
    first.run(&["wait", "--members", "2", "--timeout", "30s"]).code(0);
    killed.run(&["kv", "put", "own", "1"]).code(0);
    first.sees("own", "1");
    let id = killed.id().to_owned();
    let before = first.sees_member(&id, "alive")["incarnation"].as_u64().unwrap();
    killed.process.signal("-KILL");
    killed.process.wait();
    first.sees_member(&id, "dead");
    first.run(&["kv", "put", "meanwhile", "2"]).code(0);

    let back = start();
    assert_eq!(back.id(), id);
    back.sees("own", "1");
    back.sees("meanwhile", "2");
    let after = first.sees_member(&id, "alive")["incarnation"].as_u64().unwrap();
    assert!(after > before, "{after} after {before}");
    back.run(&["kv", "put", "again", "3"]).code(0);
    first.sees("again", "3");
    equal(&[&first, &back], PATIENCE);
    for node in [&first, &back] {
        node.run(&["wait", "--converged", "--timeout", "30s"]).code(0);
    }
}

#[test]
fn nobody_answers_and_nothing_comes_in_time() {
    let nobody = run(&["--admin", "127.0.0.1:1", "status"]).code(4);
    assert!(nobody.stderr.contains("gossip-cli node"), "{nobody:?}");
    let node = Node::start(&[]);
    let late = node.run(&["wait", "--members", "2", "--timeout", "300ms"]).code(5);
    assert!(late.stderr.contains("1 of 2 members"), "{late:?}");
    node.run(&["wait", "--members", "1"]).code(0);
}

#[test]
fn a_port_that_accepts_and_says_nothing_times_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let begun = Instant::now();
    run(&["--admin", &address, "--timeout", "300ms", "status"]).code(5);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn waiting_takes_no_longer_than_it_may_in_all() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The first answer comes after 3 s of silence, and the second one never.
    let answer = thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        first.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        while first.read(&mut [0; 4_096]).is_ok_and(|bytes| bytes > 0) {}
        first.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull").unwrap();
        (first, listener)
    });
    let begun = Instant::now();
    run(&["--admin", &address, "wait", "--converged", "--timeout", "4s"]).code(5);
    let taken = begun.elapsed();
    assert!((4..6).contains(&taken.as_secs()), "{taken:?}");
    drop(answer.join().unwrap());
}

#[test]
fn what_cannot_start_says_why() {
    let scratch = Scratch::new();
    let used = Node::start(&[]);
    let taken = run(&["node", "--listen", used.listen(), "--admin", "127.0.0.1:0"]).code(1);
    assert!(taken.stderr.contains("choose another port"), "{taken:?}");
    let taken = run(&["node", "--listen", "127.0.0.1:0", "--admin", used.admin()]).code(1);
    assert!(taken.stderr.contains("--admin"), "{taken:?}");
    let unknown = run(&["node", "--transport", "carrier-pigeon"]).code(2);
    assert!(unknown.stderr.contains("udp"), "{unknown:?}");
    run(&["node", "--store", "rocks"]).code(2);
    let open = run(&["node", "--listen", "0.0.0.0:0", "--admin", "127.0.0.1:0"]).code(2);
    assert!(open.stderr.contains("transport.advertise"), "{open:?}");
    let key = scratch.file("key.pem", "nonsense");
    assert!(std::process::Command::new("chmod").args(["600", &key]).status().unwrap().success());
    let node = program(&["node", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let mut node = node;
    node.args(["--identity", key.trim_end_matches("/key.pem")]);
    let mut process = Running::start(node);
    assert_eq!(process.wait().code(), Some(2));
    run(&["no-such-command"]).code(2);
}
