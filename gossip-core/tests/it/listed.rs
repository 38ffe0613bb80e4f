//! Hosts that share a directory: they gossip at once, with nobody else, and as a joined cluster does.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::{ChannelSlots, ConfigSpec, Strategies};
use gossip_core::fact::{SimKeys, Why};
use gossip_core::id::SessionId;
use gossip_core::io::{Answer, Command, Event, Input, Seed};
use gossip_core::rng::Rng;
use gossip_core::sim::{self, MakeStrategies, Packet, Verdict, World};
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;
use gossip_core::strategy::sampler::Uniform;
use gossip_core::testkit::{Mute, Sent, Wiretap};
use gossip_core::transport::{Address, Inbound};
use gossip_core::wire::{Frame, decode_frame};

fn defaults() -> MakeStrategies {
    Box::new(|keys: SimKeys| Strategies::new(Box::new(keys)))
}

fn listed(seed: u64, count: usize) -> World {
    let mut world = World::new(seed);
    world.add_listed(count, &ConfigSpec::default(), defaults());
    world
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn two_gossip_without_a_hello() {
    let mut world = listed(1, 2);
    let frames = Rc::new(Cell::new((0, 0)));
    let count = frames.clone();
    world.rule(move |packet: &Packet<'_>, _: &mut Rng| {
        let (data, others) = count.get();
        let frame = decode_frame(&Bytes::copy_from_slice(packet.bytes)).unwrap();
        let is_data = usize::from(matches!(frame, Frame::Data { .. }));
        count.set((data + is_data, others + 1 - is_data));
        Verdict::Pass
    });
    world.write(0, "key", Some("value"), None);
    world.write(1, "other", Some("value"), None);
    assert!(world.run_until(seconds(5), seconds(1), |world| {
        world.converged() && world.totals(0, None).entries == 2
    }));
    let (data, others) = frames.get();
    assert!(data > 0 && others == 0, "{data} data frames and {others} others");
    let status = world.node(0).unwrap().status();
    assert_eq!((status.peers.alive, status.partners), (2, 1));
    let count = |name| status.queues.get(name).copied();
    assert_eq!((count("sessions"), count("dials")), (Some(0), Some(0)));
}

#[test]
fn repair_works_between_them() {
    let mut world = listed(2, 8);
    world.rule(sim::loss(1.0));
    for host in 0..8 {
        world.write(host, &format!("key-{host}"), Some("value"), None);
    }
    // Rumors are over before anything arrives.
    world.run_for(seconds(60));
    assert!(!world.converged());
    world.clear_rules();
    assert!(world.run_until(seconds(120), seconds(1), World::converged));
    assert_eq!(world.totals(5, None).entries, 8);
}

/// What a listed host makes of a frame from an address.
fn rejection(world: &mut World, from: SocketAddr, bytes: Bytes) -> Option<Why> {
    world.events(0);
    let from = Address::Socket(from);
    world.input(0, Input::Network(Inbound::Frame { from, bytes }));
    world.events(0).into_iter().find_map(|event| match event {
        Event::Rejected { why, .. } => Some(why),
        _ => None,
    })
}

#[test]
fn nobody_else_is_heard() {
    let mut world = listed(3, 3);
    let real = Rc::new(Cell::new(None));
    let note = real.clone();
    world.rule(move |packet: &Packet<'_>, _: &mut Rng| {
        if (packet.from, packet.to) == (1, 0) {
            note.set(Some(Bytes::copy_from_slice(packet.bytes)));
        }
        Verdict::Pass
    });
    assert!(world.run_until(seconds(20), seconds(1), |_| {
        let frame = real.take();
        real.set(frame.clone());
        frame.is_some()
    }));
    let frame = real.take().unwrap();
    let (own, partner, other) = (world.address(0), world.address(1), world.address(2));
    let stranger = SocketAddr::from(([192, 0, 2, 1], 7_946));
    assert_eq!(rejection(&mut world, partner, frame.clone()), None, "a frame that is repeated");
    for wrong in [own, other, stranger] {
        assert_eq!(rejection(&mut world, wrong, frame.clone()), Some(Why::UnknownSession));
    }
    // First contact with an outsider there is none.
    let reset = Frame::Reset { session: SessionId([0; 8]) }.encode();
    assert_eq!(rejection(&mut world, partner, reset), Some(Why::Unasked));
    let outsider = world
        .add(ConfigSpec { seeds: vec![Seed::Address(world.address(0))], ..ConfigSpec::default() });
    let request = world.command(0, Command::Join(vec![Seed::Address(world.address(outsider))]));
    world.run_for(seconds(30));
    assert!(matches!(world.answer(0, request), Some(Answer::Done)));
    let status = world.node(outsider).unwrap().status();
    assert_eq!((status.peers.alive, status.partners), (1, 0));
    assert_eq!(world.node(0).unwrap().status().partners, 2);
}

