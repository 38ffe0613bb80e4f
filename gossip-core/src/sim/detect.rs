//! Crashes, and machines that are too slow: how fast are the dead found, and who is called dead and
//! is not?
//!
//! Nodes with a membership of their own meet, know one another, and are left in peace for a while, in
//! which it is measured what detection costs. Then what goes wrong goes wrong, and every verdict of
//! every node is looked at: is it true, and how long did it take?

mod witness;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use self::witness::{Ledger, Witness};
use super::{Delay, Spells, World, late, loss};
use crate::config::{ConfigSpec, Strategies};
use crate::io::Seed;
use crate::rng::Rng;
use crate::strategy::Detector;
use crate::time::Mono;

/// The parameters.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios build it literally over a default")]
pub struct Config {
    /// How many nodes. Default 128, as in Lifeguard's experiments; at least 2.
    pub nodes: usize,
    /// The detector's period, by which what is measured in periods is told. Default 1 s.
    pub period: Duration,
    /// How many nodes crash. Default 1; at least one that is never slow must be left.
    pub crashes: usize,
    /// Whether they crash all at once, not one after the other. Default false: the next one crashes two
    /// to three periods after the last is dead to all.
    pub at_once: bool,
    /// How many nodes are slow, in lock step. Default 0.
    pub slow_nodes: usize,
    /// How they are slow. Default: blocked for 16.384 s, once.
    pub slow: Spells,
    /// How long slow nodes are slow again and again, at least. Default 120 s.
    pub duration: Duration,
    /// How long nothing happens at first, and load is measured. Default 30 s: in it everybody
    /// says once that it is alive.
    pub calm: Duration,
    /// How long a crash may take to be known to all. Default 60 s.
    pub patience: Duration,
    /// A verdict about a slow node that has been well for less than this is neither false nor true: what
    /// it missed and what is said of it is still on its way. Default 10 s (a guess).
    pub catch_up: Duration,
    /// The chance that any packet is lost, once all know all. Default 0.
    pub loss: f64,
    /// How long a packet takes: a fifth of this to all of it. Default 1 ms: one site.
    pub delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 128,
            period: Duration::from_secs(1),
            crashes: 1,
            at_once: false,
            slow_nodes: 0,
            slow: Spells {
                anomaly: super::Anomaly::Blocked,
                lasts: Duration::from_millis(16_384),
                apart: None,
            },
            duration: Duration::from_secs(120),
            calm: Duration::from_secs(30),
            patience: Duration::from_secs(60),
            catch_up: Duration::from_secs(10),
            loss: 0.0,
            delay: Duration::from_millis(1),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Who was to be found: every node that crashed, and every node that was slow once.
    pub cases: Vec<Case>,
    /// Verdicts that were wrong.
    pub mistaken: Mistaken,
    /// What nodes sent while nothing happened.
    pub calm: Load,
    /// What they sent from then on, up to the end.
    pub troubled: Load,
    /// The longest time in the calm in which one node did not probe another.
    pub longest_gap: Duration,
    /// How long it took until all knew all; `None`: too long, and nothing was measured.
    pub joined: Option<Duration>,
}

/// Somebody who is to be found dead. Who finds is a node that is never slow; times are since the crash,
/// or since the beginning of the spell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Case {
    /// How many nodes ran before.
    pub running: usize,
    /// When it was probed first.
    pub probed: Option<Duration>,
    /// When it was suspected first.
    pub suspected: Option<Duration>,
    /// When it was called dead first.
    pub detected: Option<Duration>,
    /// When all others called it dead.
    pub everywhere: Option<Duration>,
    /// How long whoever called it dead first had not heard of it.
    pub silence: Option<Duration>,
}

/// Verdicts about nodes that run and are well, one for each node that makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Mistaken {
    /// "Dead".
    pub dead: u64,
    /// Those of them that were made by nodes which are never slow.
    pub dead_healthy: u64,
    /// "Dead", about nodes that are never slow: what Lifeguard's paper counts.
    pub steady: u64,
    /// Those of them that were made by nodes which are never slow.
    pub steady_healthy: u64,
    /// "Suspect".
    pub suspect: u64,
}

/// What nodes sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Load {
    /// Bytes of frames: payload of datagrams.
    pub bytes: u64,
    /// Frames.
    pub frames: u64,
    /// Records, by kind.
    pub records: BTreeMap<&'static str, u64>,
    /// For how long, all nodes that ran together.
    pub time: Duration,
}

impl Load {
    /// Records of detection: probes, requests to probe, and the answers to both.
    #[must_use]
    pub fn messages(&self) -> u64 {
        DETECTION.iter().filter_map(|kind| self.records.get(kind)).sum()
    }
}

/// The kinds of records by which nodes detect.
const DETECTION: [&str; 4] = ["ack", "nack", "ping", "ping-req"];

/// Makes a node's detector; called at every start of a node.
pub type MakeDetector = Rc<dyn Fn() -> Box<dyn Detector>>;

/// Runs it once: a function of the parameters, the detector and the seed.
#[must_use]
pub fn run(config: &Config, detector: &MakeDetector, seed: u64) -> Outcome {
    let mut scene = Scene::new(config, detector, seed);
    let Some(joined) = scene.settle() else { return Outcome::default() };
    scene.calm();
    scene.trouble();
    let Scene { ledger, begun, .. } = &scene;
    let lasted = scene.world.now().since(*begun);
    let lost: Duration = scene.crashed.iter().map(|at| scene.world.now().since(*at)).sum();
    let nodes = config.nodes as u32;
    let times = [config.calm * nodes, (lasted * nodes).saturating_sub(lost)];
    Outcome { joined: Some(joined), ..ledger.borrow().outcome(times) }
}

