//! What a simulated protocol message costs, beside iroh-gossip's own simulator, in one process.
//!
//! One broadcast of 200 bytes reaches all nodes, in event mode, over packets that take 10 to 50 ms.
//! Counted is the thread's CPU time, divided by the protocol messages that nodes handled meanwhile.
//!
//! *Ours* is everything that runs in production but sockets and disks: whole nodes, frames encoded to
//! bytes and decoded from them, ids hashed, signatures checked (with a hash in place of a curve),
//! facts merged into an indexed store, rumors pushed and pulled with feedback to 3 partners per
//! second, and repair all the while. Peers come from a directory that the hosts share. A message is
//! a frame.
//!
//! *Theirs* is `iroh_gossip::proto`: the state machines of HyParView and Plumtree under their own
//! `Simulator`, which keeps accounts of each round, and under its `Network` alone, with default configuration, in the steady state of one sender. Messages are passed on
//! as values and never encoded; content is hashed for its id; there are no signatures and no store. A
//! message is one that a topic's state received.
//!
//! This compares simulators, not protocols: theirs tells along a tree, ours has none yet, so one of our
//! broadcasts has some ten times as many messages, pulls and feedback among them.
//!
//! The last rows are about us alone: how long one core takes until 100,000 nodes hold a fact, and
//! the memory for that, the making of the nodes included.

use std::time::Duration;

use bytes::Bytes;
use gossip_benches::table::{Row, Target, cpu_seconds, report};
use gossip_core::config::{ConfigSpec, Strategies};
use gossip_core::fact::SimKeys;
use gossip_core::sim::{self, World};
use gossip_core::strategy::sampler::Uniform;
use iroh_gossip::proto::sim::{
    BootstrapMode, LatencyConfig, NetworkConfig, Simulator, SimulatorConfig,
};
use iroh_gossip::proto::{Command, Config, Event, Scope, TopicId};

/// How long packets take, in milliseconds: between these.
const DELAY: (u64, u64) = (10, 50);

/// Bytes of what is told.
const VALUE_BYTES: usize = 200;

/// Their broadcasts in place of one of ours, which has some ten times as many messages.
const THEIR_BROADCASTS: u64 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| "sim_peers".contains(filter.as_str())) {
        return;
    }
    // Compiled as a test, it only shows that it works.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let sizes: &[(usize, u64)] = if measured { &[(1_000, 9), (10_000, 5)] } else { &[(30, 1)] };
    let mut rows: Vec<_> = sizes.iter().flat_map(|(nodes, turns)| beside(*nodes, *turns)).collect();
    rows.extend(alone(if measured { 100_000 } else { 100 }));
    report(&rows, "sim_peers.json").expect("the table's file can be written");
}

/// One broadcast after the other, ours and theirs in turns: against their simulator as it is, and
/// against its network without the simulator's own accounts of each round.
fn beside(nodes: usize, turns: u64) -> [Row; 2] {
    let (mut ours, mut theirs) = (Ours::new(nodes), Theirs::new(nodes));
    let [mut in_rounds, mut bare] = [const { Vec::new() }; 2];
    for _ in 0..turns {
        let ours = nanos([ours.broadcast()]);
        in_rounds.push((ours, nanos((0..THEIR_BROADCASTS).map(|_| theirs.round()))));
        bare.push((ours, nanos((0..THEIR_BROADCASTS).map(|_| theirs.broadcast()))));
    }
    [("simulator", in_rounds), ("network alone", bare)].map(|(what, pairs)| Row {
        name: format!("a simulated message, against iroh-gossip's {what}; {nodes} nodes"),
        ratios: pairs.iter().map(|(ours, theirs)| ours / theirs).collect(),
        nanos: Some((
            median(pairs.iter().map(|pair| pair.0)),
            median(pairs.iter().map(|pair| pair.1)),
        )),
        target: Target::AtMost(1.0),
    })
}

/// Nanoseconds per message, of seconds and messages.
fn nanos(broadcasts: impl IntoIterator<Item = (f64, u64)>) -> f64 {
    let (seconds, messages) = broadcasts
        .into_iter()
        .fold((0.0, 0), |sum, (seconds, messages)| (sum.0 + seconds, sum.1 + messages));
    seconds * 1e9 / messages as f64
}

