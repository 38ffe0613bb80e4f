//! Deletions and expiries over days: replicas stay equal, and nothing comes back.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::{ChannelSlots, ConfigSpec, SKEW, Strategies};
use gossip_core::fact::HORIZON;
use gossip_core::io::{Answer, Command, Event, Write};
use gossip_core::rng::Rng;
use gossip_core::sim::{self, Packet, START, Verdict, World};
use gossip_core::strategy::detector::{Heartbeat, HeartbeatConfig};
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;
use gossip_core::time::{Epoch, Mono};
use gossip_core::wire::{Frame, Record, Records, decode_frame};

const MINUTE: Duration = Duration::from_secs(60);

/// A node that acts once a minute, so that days pass quickly.
fn add_calm(world: &mut World) -> usize {
    let rumors = RumorConfig { period: MINUTE / 6, ..RumorConfig::default() };
    let repair = RepairConfig { period: MINUTE / 4, period_max: MINUTE, ..RepairConfig::default() };
    let seeds = if world.is_empty() {
        Vec::new()
    } else {
        vec![gossip_core::io::Seed::Address(world.address(0))]
    };
    let config = ConfigSpec {
        seeds,
        alive_interval: MINUTE * 10,
        view_rumors: RumorConfig { period: MINUTE, ..RumorConfig::default() },
        view_repair: RepairConfig { period: MINUTE, period_max: MINUTE * 4, ..repair },
        redial_max: MINUTE,
        ..ConfigSpec::default()
    };
    let patience = HeartbeatConfig { interval: MINUTE, ..HeartbeatConfig::default() };
    world.add_with(
        config,
        Box::new(move |keys| Strategies {
            detector: Box::new(Heartbeat::new(patience)),
            main: ChannelSlots::new(rumors, repair),
            ..Strategies::new(Box::new(keys))
        }),
    )
}

fn lower_epoch(world: &World, behind: Duration) -> Epoch {
    Epoch::of(START + world.now().since(Mono::ZERO) - behind)
}

/// Facts of the main channel in packets, counted as they are sent.
fn count_facts(world: &mut World) -> Rc<RefCell<usize>> {
    let count = Rc::new(RefCell::new(0));
    let counter = count.clone();
    let main = world.main_channel(0).tag();
    world.rule(move |packet: &Packet<'_>, _: &mut Rng| {
        let bytes = Bytes::copy_from_slice(packet.bytes);
        if let Ok(Frame::Data { sealed, .. }) = decode_frame(&bytes) {
            let mut ours = false;
            for record in Records::new(sealed).map(Result::unwrap) {
                match record {
                    Record::Channel(tag) => ours = tag == main,
                    Record::Fact { .. } if ours => *counter.borrow_mut() += 1,
                    Record::Fact { .. } | Record::Talk(_) | Record::Unknown(_) => {}
                }
            }
        }
        Verdict::Pass
    });
    count
}

