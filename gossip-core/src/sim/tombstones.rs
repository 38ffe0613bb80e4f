//! Delete, cut one replica off for longer than the horizon, heal: does anything come back?
//!
//! The row of Demers et al. 1987 about death certificates, with production nodes: certificates become
//! dormant after the horizon, are kept until every member has confirmed them, and awake when an older
//! value is offered.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::World;
use super::check::{self, Violation};
use crate::config::{ChannelSlots, ConfigSpec, Strategies};
use crate::fact::Envelope;
use crate::id::{ShardId, TopicId};
use crate::io::{Command, Seed, Write};
use crate::sim::{Delay, Disk, cut, late};
use crate::strategy::detector::{Heartbeat, HeartbeatConfig};
use crate::strategy::dissemination::RumorConfig;
use crate::strategy::reconcile::RepairConfig;
use crate::time::EPOCH;

/// The parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios build it literally over a default")]
pub struct Config {
    /// How many replicas; at least 2. The last one is cut off. Default 4.
    pub nodes: usize,
    /// Keys that are written, and deleted while one replica is away. Default 100.
    pub keys: usize,
    /// Of those, how many are written again after their deletion. Default 10.
    pub reinserts: usize,
    /// How long deletions stay in the compared set. Default 10 minutes.
    pub horizon: Duration,
    /// How long the replica is cut off; `None`: three horizons, as in the paper.
    pub partition: Option<Duration>,
    /// How many of the others lose their disks meanwhile, and with them their certificates. Default 0;
    /// at most all but one of them, for one retention site must live.
    pub lost: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 4,
            keys: 100,
            reinserts: 10,
            horizon: Duration::from_secs(600),
            partition: None,
            lost: 0,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Deleted keys whose old value is held anywhere at the end, however many hold it. What came back
    /// for a while only is among the violations.
    pub resurrections: u64,
    /// Certificates that were dormant when the cut healed, at the replica that had most.
    pub dormant: u64,
    /// Old values of the absent replica whose certificate was dormant when the cut healed, and which
    /// nobody holds at the end.
    pub guarded: u64,
    /// Values written again after their deletion that everybody has at the end.
    pub reinserts_kept: u64,
    /// Certificates that are left at the end, when everybody has confirmed them.
    pub left: u64,
    /// How long after the cut all replicas were equal; `None`: they never were.
    pub converged: Option<Duration>,
    /// Promises that were broken.
    pub violations: Vec<Violation>,
}

/// Runs it once: a function of the parameters and the seed.
#[must_use]
pub fn run(config: &Config, seed: u64) -> Outcome {
    let mut scene = Scene::new(config, seed);
    scene.write(0..config.keys, Some("old"));
    scene.settle();
    let absent = config.nodes.saturating_sub(1);
    let away = scene.world.rule(cut(move |host| host == absent));
    scene.write(0..config.keys, None);
    scene.world.run_for(scene.pace * 8);
    scene.write(0..config.reinserts.min(config.keys), Some("new"));
    let partition = config.partition.unwrap_or(config.horizon * 3);
    scene.world.run_for(partition / 2);
    scene.lose_disks();
    scene.world.run_for(partition / 2);

    let epoch = scene.world.epoch();
    let dormant: Vec<BTreeSet<_>> = (0..absent)
        .map(|host| {
            let mut held = scene.held(host);
            held.retain(|fact| fact.is_tombstone() && fact.leaves_at() <= epoch);
            held.iter().map(key_of).collect()
        })
        .collect();
    let mut old = scene.held(absent);
    old.retain(|fact| dormant.iter().any(|keys| keys.contains(fact.key())));
    scene.world.end_rule(away);
    let healed = scene.world.now();
    let converged = scene.settle().then(|| scene.world.now().since(healed));
    // All confirm, and let go.
    scene.world.run_for(EPOCH * 3 + scene.pace * 60);
    scene.world.finish_checks();

    let held: Vec<_> = (0..config.nodes).map(|host| scene.held(host)).collect();
    let again = |fact: &Envelope| fact.value() == Some(b"new");
    let is_old = |fact: &&Envelope| fact.value() == Some(b"old");
    let back: BTreeSet<_> = held.iter().flatten().filter(is_old).map(key_of).collect();
    let kept = held.iter().map(|held| held.iter().filter(|fact| again(fact)).count()).min();
    let ids: BTreeSet<_> = held.iter().flatten().map(Envelope::id).collect();
    let guarded = old.iter().filter(|fact| !ids.contains(&fact.id())).count();
    let left = held.iter().map(|held| held.iter().filter(|fact| fact.is_tombstone()).count()).max();
    Outcome {
        resurrections: back.len() as u64,
        dormant: dormant.iter().map(BTreeSet::len).max().unwrap_or(0) as u64,
        guarded: guarded as u64,
        reinserts_kept: kept.unwrap_or(0) as u64,
        left: left.unwrap_or(0) as u64,
        converged,
        violations: scene.world.violations().to_vec(),
    }
}

