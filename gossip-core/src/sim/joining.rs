//! Nodes that start at once with one seed: how soon does each know all, and what does that cost? What
//! does it cost to know one another from then on?

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::meter::{Meter, Witness};
use super::reconcile::Clock;
use super::{Delay, Sent, World, late, loss};
use crate::config::ConfigSpec;
use crate::node::Node;
use crate::time::Mono;

/// The parameters.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios build it literally over a default")]
pub struct Config {
    /// How many nodes, the seed among them. Default 128; at least 2.
    pub nodes: usize,
    /// How long nodes may take to know all. Default 60 s.
    pub patience: Duration,
    /// How long nodes are left alone before load is measured. Default 45 s: what everybody has to say after
    /// the start has been said.
    pub rest: Duration,
    /// How long load is measured; zero: not at all. Default 60 s.
    pub calm: Duration,
    /// The chance that any packet is lost. Default 0.
    pub loss: f64,
    /// How long a packet takes: a fifth of this to all of it. Default 1 ms: one site.
    pub delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 128,
            patience: Duration::from_secs(60),
            rest: Duration::from_secs(45),
            calm: Duration::from_secs(60),
            loss: 0.0,
            delay: Duration::from_millis(1),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// When every node knew every other; `None`: too late, and nothing else was measured.
    pub known: Option<Duration>,
    /// When every pair had a session.
    pub linked: Option<Duration>,
    /// What the seed sent until all were known.
    pub seed: Sent,
    /// What the others sent, by bytes: half of them no more than this.
    pub median: Sent,
    /// The most that any of the others sent.
    pub most: Sent,
    /// What all sent while nothing happened.
    pub calm: Sent,
    /// The time that this took by the clock that was given: what the simulator needs besides is in it.
    pub calm_cpu: Option<Duration>,
}

/// How often it is looked whether all know all.
const LOOK: Duration = Duration::from_millis(100);

/// Runs it once: a function of the parameters and the seed, but for what the clock shows.
#[must_use]
pub fn run(config: &Config, seed: u64, clock: Option<Clock>) -> Outcome {
    let mut world = World::new(seed);
    world.keep_events(false);
    let (least, most) = (config.delay / 5, config.delay);
    world.rule(late(Delay::Uniform { least, most }));
    if config.loss > 0.0 {
        world.rule(loss(config.loss));
    }
    let meter = Rc::new(RefCell::new(Meter::new(config.nodes)));
    world.check(Box::new(Witness(meter.clone())));
    world.add_cluster(config.nodes, &ConfigSpec::default());
    let nodes = config.nodes;
    let all = |world: &World, count: fn(&Node) -> usize, least: usize| {
        (0..nodes).all(|host| world.node(host).is_some_and(|node| count(node) >= least))
    };
    if !world.run_until(config.patience, LOOK, |world| all(world, Node::known, nodes)) {
        return Outcome::default();
    }
    let since_start = |world: &World| Some(world.now().since(Mono::ZERO));
    let known = since_start(&world);
    let [seed, median, most] = meter.borrow().joining();
    if config.calm.is_zero() {
        return Outcome { known, seed, median, most, ..Outcome::default() };
    }
    let linked =
        world.run_until(config.patience, LOOK, |world| all(world, Node::sessions, nodes - 1));
    let linked = since_start(&world).filter(|_| linked);
    world.run_for(config.rest);
    meter.borrow_mut().begin();
    let begun = clock.map(|clock| clock());
    world.run_for(config.calm);
    let calm_cpu = clock.zip(begun).map(|(clock, begun)| clock().saturating_sub(begun));
    let calm = meter.borrow().total();
    Outcome { known, linked, seed, median, most, calm, calm_cpu }
}
