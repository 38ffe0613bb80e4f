//! A world of nodes, as a script sees it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::agenda::Agenda;
use super::anomaly::{Inbound, Outbound};
use super::check::{Checker, Observation, Violation};
use super::driver::Happening;
use super::host::{Host, HostClock, MakeStrategies, address_of};
use super::rule::Ruling;
use super::{Crash, Disk, Rule, RuleId, START};
use crate::config::{Config, ConfigSpec, Strategies};
use crate::fact::{Envelope, HORIZON, Keys as _, SimKeys, Verifier};
use crate::id::{ChannelId, Endpoints, NodeId};
use crate::io::{Answer, Boot, Command, Event, Input, RequestId, Seed, Write};
use crate::membership::Directory;
use crate::node::Node;
use crate::rng::Rng;
use crate::state::{Set, Totals};
use crate::store::MemoryState;
use crate::time::{Epoch, Mono, Now};
use crate::transport::DATAGRAM_BYTES;

/// A world of nodes.
pub struct World {
    pub(super) agenda: Agenda<Happening>,
    pub(super) checkers: Vec<Box<dyn Checker>>,
    /// How long a synchronous cycle takes; `None`: everything happens when it happens.
    pub(super) cycle: Option<Duration>,
    horizon: Duration,
    /// Whether checkers expect the main channel to keep siblings.
    pub(super) keeps_siblings: bool,
    /// Whether hosts keep events for the script.
    pub(super) keeps_events: bool,
    pub(super) hosts: Vec<Host>,
    /// Who is where it was not at first: hosts by address.
    pub(super) moved: BTreeMap<SocketAddr, u32>,
    /// What names lead to.
    pub(super) names: BTreeMap<String, Vec<SocketAddr>>,
    pub(super) now: Mono,
    pub(super) rng: Rng,
    pub(super) rules: Vec<Ruling>,
    next_rule: u64,
    /// Steps since time last advanced.
    pub(super) standstill: u64,
    pub(super) trace: Option<blake3::Hasher>,
    pub(super) verifier: Verifier,
    pub(super) violations: Vec<Violation>,
}

