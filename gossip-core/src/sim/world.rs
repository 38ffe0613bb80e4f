//! A world of nodes, as a script sees it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::driver::Happening;
use super::host::{Host, MakeStrategies, address_of};
use super::{Disk, Rule, START};
use crate::config::{Config, ConfigSpec, Strategies};
use crate::fact::{Envelope, Keys as _, SimKeys, Verifier};
use crate::id::{ChannelId, Endpoints, NodeId};
use crate::io::{Answer, Boot, Command, Event, Input, RequestId, Seed, Write};
use crate::membership::Directory;
use crate::node::Node;
use crate::rng::Rng;
use crate::state::{Set, Totals};
use crate::time::{Epoch, Mono, Now, Wall};
use crate::transport::DATAGRAM_BYTES;

/// A world of nodes.
pub struct World {
    pub(super) agenda: BTreeMap<(Mono, u64), Happening>,
    /// How long a synchronous cycle takes; `None`: everything happens when it happens.
    pub(super) cycle: Option<Duration>,
    pub(super) hosts: Vec<Host>,
    pub(super) now: Mono,
    pub(super) rng: Rng,
    pub(super) rules: Vec<Box<dyn Rule>>,
    pub(super) sequence: u64,
    /// Steps since time last advanced.
    pub(super) standstill: u64,
    pub(super) trace: Option<blake3::Hasher>,
    pub(super) verifier: Verifier,
}

impl World {
    /// An empty world; everything random in it comes from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            agenda: BTreeMap::new(),
            cycle: None,
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

    /// Synchronous cycles of this length from now on, as the classic papers have them: with strategies
    /// that do not stagger, all rounds of a cycle begin at the same instant, packets and reads take
    /// no time, and merges are applied and answered half a period later. So whether a partner knew is
    /// judged by the state at the cycle's start, and who is newly infected acts from the next on.
    pub const fn synchronous(&mut self, period: Duration) {
        self.cycle = Some(period);
    }

    /// Adds a host with default strategies and starts its node. Returns its number.
    pub fn add(&mut self, config: ConfigSpec) -> usize {
        self.add_with(config, Box::new(|keys| Strategies::new(Box::new(keys))))
    }

    /// Adds a host and starts its node. Returns its number.
    pub fn add_with(&mut self, config: ConfigSpec, strategies: MakeStrategies) -> usize {
        let number = self.place(built(config), None, strategies.into());
        self.start(number);
        number
    }

    fn place(
        &mut self,
        config: Config,
        directory: Option<Arc<Directory>>,
        strategies: Rc<dyn Fn(SimKeys) -> Strategies>,
    ) -> usize {
        let number = self.hosts.len();
        self.hosts.push(Host {
            address: address_of(number),
            answers: BTreeMap::new(),
            boots: 0,
            config,
            directory,
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

    /// Adds `count` hosts that share a directory of themselves, and starts their nodes: nobody has to
    /// meet anybody, and no host keeps a list of members. Seeds are not needed. A crashed host stays
    /// listed; deletions are not let go of, for nobody compares views.
    pub fn add_listed(&mut self, count: usize, config: &ConfigSpec, strategies: MakeStrategies) {
        let numbers = self.hosts.len()..self.hosts.len() + count;
        let members = numbers.clone().map(|number| (self.id(number), address_of(number)));
        let directory = Arc::new(Directory::new(members));
        let config = built(ConfigSpec { seeds: Vec::new(), ..config.clone() });
        let strategies: Rc<dyn Fn(SimKeys) -> Strategies> = strategies.into();
        for _ in numbers.clone() {
            self.place(config.clone(), Some(directory.clone()), strategies.clone());
        }
        numbers.for_each(|number| self.start(number));
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
        self.host_mut(host).config = built(config);
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
        let restored = host.disk.restored();
        #[expect(clippy::expect_used, reason = "a script with a bad configuration is a bug")]
        let config = host
            .config
            .clone()
            .resume(&restored, host.keys.id())
            .expect("the disk comes from this host");
        let mut seed = blake3::Hasher::new();
        seed.update(&host.seed).update(&host.boots.to_le_bytes());
        let boot = Boot {
            directory: host.directory.clone(),
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
        let main = |host: &Host| host.config.main_channel();
        self.hosts.get(host).map_or_else(|| ChannelId::from_bytes([0; 32]), main)
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

    pub(super) fn boot(&self, host: usize) -> u64 {
        self.hosts.get(host).map_or(0, |host| host.boots)
    }

    fn time_at(&self, host: usize) -> Now {
        let skew = self.hosts.get(host).map_or(0, |host| host.skew_ms);
        let truth = (START + self.now.since(Mono::ZERO)).millis();
        Now { mono: self.now, wall: Wall::from_millis(truth.saturating_add_signed(skew)) }
    }

    pub(super) fn host_mut(&mut self, host: usize) -> &mut Host {
        #[expect(
            clippy::expect_used,
            reason = "a script that names a host it did not add is a bug"
        )]
        self.hosts.get_mut(host).expect("the host exists")
    }
}

#[expect(clippy::expect_used, reason = "a script with a bad configuration is a bug")]
fn built(config: ConfigSpec) -> Config {
    config.build(DATAGRAM_BYTES).expect("the configuration is good")
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("hosts", &self.hosts.len())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
