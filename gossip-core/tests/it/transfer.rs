//! Who holds nothing takes everything, from several partners, whatever happens meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gossip_core::config::{ChannelSlots, ConfigSpec, Strategies};
use gossip_core::fact::{Domain, SimKeys};
use gossip_core::id::{ChannelId, ClusterId, ShardId};
use gossip_core::io::{Event, Seed};
use gossip_core::sim::{self, START, World};
use gossip_core::store::{MemoryState, Merge, StoreOp};
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::{Method, RepairConfig};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::Wiretap;
use gossip_core::testkit::facts::Author;
use gossip_core::time::{Epoch, Hlc, Wall};

const MOMENT: Duration = Duration::from_millis(20);

/// What the others hold before.
const HELD: u64 = 12_000;

/// How many others.
const OTHERS: usize = 4;

/// A state of so many facts of an hour.
fn state(facts: u64) -> MemoryState {
    let cluster = ClusterId::from_name(&ConfigSpec::default().cluster);
    let channel = ChannelId::derived(cluster, ChannelId::MAIN);
    let author = Author::new(Box::new(SimKeys::new(99)), &Domain::new(cluster, channel));
    let begin = START.millis() - 3_600_000;
    let at = |number: u64| Hlc::from_wall(Wall::from_millis(begin + number * 3_000_000 / facts));
    let mut state = MemoryState::new();
    let merge = Merge {
        shard: ShardId { channel, topic: Default::default() },
        retain: Arc::new(LastWrite::default()),
        facts: (0..facts).map(|n| author.put(format!("key-{n}"), [7; 100], at(n))).collect(),
        epoch: Epoch::of(START),
        floor: Epoch::ZERO,
    };
    state.apply(StoreOp::Merge(merge)).unwrap();
    state
}

/// Four that hold the same, and an empty one that joins; what is sent meanwhile.
fn join(seed: u64, method: Method, loss: f64) -> (World, usize, Wiretap) {
    let mut world = World::new(seed);
    let tap = Wiretap::new(&ConfigSpec::default().cluster);
    world.rule(tap.clone());
    world.rule(sim::loss(loss));
    world.rule(sim::delay(Duration::from_millis(20), Duration::from_millis(40)));
    let full = state(HELD);
    let repair = RepairConfig { method, ..RepairConfig::default() };
    let slots = move |keys| Strategies {
        main: ChannelSlots::new(RumorConfig::default(), repair),
        ..Strategies::new(Box::new(keys))
    };
    for host in 0..OTHERS {
        let seeds = if host == 0 { vec![] } else { vec![Seed::Address(world.address(0))] };
        let spec = ConfigSpec { seeds, ..ConfigSpec::default() };
        world.add_on(spec, Box::new(slots), full.clone());
    }
    world.run_for(Duration::from_secs(15));
    let seeds = vec![Seed::Address(world.address(0))];
    let newcomer = world.add_with(ConfigSpec { seeds, ..ConfigSpec::default() }, Box::new(slots));
    let _ = tap.take();
    (world, newcomer, tap)
}

fn taken(world: &World, host: usize) -> u64 {
    let status = world.node(host).map(|node| node.status());
    status.and_then(|status| status.taking).map_or(0, |taking| taking.taken)
}

/// Each fact comes once, and at least three give a tenth of them: by whatever method it goes.
#[test]
fn an_empty_node_takes_everything_once_and_from_several() {
    for method in [Method::Adaptive, Method::Range] {
        let (mut world, newcomer, tap) = join(1, method, 0.0);
        let equal = world.run_until(Duration::from_secs(30), MOMENT, World::converged);
        assert!(equal, "{method:?}: {} facts after 30 s", world.facts(newcomer));
        let mut given = BTreeMap::<_, u64>::new();
        let sent = tap.take();
        let sent: Vec<_> = sent.iter().filter(|sent| sent.to == newcomer).collect();
        sent.iter().for_each(|sent| *given.entry(sent.from).or_default() += 1);
        let different: BTreeSet<_> = sent.iter().map(|sent| sent.fact).collect();
        assert_eq!((different.len(), sent.len()), (HELD as usize, HELD as usize), "{method:?}");
        let givers = given.values().filter(|given| **given >= HELD / 10).count();
        assert!(givers >= 3, "{method:?}: {given:?}");
        let progress = |event: &Event| matches!(event, Event::Taking { .. });
        assert!(world.events(newcomer).iter().any(progress), "{method:?}: it is told of");
        assert_eq!(world.node(newcomer).and_then(|node| node.status().taking), None);
    }
}

#[test]
fn a_transfer_survives_loss_and_the_death_of_a_partner() {
    for seed in 0..8 {
        let (mut world, newcomer, _) = join(seed, Method::Adaptive, 0.1);
        let half_way = |world: &mut World| taken(world, newcomer) > HELD / 4;
        assert!(world.run_until(Duration::from_secs(30), MOMENT, half_way), "seed {seed}");
        world.crash(seed as usize % OTHERS);
        let whole = |world: &mut World| world.facts(newcomer) as u64 >= HELD;
        let equal = world.run_until(Duration::from_secs(60), MOMENT, whole);
        assert!(equal, "seed {seed}: {} facts", world.facts(newcomer));
    }
}

/// What was there before the crash does not come again.
#[test]
fn a_transfer_goes_on_after_a_crash() {
    let (mut world, newcomer, tap) = join(3, Method::Adaptive, 0.0);
    let half_way = |world: &mut World| world.facts(newcomer) as u64 > HELD / 2;
    assert!(world.run_until(Duration::from_secs(30), MOMENT, half_way));
    // An own write is synced, and with it all that came before.
    world.write(newcomer, "own", Some("value"), None);
    world.run_for(MOMENT);
    world.crash(newcomer);
    let kept = world.facts(newcomer) as u64;
    assert!((HELD / 4..HELD).contains(&kept), "{kept} facts are left");
    let _ = tap.take();
    world.start(newcomer);
    assert!(world.run_until(Duration::from_secs(30), MOMENT, World::converged));
    let came = tap.take().iter().filter(|sent| sent.to == newcomer).count() as u64;
    // Partners that compare at the same time may give the same.
    let lacked = HELD - kept;
    assert!(came <= lacked * 3 / 2, "{came} facts came, {lacked} of {HELD} were lacking");
}

/// What is written meanwhile comes too.
#[test]
fn writes_during_a_transfer_arrive() {
    let (mut world, newcomer, _) = join(4, Method::Adaptive, 0.0);
    let begun = |world: &mut World| taken(world, newcomer) > 0;
    assert!(world.run_until(Duration::from_secs(30), MOMENT, begun));
    for number in 0..200_u64 {
        let key = format!("key-{}", number * 37 % HELD);
        world.write(number as usize % OTHERS, &key, Some("new"), None);
        world.run_for(Duration::from_millis(1));
    }
    assert!(world.run_until(Duration::from_secs(60), MOMENT, World::converged));
    assert_eq!(world.totals(newcomer, None).entries, HELD);
}
