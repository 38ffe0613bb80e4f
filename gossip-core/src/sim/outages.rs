//! Loss, a partition, crashes: how soon does everybody have what it missed?
//!
//! A cluster out of a directory is written to all the time. An update counts from the moment when a
//! path from somebody who has it exists: from its writing for who can be reached, from the end of the
//! partition for who is on the other side, from its start for who was down or lost it with its disk.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::{Packet, Verdict, World, delay, loss};
use crate::config::{ConfigSpec, Strategies};
use crate::id::{ShardId, TopicId};
use crate::io::Event;
use crate::rng::Rng;
use crate::time::Mono;

/// The parameters.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios build it literally over a default")]
pub struct Config {
    /// How many nodes. Default 1,000; at least 2.
    pub nodes: usize,
    /// How long updates are written. Default 2 minutes.
    pub duration: Duration,
    /// Updates per second, each by a random node that runs. Default 2.
    pub writes: f64,
    /// The chance that any packet is lost, until the end. Default 0.1.
    pub loss: f64,
    /// How long one half is cut off from the other, from a quarter of the time on. Default 30 s.
    pub partition: Duration,
    /// The share of the nodes that crash in a minute. Default 0.05.
    pub churn: f64,
    /// How long a node is down. Default 10 s.
    pub down: Duration,
    /// How long a packet takes: up to this. Default 50 ms.
    pub delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 1_000,
            duration: Duration::from_secs(120),
            writes: 2.0,
            loss: 0.1,
            partition: Duration::from_secs(30),
            churn: 0.05,
            down: Duration::from_secs(10),
            delay: Duration::from_millis(50),
        }
    }
}

/// What came of it. Times are milliseconds, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// How long updates took to those who could be reached when they were written.
    pub reached: Vec<u32>,
    /// How long after the path came to be those had them who could not be reached, or had lost them.
    pub missed: Vec<u32>,
    /// Updates that somebody never got: pairs of the two.
    pub never: u64,
    /// How many updates were written.
    pub written: u64,
    /// How many crashes there were.
    pub crashes: u64,
    /// Bytes that a node sent in each half minute after all had everything, on average.
    pub quiet_bytes: Vec<u64>,
}

/// Runs it once: a function of the parameters and the seed.
#[must_use]
pub fn run(config: &Config, seed: u64) -> Outcome {
    let mut scene = Scene::new(config, seed);
    scene.trouble();
    scene.calm();
    scene.outcome
}

/// How often arrivals are looked for: times are that exact.
const MOMENT: Duration = Duration::from_millis(50);

/// How long everybody may take after the last write.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is counted after all had everything.
const WINDOW: Duration = Duration::from_secs(30);
const WINDOWS: usize = 6;

/// Whether a host has an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    /// Nobody that it can reach has it.
    NoPath,
    /// It can be reached since then, and missed the update before.
    Missed(Mono),
    /// It can be reached since the update was written.
    Awaits(Mono),
    /// It has it.
    Held,
}

struct Scene<'a> {
    config: &'a Config,
    rng: Rng,
    world: World,
    /// Each update, by host; empty: its writer crashed before anybody had it.
    updates: Vec<Vec<Has>>,
    /// Whether the halves are cut off from one another.
    apart: Rc<Cell<bool>>,
    /// Who is down, and until when.
    down: BTreeMap<usize, Mono>,
    outcome: Outcome,
}

