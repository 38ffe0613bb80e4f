//! A first simulator driver: production nodes, virtual time, one seed.
//!
//! A run is a function of (seed, script): everything happens in (time, sequence) order, packets
//! are ruled by value, disks lag and lose what was not synced, clocks are skewed, nodes crash and
//! restart. Signatures are simulated ([`SimKeys`]); everything else is what production runs.

mod disk;
mod rule;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub use self::disk::{Disk, Fault};
pub use self::rule::{Packet, Rule, Verdict, cut, delay, loss};
use crate::config::{ConfigSpec, Strategies};
use crate::fact::{Envelope, Job, Keys as _, SimKeys, Verifier};
use crate::id::{ChannelId, Endpoints, NodeId};
use crate::io::{
    Answer, Boot, Command, Event, ExportError, Input, Output, RequestId, Seed, Ticket, Write,
};
use crate::node::Node;
use crate::rng::Rng;
use crate::state::{Set, Totals};
use crate::store::{StoreError, StoreReply};
use crate::time::{Epoch, Mono, Now, Wall};
use crate::transport::{Address, DATAGRAM_BYTES, Inbound};

/// When every simulation begins: an arbitrary instant, so that failures replay exactly.
pub const START: Wall = Wall::from_millis(1_800_000_000_000);

/// Makes a node's slots; called at every start of the node.
pub type MakeStrategies = Box<dyn Fn(SimKeys) -> Strategies>;

/// A world of nodes.
pub struct World {
    agenda: BTreeMap<(Mono, u64), Happening>,
    hosts: Vec<Host>,
    now: Mono,
    rng: Rng,
    rules: Vec<Box<dyn Rule>>,
    sequence: u64,
    /// Steps since time last advanced.
    standstill: u64,
    trace: Option<blake3::Hasher>,
    verifier: Verifier,
}

/// What is going to happen.
enum Happening {
    Deliver { from: SocketAddr, to: SocketAddr, bytes: bytes::Bytes },
    Exported(usize, u64, Ticket, Result<(), ExportError>),
    Flush(usize),
    Stored(usize, u64, Ticket, Result<StoreReply, StoreError>),
    Verified(usize, u64, Ticket, Job),
    Wake(usize, u64),
}

/// One machine: a disk and a clock, and perhaps a node that runs.
struct Host {
    address: SocketAddr,
    answers: BTreeMap<RequestId, Answer>,
    boots: u64,
    config: ConfigSpec,
    disk: Disk,
    events: VecDeque<Event>,
    /// What its nodes exported, as in a file: crashes do not touch it.
    exports: Vec<Envelope>,
    /// Whether there is no room for exports.
    exports_fail: bool,
    keys: SimKeys,
    node: Option<Node>,
    requests: u64,
    seed: [u8; 32],
    /// How far the clock is ahead, in milliseconds; negative: behind.
    skew_ms: i64,
    strategies: MakeStrategies,
    wake: Option<Mono>,
}

/// Most events that a host keeps for the script; older ones are dropped.
const EVENTS: usize = 100_000;

/// More steps than this in one instant mean that something goes round in circles.
const STANDSTILL: u64 = 10_000_000;

