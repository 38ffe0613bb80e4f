//! What is wrong is told with its true cause: by `why`, and by what all members report together.

use gossip_core::membership::{Clue, Grounds, Link, Severity, Symptom, diagnose};
use gossip_core::sim::{Packet, Verdict};

use super::*;

fn why(world: &mut World, at: usize, of: usize) -> Grounds {
    let request = world.command(at, Command::Why(world.id(of)));
    match world.answer(at, request) {
        Some(Answer::Why(grounds)) => *grounds,
        other => panic!("{other:?}"),
    }
}

/// What a host noted about another one, in order, and which host did it.
fn evidence(world: &mut World, at: usize, of: usize) -> Vec<(&'static str, usize)> {
    let hosts: Vec<_> = (0..world.len()).map(|host| world.id(host)).collect();
    let lines = why(world, at, of).evidence.into_iter();
    lines
        .map(|line| (line.clue.name(), hosts.iter().position(|id| *id == line.by).unwrap()))
        .collect()
}

/// What a host concludes from everybody's reports.
fn symptoms(world: &mut World, at: usize) -> Vec<Symptom> {
    let request = world.command(at, Command::Reports { of: None, full: false });
    let mut reports = None;
    world.run_until(seconds(3), MOMENT, |world| {
        reports = world.answer(at, request);
        reports.is_some()
    });
    let Some(Answer::Reports(reports)) = reports else { panic!("{reports:?}") };
    diagnose(&members(world, at), &reports)
}

/// The same: of what kind, and about which hosts.
fn findings(world: &mut World, at: usize) -> Vec<(&'static str, Vec<usize>)> {
    let hosts: Vec<_> = (0..world.len()).map(|host| world.id(host)).collect();
    let place = |id: &_| hosts.iter().position(|it| it == id).unwrap();
    let found = symptoms(world, at).into_iter();
    found.map(|it| (it.code, it.nodes.iter().map(place).collect())).collect()
}

#[test]
fn nothing_is_found_where_all_is_well_and_nothing_kept() {
    let mut world = cluster(1, 16);
    for time in [0, 1, 120] {
        world.run_for(seconds(time));
        for host in 0..16 {
            assert_eq!(symptoms(&mut world, host), [], "after {time} s, to host {host}");
        }
    }
    for (at, of) in [(0, 1), (3, 9), (15, 0)] {
        let grounds = why(&mut world, at, of);
        assert_eq!(grounds.evidence.len(), 1, "{:?}", grounds.evidence);
        assert_eq!((grounds.contact.link(grounds.now), grounds.due), (Link::Good, None));
        assert_eq!(grounds.contact.loss_percent(), Some(0));
        assert!(grounds.has_session && grounds.contact.heard.is_some());
    }
}

#[test]
fn a_link_that_is_cut_one_way_is_named_with_its_direction_by_everybody() {
    for (seed, from, to) in [(1, 3, 0), (2, 0, 7), (3, 5, 6)] {
        let mut world = cluster(seed, 8);
        let cut = world.rule(move |packet: &Packet<'_>, _: &mut _| {
            if (packet.from, packet.to) == (from, to) { Verdict::Drop } else { Verdict::Pass }
        });
        world.run_for(seconds(20));
        for host in 0..8 {
            let found = findings(&mut world, host);
            assert_eq!(found, [("one-way-link", vec![from, to])], "seed {seed}, to host {host}");
        }
        // The two of them know as much without asking anybody, and call nobody dead.
        let (ours, theirs) = (why(&mut world, to, from), why(&mut world, from, to));
        assert_eq!(ours.contact.link(ours.now), Link::Vouched, "others have answers of it");
        assert_eq!(
            theirs.contact.link(theirs.now),
            Link::Heard,
            "we hear it, and it does not answer"
        );
        assert!(ours.contact.vouched > ours.contact.heard);
        assert_eq!(deaths(&mut world), 0);
        world.end_rule(cut);
        world.run_for(seconds(20));
        assert_eq!(findings(&mut world, 1), [], "seed {seed}: all is well again");
        let grounds = why(&mut world, from, to);
        assert_eq!(grounds.contact.link(grounds.now), Link::Good);
    }
}

#[test]
fn who_stood_still_is_told_by_itself_once_it_runs() {
    let mut world = cluster(1, 8);
    world.pause(3, seconds(20));
    world.run_for(seconds(15));
    assert_eq!(findings(&mut world, 0), [("dead", vec![3])]);
    world.run_for(seconds(10));
    for host in 0..8 {
        assert_eq!(findings(&mut world, host), [("stood-still", vec![3])], "to host {host}");
    }
    let own = why(&mut world, 3, 3).evidence;
    let still = own.iter().filter_map(|line| match line.clue {
        Clue::StoodStill(millis) => Some(millis),
        _ => None,
    });
    let still: Vec<_> = still.collect();
    assert!(matches!(*still, [19_000..=20_100]), "{still:?}");
    let told = evidence(&mut world, 0, 3);
    assert!(told.contains(&("convicted", 0)) && told.contains(&("heard-again", 3)), "{told:?}");
}

