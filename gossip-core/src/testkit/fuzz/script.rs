//! Bytes as a script: typed inputs of all kinds into one node, in any order, run twice.

mod words;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::bounds::check_bounds;
use crate::config::{ConfigSpec, Limits};
use crate::fact::Envelope;
use crate::id::{ChannelId, Endpoints};
use crate::io::{AtEpoch, Command, ExportError, Input, Seed, Write};
use crate::state::Totals;
use crate::store::{MemoryState, StoreError, StoreReply};
use crate::strategy::Direction;
use crate::testkit::lone::{Held, LISTEN, Lone, Puppet};
use crate::time::{Hlc, Now, Wall};
use crate::transport::{Address, Inbound, LinkId};
use crate::wire::{
    AskChunks, Compare, Frame, Large, More, Parcel, Ranges, Record, Same, Taken, Talk,
};

/// Most questions that a script leaves unanswered before they are answered for it.
const MAX_HELD: usize = 256;

/// Runs the script twice.
///
/// # Panics
/// If a bound is exceeded, the store is inconsistent, or the two runs differ.
pub fn inputs(data: &[u8]) {
    assert_eq!(run(data), run(data), "the same inputs give the same outputs");
}

/// The hash of everything that the node put out.
fn run(data: &[u8]) -> blake3::Hash {
    let mut script = Script::new(data);
    let mut steps = 0u32;
    while !script.bytes.is_empty() {
        script.step();
        script.note();
        steps += 1;
        if steps.is_multiple_of(8) {
            check_bounds(script.lone.config(), &script.lone.status());
        }
    }
    script.lone.release();
    script.lone.pass(Duration::from_secs(5));
    script.note();
    check_bounds(script.lone.config(), &script.lone.status());
    script.lone.store.check();
    script.trace.finalize()
}

struct Script<'a> {
    bytes: &'a [u8],
    /// Facts that were made, to be offered again and bent.
    facts: Vec<Envelope>,
    /// What the node said to puppets, to be answered.
    heard: Vec<(usize, Record)>,
    /// Tickets that were answered: answers to them come late.
    late: Vec<crate::io::Ticket>,
    lone: Lone,
    puppets: Vec<Puppet>,
    trace: blake3::Hasher,
}

