//! Evictions: a member is thrown out by another one, and comes back by a restart alone.

use gossip_core::io::Refused;

use super::*;

fn evict(world: &mut World, by: usize, whom: usize) -> Option<Answer> {
    let whom = world.id(whom);
    let request = world.command(by, Command::Evict(whom));
    world.answer(by, request)
}

/// Whether all but one see it evicted.
fn evicted_everywhere(world: &mut World, whom: usize) -> bool {
    let others: Vec<_> = running(world).into_iter().filter(|host| *host != whom).collect();
    others.iter().all(|host| status_of(world, *host, whom) == Some(MemberStatus::Evicted))
}

#[test]
fn who_is_evicted_is_talked_with_no_more_until_it_restarts() {
    let mut world = cluster(1, 8);
    (0..8).for_each(|host| drop(world.events(host)));
    assert!(matches!(evict(&mut world, 2, 5), Some(Answer::Done)));
    assert!(world.run_until(seconds(5), MOMENT, |world| evicted_everywhere(world, 5)));
    // It knows, and by whom; and is silent from then on.
    world.run_for(seconds(1));
    let by = world.id(2);
    let told = |event: &Event| matches!(event, Event::Evicted { by: who } if *who == by);
    assert_eq!(world.events(5).iter().filter(|event| told(event)).count(), 1);
    world.run_for(seconds(10));
    let sent = world.node(5).unwrap().status().wire.sent_frames;
    world.run_for(seconds(60));
    assert_eq!(world.node(5).unwrap().status().wire.sent_frames, sent);
    for host in [0, 1, 2, 3, 4, 6, 7] {
        let status = world.node(host).unwrap().status();
        assert_eq!((status.peers.alive, status.peers.evicted), (7, 1), "host {host}");
        assert_eq!(status.queues["sessions"], 6, "host {host}");
        let seen = verdicts(&mut world, host);
        assert_eq!(seen, [(5, MemberStatus::Evicted)], "host {host}");
    }
    world.crash(5);
    world.start(5);
    assert!(time_until_one_view(&mut world, seconds(15)).is_some());
    world.run_for(seconds(60));
    assert!(one_view(&mut world));
}

#[test]
fn the_dead_can_be_evicted_and_others_who_restart_do_not_revive_them() {
    let mut world = cluster(2, 6);
    world.crash(5);
    world.run_for(seconds(60));
    assert!(matches!(evict(&mut world, 0, 5), Some(Answer::Done)));
    assert!(world.run_until(seconds(5), MOMENT, |world| evicted_everywhere(world, 5)));
    // All who have heard of it restart: it stands on their disks.
    (0..5).for_each(|host| world.crash(host));
    (0..5).for_each(|host| world.start(host));
    assert!(time_until_one_view(&mut world, seconds(15)).is_some());
    world.run_for(seconds(30));
    for host in 0..5 {
        let status = status_of(&mut world, host, 5);
        assert!(matches!(status, None | Some(MemberStatus::Evicted)), "host {host}: {status:?}");
    }
    world.start(5);
    assert!(time_until_one_view(&mut world, seconds(20)).is_some());
}

/// It cannot be told, for it is cut off; later it says hello to all, and nobody listens.
#[test]
fn who_is_evicted_while_it_is_cut_off_learns_it_when_it_comes_back() {
    let mut world = cluster(3, 8);
    let cut = world.rule(sim::cut(|host| host == 5));
    world.run_for(seconds(60));
    assert!(matches!(evict(&mut world, 0, 5), Some(Answer::Done)));
    world.run_for(seconds(60));
    world.write(5, "late", Some("news"), None);
    (0..8).for_each(|host| drop(world.events(host)));
    world.end_rule(cut);
    let told = |event: &Event| matches!(event, Event::Evicted { .. });
    let learned = world.run_until(seconds(30), MOMENT, |world| world.events(5).iter().any(told));
    assert!(learned);
    world.run_for(seconds(30));
    assert!(evicted_everywhere(&mut world, 5));
    for host in [0, 1, 2, 3, 4, 6, 7] {
        assert_eq!(verdicts(&mut world, host), [], "host {host}");
        assert_eq!(world.totals(host, None).entries, 0, "host {host}: it was not listened to");
    }
}

#[test]
fn nobody_evicts_itself_strangers_or_others_after_its_goodbye() {
    let mut world = cluster(4, 3);
    let refused = |answer, why: Refused| {
        assert!(matches!(answer, Some(Answer::Refused(it)) if it == why), "{answer:?}");
    };
    refused(evict(&mut world, 1, 1), Refused::Oneself);
    refused(evict(&mut world, 1, 77), Refused::UnknownMember);
    world.command(1, Command::Stop);
    world.run_for(seconds(1));
    refused(evict(&mut world, 1, 2), Refused::Oneself);
    // Who has left is gone already.
    assert!(matches!(evict(&mut world, 0, 1), Some(Answer::Done)));
    world.run_for(seconds(1));
    assert_eq!(status_of(&mut world, 0, 1), Some(MemberStatus::Left));
}

/// Two members evict one another at the same time: both are out, and the others agree.
#[test]
fn evictions_that_cross_both_stand() {
    let mut world = cluster(5, 8);
    evict(&mut world, 1, 2);
    evict(&mut world, 2, 1);
    world.run_for(seconds(30));
    for host in [0, 3, 4, 5, 6, 7] {
        let peers = world.node(host).unwrap().status().peers;
        assert_eq!((peers.alive, peers.evicted, peers.dead), (6, 2, 0), "host {host}");
    }
}
