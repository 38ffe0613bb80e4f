//! Two replicas that differ: what does it cost until one of them knows all of the difference?
//!
//! Two production nodes on prepared disks meet; the first begins a comparison, the second none. What
//! they say about it is counted as it is sent, and so are the facts that follow.

mod stopwatch;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

pub use self::stopwatch::Clock;
use self::stopwatch::Stopwatch;
use super::{Packet, Rule, START, Verdict, World, delay};
use crate::config::{ChannelSlots, ConfigSpec, Strategies};
use crate::fact::{Domain, Draft, Envelope, FactKind, SimKeys, Verified};
use crate::id::{ChannelId, ClusterId, ShardId, TopicId};
use crate::io::Seed;
use crate::rng::Rng;
use crate::store::{MemoryState, Merge, StoreOp};
use crate::strategy::dissemination::RumorConfig;
use crate::strategy::reconcile::RepairConfig;
use crate::strategy::retain::LastWrite;
use crate::time::{Epoch, Hlc, Mono, Wall};
use crate::wire::{DATA_HEADER_BYTES, raw_records, record_name, session_of};

/// The parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios build it literally over a default")]
pub struct Config {
    /// How many facts each replica holds. Default 10,000.
    pub entries: usize,
    /// How many facts one of them holds and the other does not: half of them here, half there (rounded
    /// down to an even number where keys changed); at most twice as many as there are entries. Default 10.
    pub difference: usize,
    /// Where these stand in time. Default uniform.
    pub pattern: Pattern,
    /// How they are compared. Its `period` is that of the first replica; the second one's is an hour.
    pub repair: RepairConfig,
    /// How long a packet takes. Default 50 ms.
    pub delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            entries: 10_000,
            difference: 10,
            pattern: Pattern::Uniform,
            repair: RepairConfig::default(),
            delay: Duration::from_millis(50),
        }
    }
}

/// Where the facts that differ stand among a day of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a scenario names one")]
pub enum Pattern {
    /// Keys written anew while the first replica was away: it holds the old facts, anywhere in time,
    /// the other one the new ones, after all others.
    Changed,
    /// All within one minute, half a day ago.
    Clustered,
    /// All newer than the others.
    Recent,
    /// Anywhere.
    Uniform,
}

/// What one run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Bytes both ways of the frames that compare, without those that ask for facts, bring them, or
    /// say that they came.
    pub bytes: u64,
    /// Those frames.
    pub datagrams: u64,
    /// Bytes that ask for facts, and say that they came.
    pub asking_bytes: u64,
    /// How long the second replica and its store worked at the comparison; zero without a clock.
    pub answering: Duration,
    /// The same of the first replica, which asks.
    pub reading: Duration,
    /// How often the first replica had to ask before one of the two knew.
    pub round_trips: u64,
    /// Facts that were sent, beyond one of each that was missing.
    pub over_sent: u64,
    /// How long after the first word both were equal; `None`: they were not within a minute.
    pub converged: Option<Duration>,
}

/// What both replicas of all runs hold: made once, for it takes a while.
#[derive(Debug)]
pub struct Base {
    config: Config,
    domain: Domain,
    keys: SimKeys,
    held: MemoryState,
}