#[test]
fn skewed_replicas_agree_at_the_lower_epoch_and_offer_nothing_collected() {
    let mut world = World::new(21);
    add_calm(&mut world);
    add_calm(&mut world);
    world.skew(0, SKEW.as_millis() as i64 / 2);
    world.skew(1, -(SKEW.as_millis() as i64) / 2);
    let facts = count_facts(&mut world);
    let delay = Duration::from_millis(20);
    world.rule(sim::delay(delay / 2, delay));
    world.run_for(MINUTE);

    // 200 deletes and expiries a second, for a minute and a half: over more than one epoch.
    for second in 0..90 {
        for host in 0..2 {
            let channel = world.main_channel(host);
            let key = |n: usize| Bytes::from(format!("{host}-{}", second * 50 + n));
            let delete = |n| Write { key: key(n), value: None, ttl: None };
            let expire = |n| Write {
                key: key(n + 1_000_000),
                value: Some(Bytes::from_static(b"short")),
                ttl: Some(Duration::from_secs(20)),
            };
            let writes = (0..50).flat_map(|n| [delete(n), expire(n)]).collect();
            world.command(host, Command::Write { channel, writes });
        }
        world.run_for(Duration::from_secs(1));
    }
    assert!(world.run_until(MINUTE * 10, Duration::from_secs(1), World::converged));
    assert_eq!(world.totals(0, None).sum.count(), 18_000);

    // Just before the first leaves, until after the last has left: equal at every second, and
    // not one fact travels.
    world.run_for(HORIZON - MINUTE * 8);
    let sent = *facts.borrow();
    let mut sizes = Vec::new();
    for _ in 0..900 {
        world.run_for(Duration::from_secs(1));
        let epoch = lower_epoch(&world, SKEW / 2);
        let (ahead, behind) = (world.totals(0, Some(epoch)), world.totals(1, Some(epoch)));
        assert_eq!(ahead.sum, behind.sum, "at {:?}, epoch {epoch:?}", world.now());
        sizes.push(ahead.sum.count());
    }
    assert_eq!((sizes[0], sizes[899]), (18_000, 0), "everything left meanwhile");
    assert!(sizes.iter().any(|size| (1..18_000).contains(size)), "over several epochs");
    assert_eq!(*facts.borrow(), sent, "nothing collected is offered again");

    // Both have confirmed, so the dormant are dropped in the end.
    let dropped = world.run_until(MINUTE * 60, MINUTE, |world| {
        (0..2).all(|host| world.totals(host, None).dormant == 0)
    });
    assert!(dropped, "{:?}", world.totals(0, None));
    assert_eq!(world.node(0).unwrap().status().collected, 18_000);
    assert_eq!(*facts.borrow(), sent);
}

fn value_at(world: &mut World, host: usize) -> Option<bool> {
    world.node(host)?;
    let channel = world.main_channel(host);
    let get = Command::Get { channel, key: Bytes::from_static(b"doomed") };
    let request = world.command(host, get);
    world.run_for(Duration::from_millis(1));
    match world.answer(host, request) {
        Some(Answer::Facts(facts)) => Some(!facts.is_empty()),
        _ => None,
    }
}

const RELAY: usize = 0;
const COLLECTOR: usize = 1;
const RESTORED: usize = 2;
const ABSENT: usize = 3;

/// Four nodes that all hold the doomed key, of which one is cut off before the deletion.
fn four_nodes(seed: u64) -> (World, sim::Disk) {
    let mut world = World::new(seed);
    (0..4).for_each(|_| {
        add_calm(&mut world);
    });
    world.run_for(MINUTE * 3);
    world.write(RELAY, "doomed", Some("alive"), None);
    assert!(world.run_until(MINUTE * 10, MINUTE, |world| {
        (0..4).all(|host| world.totals(host, None).entries == 1)
    }));
    // Everybody confirms, so that receipts exist and the later ones are comparable.
    world.run_for(MINUTE * 30);
    let before = world.disk(RESTORED).snapshot();
    world.rule(sim::cut(|host| host == ABSENT));
    world.write(RELAY, "doomed", None, None);
    (world, before)
}

fn assert_dead(world: &mut World, hosts: &[usize], when: &str) {
    for host in hosts {
        assert_eq!(value_at(world, *host), Some(false), "{when}: the key is back at host {host}");
    }
}

