//! A cluster: one node process on each host, all as users run them.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lines::{Host, Quality};
use crate::network::Network;
use crate::support::{Outcome, PATIENCE, Running, Scratch, finish, program};

/// The port of every node; hosts have addresses of their own.
const PORT: u16 = 7946;

/// Where every node's admin port is; each host has its own loopback.
const ADMIN: &str = "127.0.0.1:7980";

/// What it may take until all is well again. Who is dead is dialled every 15 s by both sides; where
/// a fifth is lost, a first contact fails in 59 % of cases and each further one in 36 %, so that
/// fewer than one test in 10,000 is not through after eight such times.
pub(crate) const RECOVERY: Duration = Duration::from_secs(120);

/// What every scenario is run with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) lines: Quality,
    pub(crate) name: &'static str,
    pub(crate) store: &'static str,
    pub(crate) transport: &'static str,
}

impl Variant {
    /// Whether nodes can carry what fits no datagram.
    pub(crate) fn has_streams(&self) -> bool {
        self.transport.contains("tcp")
    }
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// At all addresses that its host has or will have; it says that it is where the host is now.
    Anywhere,
    /// At the host's address.
    Here,
}

/// Nodes with default settings on the hosts of a network.
///
/// The nodes are dropped first: a namespace lives as long as a process in it.
#[derive(Debug)]
pub(crate) struct Cluster {
    ids: BTreeMap<Host, String>,
    nodes: BTreeMap<Host, Running>,
    pub(crate) network: Network,
    scratch: Scratch,
    variant: Variant,
}

impl Cluster {
    /// Starts a node on each of so many hosts, and waits until all know one another.
    #[track_caller]
    pub(crate) fn start(variant: Variant, seed: u64, hosts: Host) -> Self {
        Self::start_listening(variant, seed, hosts, Listen::Here)
    }

    /// The same, with nodes that listen so.
    #[track_caller]
    pub(crate) fn start_listening(
        variant: Variant,
        seed: u64,
        hosts: Host,
        listen: Listen,
    ) -> Self {
        let mut cluster = Self::without_nodes(variant, seed, hosts);
        for host in cluster.network.hosts() {
            cluster.start_node(host, listen);
        }
        let taken = cluster.all_alive(RECOVERY);
        report(variant, format_args!("{hosts} nodes know one another after {taken:.1?}"));
        cluster
    }

    /// Hosts whose nodes are started later.
    pub(crate) fn without_nodes(variant: Variant, seed: u64, hosts: Host) -> Self {
        let network = Network::start(seed.wrapping_add(shift()), hosts, variant.lines);
        Self {
            ids: BTreeMap::new(),
            nodes: BTreeMap::new(),
            network,
            scratch: Scratch::new(),
            variant,
        }
    }

    /// Starts the node of a host, with the identity and data that it had there before. Hosts 1 and
    /// 2 are the seeds of all.
    #[track_caller]
    pub(crate) fn start_node(&mut self, host: Host, listen: Listen) {
        self.start_node_on(host, listen, self.variant.transport);
    }

    /// The same, on a transport of its own.
    #[track_caller]
    pub(crate) fn start_node_on(&mut self, host: Host, listen: Listen, transport: &str) {
        let own = format!("{}:{PORT}", self.network.address(host));
        let identity = self.scratch.path(&format!("identity{host}"));
        let mut command = program(&["node", "--name", &format!("n{host}"), "--admin", ADMIN]);
        command.args(["--identity", &identity]);
        command.args(["--transport", transport, "--store", self.variant.store]);
        if self.variant.store != "memory" {
            command.args(["--data", &self.scratch.path(&format!("data{host}"))]);
        }
        match listen {
            Listen::Anywhere => {
                command.args(["--listen", &format!("0.0.0.0:{PORT}")]);
                command.env("GOSSIP_TRANSPORT_ADVERTISE", &own);
            }
            Listen::Here => {
                command.args(["--listen", &own]);
            }
        }
        for seed in [1, 2] {
            command.args(["--seed", &format!("{}:{PORT}", self.network.address(seed))]);
        }
        let process = Running::start(self.network.inside(host, &command));
        let ready = process.lines.recv_timeout(PATIENCE);
        let ready = ready.unwrap_or_else(|_| panic!("not ready: {:?}", process.said()));
        let ready: Value = serde_json::from_str(&ready).unwrap();
        self.ids.insert(host, ready["id"].as_str().unwrap().to_owned());
        self.nodes.insert(host, process);
    }

    /// Kills the node of a host, without a goodbye.
    pub(crate) fn kill(&mut self, host: Host) {
        self.nodes.remove(&host).expect("a node runs there");
    }

    /// Sends a signal to the node of a host.
    pub(crate) fn signal(&self, host: Host, signal: &str) {
        self.nodes[&host].signal(signal);
    }

    /// The id of the node of a host, which is the same after a restart.
    pub(crate) fn id(&self, host: Host) -> &str {
        &self.ids[&host]
    }

    /// The host whose node has this id.
    #[track_caller]
    pub(crate) fn host(&self, id: &str) -> Host {
        *self.ids.iter().find(|(_, it)| *it == id).expect("a node of this cluster").0
    }

    /// A command against the node of a host that goes on, with JSON output.
    pub(crate) fn follow(&self, host: Host, arguments: &[&str]) -> Running {
        let command = program(&[&["--json", "--admin", ADMIN], arguments].concat());
        Running::start(self.network.inside(host, &command))
    }

    /// Runs a command against the node of a host, with JSON output.
    pub(crate) fn run(&self, host: Host, arguments: &[&str]) -> Outcome {
        let command = program(&[&["--json", "--admin", ADMIN], arguments].concat());
        finish(self.network.inside(host, &command), b"")
    }