impl Base {
    /// The facts that both replicas hold.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let cluster = ClusterId::from_name(&ConfigSpec::default().cluster);
        let domain = Domain::new(cluster, ChannelId::derived(cluster, ChannelId::MAIN));
        let mut base = Self {
            config: *config,
            domain,
            keys: SimKeys::new(u64::MAX),
            held: MemoryState::new(),
        };
        let common = config.entries.saturating_sub(config.difference / 2);
        let rng = &mut Rng::from_number(0).fork("base");
        let mut held = MemoryState::new();
        base.fill(&mut held, "both", common, Pattern::Uniform, rng);
        // Stores keep a sketch once somebody has asked for it, and somebody always has.
        let shard = ShardId { channel: base.domain.channel(), topic: TopicId(0) };
        let look = StoreOp::Sketch { shard, epoch: Epoch::of(START), cells: 0..1, key: 0 };
        #[expect(clippy::expect_used, reason = "a question within the port's bounds")]
        let _ = held.apply(look).expect("memory answers");
        base.held = held;
        base
    }

    /// Adds facts to a replica.
    fn fill(
        &self,
        held: &mut MemoryState,
        name: &str,
        count: usize,
        pattern: Pattern,
        rng: &mut Rng,
    ) {
        let shard = ShardId { channel: self.domain.channel(), topic: TopicId(0) };
        let mut left = count;
        while left > 0 {
            let page = left.min(PAGE);
            let facts = (0..page).map(|n| self.fact(&format!("{name}-{}", left - n), pattern, rng));
            let merge = Merge {
                shard,
                retain: std::sync::Arc::new(LastWrite::default()),
                facts: facts.collect(),
                epoch: Epoch::of(START),
                floor: Epoch::ZERO,
            };
            #[expect(clippy::expect_used, reason = "a merge that keeps the port's contract")]
            let _ = held.apply(StoreOp::Merge(merge)).expect("memory takes what is verified");
            left -= page;
        }
    }

    fn fact(&self, key: &str, pattern: Pattern, rng: &mut Rng) -> Verified<Envelope> {
        let (from, span) = match pattern {
            Pattern::Clustered => (DAY / 2, MINUTE),
            Pattern::Changed | Pattern::Recent => (DAY, MINUTE),
            Pattern::Uniform => (0, DAY),
        };
        let begin = START.millis() - DAY - 2 * MINUTE;
        let wall = Wall::from_millis(begin + from + rng.below(span));
        let draft = Draft {
            context: Vec::new(),
            expires_at: Wall::ZERO,
            // As many writers in a millisecond as there may be.
            hlc: Hlc::from_bits(Hlc::from_wall(wall).bits() | rng.below(1 << 16)),
            key: Bytes::copy_from_slice(key.as_bytes()),
            kind: FactKind::ENTRY,
            topic: TopicId(0),
            value: Some(Bytes::from_static(b"some value")),
        };
        #[expect(clippy::expect_used, reason = "key and value are short")]
        draft.sign(&self.keys, &self.domain).expect("a small fact")
    }
}

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Facts that are merged at a time.
const PAGE: usize = 10_000;