/// How long all may take to know all.
const JOINING: Duration = Duration::from_secs(300);

/// How long nodes are left alone before anything is measured, as in Lifeguard's experiments.
const REST: Duration = Duration::from_secs(15);

/// How often it is looked whether all have seen what happened.
const LOOK: Duration = Duration::from_millis(100);

struct Scene<'a> {
    /// When the calm was over.
    begun: Mono,
    config: &'a Config,
    /// When each node crashed that did.
    crashed: Vec<Mono>,
    ledger: Rc<RefCell<Ledger>>,
    rng: Rng,
    world: World,
}

impl<'a> Scene<'a> {
    fn new(config: &'a Config, detector: &MakeDetector, seed: u64) -> Self {
        let mut world = World::new(seed);
        world.keep_events(false);
        let (least, most) = (config.delay / 5, config.delay);
        world.rule(late(Delay::Uniform { least, most }));
        let ledger = Rc::new(RefCell::new(Ledger::new(config, &world)));
        world.check(Box::new(Witness(ledger.clone())));
        for host in 0..config.nodes {
            let seeds = if host == 0 { Vec::new() } else { vec![Seed::Address(world.address(0))] };
            let detector = detector.clone();
            let strategies =
                move |keys| Strategies { detector: detector(), ..Strategies::new(Box::new(keys)) };
            world.add_with(ConfigSpec { seeds, ..ConfigSpec::default() }, Box::new(strategies));
        }
        let rng = Rng::from_number(seed).fork("detect");
        Self { config, begun: Mono::ZERO, crashed: Vec::new(), ledger, rng, world }
    }

    /// Lets time pass until all know all, every session stands, and nobody speaks of it any more. How
    /// long the first two took; `None` if too long.
    fn settle(&mut self) -> Option<Duration> {
        let nodes = self.config.nodes;
        let is_settled = |world: &World, host| {
            let status = world.node(host).map(crate::node::Node::status);
            status.is_some_and(|status| {
                let sessions = status.queues.get("sessions").copied().unwrap_or(0);
                status.peers.alive == nodes && sessions + 1 == nodes
            })
        };
        let second = Duration::from_secs(1);
        let settled = self
            .world
            .run_until(JOINING, second, |world| (0..nodes).all(|host| is_settled(world, host)));
        let joined = self.world.now().since(Mono::ZERO);
        self.world.run_for(REST);
        settled.then_some(joined)
    }

    /// Nothing happens, and what that costs is measured.
    fn calm(&mut self) {
        if self.config.loss > 0.0 {
            self.world.rule(loss(self.config.loss));
        }
        let begin = self.world.now();
        self.ledger.borrow_mut().begin_calm(begin);
        self.world.run_for(self.config.calm);
        self.ledger.borrow_mut().end_calm(self.world.now());
        self.begun = self.world.now();
    }

    /// What goes wrong goes wrong, until it is over and all that crashed have been found.
    fn trouble(&mut self) {
        let Config { nodes, crashes, slow_nodes, slow, duration, catch_up, .. } = *self.config;
        let well = nodes.saturating_sub(slow_nodes);
        let slow_hosts: Vec<_> = (well..nodes).collect();
        let mut end = self.world.now();
        if slow_nodes > 0 {
            end = self.world.suffer(&slow_hosts, &slow, duration);
            if slow.apart.is_none() {
                self.search(&slow_hosts, Some(slow.lasts));
                end = end + catch_up;
            }
        }
        let mut victims: Vec<_> = (0..well).collect();
        self.rng.shuffle(&mut victims);
        victims.truncate(crashes);
        if self.config.at_once {
            self.crash(&victims);
        } else {
            for victim in victims {
                let period = self.config.period;
                let part = self.rng.below(period.as_nanos() as u64);
                self.world.run_for(period * 2 + Duration::from_nanos(part));
                self.crash(&[victim]);
            }
        }
        self.world.run_for(end.since(self.world.now()));
    }

    /// Some nodes crash, and time passes until all others know.
    fn crash(&mut self, victims: &[usize]) {
        victims.iter().for_each(|victim| self.world.crash(*victim));
        self.crashed.extend(victims.iter().map(|_| self.world.now()));
        self.search(victims, None);
        let ledger = self.ledger.clone();
        self.world.run_until(self.config.patience, LOOK, |_| ledger.borrow().has_found(victims));
    }

    /// From now on these are to be found, perhaps only for some time.
    fn search(&mut self, hosts: &[usize], time: Option<Duration>) {
        let now = self.world.now();
        let runs = |host: &usize| self.world.node(*host).is_some();
        // Who crashes along with others ran before.
        let down = (0..self.config.nodes).filter(|host| !runs(host) && !hosts.contains(host));
        let running = self.config.nodes - down.count();
        let until = time.map_or(Mono::MAX, |time| now + time);
        let finders = 0..self.config.nodes.saturating_sub(self.config.slow_nodes);
        let finders: BTreeSet<_> = finders.filter(runs).collect();
        let mut ledger = self.ledger.borrow_mut();
        for host in hosts {
            ledger.search((now, until), *host, &finders, running);
        }
    }
}
