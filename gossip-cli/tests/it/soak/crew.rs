//! Nodes of one cluster that keep name, directory and address across their deaths.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Node, Scratch, equal, wait_until};

/// What a node of a crew runs with, beside its directory.
pub(crate) const DURABLE: &[&str] = &["--store", "rocks", "--transport", "udp+tcp"];

/// Ports below those that systems give to connections that leave, so that nobody takes one while
/// its node is down.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Nodes, or `None` where one is down.
#[derive(Debug)]
pub(crate) struct Crew {
    arguments: Vec<String>,
    nodes: Vec<Option<Node>>,
    ports: Vec<u16>,
    scratch: Scratch,
    variables: Vec<(&'static str, &'static str)>,
}

impl Crew {
    /// Starts so many nodes with these arguments and variables, and waits until all have met.
    #[track_caller]
    pub(crate) fn start(
        count: usize,
        arguments: &[&str],
        variables: &[(&'static str, &'static str)],
    ) -> Self {
        let mut crew = Self {
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            nodes: (0..count).map(|_| None).collect(),
            ports: free_ports(count),
            scratch: Scratch::new(),
            variables: variables.to_vec(),
        };
        for number in 0..count {
            crew.restart(number);
        }
        crew.meet();
        crew
    }

    /// Starts a node that is down. Returns how long it took until it served.
    #[track_caller]
    pub(crate) fn restart(&mut self, number: usize) -> Duration {
        let begun = Instant::now();
        let address = |port: &u16| format!("127.0.0.1:{port}");
        let (data, name) = (self.data(number), format!("n{number}"));
        let listen = address(&self.ports[number]);
        let mut arguments = vec!["--data", &data, "--name", &name, "--listen", &listen];
        let seeds: Vec<_> = self.ports.iter().map(address).filter(|at| *at != listen).collect();
        arguments.extend(self.arguments.iter().map(String::as_str));
        arguments.extend(seeds.iter().take(2).flat_map(|seed| ["--seed", seed]));
        self.nodes[number] = Some(Node::start_with(&arguments, &self.variables));
        begun.elapsed()
    }

    /// Kills a node with -9.
    #[track_caller]
    pub(crate) fn kill(&mut self, number: usize) {
        let mut node = self.nodes[number].take().unwrap();
        node.process.signal("-KILL");
        node.process.wait();
    }

    /// Waits until all know all others.
    #[track_caller]
    pub(crate) fn meet(&self) {
        let count = self.nodes.len().to_string();
        for node in self.all() {
            node.run(&["wait", "--members", &count, "--timeout", "60s"]).code(0);
        }
    }

    /// Waits until all hold the same. Returns how long that took, and the hash.
    #[track_caller]
    pub(crate) fn equal(&self, patience: Duration) -> (Duration, serde_json::Value) {
        let begun = Instant::now();
        let hash = equal(&self.all().collect::<Vec<_>>(), patience);
        (begun.elapsed(), hash)
    }

    /// A node that runs.
    #[track_caller]
    pub(crate) fn node(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().unwrap()
    }

    /// Every node that runs.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    /// The directory of a node.
    fn data(&self, number: usize) -> String {
        self.scratch.path(&format!("data-{number}"))
    }

    /// Whether every node that runs has a healthy store.
    pub(crate) fn healthy(&self) -> bool {
        self.all().all(|node| node.run(&["status"]).code(0).json()["store"]["healthy"] == true)
    }
}

/// Ports that nobody uses, for datagrams and streams.
#[track_caller]
fn free_ports(count: usize) -> Vec<u16> {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let span = u32::from(PORTS.end - PORTS.start);
    let mut next = || {
        // No port is looked at twice in this process, and other processes begin elsewhere.
        let offset = std::process::id() * 97 + TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + u16::try_from(offset % span).unwrap();
        let address = ("127.0.0.1", port);
        (TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()).then_some(port)
    };
    (0..count).map(|_| wait_until("a free port", &mut next)).collect()
}
