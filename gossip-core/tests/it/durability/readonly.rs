//! A store that fails: the node reads, relays, and says so once.

use gossip_core::sim::Fault;
use gossip_core::testkit::Wiretap;

use super::*;

/// Hosts in a line: each hears only those beside it.
fn in_line(world: &mut World) {
    ruled(world, |packet: &Packet<'_>, _: &mut Rng| {
        let beside = packet.from.abs_diff(packet.to) == 1;
        if beside { Verdict::Pass } else { Verdict::Drop }
    });
}

fn failures(world: &mut World, host: usize) -> usize {
    count(&world.events(host), |event| matches!(event, Event::StoreFailed(_)))
}

/// The disk of one of five fails at a random moment: the others become equal as ever, what it was
/// told is read from it, and on a good disk it becomes equal too.
#[test]
fn a_disk_that_fails_at_any_moment_harms_nobody_else() {
    for seed in 0..12 {
        let mut world = cluster(seed, 5);
        let mut random = random(seed);
        let fails_after = random.index(60);
        world.disk(1).jitter = Duration::from_millis(30);
        world.disk(1).sync_interval = Duration::from_millis(30);
        let mut own = Vec::new();
        for number in 0..80 {
            let host = number % 5;
            let key = format!("key-{number}");
            let request = world.write(host, &key, Some("1"), None);
            if host == 1 {
                own.push((request, key));
            }
            if number == fails_after {
                world.disk(1).fault = Fault::Writes;
            }
            world.run_for(Duration::from_millis(random.below(60)));
        }
        let others_have_all = world.run_until(seconds(60), MOMENT, |world| {
            let sums: Vec<_> = [0, 2, 3, 4].map(|host| world.totals(host, None).sum).into();
            sums.iter().all(|sum| *sum == sums[0])
        });
        assert!(others_have_all, "seed {seed}");
        let status = world.node(1).unwrap().status();
        assert!(status.store.read_only && !status.store.is_healthy(), "seed {seed}");
        assert!(status.store.reason.unwrap().contains("no space left"), "seed {seed}");
        assert_eq!(failures(&mut world, 1), 1, "seed {seed}: said once");
        let refused = world.write(1, "late", Some("1"), None);
        assert_eq!(outcome(&mut world, 1, refused), Some(Err(WriteError::ReadOnly)));
        let kept: Vec<_> = own
            .into_iter()
            .filter(|(request, _)| outcome(&mut world, 1, *request) == Some(Ok(())))
            .map(|(_, key)| key)
            .collect();
        for key in &kept {
            assert_eq!(reads(&mut world, 1, key), Some(true), "seed {seed}: reads go on");
        }
        world.crash(1);
        world.disk(1).fault = Fault::None;
        world.start(1);
        assert!(world.node(1).unwrap().status().store.is_healthy());
        let equal = world.run_until(seconds(60), MOMENT, |world| {
            all_alive(world) && world.converged() && world.totals(1, None).entries >= 64
        });
        assert!(equal, "seed {seed}: it repairs itself");
        for key in &kept {
            for host in 0..5 {
                assert_eq!(reads(&mut world, host, key), Some(true), "seed {seed}: {key} is lost");
            }
        }
    }
}

/// The only bridge of a line cannot write: facts of both ends cross it, each once.
#[test]
fn a_read_only_node_relays_what_it_cannot_keep() {
    for seed in 0..4 {
        let mut world = cluster(seed, 3);
        in_line(&mut world);
        world.write(0, "before", Some("1"), None);
        world.run_for(seconds(20));
        world.disk(1).fault = Fault::Writes;
        for number in 0..20 {
            world.write(0, &format!("left-{number}"), Some("1"), None);
            world.write(2, &format!("right-{number}"), Some("1"), None);
            world.run_for(Duration::from_millis(100));
        }
        let crossed = world.run_until(seconds(30), MOMENT, |world| {
            [0, 2].into_iter().all(|host| world.totals(host, None).entries == 41)
        });
        assert!(crossed, "seed {seed}: {:?}", [0, 2].map(|host| world.totals(host, None).entries));
        assert_eq!(reads(&mut world, 1, "before"), Some(true), "what it holds it tells");
        assert_eq!(reads(&mut world, 1, "left-3"), Some(false), "and nothing else");
        assert_eq!(world.totals(1, None).entries, 1);
        assert_eq!(world.node(1).unwrap().status().relayed, 40, "seed {seed}: each once");
        assert_eq!(failures(&mut world, 1), 1);
    }
}

