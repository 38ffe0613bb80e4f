//! Processes of the program: nodes that end with their test, and commands with their results.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What no condition may take longer than, on a machine that does many other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A quick cluster: rounds of 100 ms, and silence noticed within a second.
pub(crate) const QUICK: &[(&str, &str)] = &[
    ("GOSSIP_RUMORS_PERIOD", "100ms"),
    ("GOSSIP_REPAIR_PERIOD", "200ms"),
    ("GOSSIP_REPAIR_PERIOD_MAX", "1s"),
    ("GOSSIP_VIEW_RUMORS_PERIOD", "100ms"),
    ("GOSSIP_VIEW_REPAIR_PERIOD", "200ms"),
    ("GOSSIP_VIEW_REPAIR_PERIOD_MAX", "1s"),
    ("GOSSIP_SWIM_PERIOD", "100ms"),
];

/// The program with these arguments, and none of this process's settings.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip-cli"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GOSSIP_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").args(arguments);
    command
}

/// The command that starts a node, on ports of the system's choice unless it says otherwise.
pub(crate) fn node(arguments: &[&str]) -> Command {
    let mut command = program(&["node", "--admin", "127.0.0.1:0"]);
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.args(arguments);
    command
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The one line of JSON that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The lines of JSON that it printed.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Itself, if it ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    finish(program(arguments), b"")
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Outcome {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    Outcome { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A process that goes on: its lines come as they are printed, and it ends with its handle.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) lines: Receiver<String>,
    pub(crate) complaints: Receiver<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Self::start_fed(command.stdin(Stdio::null()))
    }

    /// With the command's own standard input.
    pub(crate) fn start_fed(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = follow(child.stdout.take().unwrap());
        let complaints = follow(child.stderr.take().unwrap());
        Self { child, lines, complaints }
    }

    /// The next line, as JSON.
    #[track_caller]
    pub(crate) fn next(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(PATIENCE).unwrap()).unwrap()
    }

    /// The one line that is its result, as JSON, however long that takes.
    #[track_caller]
    pub(crate) fn last(&self) -> Value {
        let line = self.lines.recv();
        serde_json::from_str(&line.unwrap_or_else(|_| panic!("{:?}", self.said()))).unwrap()
    }

    /// Its standard input, if that is a pipe.
    pub(crate) fn input(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    /// Lets its standard input end.
    pub(crate) fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// What it has complained about so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.complaints.try_iter().collect()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_until("the process ends", || self.child.try_wait().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node that serves.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) process: Running,
    pub(crate) ready: Value,
}

impl Node {
    /// A quick node on ports of the system's choice.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, QUICK)
    }

    /// A node on ports of the system's choice, with these variables.
    #[track_caller]
    pub(crate) fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = node(arguments);
        command.envs(variables.iter().copied());
        Self::start_command(command)
    }

    /// A node that this command starts.
    #[track_caller]
    pub(crate) fn start_command(command: Command) -> Self {
        let process = Running::start(command);
        let ready = process.lines.recv_timeout(PATIENCE);
        let ready = ready.unwrap_or_else(|_| panic!("not ready: {:?}", process.said()));
        Self { ready: serde_json::from_str(&ready).unwrap(), process }
    }

    pub(crate) fn listen(&self) -> &str {
        self.ready["listen"].as_str().unwrap()
    }

    pub(crate) fn admin(&self) -> &str {
        self.ready["admin"].as_str().unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.ready["id"].as_str().unwrap()
    }

    /// Runs a command against this node, with JSON output.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        run(&[&["--json", "--admin", self.admin()], arguments].concat())
    }

    /// Waits until this node holds a value for a key.
    #[track_caller]
    pub(crate) fn sees(&self, key: &str, value: &str) {
        wait_until(&format!("{key} = {value}"), || {
            let got = self.run(&["kv", "get", key]);
            (got.code == 0 && got.json()["value"] == value).then_some(())
        });
    }

    /// Waits until this node sees a member stand so; returns the member.
    #[track_caller]
    pub(crate) fn sees_member(&self, id: &str, status: &str) -> Value {
        wait_until(&format!("{id} is {status}"), || {
            let members = self.run(&["members", "--status", status]).code(0).json();
            let members = members["members"].as_array().unwrap().clone();
            members.into_iter().find(|member| member["id"] == id)
        })
    }

    pub(crate) fn hash(&self, epoch: &str) -> Value {
        self.run(&["kv", "hash", "--epoch", epoch]).code(0).json()
    }
}

/// Nodes that know one another; all have the first as their seed.
#[track_caller]
pub(crate) fn cluster(size: usize) -> Vec<Node> {
    let first = Node::start(&["--name", "n0"]);
    let mut nodes = vec![first];
    for number in 1..size {
        let name = format!("n{number}");
        nodes.push(Node::start(&["--name", &name, "--seed", nodes[0].listen()]));
    }
    for node in &nodes {
        node.run(&["wait", "--members", &size.to_string(), "--timeout", "30s"]).code(0);
    }
    nodes
}

/// Waits until all nodes have the same hash at the same epoch; returns it.
#[track_caller]
pub(crate) fn equal(nodes: &[&Node], patience: Duration) -> Value {
    let begun = Instant::now();
    loop {
        let hashes: Vec<_> = nodes.iter().map(|node| node.hash("this")).collect();
        if hashes.windows(2).all(|pair| pair[0] == pair[1]) {
            return hashes[0].clone();
        }
        assert!(begun.elapsed() < patience, "not equal: {hashes:#?}");
    }
}

/// Looks until there is something to return.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A directory of this test's own, gone with its handle unless the test fails.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gossip-cli-it-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A path inside.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A file inside, with this content; returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        fs::write(Path::new(&self.path(name)), content).unwrap();
        self.path(name)
    }
}

impl Drop for Scratch {
    #[expect(clippy::print_stderr, reason = "whoever looks into a failure wants to know")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("what the test left is in {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn follow(source: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        // The process must not stall when nobody listens any more.
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}
