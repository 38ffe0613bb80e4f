//! One node alone: its effects are answered on the spot or held back, and puppets speak to it.
//!
//! What a test or fuzzer needs to be every peer, the store and the verifier of a node at once.

mod puppet;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

pub use self::puppet::Puppet;
use crate::config::{Config, ConfigSpec, Strategies};
use crate::fact::{Job, Keys as _, SimKeys, Verifier, Why};
use crate::id::{ChannelId, Endpoints, ShardId, TopicId};
use crate::io::{Answer, Boot, Command, Event, Export, Input, Output, RequestId, Ticket};
use crate::node::Node;
use crate::rng::Rng;
use crate::sim::START;
use crate::state::{Set, Totals};
use crate::status::Status;
use crate::store::{MemoryState, StoreOp, StoreReply};
use crate::strategy::detector::{Detector, Heartbeat, HeartbeatConfig};
use crate::time::{Epoch, Mono, Now};
use crate::transport::{Address, DATAGRAM_BYTES, Inbound, Payloads, Transmit};

/// Where the node listens.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 7946);

/// What a frame over a stream may have: the largest fact and what goes around it.
pub const BULK_BYTES: usize = (1 << 20) + 1_024;

/// A node whose every effect ends here.
#[derive(Debug)]
pub struct Lone {
    /// Answers to commands, by request.
    pub answers: BTreeMap<RequestId, Answer>,
    /// What the node told its application.
    pub events: Vec<Event>,
    /// Whether questions to store and verifier are held back until [`release`](Self::release).
    pub holding: bool,
    /// The node.
    pub node: Node,
    /// What time it is; tests move it with [`pass`](Self::pass) or set it.
    pub now: Now,
    /// What the node sent.
    pub sent: Vec<Transmit>,
    /// What the node's store holds.
    pub store: MemoryState,
    config: Config,
    /// What has passed of the wall clock's millisecond.
    fraction: Duration,
    held: VecDeque<Held>,
    requests: u64,
    wake: Option<Mono>,
}

/// A question that waits for its answer.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are three kinds of slow effects")]
pub enum Held {
    /// To whoever keeps exports.
    Export(Ticket, Export),
    /// To the store.
    Store(Ticket, StoreOp),
    /// To the verifier.
    Verify(Ticket, Job),
}

impl Lone {
    /// A node without members, whose incarnation is durable already.
    ///
    /// # Panics
    /// If the spec is not valid.
    #[must_use]
    pub fn new(spec: ConfigSpec, seed: u64) -> Self {
        Self::on(MemoryState::new(), spec, seed)
    }

    /// The same on a store that holds something already.
    ///
    /// # Panics
    /// If the spec is not valid.
    #[must_use]
    pub fn on(store: MemoryState, spec: ConfigSpec, seed: u64) -> Self {
        Self::over(Endpoints::datagram(LISTEN), store, spec, seed)
    }

    /// The same with these kinds of transport: where there is a stream, it carries [`BULK_BYTES`].
    ///
    /// # Panics
    /// If the spec is not valid.
    #[must_use]
    pub fn over(endpoints: Endpoints, store: MemoryState, spec: ConfigSpec, seed: u64) -> Self {
        let bulk = if endpoints.stream.is_empty() { DATAGRAM_BYTES } else { BULK_BYTES };
        Self::carrying(Payloads { gossip: DATAGRAM_BYTES, bulk }, endpoints, store, spec, seed)
    }

    /// The same with frames of these sizes.
    ///
    /// # Panics
    /// If the spec is not valid.
    #[must_use]
    pub fn carrying(
        payloads: Payloads,
        endpoints: Endpoints,
        store: MemoryState,
        spec: ConfigSpec,
        seed: u64,
    ) -> Self {
        // Puppets answer no probes unless they are made to: nobody is called dead within seconds.
        let detector = Box::new(Heartbeat::new(HeartbeatConfig::default()));
        Self::watching(detector, payloads, endpoints, store, spec, seed)
    }

    /// The same with this detector.
    ///
    /// # Panics
    /// If the spec is not valid.
    #[must_use]
    pub fn watching(
        detector: Box<dyn Detector>,
        payloads: Payloads,
        endpoints: Endpoints,
        store: MemoryState,
        spec: ConfigSpec,
        seed: u64,
    ) -> Self {
        let config = spec.build(payloads).expect("a test's configuration is valid");
        let keys = SimKeys::new(0);
        let config = config.resume(&store.restored(), keys.id()).expect("the store fits");
        let now = Now { mono: Mono::ZERO + Duration::from_secs(1), wall: START };
        let boot = Boot {
            directory: None,
            endpoints,
            restored: store.restored(),
            seed: Rng::from_number(seed).bytes(),
        };
        let strategies = Strategies { detector, ..Strategies::new(Box::new(keys)) };
        let mut lone = Self {
            answers: BTreeMap::new(),
            events: Vec::new(),
            holding: false,
            node: Node::new(now, config.clone(), strategies, boot),
            now,
            sent: Vec::new(),
            store,
            config,
            fraction: Duration::ZERO,
            held: VecDeque::new(),
            requests: 0,
            wake: None,
        };
        lone.drain();
        lone
    }

