//! Production nodes that hand each other frames in memory: no disk, no delay, no trace, so that
//! what is measured is the nodes.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use gossip_core::config::{ChannelSlots, ConfigSpec, Strategies};
use gossip_core::fact::{SimKeys, Verifier};
use gossip_core::id::Endpoints;
use gossip_core::io::{Boot, Command, Input, Output, RequestId, Seed, Write};
use gossip_core::node::Node;
use gossip_core::sim;
use gossip_core::store::{MemoryState, MetaName, StoreOp, StoreReply};
use gossip_core::strategy::detector::Detector;
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;
use gossip_core::time::{Mono, Now};
use gossip_core::transport::{Address, DATAGRAM_BYTES, Inbound, Transmit};

/// Nodes with their stores, and the frames between them.
#[derive(Debug, Default)]
pub struct Mesh {
    /// Sent and not yet delivered, with their senders.
    frames: VecDeque<(usize, Transmit)>,
    handled: Handled,
    members: Vec<Member>,
    now: Mono,
    /// The longest word of a member that another one kept for its next start.
    word_bytes: usize,
}

/// What nodes were given, and what they took for it: everything that followed included, up to frames
/// that are ready to be sent.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks build it literally")]
pub struct Handled {
    /// Frames from others.
    pub messages: u64,
    /// Bytes of these.
    pub message_bytes: u64,
    /// How long they took.
    pub message_time: Duration,
    /// Timers that went off.
    pub timers: u64,
    /// How long they took.
    pub timer_time: Duration,
}

#[derive(Debug)]
struct Member {
    deadline: Option<Mono>,
    node: Node,
    state: MemoryState,
}

impl Mesh {
    /// So many nodes of the cluster that entries belong to, each with this state. The first is
    /// the seed of the others.
    ///
    /// # Panics
    /// If the configuration is refused.
    #[must_use]
    pub fn new(
        count: usize,
        rumors: RumorConfig,
        repair: RepairConfig,
        state: &MemoryState,
    ) -> Self {
        let mut mesh = Self::default();
        for _ in 0..count {
            let main = ChannelSlots::new(rumors, repair);
            mesh.add(state, |keys| Strategies { main, ..Strategies::new(keys) });
        }
        mesh
    }

    /// So many nodes with a detector each that hold nothing and do nothing but know one another.
    ///
    /// # Panics
    /// If the configuration is refused.
    #[must_use]
    pub fn watching(count: usize, detector: impl Fn() -> Box<dyn Detector>) -> Self {
        let mut mesh = Self::default();
        for _ in 0..count {
            let detector = detector();
            mesh.add(&MemoryState::new(), |keys| Strategies { detector, ..Strategies::new(keys) });
        }
        mesh
    }

    /// One more node, whose seed is the first.
    fn add(&mut self, state: &MemoryState, strategies: impl FnOnce(Box<SimKeys>) -> Strategies) {
        let number = self.members.len();
        let seeds = if number == 0 { Vec::new() } else { vec![Seed::Address(address_of(0))] };
        let config = ConfigSpec { cluster: "test".to_owned(), seeds, ..ConfigSpec::default() };
        let config = config.build(DATAGRAM_BYTES).expect("the configuration is good");
        let mut seed = [0; 32];
        seed.split_at_mut(8).0.copy_from_slice(&(number as u64).to_le_bytes());
        let boot = Boot {
            directory: None,
            endpoints: Endpoints::datagram(address_of(number)),
            restored: state.restored(),
            seed,
        };
        let slots = strategies(Box::new(SimKeys::new(number as u64)));
        let node = Node::new(self.clocks(), config, slots, boot);
        self.members.push(Member { deadline: None, node, state: state.clone() });
        self.drain(number);
    }

