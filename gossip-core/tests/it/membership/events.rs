//! Events without gaps: the members at one time, and all events since, are the members at any later time.

use std::collections::BTreeMap;

use gossip_core::id::NodeId;
use gossip_core::membership::Cause;

use super::*;

/// The members and their version.
fn snapshot(world: &mut World, at: usize) -> (BTreeMap<NodeId, Member>, u64) {
    let request = world.command(at, Command::Members);
    match world.answer(at, request) {
        Some(Answer::Members { members, version }) => {
            (members.into_iter().map(|member| (member.id, calm(member))).collect(), version)
        }
        other => panic!("{other:?}"),
    }
}

/// Round trips and the times of words are no changes.
fn calm(member: Member) -> Member {
    Member { rtt_us: None, said_at: gossip_core::time::Wall::ZERO, ..member }
}

/// A member that changed: which host, how it stands, why, and which host brought that.
type Change = (usize, MemberStatus, Cause, usize);

/// What a host was told of members since last asked.
fn changes(world: &mut World, at: usize) -> Vec<Change> {
    let hosts: Vec<_> = (0..world.len()).map(|host| world.id(host)).collect();
    let place = |id: NodeId| hosts.iter().position(|it| *it == id).unwrap();
    let change = |event| match event {
        Event::Member { member, cause, by, .. } => {
            Some((place(member.id), member.status, cause, place(by)))
        }
        _ => None,
    };
    world.events(at).into_iter().filter_map(change).collect()
}

#[test]
fn a_snapshot_and_the_events_since_make_every_later_snapshot() {
    for seed in 0..4 {
        let mut world = cluster(seed, 8);
        drop(world.events(0));
        let (mut known, mut version) = snapshot(&mut world, 0);
        let mut changes = 0;
        for step in 0..10 {
            match step {
                0 => world.crash(3),
                2 => world.start(3),
                3 => drop(world.add(ConfigSpec {
                    seeds: seed_of(&world, 1),
                    name: "later".into(),
                    ..ConfigSpec::default()
                })),
                4 => drop(world.command(5, Command::Leave)),
                5 => {
                    world.crash(6);
                    world.relocate(6, "10.9.9.9:7946".parse().unwrap());
                    world.start(6);
                }
                6 => drop(world.command(2, Command::Evict(world.id(7)))),
                7 => drop(world.rule(sim::cut(|host| host == 0))),
                8 => world.clear_rules(),
                _ => {}
            }
            world.run_for(seconds(15));
            for event in world.events(0) {
                let Event::Member { member, before, version: now, .. } = event else { continue };
                version += 1;
                changes += 1;
                assert_eq!(now, version, "seed {seed}, step {step}: events are left out");
                let old = known.insert(member.id, calm(*member));
                assert_eq!(old.map(|old| old.status), before, "seed {seed}, step {step}");
            }
            assert_eq!(
                (known.clone(), version),
                snapshot(&mut world, 0),
                "seed {seed}, step {step}"
            );
        }
        assert!(changes >= 8, "{changes}");
    }
}

#[test]
fn events_say_why_and_who_brought_it() {
    let mut world = cluster(1, 8);
    (0..8).for_each(|host| drop(world.events(host)));
    world.crash(3);
    world.run_for(seconds(20));
    for host in [0, 1, 2, 4, 5, 6, 7] {
        let [(3, MemberStatus::Suspect, cause, by), dead] = *changes(&mut world, host) else {
            panic!("host {host}: it was suspected, then dead");
        };
        let ours = (cause, by) == (Cause::Silence, host);
        assert!(ours || (cause == Cause::Accused && by != host && by != 3), "{cause:?} {by}");
        assert_eq!(dead, (3, MemberStatus::Dead, Cause::Silence, host), "its own verdict");
    }
    world.start(3);
    world.run_for(seconds(10));
    for host in [0, 7] {
        let told = changes(&mut world, host);
        let alive = told.iter().find(|(_, status, ..)| *status == MemberStatus::Alive);
        assert!(matches!(alive, Some((3, _, Cause::Heard | Cause::Word, _))), "{told:?}");
    }
    world.command(5, Command::Leave);
    world.run_for(seconds(5));
    world.command(2, Command::Evict(world.id(6)));
    world.run_for(seconds(5));
    for host in [0, 7] {
        let told = changes(&mut world, host);
        let [(5, MemberStatus::Left, Cause::Goodbye, _), evicted] = *told else {
            panic!("{told:?}")
        };
        assert_eq!(evicted, (6, MemberStatus::Evicted, Cause::Evicted, 2));
    }
}
