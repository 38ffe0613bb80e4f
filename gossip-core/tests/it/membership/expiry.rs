//! Who is gone for a day is forgotten by everybody, and nothing old brings it back.

use std::cell::Cell;
use std::rc::Rc;

use gossip_core::config::{ChannelSlots, Limits, Strategies};
use gossip_core::fact::{WORD_LIFE, Why};
use gossip_core::rng::Rng;
use gossip_core::sim::Disk;
use gossip_core::strategy::detector::{Swim, SwimConfig};
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;
use gossip_core::testkit::lone::{Lone, Puppet};

use super::*;

const MINUTE: Duration = seconds(60);

/// Until what was said is past its life everywhere, and who was gone meanwhile is forgotten.
const FORGOTTEN: Duration = seconds(WORD_LIFE.as_secs() + 5 * 60);

/// A host that acts once a minute, so that days pass quickly.
fn add_calm(world: &mut World, seeds: Vec<Seed>) -> usize {
    let rumors = RumorConfig { period: MINUTE / 6, ..RumorConfig::default() };
    let repair = RepairConfig { period: MINUTE / 4, period_max: MINUTE, ..RepairConfig::default() };
    let config = ConfigSpec {
        seeds,
        alive_interval: MINUTE * 10,
        view_rumors: RumorConfig { period: MINUTE, ..RumorConfig::default() },
        view_repair: RepairConfig { period: MINUTE, period_max: MINUTE * 4, ..repair },
        redial_max: MINUTE,
        ..ConfigSpec::default()
    };
    let patience = SwimConfig { period: MINUTE / 2, alone: MINUTE * 10, ..SwimConfig::default() };
    let strategies = move |keys| Strategies {
        detector: Box::new(Swim::new(patience)),
        main: ChannelSlots::new(rumors, repair),
        ..Strategies::new(Box::new(keys))
    };
    world.add_with(config, Box::new(strategies))
}

/// So many of them that know one another; the first is the others' seed.
fn calm(seed: u64, count: usize) -> World {
    let mut world = World::new(seed);
    world.rule(near(5));
    add_calm(&mut world, Vec::new());
    let first = seed_of(&world, 0);
    for _ in 1..count {
        add_calm(&mut world, first.clone());
    }
    assert!(world.run_until(MINUTE * 10, seconds(1), one_view));
    world
}

/// Whom a host has forgotten since its events were last taken.
fn forgotten(world: &mut World, host: usize) -> Vec<usize> {
    let hosts: Vec<_> = (0..world.len()).map(|host| world.id(host)).collect();
    let place = |id| hosts.iter().position(|host| *host == id);
    let events = world.events(host).into_iter();
    let whom = events.filter_map(|event| match event {
        Event::Forgotten { member, .. } => place(member),
        _ => None,
    });
    let mut whom: Vec<_> = whom.collect();
    whom.sort_unstable();
    whom
}

/// How many packets go to some hosts from now on.
fn packets_to(world: &mut World, hosts: &'static [usize]) -> Rc<Cell<u32>> {
    let sent = Rc::new(Cell::new(0_u32));
    let count = sent.clone();
    world.rule(move |packet: &sim::Packet<'_>, _: &mut Rng| {
        count.set(count.get() + u32::from(hosts.contains(&packet.to)));
        sim::Verdict::Pass
    });
    sent
}

/// Host 5 crashes, 6 leaves for good, 7 is evicted.
fn three_go(world: &mut World) {
    world.crash(5);
    world.command(6, Command::Leave);
    let whom = world.id(7);
    world.command(1, Command::Evict(whom));
    world.run_for(MINUTE);
    world.crash(6);
    world.crash(7);
    world.run_for(MINUTE * 60);
    let peers = world.node(0).unwrap().status().peers;
    assert_eq!((peers.alive, peers.dead, peers.left, peers.evicted), (5, 1, 1, 1));
}

#[test]
fn the_dead_the_left_and_the_evicted_leave_no_trace_after_a_day() {
    let mut world = calm(1, 8);
    three_go(&mut world);
    (0..5).for_each(|host| drop(world.events(host)));
    world.run_for(FORGOTTEN - MINUTE * 65);
    assert!((0..5).all(|host| members(&mut world, host).len() == 8), "not before a day is over");
    world.run_for(MINUTE * 10);
    for host in 0..5 {
        assert_eq!(forgotten(&mut world, host), [5, 6, 7], "host {host}");
        assert_eq!(members(&mut world, host).len(), 5, "host {host}");
        let queues = world.node(host).unwrap().status().queues;
        let traces = ["view-facts", "gone", "sessions", "awaited"].map(|name| queues[name]);
        // Two of them may come back with what they hold: that is all that is kept.
        assert_eq!(traces, [5, 0, 4, 2], "host {host}");
        // The seed: with members sessions stand.
        assert_eq!(queues["dials"], usize::from(host != 0), "host {host}");
    }
    let sent = packets_to(&mut world, &[5, 6, 7]);
    world.run_for(MINUTE * 60);
    assert_eq!(sent.get(), 0, "nobody dials them any more");
    // Nor is anything of them on disks.
    (0..5).for_each(|host| world.crash(host));
    (0..5).for_each(|host| world.start(host));
    world.run_for(MINUTE * 10);
    for host in 0..5 {
        assert_eq!(members(&mut world, host).len(), 5, "host {host}");
        assert_eq!(world.node(host).unwrap().status().queues["awaited"], 2, "host {host}");
    }
}