    /// Its configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Its main channel.
    #[must_use]
    pub fn main(&self) -> ChannelId {
        self.config.main_channel()
    }

    /// Its view.
    #[must_use]
    pub fn view(&self) -> ChannelId {
        ChannelId::view(self.config.cluster())
    }

    /// Its counters.
    #[must_use]
    pub fn status(&self) -> Status {
        self.node.status()
    }

    /// How often it rejected something for this reason.
    #[must_use]
    pub fn rejected(&self, why: Why) -> u64 {
        self.status().rejected.get(&why).copied().unwrap_or(0)
    }

    /// How often it rejected anything.
    #[must_use]
    pub fn rejections(&self) -> u64 {
        self.status().rejected.values().sum()
    }

    /// Everything in the main channel's store at the current epoch.
    pub fn totals(&mut self) -> Totals {
        let shard = ShardId { channel: self.main(), topic: TopicId(0) };
        let set = Set::Active(Epoch::of(self.now.wall));
        match self.store.apply(StoreOp::Total { shard, set }) {
            Ok(StoreReply::Totals(totals)) => totals,
            _ => Totals::default(),
        }
    }

    /// Hands the node an input, and answers what follows from it.
    pub fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
    }

    /// Delivers a frame.
    pub fn frame(&mut self, from: impl Into<Address>, bytes: Bytes) {
        let from = from.into();
        self.input(Input::Network(Inbound::Frame { from, bytes }));
    }

    /// Gives the node a command.
    pub fn command(&mut self, command: Command) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.input(Input::Command(request, command));
        request
    }

    /// Lets time pass, and wakes the node when it asked for it.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(due) = self.wake.filter(|due| *due <= end) {
            self.move_to(due);
            self.input(Input::Wake);
        }
        self.move_to(end);
    }

    /// What was sent since the last call.
    pub fn take_sent(&mut self) -> Vec<Transmit> {
        std::mem::take(&mut self.sent)
    }

    /// How many questions are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes a held question out, to be answered by hand or never.
    pub fn take_held(&mut self, index: usize) -> Option<Held> {
        self.held.remove(index)
    }

    /// Puts a question back, to wait on.
    pub fn put_back(&mut self, index: usize, held: Held) {
        self.held.insert(index.min(self.held.len()), held);
    }

    /// Answers one question as a good store and verifier do.
    pub fn answer(&mut self, held: Held) {
        self.answer_only(held);
        self.drain();
    }

    /// Answers everything that was held back, in order, and holds nothing back any more.
    pub fn release(&mut self) {
        self.holding = false;
        while let Some(held) = self.held.pop_front() {
            self.answer(held);
        }
    }

    fn answer_only(&mut self, held: Held) {
        let input = match held {
            Held::Export(ticket, _) => Input::Exported(ticket, Ok(())),
            Held::Store(ticket, op) => Input::Stored(ticket, self.store.apply(op)),
            Held::Verify(ticket, job) => Input::Verified(ticket, job.run(&Verifier::simulated())),
        };
        self.node.handle(self.now, input);
    }

    fn drain(&mut self) {
        loop {
            let held = match self.node.poll_output() {
                Output::Answer(request, answer) => {
                    self.answers.insert(request, answer);
                    continue;
                }
                Output::Event(event) => {
                    self.events.push(event);
                    continue;
                }
                Output::Resolve(_) => continue,
                Output::Transmit(transmit) => {
                    self.sent.push(transmit);
                    continue;
                }
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
                Output::Export(ticket, export) => Held::Export(ticket, export),
                Output::Store(ticket, op) => Held::Store(ticket, op),
                Output::Verify(ticket, job) => Held::Verify(ticket, job),
            };
            if self.holding {
                self.held.push_back(held);
            } else {
                self.answer_only(held);
            }
        }
    }

    fn move_to(&mut self, mono: Mono) {
        let passed = mono.since(self.now.mono) + self.fraction;
        self.fraction = Duration::from_nanos(u64::from(passed.subsec_nanos()) % 1_000_000);
        self.now = Now { mono: mono.max(self.now.mono), wall: self.now.wall + passed };
    }
}

/// The id of the node under test.
#[must_use]
pub fn lone_id() -> crate::id::NodeId {
    SimKeys::new(0).id()
}