fn key_of(fact: &Envelope) -> Bytes {
    Bytes::copy_from_slice(fact.key())
}

struct Scene<'a> {
    config: &'a Config,
    /// The time between two rounds: a long horizon passes in as many rounds as a short one.
    pace: Duration,
    world: World,
}

impl<'a> Scene<'a> {
    fn new(config: &'a Config, seed: u64) -> Self {
        let pace = (config.horizon / 240).max(Duration::from_secs(1));
        let mut world = World::new(seed);
        world.set_horizon(config.horizon);
        check::all().into_iter().for_each(|checker| world.check(checker));
        let (least, most) = (Duration::from_millis(1), Duration::from_millis(20));
        world.rule(late(Delay::Uniform { least, most }));
        let rumors = RumorConfig { period: pace, ..RumorConfig::default() };
        let repair = RepairConfig { period: pace, period_max: pace, ..RepairConfig::default() };
        for host in 0..config.nodes {
            let seeds = if host == 0 { Vec::new() } else { vec![Seed::Address(world.address(0))] };
            let spec = ConfigSpec {
                seeds,
                view_rumors: rumors,
                view_repair: repair,
                redial_max: pace * 4,
                ..ConfigSpec::default()
            };
            let patience = HeartbeatConfig { interval: pace * 2, ..HeartbeatConfig::default() };
            let strategies = move |keys| Strategies {
                detector: Box::new(Heartbeat::new(patience)),
                main: ChannelSlots::new(rumors, repair),
                ..Strategies::new(Box::new(keys))
            };
            world.add_with(spec, Box::new(strategies));
        }
        let mut scene = Self { config, pace, world };
        scene.settle();
        scene
    }

    /// Lets time pass until all replicas are equal and see one another; false if that takes too long.
    fn settle(&mut self) -> bool {
        let nodes = self.config.nodes;
        self.world.run_until(self.pace * 240, self.pace, |world| {
            let alive = |host| world.node(host).map(|node| node.status().peers.alive);
            (0..nodes).all(|host| alive(host) == Some(nodes)) && world.converged()
        })
    }

    /// Writes or deletes keys, in turn at all replicas but the last.
    fn write(&mut self, keys: std::ops::Range<usize>, value: Option<&'static str>) {
        let writers = self.config.nodes.saturating_sub(1).max(1);
        for key in keys {
            let host = key % writers;
            let channel = self.world.main_channel(host);
            let value = value.map(|text| Bytes::from_static(text.as_bytes()));
            let write = Write { key: Bytes::from(format!("key-{key}")), value, ttl: None };
            self.world.command(host, Command::Write { channel, writes: vec![write] });
        }
    }

    fn lose_disks(&mut self) {
        let sites = self.config.nodes.saturating_sub(2);
        for host in 0..self.config.lost.min(sites) {
            self.world.crash(host);
            self.world.put_back(host, Disk::default());
            self.world.start(host);
        }
    }

    fn held(&self, host: usize) -> Vec<Envelope> {
        let channel = self.world.main_channel(host);
        self.world.held(host).all(ShardId { channel, topic: TopicId(0) })
    }
}