/// What an old view has of the dead is past its life, whoever brings it: a machine that stood still, a disk from
/// a drawer, a host whose clock stands a day back.
#[test]
fn no_old_view_brings_the_dead_back() {
    for carrier in ["paused", "restored", "late"] {
        let mut world = calm(2, 9);
        world.crash(5);
        let snapshot = world.disk(8).snapshot();
        match carrier {
            "paused" => world.pause(8, FORGOTTEN + MINUTE * 120),
            "restored" => world.crash(8),
            _ => {
                world.rule(sim::cut(|host| host == 8));
                world.skew(8, -26 * 60 * 60 * 1_000);
            }
        }
        three_go_but(&mut world);
        world.run_for(FORGOTTEN + MINUTE * 90);
        (0..5).for_each(|host| drop(world.events(host)));
        if carrier == "restored" {
            world.put_back(8, snapshot);
            world.start(8);
        }
        world.clear_rules();
        world.rule(near(5));
        world.run_for(MINUTE * 240);
        let gone = [5, 6, 7].map(|host| world.id(host));
        for host in 0..5 {
            let seen = verdicts(&mut world, host);
            assert!(seen.iter().all(|(about, _)| *about == 8), "{carrier}, host {host}: {seen:?}");
            let all = members(&mut world, host);
            assert!(!all.iter().any(|it| gone.contains(&it.id)), "{carrier}, host {host}");
        }
        if carrier != "late" {
            assert!(one_view(&mut world), "{carrier}");
            let known = members(&mut world, 8);
            let gone = known.iter().filter(|it| gone.contains(&it.id));
            let gone: Vec<_> = gone.map(|it| (it.status, it.since)).collect();
            assert_eq!(gone, [], "{carrier}: it has forgotten them too");
        }
    }
}

/// As [`three_go`], where another one cannot hear it.
fn three_go_but(world: &mut World) {
    world.command(6, Command::Leave);
    let whom = world.id(7);
    world.command(1, Command::Evict(whom));
    world.run_for(MINUTE);
    world.crash(6);
    world.crash(7);
}

/// It comes back as any newcomer, and as nobody has let go of any deletion meanwhile that it has not heard of, its
/// old entry stays dead; also at who joined after it was forgotten, and has never heard of it.
#[test]
fn who_returns_after_all_is_known_again_and_brings_nothing_dead() {
    let mut world = calm(3, 4);
    world.write(3, "entry", Some("old"), None);
    world.run_for(MINUTE * 5);
    world.crash(3);
    world.write(0, "entry", None, None);
    world.run_for(FORGOTTEN + MINUTE * 60);
    assert!((0..3).all(|host| members(&mut world, host).len() == 3));
    let seeds = seed_of(&world, 0);
    let newcomer = add_calm(&mut world, seeds);
    assert!(world.run_until(MINUTE * 10, seconds(1), one_view));
    // All but one restart: it stands on their disks that somebody is waited for.
    for host in 1..3 {
        world.crash(host);
        world.start(host);
    }
    world.run_for(WORD_LIFE * 2);
    for host in [0, 1, 2, newcomer] {
        assert_eq!(members(&mut world, host).len(), 4, "host {host}");
        assert_eq!(world.totals(host, None).dormant, 1, "host {host} defends the deletion");
    }
    (0..3).for_each(|host| drop(world.events(host)));
    world.start(3);
    assert!(world.run_until(MINUTE * 10, seconds(1), one_view));
    world.run_for(MINUTE * 30);
    for host in 0..world.len() {
        assert_eq!(world.totals(host, None).entries, 0, "host {host}");
    }
    for host in 0..3 {
        assert_eq!(verdicts(&mut world, host), [(3, MemberStatus::Alive)], "host {host}");
        assert_eq!(world.node(host).unwrap().status().queues["awaited"], 0, "host {host}");
    }
    // Everybody is there and has confirmed: now it is let go of.
    world.run_for(MINUTE * 60);
    for host in 0..world.len() {
        assert_eq!(world.totals(host, None).dormant, 0, "host {host}");
    }
}