impl World {
    /// An empty world; everything random in it comes from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            agenda: BTreeMap::new(),
            hosts: Vec::new(),
            now: Mono::ZERO,
            rng: Rng::from_number(seed),
            rules: Vec::new(),
            sequence: 0,
            standstill: 0,
            trace: None,
            verifier: Verifier::simulated(),
        }
    }

    /// Adds a host with default strategies and starts its node. Returns its number.
    pub fn add(&mut self, config: ConfigSpec) -> usize {
        self.add_with(config, Box::new(|keys| Strategies::new(Box::new(keys))))
    }

    /// Adds a host and starts its node. Returns its number.
    pub fn add_with(&mut self, config: ConfigSpec, strategies: MakeStrategies) -> usize {
        let number = self.hosts.len();
        self.hosts.push(Host {
            address: address_of(number),
            answers: BTreeMap::new(),
            boots: 0,
            config,
            disk: Disk::default(),
            events: VecDeque::new(),
            exports: Vec::new(),
            exports_fail: false,
            keys: SimKeys::new(number as u64),
            node: None,
            requests: 0,
            seed: self.rng.bytes(),
            skew_ms: 0,
            strategies,
            wake: None,
        });
        self.start(number);
        number
    }

    /// Adds `count` hosts of which each has the first as its seed.
    pub fn add_cluster(&mut self, count: usize, config: &ConfigSpec) {
        let first = address_of(self.hosts.len());
        for member in 0..count {
            let seeds = if member == 0 { Vec::new() } else { vec![Seed::Address(first)] };
            self.add(ConfigSpec { seeds, ..config.clone() });
        }
    }

    /// Adds a rule for packets. Rules are asked in order; the first that decides wins.
    pub fn rule(&mut self, rule: impl Rule + 'static) {
        self.rules.push(Box::new(rule));
    }

    /// Removes all rules: from now on every packet arrives at once.
    pub fn clear_rules(&mut self) {
        self.rules.clear();
    }

    /// Sets a host's clock ahead by so many milliseconds; negative: behind.
    pub fn skew(&mut self, host: usize, millis: i64) {
        self.host_mut(host).skew_ms = millis;
    }

    /// Gives a host another configuration, from its next start on.
    pub fn configure(&mut self, host: usize, config: ConfigSpec) {
        self.host_mut(host).config = config;
    }

    /// A host's disk.
    pub fn disk(&mut self, host: usize) -> &mut Disk {
        &mut self.host_mut(host).disk
    }

    /// Kills a node: it says nothing, and its disk keeps only what was synced.
    pub fn crash(&mut self, host: usize) {
        let host = self.host_mut(host);
        host.node = None;
        host.wake = None;
        host.boots += 1;
        host.disk.crash();
    }

    /// Starts a node on what its disk holds.
    pub fn start(&mut self, number: usize) {
        let now = self.time_at(number);
        let host = self.host_mut(number);
        assert!(host.node.is_none(), "host {number} runs already");
        #[expect(clippy::expect_used, reason = "a script with a bad configuration is a bug")]
        let config = host.config.clone().build(DATAGRAM_BYTES).expect("the configuration is good");
        let restored = host.disk.restored();
        #[expect(clippy::expect_used, reason = "a script with a bad configuration is a bug")]
        let config =
            config.resume(&restored, host.keys.id()).expect("the disk comes from this host");
        let mut seed = blake3::Hasher::new();
        seed.update(&host.seed).update(&host.boots.to_le_bytes());
        let boot = Boot {
            endpoints: Endpoints::datagram(host.address),
            restored,
            seed: *seed.finalize().as_bytes(),
        };
        host.node = Some(Node::new(now, config, (host.strategies)(host.keys), boot));
        self.drain(number);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((&(due, _), _)) = self.agenda.first_key_value()
            && due <= end
        {
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until something holds, looking every `pause`; false if it does not within
    /// `limit`.
    pub fn run_until(
        &mut self,
        limit: Duration,
        pause: Duration,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let end = self.now + limit;
        loop {
            if holds(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            self.run_for(pause);
        }
    }

    /// Gives a node a command; its answer is found with [`answer`](Self::answer).
    pub fn command(&mut self, number: usize, command: Command) -> RequestId {
        let host = self.host_mut(number);
        host.requests += 1;
        let request = RequestId(host.requests);
        self.input(number, Input::Command(request, command));
        request
    }

    /// The answer to a command, once.
    pub fn answer(&mut self, host: usize, request: RequestId) -> Option<Answer> {
        self.host_mut(host).answers.remove(&request)
    }

    /// Writes a value, or deletes the key with `None`.
    pub fn write(
        &mut self,
        host: usize,
        key: &str,
        value: Option<&str>,
        ttl: Option<Duration>,
    ) -> RequestId {
        let text = |text: &str| bytes::Bytes::copy_from_slice(text.as_bytes());
        let write = Write { key: text(key), value: value.map(text), ttl };
        let channel = self.main_channel(host);
        self.command(host, Command::Write { channel, writes: vec![write] })
    }

    /// Hands a node any input; what follows from it happens.
    pub fn input(&mut self, number: usize, input: Input) {
        let now = self.time_at(number);
        if let Some(node) = &mut self.host_mut(number).node {
            node.handle(now, input);
            self.drain(number);
        }
    }

    /// What a node told its application since the last call.
    pub fn events(&mut self, host: usize) -> Vec<Event> {
        self.host_mut(host).events.drain(..).collect()
    }

    /// What a host's nodes exported before they forgot it.
    #[must_use]
    pub fn exports(&self, host: usize) -> &[Envelope] {
        self.hosts.get(host).map_or(&[], |host| &host.exports)
    }

    /// Whether exports of this host fail from now on.
    pub fn fail_exports(&mut self, host: usize, fail: bool) {
        self.host_mut(host).exports_fail = fail;
    }

    /// A running node.
    #[must_use]
    pub fn node(&self, host: usize) -> Option<&Node> {
        self.hosts.get(host).and_then(|host| host.node.as_ref())
    }

    /// A host's address.
    #[must_use]
    pub fn address(&self, host: usize) -> SocketAddr {
        address_of(host)
    }

    /// A host's node id.
    #[must_use]
    pub fn id(&self, host: usize) -> NodeId {
        use crate::fact::Keys as _;
        SimKeys::new(host as u64).id()
    }

    /// How many hosts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there is no host.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Virtual time since the start.
    #[must_use]
    pub const fn now(&self) -> Mono {
        self.now
    }

    /// A host's main channel.
    #[must_use]
    pub fn main_channel(&self, host: usize) -> ChannelId {
        let name = self.hosts.get(host).map_or("", |host| host.config.cluster.as_str());
        ChannelId::derived(crate::id::ClusterId::from_name(name), ChannelId::MAIN)
    }

    /// A host's compared set at an epoch, or at the epoch of true time.
    pub fn totals(&mut self, host: usize, epoch: Option<Epoch>) -> Totals {
        let wall = START + self.now.since(Mono::ZERO);
        let set = Set::Active(epoch.unwrap_or_else(|| Epoch::of(wall)));
        let channel = self.main_channel(host);
        self.host_mut(host).disk.totals(channel, set)
    }

    /// Whether all running nodes' compared sets are equal at the epoch of true time.
    pub fn converged(&mut self) -> bool {
        let running: Vec<_> =
            (0..self.hosts.len()).filter(|host| self.node(*host).is_some()).collect();
        let sums: Vec<_> = running.into_iter().map(|host| self.totals(host, None).sum).collect();
        sums.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
    }

    /// Begins to hash every output; it costs more than the run itself.
    pub fn begin_trace(&mut self) {
        self.trace = Some(blake3::Hasher::new());
    }

    /// The hash of every output since [`begin_trace`](Self::begin_trace): equal for equal runs.
    #[must_use]
    pub fn trace(&self) -> Option<[u8; 32]> {
        self.trace.as_ref().map(|trace| *trace.finalize().as_bytes())
    }

    fn step(&mut self) {
        let Some(((due, _), happening)) = self.agenda.pop_first() else { return };
        self.standstill = if due > self.now { 0 } else { self.standstill + 1 };
        assert!(self.standstill < STANDSTILL, "time stands still at {:?}", self.now);
        self.now = self.now.max(due);
        match happening {
            Happening::Deliver { from, to, bytes } => {
                let number = self.hosts.iter().position(|host| host.address == to);
                let from = Address::Socket(from);
                if let Some(number) = number {
                    self.input(number, Input::Network(Inbound::Frame { from, bytes }));
                }
            }
            Happening::Exported(number, boot, ticket, result) => {
                if self.boot(number) == boot {
                    self.input(number, Input::Exported(ticket, result));
                }
            }
            Happening::Flush(number) => {
                let answers = self.host_mut(number).disk.flush();
                for (ticket, reply) in answers {
                    self.input(number, Input::Stored(ticket, reply));
                }
            }
            Happening::Stored(number, boot, ticket, reply) => {
                if self.boot(number) == boot {
                    self.input(number, Input::Stored(ticket, reply));
                }
            }
            Happening::Verified(number, boot, ticket, job) => {
                if self.boot(number) == boot {
                    let verdicts = job.run(&self.verifier);
                    self.input(number, Input::Verified(ticket, verdicts));
                }
            }
            Happening::Wake(number, boot) => {
                let due = self.host_mut(number).wake;
                if self.boot(number) == boot && due.is_some_and(|due| due <= self.now) {
                    self.host_mut(number).wake = None;
                    self.input(number, Input::Wake);
                }
            }
        }
    }

    fn drain(&mut self, number: usize) {
        let boot = self.boot(number);
        loop {
            let Some(node) = &mut self.host_mut(number).node else { return };
            let output = node.poll_output();
            if let Some(trace) = &mut self.trace {
                trace.update(format!("{number} {:?} {output:?}", self.now).as_bytes());
            }
            match output {
                Output::Answer(request, answer) => {
                    self.host_mut(number).answers.insert(request, answer);
                }
                Output::Event(event) => {
                    let events = &mut self.host_mut(number).events;
                    if events.len() >= EVENTS {
                        events.pop_front();
                    }
                    events.push_back(event);
                }
                Output::Export(ticket, export) => {
                    let host = self.host_mut(number);
                    let reason = String::from("no space left on device");
                    let result = if host.exports_fail {
                        Err(ExportError { reason })
                    } else {
                        host.exports.extend(export.facts);
                        Ok(())
                    };
                    let latency = host.disk.latency;
                    self.at(latency, Happening::Exported(number, boot, ticket, result));
                }
                Output::Resolve(name) => {
                    let input = Input::Resolved { name, addresses: Vec::new() };
                    self.input(number, input);
                    return;
                }
                Output::Store(ticket, op) => {
                    let disk = &mut self.host_mut(number).disk;
                    let (latency, jitter, sync) = (disk.latency, disk.jitter, disk.sync_interval);
                    match disk.run(ticket, op) {
                        Some(reply) => {
                            let delay = latency + self.below(jitter);
                            self.at(delay, Happening::Stored(number, boot, ticket, reply));
                        }
                        None => self.at(sync, Happening::Flush(number)),
                    }
                }
                Output::Transmit(transmit) => self.send(number, &transmit.to, transmit.bytes),
                Output::Verify(ticket, job) => {
                    self.at(Duration::ZERO, Happening::Verified(number, boot, ticket, job));
                }
                Output::Wait(due) => {
                    let host = self.host_mut(number);
                    host.wake = due;
                    if let Some(due) = due {
                        let wait = due.since(self.now);
                        self.at(wait, Happening::Wake(number, boot));
                    }
                    return;
                }
            }
        }
    }

    fn send(&mut self, number: usize, to: &Address, bytes: bytes::Bytes) {
        let Address::Socket(to) = *to else { return };
        let from = address_of(number);
        let packet = Packet { from: number, to: number_of(to), bytes: &bytes, now: self.now };
        let mut rng = self.rng.clone();
        let verdict = self
            .rules
            .iter_mut()
            .map(|rule| rule.on_packet(&packet, &mut rng))
            .find(|verdict| *verdict != Verdict::Pass);
        self.rng = rng;
        match verdict.unwrap_or(Verdict::Pass) {
            Verdict::Drop => {}
            Verdict::Pass => self.at(Duration::ZERO, Happening::Deliver { from, to, bytes }),
            Verdict::Deliver(delay) => self.at(delay, Happening::Deliver { from, to, bytes }),
        }
    }

    fn at(&mut self, delay: Duration, happening: Happening) {
        self.sequence += 1;
        self.agenda.insert((self.now + delay, self.sequence), happening);
    }

    /// A time below a limit, none drawn if that is zero.
    fn below(&mut self, limit: Duration) -> Duration {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if nanos == 0 { 0 } else { self.rng.below(nanos) })
    }

    fn boot(&self, host: usize) -> u64 {
        self.hosts.get(host).map_or(0, |host| host.boots)
    }

    fn time_at(&self, host: usize) -> Now {
        let skew = self.hosts.get(host).map_or(0, |host| host.skew_ms);
        let truth = (START + self.now.since(Mono::ZERO)).millis();
        Now { mono: self.now, wall: Wall::from_millis(truth.saturating_add_signed(skew)) }
    }

    fn host_mut(&mut self, host: usize) -> &mut Host {
        #[expect(
            clippy::expect_used,
            reason = "a script that names a host it did not add is a bug"
        )]
        self.hosts.get_mut(host).expect("the host exists")
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("hosts", &self.hosts.len())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

fn address_of(host: usize) -> SocketAddr {
    let [_, a, b, c] = (host as u32).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, a, b, c)), 7946)
}

fn number_of(address: SocketAddr) -> usize {
    match address.ip() {
        IpAddr::V4(ip) => (u32::from_be_bytes(ip.octets()) & 0x00ff_ffff) as usize,
        IpAddr::V6(_) => usize::MAX,
    }
}
