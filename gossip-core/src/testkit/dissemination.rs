//! The laws of the dissemination slot, held against sixteen nodes in the simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::{Mute, Wiretap};
use crate::config::{ChannelSlots, ConfigSpec, Strategies};
use crate::id::FactId;
use crate::rng::Rng;
use crate::sim::{self, World};
use crate::strategy::Dissemination;
use crate::strategy::dissemination::RumorConfig;
use crate::strategy::reconcile::RepairConfig;

/// Makes a strategy for each start of a node.
pub type MakeDissemination = Rc<dyn Fn() -> Box<dyn Dissemination>>;

/// Nodes in a cluster.
const NODES: usize = 16;

/// Facts in a run.
const FACTS: usize = 8;

/// Within so long every fact is everywhere, and within as long after that no rumor is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the script looks.
const MOMENT: Duration = Duration::from_millis(100);

/// Holds a strategy to the laws of [`Dissemination`]: with repair beside it, and a twentieth of
/// all packets lost, each of eight facts reaches all of sixteen nodes within a minute, and within
/// another every rumor has ended; alone, and without loss, it brings the facts to more than half
/// of the nodes on average.
///
/// # Panics
/// If a law is broken.
pub fn dissemination_laws(make: &MakeDissemination, seeds: std::ops::Range<u64>) {
    assert!(!make().name().is_empty(), "a strategy has a name");
    for seed in seeds {
        let label = format!("{}, seed {seed}", make().name());
        let mut world = cluster(make, seed, true);
        world.rule(sim::loss(0.05));
        world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(20)));
        write(&mut world, seed);
        let everywhere = |world: &mut World| entries(world) == NODES * FACTS;
        assert!(world.run_until(PATIENCE, MOMENT, everywhere), "{label}: somebody is left out");
        assert!(world.run_until(PATIENCE, MOMENT, is_quiet), "{label}: a rumor without end");

        let mut world = cluster(make, seed, false);
        write(&mut world, seed);
        world.run_for(PATIENCE);
        let reached = entries(&mut world);
        assert!(2 * reached > NODES * FACTS, "{label}: {reached} of {} alone", NODES * FACTS);
    }
}

/// Holds a strategy to the exclusions of capability G6, on a network without loss: no node sends
/// a fact twice to the same node, nor back to the node that brought it.
///
/// # Panics
/// If an exclusion is ignored, or nothing was sent.
pub fn exclusion_laws(make: &MakeDissemination, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let label = format!("{}, seed {seed}", make().name());
        let mut world = cluster(make, seed, false);
        let tap = Wiretap::new(&ConfigSpec::default().cluster);
        world.rule(tap.clone());
        world.rule(sim::delay(Duration::from_millis(5), Duration::from_millis(5)));
        write(&mut world, seed);
        world.run_for(PATIENCE);
        let sent = tap.take();
        assert!(sent.len() >= NODES, "{label}: nothing is told");
        let mut told = BTreeSet::new();
        // Packets take the same time, so the first one sent is the one that brings a fact; who
        // sends a fact that nobody brought is its author.
        let mut bringers = BTreeMap::<(usize, FactId), Option<usize>>::new();
        for sent in sent {
            let once = told.insert((sent.from, sent.to, sent.fact));
            assert!(once, "{label}: told twice: {sent:?}");
            let bringer = *bringers.entry((sent.from, sent.fact)).or_default();
            assert!(bringer != Some(sent.to), "{label}: told to who brought it: {sent:?}");
            bringers.entry((sent.to, sent.fact)).or_insert(Some(sent.from));
        }
    }
}

/// A cluster in which everybody knows everybody, and nothing is said about that any more.
fn cluster(make: &MakeDissemination, seed: u64, repair: bool) -> World {
    let mut world = World::new(seed);
    let calm = Duration::from_secs(3_600);
    for host in 0..NODES {
        let seeds =
            if host == 0 { vec![] } else { vec![crate::io::Seed::Address(world.address(0))] };
        let make = Rc::clone(make);
        let strategies = move |keys| {
            let defaults = ChannelSlots::new(RumorConfig::default(), RepairConfig::default());
            let mut main = ChannelSlots { dissemination: make(), ..defaults };
            if !repair {
                main.reconcile = Box::new(Mute);
            }
            Strategies { main, ..Strategies::new(Box::new(keys)) }
        };
        let config = ConfigSpec { seeds, alive_interval: calm, ..ConfigSpec::default() };
        world.add_with(config, Box::new(strategies));
    }
    let met = |world: &mut World| {
        let partners = |host| world.node(host).map(|node| node.status().partners);
        (0..NODES).all(|host| partners(host) == Some(NODES - 1)) && is_quiet(world)
    };
    assert!(world.run_until(2 * PATIENCE, MOMENT, met), "the cluster does not come together");
    world
}

fn write(world: &mut World, seed: u64) {
    let rng = &mut Rng::from_number(seed);
    for n in 0..FACTS {
        world.write(rng.index(NODES), &format!("key-{n}"), Some("value"), None);
        world.run_for(Duration::from_millis(rng.below(500)));
    }
}

/// How many facts all nodes together hold.
fn entries(world: &mut World) -> usize {
    (0..NODES).map(|host| world.totals(host, None).entries as usize).sum()
}

/// Whether no node tells a rumor.
fn is_quiet(world: &mut World) -> bool {
    let rumors = |node: &crate::node::Node| node.status().queues.get("rumors").copied();
    (0..NODES).all(|host| world.node(host).and_then(rumors).unwrap_or(0) == 0)
}