/// A seed that was gone for days, and comes back with nothing: it knows nobody, but others try it for ever.
#[test]
fn seeds_are_redialled_for_ever() {
    let mut world = calm(4, 4);
    world.crash(0);
    world.run_for(FORGOTTEN * 3);
    assert!((1..4).all(|host| members(&mut world, host).len() == 3));
    world.put_back(0, Disk::default());
    world.start(0);
    assert!(world.run_until(MINUTE * 3, seconds(1), one_view));
}

/// Two sides of a partition forget one another, and are one cluster again once it ends, for one side has a seed
/// on the other.
#[test]
fn sides_that_have_forgotten_one_another_meet_again_by_a_seed() {
    let mut world = calm(5, 6);
    let cut = world.rule(sim::cut(|host| host < 3));
    world.run_for(FORGOTTEN + MINUTE * 90);
    assert!((0..6).all(|host| members(&mut world, host).len() == 3));
    world.write(0, "one", Some("side"), None);
    world.write(5, "other", Some("side"), None);
    world.end_rule(cut);
    assert!(world.run_until(MINUTE * 5, seconds(1), one_view));
    assert!(world.run_until(MINUTE * 10, seconds(1), World::converged));
    assert_eq!(world.totals(0, None).entries, 2);
}

/// Who lives is never forgotten, however little it has to say: words are said anew long before they are old.
#[test]
fn the_living_stay_for_days() {
    let mut world = calm(6, 3);
    (0..3).for_each(|host| drop(world.events(host)));
    world.run_for(WORD_LIFE * 4);
    assert!(one_view(&mut world));
    for host in 0..3 {
        assert_eq!((verdicts(&mut world, host), forgotten(&mut world, host)), (vec![], vec![]));
    }
}

/// A clock that is set a day ahead, and later back, hides nobody for long.
#[test]
fn a_clock_that_jumps_by_a_day_forgets_none_of_the_living() {
    let mut world = calm(7, 4);
    for millis in [26 * 60 * 60 * 1_000, 0] {
        world.skew(2, millis);
        world.run_for(MINUTE * 60);
    }
    assert!(world.run_until(MINUTE * 60, seconds(1), one_view));
    assert!((0..4).all(|host| members(&mut world, host).len() == 4));
}

/// What is kept of members does not grow with how many there ever were: of those that may come back a bounded number
/// of names, of all others nothing.
#[test]
fn short_lived_identities_leave_a_bounded_trace() {
    let limits = Limits { slowed_frames: u32::MAX, paces: 64, ..Limits::default() };
    let mut lone = Lone::new(ConfigSpec { limits, ..ConfigSpec::default() }, 1);
    let mut first = None;
    for cycle in 0..11 {
        for number in 0..100 {
            let puppet = Puppet::new(1 + cycle * 100 + number, lone.config());
            assert!(puppet.greet(&mut lone), "cycle {cycle}");
            lone.take_sent();
        }
        assert_eq!(lone.status().peers.alive, 101, "cycle {cycle}");
        // None of them answers anything; then nobody runs the node for a day.
        lone.pass(MINUTE * 2);
        lone.now.mono = lone.now.mono + FORGOTTEN;
        lone.now.wall = lone.now.wall + FORGOTTEN;
        lone.pass(MINUTE * 2);
        lone.events.clear();
        lone.take_sent();
        let mut queues = lone.status().queues;
        let awaited = queues.remove("awaited").unwrap();
        assert_eq!(awaited, (100 * (cycle as usize + 1)).min(1_025), "cycle {cycle}");
        assert_eq!(&queues, first.get_or_insert_with(|| queues.clone()), "cycle {cycle}");
        assert_eq!((queues["view-facts"], queues["dials"], queues["sessions"]), (1, 0, 0));
        let kept = lone.store.restored().meta.len();
        assert!(kept <= awaited + 8, "cycle {cycle}: {kept} rows on disk");
    }
}

/// What a host says whose clock stands a day back is past its life when it comes: it is no member, and knows why. As soon as
/// its clock is right it is one.
#[test]
fn who_dates_its_words_a_day_back_is_a_member_once_its_clock_is_right() {
    let mut world = cluster(8, 4);
    let late = world.add(ConfigSpec::default());
    world.crash(late);
    world.put_back(late, Disk::default());
    let seeds = seed_of(&world, 0);
    world.configure(late, ConfigSpec { seeds, ..ConfigSpec::default() });
    world.skew(late, -26 * 60 * 60 * 1_000);
    world.start(late);
    world.run_for(MINUTE);
    assert!((0..4).all(|host| members(&mut world, host).len() == 4));
    let ahead = |event: &Event| matches!(event, Event::Rejected { why: Why::FarAhead, .. });
    assert!(world.events(late).iter().any(ahead));
    world.skew(late, 0);
    let time = time_until_one_view(&mut world, MINUTE * 2);
    assert!(time.is_some_and(|time| time < MINUTE), "{time:?}");
}