/// Nobody gives it what it cannot keep, again and again, and it asks for nothing.
#[test]
fn a_read_only_node_costs_its_partners_next_to_nothing() {
    let mut world = cluster(3, 3);
    for batch in 0..4 {
        write(&mut world, 0, (0..500).map(|n| format!("key-{batch}-{n}")));
        world.run_for(seconds(2));
    }
    assert!(world.run_until(seconds(60), seconds(1), World::converged));
    world.disk(1).fault = Fault::Writes;
    for batch in 4..6 {
        write(&mut world, 0, (0..500).map(|n| format!("key-{batch}-{n}")));
        world.run_for(seconds(2));
    }
    world.run_for(seconds(60));
    assert_eq!(world.totals(1, None).entries, 2_000);
    let tap = Wiretap::new("gossip");
    ruled(&mut world, tap.clone());
    let wire = |world: &World| world.node(1).unwrap().status().wire;
    let probes = |world: &World| {
        let sent = world.node(1).unwrap().status().detector;
        sent.pings + sent.acks
    };
    let (before, probed) = (wire(&world), probes(&world));
    world.run_for(seconds(300));
    let (after, probed) = (wire(&world), probes(&world) - probed);
    assert_eq!(tap.take(), [], "nobody gives what cannot be kept");
    // Who is alive is asked and answered besides.
    let frames = (after.sent_frames - before.sent_frames).saturating_sub(probed);
    let bytes = after.received_bytes - before.received_bytes;
    assert!(frames < 3_000 && bytes < 300_000, "{frames} frames, {bytes} bytes in 5 minutes");
    // Somebody new is given what it holds.
    world.crash(2);
    world.disk(2).restore(sim::Disk::default());
    ruled(&mut world, sim::cut(|host| host == 0));
    world.start(2);
    let given =
        world.run_until(seconds(60), seconds(1), |world| world.totals(2, None).entries == 2_000);
    assert!(given, "{}", world.totals(2, None).entries);
}

/// A store whose reads fail answers no question and keeps nobody from agreeing.
#[test]
fn a_store_that_cannot_be_read_harms_nobody_else() {
    for seed in 0..4 {
        let mut world = cluster(seed, 4);
        write(&mut world, 0, (0..50).map(|n| format!("key-{n}")));
        world.run_for(seconds(10));
        world.disk(1).fault = Fault::Reads;
        let own = world.write(1, "own", Some("1"), None);
        write(&mut world, 2, (50..100).map(|n| format!("key-{n}")));
        world.run_for(seconds(60));
        assert_eq!(outcome(&mut world, 1, own), Some(Ok(())), "writes go on");
        assert_eq!(reads(&mut world, 1, "key-1"), None);
        let status = world.node(1).unwrap().status();
        assert!(!status.store.is_healthy() && !status.store.read_only);
        assert_eq!(failures(&mut world, 1), 1, "seed {seed}: said once");
        let sums: Vec<_> = [0, 2, 3].map(|host| world.totals(host, None)).into();
        assert!(sums.iter().all(|totals| totals.entries == 101), "seed {seed}: {sums:?}");
        world.disk(1).fault = Fault::None;
        assert!(world.run_until(seconds(60), MOMENT, World::converged), "seed {seed}");
    }
}