fn median(nanos: impl Iterator<Item = f64>) -> f64 {
    let mut nanos: Vec<_> = nanos.collect();
    nanos.sort_by(f64::total_cmp);
    nanos.get(nanos.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How long it takes until so many nodes hold a fact, and how much memory.
fn alone(nodes: usize) -> [Row; 2] {
    let begun = cpu_seconds();
    Ours::new(nodes).broadcast();
    // The peak of the process: whatever it held before counts as well.
    let (seconds, bytes) = (cpu_seconds() - begun, peak_bytes());
    let row =
        |name, ratio| Row { name, ratios: vec![ratio], nanos: None, target: Target::AtMost(1.0) };
    [
        row(
            format!("{nodes} nodes hold a fact after {seconds:.1} s of one core; of 60 s"),
            seconds / 60.0,
        ),
        row(
            format!("the same in {} MiB at most; of 8 GiB", bytes >> 20),
            bytes as f64 / (8_u64 << 30) as f64,
        ),
    ]
}

/// Our nodes, all of which know one another.
struct Ours {
    broadcasts: usize,
    world: World,
}

impl Ours {
    fn new(nodes: usize) -> Self {
        let mut world = World::new(1);
        let (least, most) = DELAY;
        world.keep_events(false);
        world.rule(sim::delay(Duration::from_millis(least), Duration::from_millis(most)));
        let strategies = |keys: SimKeys| Strategies {
            sampler: Box::new(Uniform::default()),
            ..Strategies::new(Box::new(keys))
        };
        world.add_listed(nodes, &ConfigSpec::default(), Box::new(strategies));
        world.run_for(Duration::from_secs(2));
        Self { broadcasts: 0, world }
    }

    /// Tells one more fact until everybody has it: CPU seconds, and frames handled.
    fn broadcast(&mut self) -> (f64, u64) {
        let before = self.frames();
        self.broadcasts += 1;
        let (nodes, facts) = (self.world.len(), self.broadcasts);
        let key = format!("key-{facts}");
        let mut last = 0;
        let mut all = |world: &mut World| {
            // Whoever has it keeps it, so that only the first who lacks it is looked at again.
            last = (last..nodes).find(|host| world.facts(*host) < facts).unwrap_or(nodes);
            last == nodes
        };
        let begun = cpu_seconds();
        self.world.write(facts * 7_919 % nodes, &key, Some(&"v".repeat(VALUE_BYTES)), None);
        let done =
            self.world.run_until(Duration::from_secs(300), Duration::from_millis(50), &mut all);
        let seconds = cpu_seconds() - begun;
        assert!(done, "a fact does not reach everybody");
        (seconds, self.frames() - before)
    }

    fn frames(&self) -> u64 {
        let nodes = (0..self.world.len()).filter_map(|host| self.world.node(host));
        nodes.map(|node| node.status().wire.received_frames).sum()
    }
}

/// Their nodes, in one swarm.
struct Theirs {
    broadcasts: u64,
    nodes: usize,
    simulator: Simulator,
}

impl Theirs {
    fn new(nodes: usize) -> Self {
        let (least, most) = DELAY;
        let config = SimulatorConfig {
            rng_seed: 1,
            peers: nodes,
            gossip_round_timeout: Duration::from_secs(60),
        };
        let latency = LatencyConfig::random_ms(least, most);
        let mut simulator =
            Simulator::new(config, NetworkConfig { latency, proto: Config::default() });
        simulator.bootstrap(BootstrapMode::Single);
        let mut theirs = Self { broadcasts: 0, nodes, simulator };
        // The first broadcasts flood the swarm and prune it to a tree.
        for _ in 0..5 {
            theirs.broadcast();
        }
        theirs
    }

    /// One more round of the simulator: CPU seconds, and messages handled.
    fn round(&mut self) -> (f64, u64) {
        let content = self.content();
        let begun = cpu_seconds();
        let missed = self.simulator.gossip_round(vec![(0, content)]);
        let seconds = cpu_seconds() - begun;
        assert_eq!(missed, 0, "a message does not reach everybody");
        // It has counted from nought.
        (seconds, self.messages())
    }

    /// Tells one more message until everybody has it: CPU seconds, and messages handled.
    fn broadcast(&mut self) -> (f64, u64) {
        let (before, content) = (self.messages(), self.content());
        let mut missing = self.nodes - 1;
        let begun = cpu_seconds();
        let network = &mut self.simulator.network;
        network.command(0, TOPIC, Command::Broadcast(content, Scope::Swarm));
        network.run_while_with_timeout(Duration::from_secs(60), |_, _, event| {
            missing -= usize::from(matches!(event, Event::Received(_)));
            missing > 0
        });
        let seconds = cpu_seconds() - begun;
        assert_eq!(missing, 0, "a message does not reach everybody");
        (seconds, self.messages() - before)
    }

    /// Content that was never told.
    fn content(&mut self) -> Bytes {
        self.broadcasts += 1;
        let mut content = vec![0; VALUE_BYTES];
        content.splice(..8, self.broadcasts.to_le_bytes());
        content.into()
    }

    fn messages(&self) -> u64 {
        let states = self.simulator.network.peer_states().filter_map(|peer| peer.state(&TOPIC));
        states.map(|state| state.stats().messages_received as u64).sum()
    }
}

/// The topic of iroh-gossip's simulator.
const TOPIC: TopicId = TopicId::from_bytes([0; 32]);

/// The most that the process ever took of memory; zero where the system does not tell.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