impl<'a> Scene<'a> {
    fn new(config: &'a Config, seed: u64) -> Self {
        let mut world = World::new(seed);
        let apart = Rc::new(Cell::new(false));
        let is_apart = apart.clone();
        world.rule(move |packet: &Packet<'_>, _: &mut Rng| {
            let crosses = half_of(packet.from) != half_of(packet.to);
            if is_apart.get() && crosses { Verdict::Drop } else { Verdict::Pass }
        });
        world.rule(loss(config.loss));
        world.rule(delay(config.delay / 5, config.delay));
        let strategies = |keys| Strategies::new(Box::new(keys));
        world.add_listed(config.nodes, &ConfigSpec::default(), Box::new(strategies));
        // Rounds are under way when the first update is written.
        world.run_for(Duration::from_secs(5));
        let rng = Rng::from_number(seed).fork("outages");
        let (down, outcome) = (BTreeMap::new(), Outcome::default());
        Self { config, rng, world, updates: Vec::new(), apart, down, outcome }
    }

    /// Writes, crashes and the partition.
    fn trouble(&mut self) {
        let Config { duration, writes, partition, churn, nodes, .. } = *self.config;
        let begins = self.world.now() + duration / 4;
        let (heals, ends) = (begins + partition, self.world.now() + duration);
        let per_moment = MOMENT.as_secs_f64();
        let crashes = churn * nodes as f64 * per_moment / 60.0;
        while self.world.now() < ends {
            let now = self.world.now();
            self.split(begins <= now && now < heals);
            if self.rng.chance(writes * per_moment) {
                self.write();
            }
            if self.rng.chance(crashes) {
                self.crash();
            }
            self.pass();
        }
        self.split(false);
    }

    /// Everybody comes back; then nobody is to say more and more.
    fn calm(&mut self) {
        let end = self.world.now() + PATIENCE;
        while self.world.now() < end && !(self.down.is_empty() && self.missing() == 0) {
            self.pass();
        }
        self.outcome.never = self.missing();
        self.outcome.reached.sort_unstable();
        self.outcome.missed.sort_unstable();
        for _ in 0..WINDOWS {
            let before = self.sent_bytes();
            self.world.run_for(WINDOW);
            let bytes = self.sent_bytes() - before;
            self.outcome.quiet_bytes.push(bytes / self.config.nodes as u64);
        }
    }

    /// A moment passes; who was to come back does, and what arrived is noted.
    fn pass(&mut self) {
        self.world.run_for(MOMENT);
        let now = self.world.now();
        while let Some((&host, _)) = self.down.iter().find(|(_, until)| **until <= now) {
            self.down.remove(&host);
            self.start(host);
        }
        for host in 0..self.config.nodes {
            for event in self.world.events(host) {
                if let Event::Changed { fact, .. } = event {
                    self.arrived(host, number_of(fact.key()));
                }
            }
        }
    }

    fn write(&mut self) {
        let origin = self.rng.index(self.config.nodes);
        if self.down.contains_key(&origin) {
            return;
        }
        let key = self.updates.len().to_string();
        self.world.write(origin, &key, Some("a value of an ordinary length"), None);
        let now = self.world.now();
        let reached =
            |host| self.runs(host) && !(self.apart.get() && half_of(host) != half_of(origin));
        let has = (0..self.config.nodes).map(|host| match host {
            _ if host == origin => Has::Held,
            _ if reached(host) => Has::Awaits(now),
            _ => Has::NoPath,
        });
        let update = has.collect();
        self.updates.push(update);
        self.outcome.written += 1;
    }

    fn arrived(&mut self, host: usize, update: usize) {
        let now = self.world.now();
        let Some(has) = self.updates.get_mut(update).and_then(|update| update.get_mut(host)) else {
            return;
        };
        let took = |since| now.since(since).as_millis() as u32;
        match std::mem::replace(has, Has::Held) {
            Has::Awaits(since) => self.outcome.reached.push(took(since)),
            Has::Missed(since) => self.outcome.missed.push(took(since)),
            Has::NoPath | Has::Held => {}
        }
    }

    fn crash(&mut self) {
        let host = self.rng.index(self.config.nodes);
        if self.runs(host) {
            self.outcome.crashes += 1;
            self.world.crash(host);
            self.down.insert(host, self.world.now() + self.config.down);
            self.look_for_paths();
        }
    }

    /// A node comes back with what its disk kept.
    fn start(&mut self, host: usize) {
        let channel = self.world.main_channel(host);
        let facts = self.world.held(host).all(ShardId { channel, topic: TopicId(0) });
        let mut kept = vec![false; self.updates.len()];
        for fact in facts {
            if let Some(kept) = kept.get_mut(number_of(fact.key())) {
                *kept = true;
            }
        }
        for (update, kept) in self.updates.iter_mut().zip(kept) {
            if let Some(has) = update.get_mut(host).filter(|has| **has == Has::Held && !kept) {
                *has = Has::NoPath;
            }
            // It was never acknowledged.
            if update.iter().all(|has| *has != Has::Held) {
                update.clear();
            }
        }
        self.world.start(host);
        self.look_for_paths();
    }

    fn split(&mut self, apart: bool) {
        if self.apart.replace(apart) != apart {
            self.look_for_paths();
        }
    }

    /// Notes who has lost or found a path to an update.
    fn look_for_paths(&mut self) {
        let (now, apart) = (self.world.now(), self.apart.get());
        for update in &mut self.updates {
            let held = update.iter().enumerate().filter(|(_, has)| **has == Has::Held);
            let sources = held.map(|(host, _)| host).filter(|host| !self.down.contains_key(host));
            let (even, odd): (Vec<_>, Vec<_>) = sources.partition(|host| !half_of(*host));
            let (even, odd) = (!even.is_empty(), !odd.is_empty());
            for (host, has) in update.iter_mut().enumerate() {
                let own = if half_of(host) { odd } else { even };
                let source = own || (!apart && (even || odd));
                let path = source && !self.down.contains_key(&host);
                match *has {
                    Has::NoPath if path => *has = Has::Missed(now),
                    Has::Awaits(_) | Has::Missed(_) if !path => *has = Has::NoPath,
                    Has::NoPath | Has::Awaits(_) | Has::Missed(_) | Has::Held => {}
                }
            }
        }
    }

    fn runs(&self, host: usize) -> bool {
        !self.down.contains_key(&host)
    }

    /// How many updates somebody has not got: pairs of the two.
    fn missing(&self) -> u64 {
        self.updates.iter().flatten().filter(|has| **has != Has::Held).count() as u64
    }

    fn sent_bytes(&self) -> u64 {
        let nodes = (0..self.config.nodes).filter_map(|host| self.world.node(host));
        nodes.map(|node| node.counters().wire.sent_bytes).sum()
    }
}

/// In which half a host is while they are apart.
const fn half_of(host: usize) -> bool {
    host % 2 == 1
}

/// The number of the update that a key names.
fn number_of(key: &[u8]) -> usize {
    std::str::from_utf8(key).ok().and_then(|key| key.parse().ok()).unwrap_or(usize::MAX)
}