impl<'a> Script<'a> {
    fn new(data: &'a [u8]) -> Self {
        let (&first, bytes) = data.split_first().unwrap_or((&0, &[]));
        let spec = spec(first);
        let endpoints = match first & 48 {
            0 => Endpoints { datagram: Vec::new(), stream: vec![LISTEN] },
            16 => Endpoints { datagram: vec![LISTEN], stream: vec![LISTEN] },
            _ => Endpoints::datagram(LISTEN),
        };
        let lone = Lone::over(endpoints, MemoryState::new(), spec, u64::from(first));
        let puppets = (1..=6).map(|number| Puppet::new(number, lone.config())).collect();
        Self {
            bytes,
            facts: Vec::new(),
            heard: Vec::new(),
            late: Vec::new(),
            lone,
            puppets,
            trace: blake3::Hasher::new(),
        }
    }

    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.byte().is_multiple_of(count)
    }

    fn below(&mut self, bound: u8) -> usize {
        usize::from(self.byte() % bound.max(1))
    }

    fn stretch(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.bytes.len());
        let (run, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        run
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    fn puppet(&mut self) -> (usize, Puppet) {
        let index = self.below(6);
        (index, self.puppets.get(index).cloned().expect("there are six"))
    }

    fn step(&mut self) {
        match self.byte() % 26 {
            24 => {
                let peer = SocketAddr::from(([172, 16, 0, self.byte()], 40_000));
                let up = Inbound::Up(LinkId(u64::from(self.byte())), peer);
                self.lone.input(Input::Network(up));
            }
            25 => {
                let down = Inbound::Down(LinkId(u64::from(self.byte())));
                self.lone.input(Input::Network(down));
            }
            0 | 1 => {
                let (_, puppet) = self.puppet();
                puppet.greet(&mut self.lone);
            }
            2 => self.renew(),
            3..=5 => self.offer(),
            6..=8 => self.say(),
            9 => {
                let (_, puppet) = self.puppet();
                let frame = puppet.raw(self.stretch());
                self.lone.frame(puppet.address, frame);
            }
            10 => {
                let (_, puppet) = self.puppet();
                let bytes = Bytes::copy_from_slice(self.stretch());
                self.lone.frame(puppet.address, bytes);
            }
            11 | 12 => self.respond(),
            13 => self.lone.holding = !self.lone.holding,
            14..=16 => self.answer(),
            17 => {
                let time = Duration::from_millis(1 << (self.byte() % 16));
                self.lone.pass(time);
            }
            18 => self.jump(),
            19 => self.lone.input(Input::Wake),
            20..=22 => self.command(),
            _ => self.first_contact(),
        }
        if self.lone.held() > MAX_HELD {
            self.lone.release();
        }
    }

    /// A puppet starts anew, moves, or changes what it announces.
    fn renew(&mut self) {
        let (index, puppet) = self.puppet();
        let mut puppet = puppet.in_session(u64::from(self.byte()));
        let moved = SocketAddr::from(([172, 16, 0, self.byte()], 7946));
        match self.byte() % 7 {
            0 => puppet.endpoints.datagram = vec![moved],
            1 => puppet.endpoints.stream = vec![moved],
            2 => puppet.endpoints.stream.clear(),
            3 => puppet.address = Address::Socket(moved),
            4 => puppet.address = Address::Stream(moved),
            5 => puppet.address = Address::Link(LinkId(u64::from(self.byte()))),
            _ => {}
        }
        if let Some(place) = self.puppets.get_mut(index) {
            *place = puppet;
        }
    }

    fn hlc(&mut self) -> Hlc {
        let wall = self.lone.now.wall;
        let amount = Duration::from_millis(1 << (self.byte() % 40));
        let at = match self.byte() % 4 {
            0 => wall + amount,
            1 => wall - amount,
            2 => wall,
            _ => return Hlc::from_bits(u64::from_be_bytes(self.array())),
        };
        Hlc::from_wall(at)
    }

    fn wall(&mut self) -> Wall {
        let wall = self.hlc().wall();
        if self.one_in(2) { Wall::ZERO } else { wall }
    }

    fn offer(&mut self) {
        let (_, puppet) = self.puppet();
        let mut parcels = Vec::new();
        for _ in 0..1 + self.below(4) {
            let fact = self.fact();
            let mut bytes = fact.bytes().to_vec();
            if self.one_in(4) {
                let at = usize::from(self.byte()).min(bytes.len() - 1);
                let bits = self.byte();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            let channel = self.channel();
            let feedback = self.one_in(2);
            parcels.push((channel, Parcel::Fact { bytes: bytes.into(), feedback }));
        }
        let frame = puppet.frame(&parcels);
        self.lone.frame(puppet.address, frame);
    }

    fn fact(&mut self) -> Envelope {
        let (kind, again) = (self.byte() % 5, usize::from(self.byte()));
        if kind == 0
            && let Some(old) = self.facts.get(again)
        {
            return old.clone();
        }
        let (_, puppet) = self.puppet();
        let key = [self.byte() % 8];
        let hlc = self.hlc();
        let author = puppet.author();
        let fact = match kind {
            1 => author.delete(key, hlc),
            2 => author.expiring(key, "v", hlc, self.wall()),
            3 => puppet.alive(hlc.wall()),
            _ => author.put(key, "v", hlc),
        };
        self.facts.push(fact.clone().into_inner());
        fact.into_inner()
    }

    fn channel(&mut self) -> Option<ChannelId> {
        match self.byte() % 8 {
            0 => None,
            1 => Some(ChannelId::derived(self.lone.config().cluster(), "other")),
            2 | 3 => Some(self.lone.view()),
            _ => Some(self.lone.main()),
        }
    }

    fn say(&mut self) {
        let (_, puppet) = self.puppet();
        let count = 1 + self.below(4);
        let talks: Vec<_> =
            (0..count).map(|_| (self.channel(), Parcel::Talk(self.talk()))).collect();
        let frame = puppet.frame(&talks);
        self.lone.frame(puppet.address, frame);
    }

    /// A puppet answers something that the node really asked, rightly or not.
    fn respond(&mut self) {
        let index = usize::from(self.byte()) % self.heard.len().max(1);
        let Some((puppet, record)) = self.heard.get(index).cloned() else { return };
        let Some(puppet) = self.puppets.get(puppet).cloned() else { return };
        let (channel, talk) = match record {
            Record::Talk(Talk::Ping(nonce)) => (None, Talk::Ack(nonce)),
            Record::Talk(Talk::Compare(compare)) => {
                let Compare { exchange, floor, dormant, .. } = compare;
                let same = Talk::Same(Same { exchange, floor, dormant });
                let ranges = Ranges { answer: true, ..self.ranges(exchange, 0) };
                let talk = match self.byte() % 4 {
                    0 => same,
                    1 => Talk::Ranges(ranges),
                    _ => Talk::Cells(self.cells(exchange)),
                };
                (self.channel(), talk)
            }
            Record::Talk(Talk::Ranges(asked)) => {
                let Ranges { exchange, step, .. } = asked;
                let ranges = Ranges { answer: true, ..self.ranges(exchange, step) };
                let done = Talk::Done { exchange, step, rest: Vec::new() };
                let talk = if self.one_in(4) { done } else { Talk::Ranges(ranges) };
                (self.channel(), talk)
            }
            Record::Talk(Talk::More(More { exchange, .. })) => {
                (self.channel(), Talk::Cells(self.cells(exchange)))
            }
            Record::Talk(Talk::Large(Large { symbol, bytes, .. })) => {
                let chunks = (0..self.byte().into()).collect();
                (self.channel(), Talk::AskChunks(AskChunks { symbol, bytes, chunks }))
            }
            Record::Talk(Talk::AskChunks(AskChunks { symbol, bytes, chunks })) => {
                let place = chunks.first().copied().unwrap_or_default();
                (self.channel(), Talk::Chunk(self.chunk(symbol, bytes, place)))
            }
            Record::Talk(Talk::Given { exchange, step }) => {
                (self.channel(), Talk::Done { exchange, step, rest: Vec::new() })
            }
            Record::Talk(Talk::Take(take)) => {
                // Sometimes as it should be: all of it, or nothing.
                let upto = if self.one_in(2) { take.upto } else { self.point() };
                let taken = self.taken(take.exchange, take.step);
                (self.channel(), Talk::Taken(Taken { upto, ..taken }))
            }
            Record::Talk(Talk::Receipt(receipt)) => (self.channel(), Talk::Stale(receipt)),
            Record::Channel(_) | Record::Fact { .. } | Record::Talk(_) | Record::Unknown(_) => {
                return;
            }
        };
        let frame = puppet.frame(&[(channel, Parcel::Talk(talk))]);
        self.lone.frame(puppet.address, frame);
    }

    /// The store or the verifier answers: rightly, wrongly, with an error, twice.
    fn answer(&mut self) {
        let index = self.below(8);
        let Some(held) = self.lone.take_held(index) else { return };
        let (Held::Export(ticket, _) | Held::Store(ticket, _) | Held::Verify(ticket, _)) = &held;
        let ticket = *ticket;
        let outcome = match self.byte() % 8 {
            // Rarely: nothing is written after it.
            0 if self.one_in(16) => Err(StoreError::Closed),
            0 => Err(StoreError::Unreadable { reason: String::from("a script says so") }),
            1 => Err(StoreError::Refused { reason: "a script says so" }),
            2 => Ok(StoreReply::Synced { commit: u64::from(self.byte()) }),
            3 => Ok(StoreReply::Facts(self.facts.iter().take(3).cloned().collect())),
            4 => Ok(StoreReply::Totals(Totals::default())),
            5 => {
                self.late.push(ticket);
                return self.lone.answer(held);
            }
            6 => {
                let index = usize::from(self.byte()) % self.late.len().max(1);
                let late = self.late.get(index).copied().unwrap_or(ticket);
                self.lone.input(Input::Stored(late, Ok(StoreReply::Sifted(Vec::new()))));
                return self.lone.answer(held);
            }
            _ => return self.lone.answer(held),
        };
        match held {
            Held::Store(ticket, _) => self.lone.input(Input::Stored(ticket, outcome)),
            Held::Export(ticket, _) if self.one_in(2) => {
                let reason = String::from("a script says so");
                self.lone.input(Input::Exported(ticket, Err(ExportError { reason })));
            }
            other @ (Held::Export(..) | Held::Verify(..)) => self.lone.answer(other),
        }
    }

    /// The wall clock is set, ahead or back; monotonic time goes on.
    fn jump(&mut self) {
        let amount = Duration::from_millis(1 << (self.byte() % 42));
        let wall = self.lone.now.wall;
        let wall = if self.one_in(2) { wall + amount } else { wall - amount };
        self.lone.now = Now { wall, ..self.lone.now };
    }

    fn command(&mut self) {
        let channel = self.channel().unwrap_or_else(|| self.lone.main());
        let key = Bytes::copy_from_slice(&[self.byte() % 8]);
        let command = match self.byte() % 12 {
            0 => Command::Compare { channel },
            1 => Command::Get { channel, key },
            2 => {
                let at = self.byte();
                Command::Join(vec![Seed::Address(SocketAddr::from(([172, 0, 0, at % 8], 7946)))])
            }
            3 if self.one_in(8) => Command::Leave,
            3 if self.one_in(8) => Command::Stop,
            4 => Command::Members,
            5 => {
                let limit = self.below(8);
                let after = limit.is_multiple_of(2).then(|| key.clone());
                Command::Scan { channel, prefix: Bytes::new(), after, limit }
            }
            6 => Command::Status,
            7 => {
                let epoch = self.epoch();
                Command::Total { channel, epoch: AtEpoch::Number(epoch) }
            }
            _ => {
                let write = |script: &mut Self| Write {
                    key: key.clone(),
                    value: (!script.one_in(3)).then(|| script.value()),
                    ttl: script.one_in(3).then(|| Duration::from_millis(1 << (script.byte() % 40))),
                };
                let count = self.below(5);
                Command::Write { channel, writes: (0..count).map(|_| write(self)).collect() }
            }
        };
        self.lone.command(command);
    }

    fn value(&mut self) -> Bytes {
        if self.one_in(4) { vec![7; 3_000].into() } else { Bytes::from_static(b"own") }
    }

    /// Hello, Retry, Reset and Refuse out of the blue.
    fn first_contact(&mut self) {
        let (_, puppet) = self.puppet();
        let (session, kind) = (puppet.session, self.byte() % 6);
        let frame = match kind {
            0 => Frame::Reset { session },
            1 => Frame::Retry { session, cookie: self.array() },
            2 => Frame::Refuse { session, why: crate::fact::Why::OtherCluster },
            _ => {
                let wall = self.hlc().wall();
                let cookie = puppet.cookie(&mut self.lone);
                let mut hello = puppet.hello(wall, cookie);
                if kind == 3 {
                    hello.commit = u64::from(self.byte());
                    hello.wall = self.hlc().wall();
                }
                if kind == 4 {
                    hello.alive = Bytes::copy_from_slice(self.stretch());
                }
                Frame::Hello(Box::new(hello))
            }
        };
        self.lone.frame(puppet.address, frame.encode());
    }

    /// Writes down what came out, and remembers what was asked.
    fn note(&mut self) {
        for (index, puppet) in self.puppets.iter().enumerate() {
            let records = puppet.records(&self.lone).map(|record| (index, record));
            self.heard.extend(records);
        }
        let surplus = self.heard.len().saturating_sub(64);
        self.heard.drain(..surplus);
        self.facts.truncate(256);
        for transmit in self.lone.take_sent() {
            self.trace.update(format!("{:?}", transmit.to).as_bytes());
            self.trace.update(&transmit.bytes);
        }
        for event in std::mem::take(&mut self.lone.events) {
            self.trace.update(format!("{event:?}").as_bytes());
        }
        for answer in std::mem::take(&mut self.lone.answers) {
            self.trace.update(format!("{answer:?}").as_bytes());
        }
    }
}

/// A configuration among some: small tables, every direction, with and without fingerprints.
fn spec(choice: u8) -> ConfigSpec {
    let mut spec = ConfigSpec::default();
    let direction = Direction::ALL.get(usize::from(choice % 4)).copied();
    spec.view_rumors.direction = direction.unwrap_or(Direction::PushPull);
    spec.view_repair.direction = spec.view_rumors.direction;
    spec.view_repair.fingerprint_first = choice & 4 == 0;
    if choice & 8 != 0 {
        spec.fact_bytes = Some(1_100);
        spec.limits = Limits {
            peer_bytes: 4 * 1_200,
            channel_bytes: 8 * 1_200,
            parked: 8,
            recent: 4,
            writes: 4,
            hellos: 2,
            members: 4,
            links: 4,
            paces: 4,
            slowed_frames: 10,
        };
    }
    spec
}