    /// Writes so many entries at a host.
    #[track_caller]
    pub(crate) fn import(&self, host: Host, prefix: &str, count: usize) {
        self.import_values(host, prefix, (0..count).map(|_| host.to_string()));
    }

    /// Writes an entry at a host for each of these values.
    #[track_caller]
    pub(crate) fn import_values(
        &self,
        host: Host,
        prefix: &str,
        values: impl Iterator<Item = String>,
    ) {
        let line = |(n, value)| format!("{{\"key\":\"{prefix}/{n}\",\"value\":\"{value}\"}}\n");
        let lines: String = values.enumerate().map(line).collect();
        let file = self.scratch.file(&format!("import{host}.ndjson"), &lines);
        self.run(host, &["kv", "import", &file]).code(0);
    }

    #[track_caller]
    pub(crate) fn put(&self, host: Host, key: &str, value: &str) {
        self.run(host, &["kv", "put", key, value]).code(0);
    }

    #[track_caller]
    pub(crate) fn delete(&self, host: Host, key: &str) {
        self.run(host, &["kv", "del", key]).code(0);
    }

    /// What a host's node holds for a key.
    #[track_caller]
    pub(crate) fn value(&self, host: Host, key: &str) -> Option<String> {
        let got = self.run(host, &["kv", "get", key]);
        match got.code {
            0 => Some(got.json()["value"].as_str().unwrap().to_owned()),
            _ => {
                got.code(1);
                None
            }
        }
    }

    /// Waits until a host's node holds this, or nothing, for a key; returns how long it took.
    #[track_caller]
    pub(crate) fn sees(
        &self,
        host: Host,
        key: &str,
        value: Option<&str>,
        patience: Duration,
    ) -> Duration {
        self.eventually(&format!("{key} is {value:?} at {host}"), patience, || {
            self.value(host, key).as_deref() == value
        })
    }

    /// How a host's node sees another's, and where.
    #[track_caller]
    pub(crate) fn member(&self, host: Host, other: Host) -> (String, String) {
        let members = self.run(host, &["members"]).code(0).json();
        let name = format!("n{other}");
        let member = members["members"].as_array().unwrap().iter();
        let member = member.clone().find(|member| member["name"] == name.as_str());
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let place = |endpoints: &Value| {
            let kinds = ["datagram", "stream"].map(|kind| text(&endpoints[kind][0]));
            kinds.into_iter().find(|place| place != "none").unwrap_or_default()
        };
        member.map_or_else(
            || ("unknown".to_owned(), String::new()),
            |member| (text(&member["status"]), place(&member["endpoints"])),
        )
    }

    /// Waits until these hosts' nodes see those others stand so; returns how long it took.
    #[track_caller]
    pub(crate) fn see(
        &self,
        hosts: &[Host],
        others: &[Host],
        status: &str,
        patience: Duration,
    ) -> Duration {
        self.eventually(&format!("{hosts:?} see {others:?} {status}"), patience, || {
            let mut pairs =
                hosts.iter().flat_map(|host| others.iter().map(move |other| (host, other)));
            pairs.all(|(host, other)| host == other || self.member(*host, *other).0 == status)
        })
    }

    /// Waits until every node sees all members alive; returns how long it took.
    #[track_caller]
    pub(crate) fn all_alive(&self, patience: Duration) -> Duration {
        let hosts: Vec<_> = self.network.hosts().collect();
        self.see(&hosts, &hosts, "alive", patience)
    }

    /// Waits until all nodes have the same hash over so many entries; returns how long it took.
    #[track_caller]
    pub(crate) fn all_equal(&self, entries: usize, patience: Duration) -> Duration {
        self.eventually(&format!("{entries} entries everywhere"), patience, || {
            let hashes: Vec<_> = self.network.hosts().map(|host| self.hash(host)).collect();
            hashes.iter().all(|hash| *hash == hashes[0] && hash["entries"] == entries)
        })
    }

    /// Looks until something is so; returns how long it took.
    #[track_caller]
    pub(crate) fn eventually(
        &self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut() -> bool,
    ) -> Duration {
        let begun = Instant::now();
        while !look() {
            assert!(begun.elapsed() < patience, "{what}: not in {patience:?}\n{self}");
            thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    }

    #[track_caller]
    fn hash(&self, host: Host) -> Value {
        self.run(host, &["kv", "hash", "--epoch", "this"]).code(0).json()
    }
}

/// All that helps to understand a failure.
impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "NETNS_SEED={}, {:?}, strays {:?}",
            shift(),
            self.variant,
            self.network.relay.strays()
        )?;
        for (from, to) in self.network.hosts().flat_map(|from| {
            self.network.hosts().filter(move |to| from != *to).map(move |to| (from, to))
        }) {
            writeln!(f, "line {from} to {to}: {:?}", self.network.relay.counts(from, to))?;
        }
        for (host, node) in &self.nodes {
            for question in
                [&["members"][..], &["doctor"], &["status"], &["kv", "hash", "--epoch", "this"]]
            {
                write!(f, "n{host} {}: {}", question.join(" "), self.run(*host, question).stdout)?;
            }
            node.complaints.try_iter().try_for_each(|line| writeln!(f, "n{host}: {line}"))?;
        }
        Ok(())
    }
}

/// Says what a scenario measured.
pub(crate) fn report(variant: Variant, what: fmt::Arguments<'_>) {
    println!("{}: {what}", variant.name);
}

/// What is added to every seed, for lines that behave otherwise than usual: `NETNS_SEED`.
fn shift() -> u64 {
    let seed = std::env::var("NETNS_SEED");
    seed.map_or(0, |seed| seed.parse().expect("NETNS_SEED is a number"))
}