impl World {
    /// An empty world; everything random in it comes from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            agenda: Agenda::new(),
            checkers: Vec::new(),
            cycle: None,
            horizon: HORIZON,
            keeps_siblings: false,
            keeps_events: true,
            hosts: Vec::new(),
            moved: BTreeMap::new(),
            names: BTreeMap::new(),
            now: Mono::ZERO,
            rng: Rng::from_number(seed),
            rules: Vec::new(),
            next_rule: 0,
            standstill: 0,
            trace: None,
            verifier: Verifier::simulated(),
            violations: Vec::new(),
        }
    }

    /// Synchronous cycles of this length from now on, as the classic papers have them: with strategies
    /// that do not stagger, all rounds of a cycle begin at the same instant, packets and reads take
    /// no time, and merges are applied and answered half a period later. So whether a partner knew is
    /// judged by the state at the cycle's start, and who is newly infected acts from the next on.
    pub const fn synchronous(&mut self, period: Duration) {
        self.cycle = Some(period);
    }

    /// From now on nodes start with another horizon than that of a day.
    pub const fn set_horizon(&mut self, horizon: Duration) {
        self.horizon = horizon;
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

    /// Adds a host on whose disk these facts are, and starts its node. Returns its number.
    pub fn add_on(
        &mut self,
        config: ConfigSpec,
        strategies: MakeStrategies,
        held: MemoryState,
    ) -> usize {
        let number = self.place(built(config), None, strategies.into());
        self.disk(number).restore(Disk::holding(held));
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
            alarm: None,
            answers: BTreeMap::new(),
            blocked_until: Mono::ZERO,
            boots: 0,
            clock: HostClock::default(),
            config,
            deferred: 0,
            directory,
            disk: Disk::default(),
            events: VecDeque::new(),
            exports: Vec::new(),
            exports_fail: false,
            failed_exports: 0,
            inbound: Inbound::default(),
            keys: SimKeys::new(number as u64),
            node: None,
            outbound: Outbound::default(),
            paused_until: Mono::ZERO,
            requests: 0,
            seed: self.rng.bytes(),
            strategies,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
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

    /// Adds a rule for packets. Rules are asked in order.
    pub fn rule(&mut self, rule: impl Rule + 'static) -> RuleId {
        let id = RuleId(self.next_rule);
        self.next_rule += 1;
        self.rules.push(Ruling { fired: 0, id, rule: Box::new(rule) });
        id
    }

    /// Ends a rule. Returns for how many packets it made a difference.
    pub fn end_rule(&mut self, id: RuleId) -> u64 {
        let place = self.rules.iter().position(|ruling| ruling.id == id);
        place.map_or(0, |place| self.rules.remove(place).fired)
    }

    /// For how many packets a rule in force made a difference.
    #[must_use]
    pub fn fired(&self, id: RuleId) -> u64 {
        self.rules.iter().find(|ruling| ruling.id == id).map_or(0, |ruling| ruling.fired)
    }

    /// Removes all rules: from now on every packet arrives at once.
    pub fn clear_rules(&mut self) {
        self.rules.clear();
    }

    /// Sets a host's clock ahead of true time by so many milliseconds; negative: behind. On a host
    /// that runs, the clock jumps.
    pub fn skew(&mut self, host: usize, millis: i64) {
        let now = self.now;
        self.host_mut(host).clock.set(now, millis);
    }

    /// Lets a host's clock run too fast by so many millionths from now on; negative: too slow.
    pub fn drift(&mut self, host: usize, millionths: i64) {
        let now = self.now;
        self.host_mut(host).clock.drift(now, millionths);
    }

    /// How far a host's clock is ahead of true time, in milliseconds; negative: behind.
    #[must_use]
    pub fn ahead(&self, host: usize) -> i64 {
        self.hosts.get(host).map_or(0, |host| host.clock.ahead(self.now))
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
        self.crash_as(host, Crash::Clean);
    }

    /// Kills a node; its disk keeps what was synced, and of the rest what the kind of crash says.
    pub fn crash_as(&mut self, host: usize, crash: Crash) {
        let mut rng = self.rng.clone();
        let dead = self.host_mut(host);
        dead.node = None;
        (dead.alarm, dead.wake) = (None, None);
        dead.boots += 1;
        (dead.blocked_until, dead.paused_until) = (Mono::ZERO, Mono::ZERO);
        (dead.waiting, dead.waiting_bytes) = (VecDeque::new(), 0);
        (dead.inbound, dead.outbound) = (Inbound::default(), Outbound::default());
        dead.disk.crash(crash, &mut rng);
        self.rng = rng;
        self.observe(host, &Observation::Crashed);
    }

    /// Puts an older content of a host's disk back, as an operator with a backup does; its node must
    /// not run.
    pub fn put_back(&mut self, host: usize, snapshot: Disk) {
        self.host_mut(host).disk.restore(snapshot);
        self.observe(host, &Observation::PutBack);
    }

    /// Starts a node on what its disk holds.
    pub fn start(&mut self, number: usize) {
        let (now, horizon) = (self.time_at(number), self.horizon);
        let host = self.host_mut(number);
        assert!(host.node.is_none(), "host {number} runs already");
        let restored = host.disk.restored();
        self.observe(number, &Observation::Started(&restored));
        let host = self.host_mut(number);
        #[expect(clippy::expect_used, reason = "a script with a bad configuration is a bug")]
        let config = host
            .config
            .clone()
            .resume(&restored, host.keys.id())
            .expect("the disk comes from this host");
        let config = config.with_horizon(horizon);
        let mut seed = blake3::Hasher::new();
        seed.update(&host.seed).update(&u64::from(host.boots).to_le_bytes());
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
        while self.step(end) {}
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
        let (now, time) = (self.now, self.time_at(number));
        // What is sent to a host that is not there is lost.
        let Some(host) = self.hosts.get_mut(number) else { return };
        if host.node.is_none() {
            return;
        }
        // What comes as the pause ends does not overtake what came before.
        if host.paused_until > now || !host.waiting.is_empty() {
            return host.defer(input);
        }
        self.observe(number, &Observation::Input(&input));
        if let Some(node) = &mut self.host_mut(number).node {
            node.handle(time, input);
            self.drain(number);
        }
    }

    /// Whether hosts keep from now on what their nodes tell their applications, for
    /// [`events`](Self::events). They do unless they are told not to: of many nodes it is much.
    pub const fn keep_events(&mut self, keep: bool) {
        self.keeps_events = keep;
    }

    /// How many facts a host holds, deletions included: a glance without a question to its store.
    #[must_use]
    pub fn facts(&self, host: usize) -> usize {
        self.host(host).disk.held().facts()
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
        self.hosts.get(host).map_or_else(|| address_of(host), |host| host.address)
    }

    /// Gives a host another address; its node learns of that when it starts anew. Another host's address is
    /// taken from that host, which is nowhere until it moves as well.
    pub fn relocate(&mut self, host: usize, address: SocketAddr) {
        self.moved.retain(|_, other| *other != host as u32);
        self.host_mut(host).address = address;
        self.moved.insert(address, host as u32);
    }

    /// From now on this `host:port` leads there; names lead nowhere until they are told to.
    pub fn name(&mut self, name: &str, addresses: Vec<SocketAddr>) {
        self.names.insert(name.to_owned(), addresses);
    }

    /// Adds a host with default strategies at an address, and starts its node. Returns its number.
    pub fn add_at(&mut self, config: ConfigSpec, address: SocketAddr) -> usize {
        let strategies = |keys| Strategies::new(Box::new(keys));
        let number = self.place(built(config), None, Rc::new(strategies));
        self.relocate(number, address);
        self.start(number);
        number
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

    /// What a host was told before its last start.
    #[must_use]
    pub fn configuration(&self, host: usize) -> Option<&Config> {
        self.hosts.get(host).map(|host| &host.config)
    }

    /// The epoch of true time.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch::of(START + self.now.since(Mono::ZERO))
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

    pub(super) fn boot(&self, host: usize) -> u32 {
        self.hosts.get(host).map_or(0, |host| host.boots)
    }

    pub(super) fn time_at(&self, host: usize) -> Now {
        let clock = self.hosts.get(host).map(|host| host.clock).unwrap_or_default();
        Now { mono: self.now, wall: clock.wall(self.now) }
    }

    pub(super) fn host(&self, host: usize) -> &Host {
        #[expect(
            clippy::expect_used,
            reason = "a script that names a host it did not add is a bug"
        )]
        self.hosts.get(host).expect("the host exists")
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
