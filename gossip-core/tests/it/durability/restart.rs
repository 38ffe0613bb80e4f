//! A restart asks only for what differs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gossip_core::config::ConfigError;
use gossip_core::id::NodeId;
use gossip_core::testkit::lone::Lone;
use gossip_core::transport::DATAGRAM_BYTES;
use gossip_core::wire::{Frame, Packer, Parcel, Record, Records, decode_frame, record_len};

use super::*;

/// Bytes of records about the main channel, per pair of hosts, both ways.
type Counts = Rc<RefCell<BTreeMap<(usize, usize), usize>>>;

fn count_main_channel(world: &mut World) -> Counts {
    let counts = Counts::default();
    let counter = Rc::clone(&counts);
    let main = world.main_channel(0).tag();
    ruled(world, move |packet: &Packet<'_>, _: &mut Rng| {
        let frame = decode_frame(&Bytes::copy_from_slice(packet.bytes));
        if let Ok(Frame::Data { sealed, .. }) = frame {
            let (mut ours, mut bytes) = (false, 0);
            for record in Records::new(sealed).map(Result::unwrap) {
                if let Record::Channel(tag) = record {
                    ours = tag == main;
                }
                bytes += if ours { bytes_of(record) } else { 0 };
            }
            let pair = (packet.from.min(packet.to), packet.from.max(packet.to));
            *counter.borrow_mut().entry(pair).or_default() += bytes;
        }
        Verdict::Pass
    });
    counts
}

fn bytes_of(record: Record) -> usize {
    match record {
        Record::Channel(tag) => record_len(size_of_val(&tag)),
        Record::Fact { bytes, .. } => record_len(bytes.len()),
        Record::Talk(talk) => {
            let mut packer = Packer::new(2_000);
            packer.push(None, &Parcel::Talk(talk));
            packer.finish().iter().map(Bytes::len).sum()
        }
        Record::Unknown(_) => panic!("no such records"),
    }
}

fn content(world: &World, host: usize) -> bool {
    let status = world.node(host).unwrap().status();
    status.partners + 1 == world.len() && status.equal_partners == status.partners
}

#[test]
fn an_unchanged_node_exchanges_at_most_400_bytes_with_each_partner() {
    for (seed, entries, crash) in [(1, 60_000, true), (2, 10_000, false), (3, 10_000, true)] {
        let mut world = cluster(seed, 4);
        for batch in 0..entries / 1_000 {
            write(&mut world, batch as usize % 4, (0..1_000).map(|n| format!("key-{batch}-{n}")));
            world.run_for(Duration::from_millis(200));
        }
        let equal = world.run_until(seconds(120), seconds(1), |world| {
            world.totals(2, None).entries == entries && world.converged()
        });
        assert!(equal, "{:?}", (0..4).map(|h| world.totals(h, None).entries).collect::<Vec<_>>());
        // What others wrote becomes durable with it.
        write(&mut world, 2, [String::from("last")]);
        // No rumor is left, and everybody has agreed with everybody.
        let calm = world
            .run_until(seconds(300), seconds(1), |world| (0..4).all(|host| content(world, host)));
        assert!(calm, "nobody is content");
        world.run_for(seconds(40));
        let incarnation = incarnation(&mut world, 2);

        if !crash {
            world.command(2, Command::Stop);
            world.run_for(seconds(1));
        }
        world.crash(2);
        world.run_for(seconds(3));
        let counts = count_main_channel(&mut world);
        world.start(2);
        assert_eq!(world.totals(2, None).entries, entries + 1);
        let again = world.run_until(seconds(60), MOMENT, |world| content(world, 2));
        assert!(again, "seed {seed}: not content after a minute");
        for (pair, bytes) in counts.borrow().iter() {
            let ours = pair.0 == 2 || pair.1 == 2;
            assert!(!ours || *bytes <= 400, "seed {seed}: {bytes} bytes between {pair:?}");
        }
        assert!(counts.borrow().keys().filter(|pair| pair.0 == 2 || pair.1 == 2).count() == 3);
        assert!(self::incarnation(&mut world, 2) > incarnation, "a start has its own incarnation");
    }
}

fn incarnation(world: &mut World, host: usize) -> u64 {
    member(world, (host + 1) % world.len(), host).alive.incarnation
}

/// Everybody stops, and starts without a seed: whom they knew is in their stores.
#[test]
fn contacts_in_the_store_are_enough() {
    for (seed, goodbye) in [(1, false), (2, true)] {
        let mut world = cluster(seed, 5);
        write(&mut world, 1, [String::from("kept")]);
        world.run_for(seconds(5));
        for host in 0..5 {
            if goodbye {
                world.command(host, Command::Stop);
                world.run_for(seconds(1));
            }
            world.crash(host);
            world.configure(host, ConfigSpec::default());
        }
        world.run_for(seconds(3_600 * 48));
        (0..5).for_each(|host| world.start(host));
        assert!(world.run_until(seconds(20), MOMENT, all_alive), "seed {seed}: nobody is found");
        assert!(world.run_until(seconds(20), MOMENT, World::converged));
        assert_eq!(world.totals(4, None).entries, 1, "seed {seed}: a long night forgets nothing");
        assert!(world.exports(4).is_empty());
    }
}

/// The clock of the store goes on: what is written after a restart is newer than what was before,
/// also when the system's clock was set back meanwhile.
#[test]
fn versions_go_on_where_they_were() {
    let mut world = cluster(1, 2);
    world.write(1, "key", Some("before"), None);
    world.run_for(seconds(5));
    world.crash(1);
    world.skew(1, -4_000);
    world.start(1);
    assert!(world.run_until(seconds(20), MOMENT, all_alive));
    world.write(1, "key", None, None);
    world.run_for(seconds(5));
    for host in 0..2 {
        assert_eq!(reads(&mut world, host, "key"), Some(false), "host {host}");
    }
}

#[test]
fn a_store_is_its_nodes_alone() {
    let mut lone = Lone::new(ConfigSpec::default(), 1);
    lone.pass(Duration::from_secs(1));
    let restored = lone.store.restored();
    let resume = |cluster: &str, me| {
        let spec = ConfigSpec { cluster: cluster.into(), ..ConfigSpec::default() };
        spec.build(DATAGRAM_BYTES).unwrap().resume(&restored, me).map(|_| ())
    };
    let (me, other) = (lone.node.id(), NodeId::from_bytes([7; 32]));
    assert_eq!(resume("gossip", me), Ok(()));
    assert_eq!(resume("gossip", other), Err(ConfigError::ForeignStore));
    assert_eq!(resume("elsewhere", me), Err(ConfigError::ForeignStore));
}
