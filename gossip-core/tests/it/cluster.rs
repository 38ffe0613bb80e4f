//! Clusters in the simulator: joining, spreading, healing.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::ConfigSpec;
use gossip_core::io::{Answer, Command, Event, Seed, Write};
use gossip_core::membership::MemberStatus;
use gossip_core::sim::{self, World};

const MOMENT: Duration = Duration::from_millis(50);

fn everybody_knows_everybody(world: &mut World) -> bool {
    let alive = |world: &World, host| world.node(host).map(|node| node.status().peers.alive);
    (0..world.len()).all(|host| alive(world, host).is_none_or(|alive| alive == world.len()))
}

#[test]
fn sixteen_nodes_meet_through_one_seed() {
    let mut world = World::new(1);
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(5)));
    world.add_cluster(16, &ConfigSpec::default());
    let met = world.run_until(Duration::from_secs(10), MOMENT, everybody_knows_everybody);
    assert!(met, "not everybody is known after 10 s");
}

#[test]
fn a_write_reaches_everybody() {
    let mut world = World::new(2);
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(5)));
    world.add_cluster(16, &ConfigSpec::default());
    assert!(world.run_until(Duration::from_secs(10), MOMENT, everybody_knows_everybody));
    let request = world.write(3, "colour", Some("blue"), None);
    world.run_for(MOMENT);
    assert!(
        matches!(world.answer(3, request), Some(Answer::Written(results)) if results[0].is_ok())
    );
    assert!(world.run_until(Duration::from_secs(10), MOMENT, |world| {
        (0..16).all(|host| world.totals(host, None).entries == 1)
    }));
    assert!(world.converged());
}

#[test]
fn a_thousand_entries_repair_over_loss() {
    let mut world = World::new(3);
    world.rule(sim::loss(0.1));
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(20)));
    world.add_cluster(5, &ConfigSpec::default());
    world.run_for(Duration::from_secs(5));
    for n in 0..1_000 {
        world.write(n % 5, &format!("key-{n}"), Some("value"), None);
    }
    let converged = world.run_until(Duration::from_secs(60), MOMENT, |world| {
        world.converged() && world.totals(0, None).entries == 1_000
    });
    assert!(converged);
}

#[test]
fn the_dead_are_noticed_and_come_back() {
    let mut world = World::new(4);
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(5)));
    world.add_cluster(5, &ConfigSpec::default());
    assert!(world.run_until(Duration::from_secs(10), MOMENT, everybody_knows_everybody));
    world.crash(2);
    world.events(0);
    let noticed = world.run_until(Duration::from_secs(30), MOMENT, |world| {
        (0..5)
            .filter(|host| *host != 2)
            .all(|host| world.node(host).is_some_and(|node| node.status().peers.dead == 1))
    });
    assert!(noticed);
    let statuses: Vec<_> = world
        .events(0)
        .into_iter()
        .filter_map(|event| {
            if let Event::Member { member, .. } = event { Some(member.status) } else { None }
        })
        .collect();
    assert_eq!(statuses, [MemberStatus::Suspect, MemberStatus::Dead]);
    world.start(2);
    assert!(world.run_until(Duration::from_secs(30), MOMENT, everybody_knows_everybody));
}

#[test]
fn leaving_is_seen_as_leaving() {
    let mut world = World::new(5);
    world.add_cluster(5, &ConfigSpec::default());
    assert!(world.run_until(Duration::from_secs(10), MOMENT, everybody_knows_everybody));
    let request = world.command(1, Command::Leave);
    world.run_for(Duration::from_secs(2));
    assert!(matches!(world.answer(1, request), Some(Answer::Done)));
    world.crash(1);
    world.run_for(Duration::from_secs(30));
    for host in [0, 2, 3, 4] {
        let peers = world.node(host).unwrap().status().peers;
        assert_eq!((peers.alive, peers.left, peers.dead), (4, 1, 0), "host {host}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.begin_trace();
        world.rule(sim::loss(0.05));
        world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(30)));
        world.add_cluster(6, &ConfigSpec::default());
        for n in 0..50 {
            world.write(n % 6, &format!("k{n}"), Some("v"), None);
            world.run_for(Duration::from_millis(100));
        }
        world.crash(3);
        world.run_for(Duration::from_secs(10));
        world.start(3);
        world.run_for(Duration::from_secs(10));
        world.trace().unwrap()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_burst_at_one_node_reaches_everybody() {
    let mut world = World::new(9);
    world.rule(sim::loss(0.01));
    world.rule(sim::delay(Duration::from_micros(100), Duration::from_millis(1)));
    world.add_cluster(5, &ConfigSpec::default());
    world.run_for(Duration::from_secs(3));
    let channel = world.main_channel(2);
    for batch in 0..60 {
        let write = |n| Write {
            key: Bytes::from(format!("/usr/share/doc/package-{batch}/file-{n}")),
            value: Some(Bytes::from_static(b"package")),
            ttl: None,
        };
        world.command(2, Command::Write { channel, writes: (0..500).map(write).collect() });
        world.run_for(Duration::from_millis(15));
    }
    let converged = world.run_until(Duration::from_secs(20), MOMENT, |world| {
        world.converged() && world.totals(0, None).entries == 30_000
    });
    let counts: Vec<_> = (0..5).map(|host| world.totals(host, None).entries).collect();
    assert!(converged, "{counts:?} 20 s after the burst");
}

#[test]
fn differences_all_over_the_time_order_are_repaired() {
    let mut world = World::new(8);
    world.add_cluster(2, &ConfigSpec::default());
    assert!(world.run_until(Duration::from_secs(10), MOMENT, everybody_knows_everybody));
    world.rule(sim::cut(|host| host == 0));
    for n in 0..4_000 {
        world.write(n % 2, &format!("key-{n}"), Some("value"), None);
        world.run_for(Duration::from_millis(5));
    }
    // No rumor is left: what one half wrote between all of the other's comes by repair alone.
    world.run_for(Duration::from_secs(60));
    world.clear_rules();
    let converged = world.run_until(Duration::from_secs(60), MOMENT, |world| {
        world.converged() && world.totals(0, None).entries == 4_000
    });
    assert!(converged);
}

/// Newcomers know a member that has stopped by its goodbye alone, which says nothing of where it can be
/// reached: they meet one another all the same.
#[test]
fn newcomers_meet_although_somebody_has_stopped() {
    let mut world = World::new(1);
    world.add_cluster(3, &ConfigSpec::default());
    world.run_for(Duration::from_secs(10));
    world.command(2, Command::Stop);
    world.run_for(Duration::from_secs(2));
    world.crash(2);
    for _ in 0..2 {
        let seeds = vec![Seed::Address(world.address(0))];
        world.add(ConfigSpec { seeds, ..ConfigSpec::default() });
        world.run_for(Duration::from_secs(20));
    }
    for host in [0, 1, 3, 4] {
        assert_eq!(world.node(host).unwrap().status().partners, 3, "host {host}");
    }
}