#[test]
fn a_crashed_host_finds_the_others_again() {
    let mut world = listed(4, 4);
    world.run_for(seconds(5));
    world.crash(2);
    world.write(0, "key", Some("value"), None);
    world.run_for(seconds(60));
    world.start(2);
    let holds = |world: &mut World| world.totals(2, None).entries == 1;
    assert!(world.run_until(seconds(60), seconds(1), holds));
}

/// Rumors alone.
fn rumors() -> MakeStrategies {
    Box::new(|keys: SimKeys| Strategies {
        main: ChannelSlots {
            reconcile: Box::new(Mute::default()),
            ..ChannelSlots::new(RumorConfig::default(), RepairConfig::default())
        },
        sampler: Box::new(Uniform::default()),
        ..Strategies::new(Box::new(keys))
    })
}

/// How facts spread in a world, each alone: copies of it, hosts that hold it, and the mean time from
/// the writing to the sending of the first copy for each other host, in seconds; means over facts.
fn spreads(mut world: World) -> [f64; 3] {
    let tap = Wiretap::new(&ConfigSpec::default().cluster);
    world.rule(tap.clone());
    world.rule(sim::delay(Duration::from_millis(10), Duration::from_millis(50)));
    let mut sums = [0.0; 3];
    for number in 0..FACTS {
        world.write(number % HOSTS, &format!("key-{number}"), Some("value"), None);
        let written = world.now();
        // Each at another moment of the period.
        world.run_for(Duration::from_millis(20_370));
        let sent: Vec<Sent> = tap.take();
        let reached: BTreeSet<_> =
            sent.iter().map(|sent| sent.to).filter(|host| *host != number % HOSTS).collect();
        let first = |host: &usize| {
            let sent = sent.iter().find(|sent| sent.to == *host).unwrap();
            sent.at.since(written).as_secs_f64()
        };
        let wait = reached.iter().map(first).sum::<f64>() / reached.len() as f64;
        let fact = [sent.len() as f64, reached.len() as f64 + 1.0, wait];
        sums = std::array::from_fn(|at| sums[at] + fact[at]);
    }
    sums.map(|sum| sum / FACTS as f64)
}

const FACTS: usize = 24;
const HOSTS: usize = 16;
const WORLDS: u64 = 12;

#[test]
fn rumors_spread_as_in_a_cluster_that_met() {
    let met = |seed| {
        let mut world = World::new(seed);
        for host in 0..HOSTS {
            let seeds = if host == 0 { vec![] } else { vec![Seed::Address(world.address(0))] };
            world.add_with(ConfigSpec { seeds, ..ConfigSpec::default() }, rumors());
        }
        let everybody = |world: &mut World| {
            let partners = |host| world.node(host).unwrap().status().partners;
            (0..HOSTS).all(|host| partners(host) == HOSTS - 1)
        };
        assert!(world.run_until(seconds(60), seconds(1), everybody));
        world
    };
    let listed = |seed| {
        let mut world = World::new(seed);
        world.add_listed(HOSTS, &ConfigSpec::default(), rumors());
        world
    };
    // Rounds come at fixed moments in a world, so it is worlds that are independent.
    let met: Vec<_> = (0..WORLDS).map(|seed| spreads(met(seed))).collect();
    let listed: Vec<_> = (0..WORLDS).map(|seed| spreads(listed(100 + seed))).collect();
    for (at, what) in ["copies", "hosts reached", "time"].into_iter().enumerate() {
        let [(a, da), (b, db)] = [&met, &listed].map(|worlds| {
            let mean = worlds.iter().map(|world| world[at]).sum::<f64>() / WORLDS as f64;
            let square = |world: &[f64; 3]| (world[at] - mean).powi(2);
            let squares = worlds.iter().map(square).sum::<f64>();
            (mean, squares / (WORLDS * (WORLDS - 1)) as f64)
        });
        // Four standard errors.
        let limit = 4.0 * (da + db).sqrt();
        assert!((a - b).abs() <= limit, "{what}: {a} when met, {b} when listed; limit {limit}");
        assert!(limit <= 0.2 * a, "{what}: {limit} says nothing about {a}");
    }
    assert!(listed.iter().all(|[_, reached, _]| *reached > HOSTS as f64 - 0.5), "{listed:?}");
}
