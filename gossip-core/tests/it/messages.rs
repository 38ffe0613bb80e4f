//! How many messages and bytes a meeting of two replicas takes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::{ChannelSlots, ConfigSpec, Strategies};
use gossip_core::id::ChannelId;
use gossip_core::io::{Command, Write};
use gossip_core::rng::Rng;
use gossip_core::sim::{Packet, Verdict, World};
use gossip_core::strategy::Direction;
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::{Method, RepairConfig};
use gossip_core::wire::{Frame, Record, Records, Talk, decode_frame};

const NEVER: Duration = Duration::from_secs(1_000_000);
const LONG: Duration = Duration::from_secs(100);

/// Frames of the main channel: who sent it, its bytes, whether it says that all is equal.
type Log = Rc<RefCell<Vec<(usize, usize, Vec<Talk>)>>>;

fn silent_rumors() -> RumorConfig {
    RumorConfig { eager: 0, period: NEVER, ..RumorConfig::default() }
}

fn silent_repair() -> RepairConfig {
    RepairConfig { period: NEVER, period_max: NEVER, ..RepairConfig::default() }
}

/// Two nodes that know one another and do nothing by themselves, but for what the first one's
/// slots do. The view is silent: members meet through their Hellos.
fn pair(rumors: [RumorConfig; 2], repair: [RepairConfig; 2]) -> (World, Log) {
    let mut world = World::new(11);
    let log = Log::default();
    let recorder = log.clone();
    let main = ChannelId::derived(gossip_core::id::ClusterId::from_name("gossip"), ChannelId::MAIN);
    world.rule(move |packet: &Packet<'_>, _: &mut Rng| {
        let bytes = Bytes::copy_from_slice(packet.bytes);
        if let Ok(Frame::Data { sealed, .. }) = decode_frame(&bytes) {
            let records: Vec<_> = Records::new(sealed).map(Result::unwrap).collect();
            let ours =
                |record: &Record| matches!(record, Record::Channel(tag) if *tag == main.tag());
            if records.iter().any(ours) {
                let talk = records.into_iter().filter_map(|record| {
                    if let Record::Talk(talk) = record { Some(talk) } else { None }
                });
                recorder.borrow_mut().push((packet.from, bytes.len(), talk.collect()));
            }
        }
        Verdict::Deliver(Duration::from_millis(1))
    });
    for host in 0..2 {
        let seeds =
            (host == 1).then(|| gossip_core::io::Seed::Address(world.address(0))).into_iter();
        let config = ConfigSpec {
            seeds: seeds.collect(),
            view_rumors: silent_rumors(),
            view_repair: silent_repair(),
            ..ConfigSpec::default()
        };
        let (rumors, repair) = (rumors[host], repair[host]);
        world.add_with(
            config,
            Box::new(move |keys| Strategies {
                main: ChannelSlots::new(rumors, repair),
                ..Strategies::new(Box::new(keys))
            }),
        );
    }
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.node(0).unwrap().status().peers.alive, 2);
    (world, log)
}

fn write(world: &mut World, host: usize, keys: std::ops::Range<usize>) {
    let channel = world.main_channel(host);
    let write = |n| Write {
        key: Bytes::from(format!("key-{n}")),
        value: Some(Bytes::from_static(b"value")),
        ttl: None,
    };
    for chunk in keys.collect::<Vec<_>>().chunks(500) {
        let writes = chunk.iter().copied().map(write).collect();
        world.command(host, Command::Write { channel, writes });
    }
    // Dates apart, so that neither host's facts all come first.
    world.run_for(Duration::from_millis(10));
}

fn full_digest(direction: Direction) -> RepairConfig {
    RepairConfig {
        direction,
        fingerprint_first: false,
        leaf: usize::MAX,
        period: LONG,
        period_max: LONG,
        ..RepairConfig::default()
    }
}

fn by_fingerprint() -> RepairConfig {
    RepairConfig { period: LONG, period_max: LONG, ..RepairConfig::default() }
}

fn entries(world: &mut World, host: usize) -> u64 {
    world.totals(host, None).entries
}

#[test]
fn push_is_one_message() {
    let (mut world, log) =
        pair([silent_rumors(); 2], [full_digest(Direction::Push), silent_repair()]);
    write(&mut world, 0, 0..2);
    write(&mut world, 1, 2..4);
    world.run_for(LONG);
    assert_eq!(log.borrow().iter().map(|(from, ..)| *from).collect::<Vec<_>>(), [0]);
    assert_eq!((entries(&mut world, 0), entries(&mut world, 1)), (2, 4));
}

