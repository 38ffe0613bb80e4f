//! The newcomer's way back: own writes are kept outside before anything is forgotten.

use gossip_core::sim::Fault;

use super::*;

/// A host that has written, left for good, and is down.
fn gone(seed: u64) -> (World, Vec<String>) {
    let mut world = cluster(seed, 3);
    // More than one page of own writes, among others'.
    let own: Vec<_> = (0..700).map(|n| format!("own-{n}")).collect();
    write(&mut world, 2, own.clone());
    write(&mut world, 0, (0..300).map(|n| format!("theirs-{n}")));
    world.run_for(seconds(20));
    assert_eq!(world.totals(2, None).entries, 1_000);
    world.command(2, Command::Leave);
    world.run_for(seconds(2));
    world.crash(2);
    (world, own)
}

fn exported(world: &World) -> Vec<String> {
    let key = |fact: &gossip_core::fact::Envelope| String::from_utf8(fact.key().to_vec()).unwrap();
    let mut keys: Vec<_> = world.exports(2).iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether the host is through, and has what the others have.
fn is_back(world: &mut World) -> bool {
    !world.node(2).unwrap().status().renewing && world.converged()
}

fn renewed(world: &mut World) -> Vec<u64> {
    let exported = |event| match event {
        Event::Renewed { exported, .. } => Some(exported),
        _ => None,
    };
    world.events(2).into_iter().filter_map(exported).collect()
}

#[test]
fn own_writes_are_exported_page_by_page_and_the_state_is_taken() {
    let (mut world, mut own) = gone(1);
    world.start(2);
    assert!(world.run_until(seconds(60), MOMENT, is_back));
    own.sort_unstable();
    assert_eq!(exported(&world), own, "all of the own and none of the others'");
    assert_eq!(renewed(&mut world), [700]);
    assert!(!world.node(2).unwrap().status().renewing);
    assert_eq!(world.totals(2, None).entries, 1_000, "the cluster had them too");
    let again = world.write(2, "again", Some("1"), None);
    world.run_for(seconds(1));
    assert_eq!(outcome(&mut world, 2, again), Some(Ok(())));
    // It is no newcomer at the next start.
    world.crash(2);
    world.start(2);
    world.run_for(seconds(10));
    assert!(renewed(&mut world).is_empty());
}

/// Without a place for exports nothing is forgotten, nothing stale is said, and the application
/// hears of it once.
#[test]
fn nothing_is_forgotten_while_exports_fail() {
    let (mut world, mut own) = gone(2);
    world.write(0, "own-7", None, None);
    world.run_for(seconds(5));
    world.fail_exports(2, true);
    world.start(2);
    world.run_for(seconds(60));
    assert_eq!(world.totals(2, None).entries, 1_000, "all is still there");
    assert!(world.node(2).unwrap().status().renewing);
    let refused = world.write(2, "late", Some("1"), None);
    assert_eq!(outcome(&mut world, 2, refused), Some(Err(WriteError::Renewing)));
    let leave = world.command(2, Command::Leave);
    assert!(matches!(world.answer(2, leave), Some(Answer::Refused(_))));
    let events = world.events(2);
    assert_eq!(count(&events, |event| matches!(event, Event::ExportFailed { .. })), 1);
    for host in 0..2 {
        assert_eq!(reads(&mut world, host, "own-7"), Some(false), "nothing stale is said");
    }
    world.fail_exports(2, false);
    assert!(world.run_until(seconds(60), MOMENT, is_back));
    own.sort_unstable();
    assert_eq!(exported(&world), own);
    assert_eq!(reads(&mut world, 2, "own-7"), Some(false), "the cluster's state is taken");
}

/// A disk that fails on the way back: everything is handed out once, nothing is forgotten, and the
/// next start goes through.
#[test]
fn a_disk_that_fails_ends_the_way_back_until_the_next_start() {
    let (mut world, mut own) = gone(3);
    world.disk(2).latency = Duration::from_millis(200);
    world.start(2);
    let begun = |world: &mut World| !world.exports(2).is_empty();
    assert!(world.run_until(seconds(60), MOMENT, begun));
    world.disk(2).fault = Fault::Writes;
    world.run_for(seconds(120));
    assert_eq!(world.exports(2).len(), 700, "once, and not again and again");
    assert_eq!(world.totals(2, None).entries, 1_000);
    assert!(world.node(2).unwrap().status().renewing);
    world.crash(2);
    world.disk(2).fault = Fault::None;
    world.start(2);
    assert!(world.run_until(seconds(60), MOMENT, is_back));
    own.sort_unstable();
    assert_eq!(exported(&world), own);
}

/// A crash at any moment of the way back: each own write is in the store or outside, and the way
/// begins again.
#[test]
fn no_crash_on_the_way_back_loses_an_own_write() {
    let mut in_between = 0;
    for seed in 0..12 {
        let (mut world, mut own) = gone(seed);
        own.sort_unstable();
        let mut random = random(seed);
        world.disk(2).latency = Duration::from_millis(3);
        world.disk(2).jitter = Duration::from_millis(4);
        world.disk(2).sync_interval = Duration::from_millis(20);
        for _ in 0..4 {
            world.start(2);
            world.run_for(Duration::from_millis(random.below(80)));
            world.crash(2);
            let outside = exported(&world);
            in_between += usize::from(!outside.is_empty() && outside.len() < own.len());
            let held = world.totals(2, None).entries;
            let kept = outside == own || held == 1_000;
            assert!(kept, "seed {seed}: {} outside, {held} held", outside.len());
        }
        world.start(2);
        assert!(world.run_until(seconds(60), MOMENT, is_back), "seed {seed}");
        assert_eq!(exported(&world), own, "seed {seed}");
    }
    assert!(in_between > 0, "no crash met an export");
}