#[test]
fn a_partition_longer_than_the_horizon_resurrects_nothing() {
    let (mut world, before) = four_nodes(31);
    world.run_for(MINUTE * 10);
    assert_dead(&mut world, &[RELAY, COLLECTOR, RESTORED], "after the deletion");
    assert_eq!(value_at(&mut world, ABSENT), Some(true), "the absent one never heard");

    // Past the horizon the deletion has left the compared set everywhere, and is kept all the
    // same: the absent member has not confirmed.
    world.run_for(HORIZON + MINUTE * 30);
    for host in [RELAY, COLLECTOR, RESTORED] {
        let totals = world.totals(host, None);
        assert_eq!((totals.sum.count(), totals.dormant), (0, 1), "host {host}");
    }

    // One is restored from a backup that is older than the deletion, and shown its own receipt.
    world.crash(RESTORED);
    world.disk(RESTORED).restore(before);
    world.events(RESTORED);
    world.start(RESTORED);
    world.run_for(MINUTE * 5);
    let renewed =
        world.events(RESTORED).into_iter().any(|event| matches!(event, Event::Renewed { .. }));
    assert!(renewed, "the restored node takes the state anew");
    assert_dead(&mut world, &[RELAY, COLLECTOR, RESTORED], "after the restore");

    // The absent member comes back with its live copy.
    world.clear_rules();
    for _ in 0..60 {
        world.run_for(MINUTE);
        assert_dead(&mut world, &[RELAY, COLLECTOR, RESTORED], "while the absent one heals");
    }
    assert_dead(&mut world, &[ABSENT], "after healing");

    // Now everybody has confirmed: the deletion is dropped, and still nothing comes back.
    world.run_for(MINUTE * 240);
    assert_dead(&mut world, &[RELAY, COLLECTOR, RESTORED, ABSENT], "at the end");
    for host in 0..4 {
        assert_eq!(world.totals(host, None).dormant, 0, "host {host} has let go");
    }
}

#[test]
fn a_crash_before_durability_resurrects_nothing() {
    let (mut world, _) = four_nodes(32);
    // The deletion arrives, but never reaches this disk.
    world.disk(RESTORED).sync_interval = HORIZON * 10;
    world.run_for(MINUTE * 10);
    assert_dead(&mut world, &[RESTORED], "before the crash");
    world.crash(RESTORED);
    world.disk(RESTORED).sync_interval = Duration::ZERO;
    world.clear_rules();
    world.rule(sim::cut(|host| host == ABSENT || host == RESTORED));
    world.run_for(HORIZON + MINUTE * 30);
    // It comes back with the live copy, first among those who never heard, then among all.
    world.start(RESTORED);
    world.run_for(MINUTE * 10);
    assert_eq!(value_at(&mut world, RESTORED), Some(true), "its disk had only the value");
    world.clear_rules();
    for _ in 0..60 {
        world.run_for(MINUTE);
        assert_dead(&mut world, &[RELAY, COLLECTOR], "while both heal");
    }
    assert_dead(&mut world, &[RELAY, COLLECTOR, RESTORED, ABSENT], "at the end");
}

#[test]
fn who_left_and_returns_with_its_disk_resurrects_nothing() {
    let mut world = World::new(33);
    (0..3).for_each(|_| {
        add_calm(&mut world);
    });
    world.run_for(MINUTE * 3);
    world.write(RELAY, "doomed", Some("alive"), None);
    world.run_for(MINUTE * 30);
    world.write(RESTORED, "other", Some("kept"), None);
    world.run_for(MINUTE * 30);
    world.command(RESTORED, Command::Leave);
    world.run_for(MINUTE);
    world.crash(RESTORED);
    world.write(RELAY, "doomed", None, None);
    world.run_for(HORIZON + MINUTE * 120);
    for host in [RELAY, COLLECTOR] {
        assert_eq!(world.totals(host, None).dormant, 0, "nobody waits for who left");
    }
    world.start(RESTORED);
    for _ in 0..30 {
        world.run_for(MINUTE);
        assert_dead(&mut world, &[RELAY, COLLECTOR, RESTORED], "after the return");
    }
    let exported = world.events(RESTORED).into_iter().find_map(|event| match event {
        Event::Exported { facts, .. } => Some(facts.len()),
        _ => None,
    });
    assert_eq!(exported, Some(1), "its own write is handed out");
    assert!(world.converged());
    assert_eq!(world.totals(RESTORED, None).entries, 1, "and the cluster had it");
}