#[test]
fn pull_is_two_messages() {
    let (mut world, log) =
        pair([silent_rumors(); 2], [full_digest(Direction::Pull), silent_repair()]);
    write(&mut world, 0, 0..2);
    write(&mut world, 1, 1..4);
    world.run_for(LONG);
    assert_eq!(log.borrow().iter().map(|(from, ..)| *from).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((entries(&mut world, 0), entries(&mut world, 1)), (4, 3));
}

#[test]
fn push_pull_is_three_messages_and_makes_equal() {
    let (mut world, log) =
        pair([silent_rumors(); 2], [full_digest(Direction::PushPull), silent_repair()]);
    write(&mut world, 0, 0..2);
    write(&mut world, 1, 1..4);
    write(&mut world, 0, 3..5);
    world.run_for(LONG);
    assert_eq!(log.borrow().iter().map(|(from, ..)| *from).collect::<Vec<_>>(), [0, 1, 0]);
    assert!(world.converged());
    assert_eq!(entries(&mut world, 0), 5);
    // Two keys were written at both: what was superseded has not travelled.
    let sent = (0..2).map(|host| world.node(host).unwrap().status().facts_sent).sum::<u64>();
    assert_eq!(sent, 5, "each missing fact once, no superseded one");
}

#[test]
fn a_pull_that_finds_nothing_is_two_messages_too() {
    let (mut world, log) =
        pair([silent_rumors(); 2], [full_digest(Direction::Pull), silent_repair()]);
    world.run_for(LONG);
    assert_eq!(log.borrow().len(), 2);
}

#[test]
fn rumors_take_one_more_message_for_feedback() {
    let period = Duration::from_secs(1);
    for (direction, expected) in [
        (Direction::Push, vec![0, 1]),
        (Direction::Pull, vec![0, 1, 0]),
        // Offer and demand travel together, so two messages serve both ways; the feedback on
        // what was pushed waits for its merge.
        (Direction::PushPull, vec![0, 1, 1, 0]),
    ] {
        let told = RumorConfig { direction, ..silent_rumors() };
        let telling = RumorConfig { period, rounds: 1, ..told };
        let (mut world, log) = pair([telling, told], [silent_repair(); 2]);
        world.run_for(period);
        log.borrow_mut().clear();
        if direction != Direction::Pull {
            write(&mut world, 0, 0..1);
        }
        if direction != Direction::Push {
            write(&mut world, 1, 1..2);
        }
        world.run_for(period);
        let senders: Vec<_> = log.borrow().iter().map(|(from, ..)| *from).collect();
        assert_eq!(senders, expected, "{direction:?}");
        if direction == Direction::PushPull {
            assert!(world.converged());
        }
    }
}

#[test]
fn equal_replicas_of_any_size_stop_after_two_small_messages() {
    for size in [0, 1, 100, 10_000] {
        let (mut world, log) = pair([silent_rumors(); 2], [by_fingerprint(), silent_repair()]);
        write(&mut world, 1, 0..size);
        // The first round copies, the second finds equal.
        assert!(world.run_until(LONG * 3, Duration::from_secs(1), World::converged));
        world.run_for(Duration::from_secs(10));
        log.borrow_mut().clear();
        world.run_for(LONG * 2);
        let log = log.borrow();
        let frames: Vec<_> = log.iter().map(|(from, bytes, _)| (*from, *bytes)).collect();
        let rounds = frames.len() / 2;
        assert!(rounds >= 1 && frames.len() == rounds * 2, "{size}: {frames:?}");
        for round in frames.chunks(2) {
            assert_eq!((round[0].0, round[1].0), (0, 1));
            let bytes = round[0].1 + round[1].1;
            assert!(bytes <= 200, "{size} entries: {bytes} bytes in two messages");
        }
    }
}

#[test]
fn one_difference_takes_as_many_messages_as_documented() {
    let RepairConfig { leaf, ways, .. } = RepairConfig::default();
    let sizes = [(10, 0), (10, 1), (1_000, 0), (1_000, 1), (20_000, 0), (20_000, 1)];
    let methods = [Method::Adaptive, Method::Range].map(|method| sizes.map(|it| (method, it)));
    for (method, (size, missing_at)) in methods.into_iter().flatten() {
        let asks = RepairConfig { method, ..by_fingerprint() };
        let (mut world, log) = pair([silent_rumors(); 2], [asks, silent_repair()]);
        write(&mut world, 1, 0..size);
        assert!(world.run_until(LONG * 3, Duration::from_secs(1), World::converged));
        world.run_for(Duration::from_secs(10));
        write(&mut world, 1 - missing_at, size..size + 1);
        log.borrow_mut().clear();
        assert!(world.run_until(LONG * 3, Duration::from_secs(1), World::converged));
        world.run_for(Duration::from_secs(10));
        let levels = ((size + 1) as f64 / leaf as f64).log(ways as f64).ceil().max(0.0) as usize;
        let bound = match method {
            // docs/algorithms/range.md: a comparison, one message per level, a list, and the answer
            // to it; facts that the answer asks for are the last.
            Method::Range => 4 + levels,
            // The comparison tells it: the fact comes at once, or is asked for and sent.
            Method::Adaptive | Method::Rateless => 2 + missing_at,
        };
        let messages = log.borrow().len();
        assert!(messages <= bound, "{method:?}, {size}: {messages} messages of {bound}");
    }
}