    /// Lets time pass. Frames arrive at once.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.deliver();
        while let Some((due, number)) = self.next_wake().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            let begun = Instant::now();
            self.input(number, Input::Wake);
            self.handled.timer_time += begun.elapsed();
            self.handled.timers += 1;
            self.deliver();
        }
        self.now = end;
    }

    /// What was handled since the last call.
    pub fn handled(&mut self) -> Handled {
        std::mem::take(&mut self.handled)
    }

    /// Lets time pass for one member alone, and takes what it sends instead of delivering it.
    pub fn run_alone(&mut self, number: usize, time: Duration) -> Vec<Transmit> {
        let end = self.now + time;
        let due = |mesh: &Self| mesh.members.get(number).and_then(|member| member.deadline);
        while let Some(due) = due(self).filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(number, Input::Wake);
        }
        self.now = end;
        self.frames.drain(..).map(|(_, transmit)| transmit).collect()
    }

    /// Has a member write.
    pub fn write(&mut self, number: usize, key: Vec<u8>, value: Vec<u8>) {
        let write = Write { key: key.into(), value: Some(value.into()), ttl: None };
        let channel = crate::shard().channel;
        let command = Command::Write { channel, writes: vec![write] };
        self.input(number, Input::Command(RequestId(0), command));
    }

    /// How many facts each member holds.
    #[must_use]
    pub fn held(&mut self) -> Vec<u64> {
        self.members.iter_mut().map(|member| crate::held(&mut member.state)).collect()
    }

    /// How many live members each member knows.
    #[must_use]
    pub fn known(&self) -> Vec<usize> {
        self.members.iter().map(|member| member.node.status().peers.alive).collect()
    }

    /// How long the longest signed word of a member is.
    #[must_use]
    pub const fn word_bytes(&self) -> usize {
        self.word_bytes
    }

    fn input(&mut self, number: usize, input: Input) {
        let now = self.clocks();
        if let Some(member) = self.members.get_mut(number) {
            member.node.handle(now, input);
            self.drain(number);
        }
    }

    /// Does what a node wants; its store and its verifier answer at once.
    fn drain(&mut self, number: usize) {
        let now = self.clocks();
        let Some(member) = self.members.get_mut(number) else { return };
        loop {
            match member.node.poll_output() {
                Output::Answer(..) | Output::Event(_) | Output::Resolve(_) => {}
                Output::Export(ticket, _) => {
                    member.node.handle(now, Input::Exported(ticket, Ok(())));
                }
                Output::Store(ticket, op) => {
                    let reply = if let StoreOp::Remember { name, value } = op {
                        // It lies on a disk for the next start, and none of these starts again.
                        if let (MetaName::Member(_), Some(word)) = (name, value) {
                            self.word_bytes = self.word_bytes.max(word.len());
                        }
                        Ok(StoreReply::Synced { commit: member.state.commit() })
                    } else {
                        member.state.apply(op)
                    };
                    member.node.handle(now, Input::Stored(ticket, reply));
                }
                Output::Transmit(transmit) => self.frames.push_back((number, transmit)),
                Output::Verify(ticket, job) => {
                    let verdicts = job.run(&Verifier::simulated());
                    member.node.handle(now, Input::Verified(ticket, verdicts));
                }
                Output::Wait(deadline) => {
                    member.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn deliver(&mut self) {
        let begun = Instant::now();
        while let Some((from, Transmit { to, class: _, bytes })) = self.frames.pop_front() {
            let from = Address::Socket(address_of(from));
            if let Address::Socket(to) = to {
                self.handled.messages += 1;
                self.handled.message_bytes += bytes.len() as u64;
                self.input(number_of(to), Input::Network(Inbound::Frame { from, bytes }));
            }
        }
        self.handled.message_time += begun.elapsed();
    }

    fn next_wake(&self) -> Option<(Mono, usize)> {
        let due = |(number, member): (usize, &Member)| Some((member.deadline?, number));
        self.members.iter().enumerate().filter_map(due).min()
    }

    fn clocks(&self) -> Now {
        Now { mono: self.now, wall: sim::START + self.now.since(Mono::ZERO) }
    }
}

/// A member's address: its number is the port.
fn address_of(number: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1 + number as u16)
}

fn number_of(address: SocketAddr) -> usize {
    usize::from(address.port()) - 1
}