#[test]
fn a_crash_is_told_from_the_first_missing_answer_to_the_restart() {
    let mut world = cluster(1, 8);
    world.crash(3);
    let suspected = |world: &mut World| status_of(world, 0, 3) == Some(MemberStatus::Suspect);
    assert!(world.run_until(seconds(10), MOMENT, suspected));
    let grounds = why(&mut world, 0, 3);
    let due = grounds.due.unwrap();
    assert!(due.left > Duration::ZERO && due.left < seconds(10), "{due:?}");
    assert!(grounds.accusers.iter().any(|accuser| accuser.by != world.id(3)));
    world.run_for(seconds(20));
    assert_eq!(findings(&mut world, 0), [("dead", vec![3])]);
    let severe =
        |it: &Symptom| it.severity == Severity::Doubt && it.next.contains("gossip-cli why");
    assert!(symptoms(&mut world, 5).iter().all(severe));
    let told = evidence(&mut world, 0, 3);
    let place = |clue| told.iter().position(|(name, _)| *name == clue).unwrap();
    let order = ["joined", "probed", "asked", "missed", "suspected", "convicted"].map(place);
    assert!(order.is_sorted(), "{told:?}");
    assert_eq!(told[place("convicted")], ("convicted", 0), "each node's own verdict");
    assert_eq!(why(&mut world, 0, 3).due, None);
    world.start(3);
    world.run_for(seconds(10));
    assert_eq!(findings(&mut world, 0), []);
    let told = evidence(&mut world, 0, 3);
    assert!(told.contains(&("restarted", 3)) && told.contains(&("heard-again", 3)), "{told:?}");
}

#[test]
fn who_left_and_who_was_evicted_are_told_from_the_dead() {
    let mut world = cluster(1, 8);
    world.command(3, Command::Leave);
    let id = world.id(4);
    world.command(2, Command::Evict(id));
    world.run_for(seconds(30));
    for host in [0, 1, 2, 5, 6, 7] {
        assert_eq!(findings(&mut world, host), [("evicted", vec![4])], "to host {host}");
        assert!(evidence(&mut world, host, 3).contains(&("left", 3)), "to host {host}");
        assert!(evidence(&mut world, host, 4).contains(&("evicted", 2)), "to host {host}");
    }
}

/// Ten runs of eight: with half of all probes lost a run of them is nothing unusual.
#[test]
fn loss_is_hardly_ever_taken_for_a_cut() {
    let mut cuts = 0;
    for seed in 0..10 {
        let mut world = cluster(seed, 8);
        world.rule(sim::loss(0.3));
        world.run_for(seconds(120));
        let found = findings(&mut world, 0);
        assert!(found.iter().any(|(code, _)| *code == "loss"), "seed {seed}: {found:?}");
        cuts += found.iter().filter(|(code, _)| code.ends_with("-link")).count();
    }
    assert!(cuts <= 1, "{cuts}");
}

#[test]
fn a_clock_that_is_off_is_named() {
    let mut world = cluster(1, 6);
    world.skew(4, 5_000);
    world.run_for(seconds(5));
    for host in [0, 4] {
        assert_eq!(findings(&mut world, host), [("clock-skew", vec![4])], "to host {host}");
    }
}

#[test]
fn who_runs_on_at_another_address_is_followed_there_and_named() {
    for seed in 1..=20 {
        let mut world = cluster(seed, 8);
        (0..8).for_each(|host| drop(world.events(host)));
        let new = std::net::SocketAddr::from(([10, 9, 9, 1], 7946));
        world.relocate(5, new);
        world.run_for(seconds(20));
        let mut heard_elsewhere = 0;
        for host in [0, 1, 2, 3, 4, 6, 7] {
            let verdicts = verdicts(&mut world, host);
            let deaths: Vec<_> =
                verdicts.iter().filter(|(_, status)| *status == MemberStatus::Dead).collect();
            assert!(deaths.is_empty(), "seed {seed}, host {host}: {verdicts:?}");
            assert_eq!(status_of(&mut world, host, 5), Some(MemberStatus::Alive));
            assert_eq!(why(&mut world, host, 5).contact.link(world.now()), Link::Good);
            let found = symptoms(&mut world, host);
            let [symptom] = found.as_slice() else { panic!("seed {seed}, host {host}: {found:?}") };
            assert_eq!(
                (symptom.code, &*symptom.nodes),
                ("unannounced-address", &[world.id(5)][..])
            );
            assert!(symptom.text.contains("10.9.9.1:7946"), "{}", symptom.text);
            let lines = evidence(&mut world, host, 5);
            heard_elsewhere += usize::from(lines.contains(&("elsewhere", host)));
        }
        assert!(heard_elsewhere >= 4, "seed {seed}: at {heard_elsewhere} hosts");
        world.crash(5);
        world.start(5);
        world.run_for(seconds(20));
        for host in [0, 1, 2, 3, 4, 6, 7] {
            assert_eq!(findings(&mut world, host), [("address-changed", vec![5])]);
        }
    }
}
