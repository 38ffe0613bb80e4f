//! Disks that are full, and disks that are slow.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    Node, PATIENCE, Running, Scratch, equal, finish, node, program, run, wait_until,
};

/// A file system in memory, gone with its handle.
#[derive(Debug)]
struct Tmpfs(String);

impl Tmpfs {
    /// Mounts one of this size on a new directory.
    #[track_caller]
    fn mount(path: String, size: &str) -> Self {
        fs::create_dir(&path).unwrap();
        let size = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs", &path]).status();
        assert!(mount.unwrap().success(), "mounting takes root");
        Self(path)
    }

    /// Takes all space that is left; the file's path.
    fn fill(&self) -> String {
        let path = format!("{}/ballast", self.0);
        let mut file = fs::File::create(&path).unwrap();
        for chunk in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0; chunk]).is_ok() {}
        }
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // A node that still runs keeps it until it ends.
        let _ = Command::new("umount").args(["-l", &self.0]).status();
    }
}

fn store(node: &Node) -> Value {
    node.run(&["status"]).code(0).json()["store"].clone()
}

#[test]
fn a_full_disk_makes_a_node_read_only_until_space_returns() {
    let scratch = Scratch::new();
    let disk = Tmpfs::mount(scratch.path("disk"), "128m");
    let data = format!("{}/data", disk.0);
    let first = Node::start(&["--name", "first"]);
    let third = Node::start(&["--name", "third", "--seed", first.listen()]);
    let start = || {
        Node::start(&[
            "--name",
            "full",
            "--store",
            "rocks",
            "--data",
            &data,
            "--seed",
            first.listen(),
        ])
    };
    let full = start();
    for node in [&first, &full, &third] {
        node.run(&["wait", "--members", "3", "--timeout", "30s"]).code(0);
    }
    first.run(&["kv", "put", "before", "1"]).code(0);
    full.sees("before", "1");

    let ballast = disk.fill();
    // The log has some room of its own.
    wait_until("the disk is full", || {
        let put = program(&["--admin", full.admin(), "kv", "put", "own", "-"]);
        finish(put, &[b'v'; 1 << 19]);
        (store(&full)["read_only"] == true).then_some(())
    });
    let status = store(&full);
    assert_eq!(status["healthy"], false);
    assert!(status["reason"].as_str().unwrap().contains("space"), "{status}");
    let refused = full.run(&["kv", "put", "own", "2"]).code(1);
    assert!(
        refused.stderr.contains("read-only") && refused.stderr.contains("free space"),
        "{refused:?}"
    );
    let human = run(&["--admin", full.admin(), "status"]).code(0).stdout;
    assert!(human.contains("READ-ONLY"), "{human}");

    // It answers reads, and tells on what others write.
    assert_eq!(full.run(&["kv", "get", "before"]).code(0).json()["value"], "1");
    let relayed = || full.run(&["status"]).code(0).json()["relayed"].as_u64().unwrap();
    let before = relayed();
    let mut number = 0;
    wait_until("facts of others are relayed", || {
        number += 1;
        first.run(&["kv", "put", "meanwhile", &number.to_string()]).code(0);
        (relayed() > before).then_some(())
    });
    third.sees("meanwhile", &number.to_string());

    let mut process = full.process;
    process.signal("-TERM");
    process.wait();
    fs::remove_file(ballast).unwrap();
    let again = start();
    equal(&[&first, &again, &third], PATIENCE);
    assert_eq!(store(&again)["healthy"], true);
    assert_eq!(again.run(&["kv", "get", "before"]).code(0).json()["value"], "1");
    again.run(&["kv", "put", "own", "3"]).code(0);
    first.sees("own", "3");
}

#[test]
fn a_forbidden_directory_says_what_to_do() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut first = Node::start(&["--store", "rocks", "--data", &data]);
    first.process.signal("-TERM");
    assert!(first.process.wait().success());
    let store = format!("{data}/store");
    let allow = |mode| fs::set_permissions(&store, fs::Permissions::from_mode(mode)).unwrap();
    allow(0);
    // Root may read everything, unless it gives that up.
    let mut forbidden = Command::new("setpriv");
    forbidden.args(["--bounding-set", "-dac_override,-dac_read_search"]);
    let node = node(&["--store", "rocks", "--data", &data]);
    forbidden.arg(node.get_program()).args(node.get_args());
    node.get_envs().for_each(|(unset, _)| {
        forbidden.env_remove(unset);
    });
    let mut process = Running::start(forbidden);
    let code = process.wait().code();
    let said: Vec<_> = process.complaints.iter().collect();
    assert_eq!(code, Some(1), "{said:?}");
    let tells = |line: &String| line.contains("denied") && line.contains("belongs to the user");
    assert!(said.iter().any(tells), "{said:?}");
    allow(0o700);
    Node::start(&["--store", "rocks", "--data", &data]);
}

#[test]
fn a_slow_disk_does_not_delay_what_others_say() {
    let scratch = Scratch::new();
    let first = Node::start(&["--name", "first"]);
    let data = scratch.path("data");
    let slow = Node::start(&[
        "--name",
        "slow",
        "--store",
        "rocks",
        "--data",
        &data,
        "--seed",
        first.listen(),
    ]);
    let third = Node::start(&["--name", "third", "--seed", first.listen()]);
    for node in [&first, &slow, &third] {
        node.run(&["wait", "--members", "3", "--timeout", "30s"]).code(0);
    }
    let id = slow.process.id().to_string();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-p", &id, "-o", &scratch.path("trace"), "-e", "trace=fsync,fdatasync"]);
    strace.args(["-e", "inject=fsync,fdatasync:delay_enter=2000000"]);
    let strace = Running::start(strace);
    wait_until("strace has attached", || {
        strace.complaints.try_iter().find(|line| line.contains("attached"))
    });

    // Three writes of the slow node's own take three syncs; those of others take none.
    let (done, ended) = channel();
    let admin = slow.admin().to_owned();
    let writer = thread::spawn(move || {
        let begun = Instant::now();
        for number in ["1", "2", "3"] {
            run(&["--admin", &admin, "--timeout", "25s", "kv", "put", "own", number]).code(0);
        }
        done.send(begun.elapsed()).unwrap();
    });
    for number in 0..3 {
        let (key, value) = (format!("other/{number}"), number.to_string());
        first.run(&["kv", "put", &key, &value]).code(0);
        for node in [&slow, &third] {
            node.sees(&key, &value);
        }
    }
    assert_eq!(ended.try_recv(), Err(TryRecvError::Empty), "others' facts waited for the disk");
    let took = ended.recv_timeout(PATIENCE).unwrap();
    assert!(took >= Duration::from_secs(6), "the disk was not slow: {took:?}");
    writer.join().unwrap();
    first.sees("own", "3");
}