/// How long two replicas may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it once: a function of the parameters and the seed, but for what a clock adds to it. That is
/// the time of reading and making frames that compare, of reading the difference, and of the stores'
/// cells and ranges, those included that a store sums up anew because it keeps fewer.
#[must_use]
pub fn run(base: &Base, seed: u64, clock: Option<Clock>) -> Outcome {
    let Config { difference, pattern, repair, delay: way, .. } = base.config;
    let mut world = World::new(seed);
    let rng = &mut Rng::from_number(seed).fork("difference");
    let quiet = RumorConfig { period: HOUR, ..RumorConfig::default() };
    let half = difference / 2;
    let (halves, missing) = match pattern {
        Pattern::Changed => ([("key", Pattern::Uniform, half), ("key", pattern, half)], half),
        Pattern::Clustered | Pattern::Recent | Pattern::Uniform => {
            ([("here", pattern, difference - half), ("there", pattern, half)], difference)
        }
    };
    for (host, (name, pattern, count)) in halves.into_iter().enumerate() {
        let mut held = base.held.clone();
        base.fill(&mut held, name, count, pattern, rng);
        let seeds = if host == 0 { vec![] } else { vec![Seed::Address(world.address(0))] };
        let spec = ConfigSpec { seeds, ..ConfigSpec::default() };
        let waits = RepairConfig { period: HOUR, period_max: HOUR, ..repair };
        let repair = if host == 0 { repair } else { waits };
        let strategies = move |keys| Strategies {
            main: ChannelSlots::new(quiet, repair),
            ..Strategies::new(Box::new(keys))
        };
        world.add_on(spec, Box::new(strategies), held);
    }
    let ear = Ear::new(&base.domain);
    let stopwatch = clock.map(|clock| Stopwatch::new(clock, ear.clone()));
    stopwatch.iter().for_each(|stopwatch| world.check(Box::new(stopwatch.clone())));
    world.rule(ear.clone());
    world.rule(delay(way, way));
    world.keep_events(false);
    let compared = |ear: &Ear| ear.0.borrow().heard.began.is_some();
    let equal = world.run_until(PATIENCE, MOMENT, |world| compared(&ear) && world.converged());
    // The last word may still be under way.
    world.run_for(way * 3);
    let heard = ear.0.borrow().heard.clone();
    let began = heard.began.unwrap_or(Mono::ZERO);
    let [reading, answering] = stopwatch.map_or_else(Default::default, |watch| watch.spent());
    Outcome {
        bytes: heard.bytes,
        datagrams: heard.datagrams,
        asking_bytes: heard.asking_bytes,
        answering,
        reading,
        round_trips: heard.round_trips,
        over_sent: heard.facts.saturating_sub(missing as u64),
        converged: equal.then(|| world.now().since(began).saturating_sub(way * 3)),
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
const MOMENT: Duration = Duration::from_millis(10);

/// Hears what is said about the first comparison that the first host begins. Clones hear together.
#[derive(Clone)]
struct Ear(Rc<RefCell<State>>);

struct State {
    tag: [u8; 8],
    heard: Heard,
}

#[derive(Clone, Default)]
struct Heard {
    asked: Option<Mono>,
    asking_bytes: u64,
    began: Option<Mono>,
    bytes: u64,
    datagrams: u64,
    /// The first comparison is over.
    ended: bool,
    facts: u64,
    round_trips: u64,
}

/// What a frame says, in bytes of records.
#[derive(Clone, Copy, Default)]
struct Said {
    asks: u64,
    /// It opens a comparison.
    begins: bool,
    compares: u64,
    facts: u64,
    /// The frame's own bytes.
    overhead: u64,
}

impl Ear {
    fn new(domain: &Domain) -> Self {
        let tag = domain.channel().tag().0;
        Self(Rc::new(RefCell::new(State { tag, heard: Heard::default() })))
    }

    /// Whether the first comparison is over.
    fn has_heard_all(&self) -> bool {
        self.0.borrow().heard.ended
    }

    fn hears(&self, frame: &[u8]) -> Said {
        let tag = self.0.borrow().tag;
        let mut said = Said { overhead: DATA_HEADER_BYTES as u64, ..Said::default() };
        // Simulated sessions are in the clear.
        let records = frame.get(DATA_HEADER_BYTES..).filter(|_| session_of(frame).is_some());
        let mut is_main = false;
        for (kind, body, length) in raw_records(records.unwrap_or_default()) {
            let length = length as u64;
            let name = record_name(kind);
            match name {
                Some("channel") => {
                    is_main = body == tag;
                    said.overhead += if is_main { length } else { 0 };
                }
                _ if !is_main => {}
                Some("compare" | "cells" | "more" | "ranges" | "same") => {
                    said.begins |= name == Some("compare");
                    said.compares += length;
                }
                Some("want" | "done" | "given" | "take" | "taken") => said.asks += length,
                Some("fact") => said.facts += 1,
                _ => {}
            }
        }
        said
    }
}

impl Rule for Ear {
    fn on_packet(&mut self, packet: &Packet<'_>, _: &mut Rng) -> Verdict {
        let Said { asks, begins, compares, facts, overhead } = self.hears(packet.bytes);
        let heard = &mut self.0.borrow_mut().heard;
        heard.ended |= begins && heard.began.is_some();
        heard.facts += facts;
        if !heard.ended && compares > 0 {
            // Of the full digest the first word is a list.
            heard.began.get_or_insert(packet.now);
            heard.bytes += compares + overhead;
            heard.datagrams += 1;
            // Questions of one moment are one.
            if packet.from == 0 && heard.asked != Some(packet.now) {
                heard.asked = Some(packet.now);
                heard.round_trips += 1;
            }
        } else if asks > 0 {
            heard.asking_bytes += asks + overhead;
        }
        Verdict::Pass
    }
}
