//! A cluster that came apart: how soon do all see one another alive again, and what did it cost meanwhile?

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::meter::{Meter, Witness};
use super::{Delay, World, cut, late, loss};
use crate::config::ConfigSpec;
use crate::io::{Command, Seed};
use crate::node::Node;

/// What has come between the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "scripts choose one")]
pub enum Trouble {
    /// Half of them were cut off from the other half.
    #[default]
    Partition,
    /// A tenth of them were cut off until they had buried the others, who all restart as it comes back.
    Restart,
    /// Two clusters, half as large each, that have never heard of one another: a node is told of one
    /// of the others.
    Merger,
}

/// The parameters.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "scenarios build it literally over a default")]
pub struct Config {
    /// How many nodes. Default 100; at least 2.
    pub nodes: usize,
    /// What came between them. Default a partition.
    pub trouble: Trouble,
    /// How long nodes are apart. After a partition, as until a restart, it goes on until each side has buried the
    /// other. Default 10 minutes.
    pub apart: Duration,
    /// How long it is waited until they are one cluster, first at the beginning and then in the end.
    /// Default 2 minutes.
    pub patience: Duration,
    /// The chance that any packet is lost. Default 0.
    pub loss: f64,
    /// How long a packet takes: a fifth of this to all of it. Default 5 ms.
    pub delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 100,
            trouble: Trouble::Partition,
            apart: Duration::from_secs(600),
            patience: Duration::from_secs(120),
            loss: 0.0,
            delay: Duration::from_millis(5),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// From the moment when nothing stood between them any more until all saw all alive; `None`: too late, or they
    /// never met at the beginning.
    pub healed: Option<Duration>,
    /// What all sent while they were apart and knew it.
    pub apart: u64,
    /// For how long, all nodes together.
    pub apart_for: Duration,
    /// What all sent until they were one again.
    pub healing: u64,
    /// How often anybody called anybody dead from then on: within a minute, or as they met.
    pub deaths: u64,
}

/// How often it is looked whether all is well.
const LOOK: Duration = Duration::from_millis(100);

/// How long the dead are counted after all is well.
const AFTERMATH: Duration = Duration::from_secs(60);

/// Runs it once: a function of the parameters and the seed.
#[must_use]
pub fn run(config: &Config, seed: u64) -> Outcome {
    let mut world = World::new(seed);
    world.keep_events(false);
    let (least, most) = (config.delay / 5, config.delay);
    world.rule(late(Delay::Uniform { least, most }));
    if config.loss > 0.0 {
        world.rule(loss(config.loss));
    }
    let meter = Rc::new(RefCell::new(Meter::new(config.nodes)));
    world.check(Box::new(Witness(meter.clone())));
    let spec = ConfigSpec::default();
    let first = match config.trouble {
        Trouble::Partition => config.nodes / 2,
        Trouble::Restart => config.nodes - (config.nodes / 10).max(1),
        Trouble::Merger => {
            let first = config.nodes / 2;
            world.add_cluster(first, &spec);
            first
        }
    };
    world.add_cluster(config.nodes - world.len(), &spec);
    let begun = match config.trouble {
        Trouble::Merger => world.run_until(config.patience, LOOK, |world| two(world, first, false)),
        Trouble::Partition | Trouble::Restart => world.run_until(config.patience, LOOK, whole),
    };
    if !begun {
        return Outcome::default();
    }
    let (apart, apart_for) = part(&mut world, config, first, &meter);
    meter.borrow_mut().begin();
    let since = world.now();
    let healed = world.run_until(config.patience, LOOK, whole);
    let healed = healed.then(|| world.now().since(since));
    let healing = meter.borrow().total().bytes;
    world.run_for(AFTERMATH);
    let deaths = meter.borrow().deaths();
    Outcome { healed, apart, apart_for, healing, deaths }
}

/// Lets the nodes be apart, and ends it. What all sent meanwhile, and for how long, all together.
fn part(
    world: &mut World,
    config: &Config,
    first: usize,
    meter: &RefCell<Meter>,
) -> (u64, Duration) {
    let alone = |world: &mut World| {
        meter.borrow_mut().begin();
        world.run_for(config.apart);
        let nodes = u32::try_from(config.nodes).unwrap_or(u32::MAX);
        (meter.borrow().total().bytes, config.apart * nodes)
    };
    if config.trouble == Trouble::Merger {
        let sent = alone(world);
        let seed = Seed::Address(world.address(0));
        world.command(first, Command::Join(vec![seed]));
        return sent;
    }
    let rule = world.rule(cut(move |host| host < first));
    world.run_until(config.apart, LOOK, |world| two(world, first, true));
    let sent = alone(world);
    world.end_rule(rule);
    if config.trouble == Trouble::Restart {
        (0..first).for_each(|host| world.crash(host));
        (0..first).for_each(|host| world.start(host));
    }
    sent
}

/// Whether all see all alive.
fn whole(world: &mut World) -> bool {
    let nodes = world.len();
    (0..nodes).all(|host| counts(world, host) == Some((nodes, 0)))
}

/// Whether each side sees its own alive, and the others dead, if it has known them.
fn two(world: &World, first: usize, acquainted: bool) -> bool {
    (0..world.len()).all(|host| {
        let own = if host < first { first } else { world.len() - first };
        let others = if acquainted { world.len() - own } else { 0 };
        counts(world, host) == Some((own, others))
    })
}

fn counts(world: &World, host: usize) -> Option<(usize, usize)> {
    world.node(host).map(Node::living_and_dead)
}
