//! A host whose disk is put back to what it was: what it remembers is old, and it harms nobody.

use super::*;

/// While the snapshot lay in its drawer one member died, one left, one restarted and one came.
#[test]
fn an_old_snapshot_neither_revives_the_dead_nor_hides_the_living() {
    let mut world = cluster(1, 6);
    let snapshot = world.disk(3).snapshot();
    world.run_for(seconds(60));
    world.crash(1);
    let leave = world.command(2, Command::Leave);
    world.run_for(seconds(10));
    assert!(matches!(world.answer(2, leave), Some(Answer::Done)));
    world.crash(2);
    world.crash(4);
    world.run_for(seconds(5));
    world.start(4);
    let seeds = seed_of(&world, 0);
    let newcomer = world.add(ConfigSpec { seeds, ..ConfigSpec::default() });
    world.run_for(seconds(6 * 60 * 60));
    (0..world.len()).for_each(|host| drop(world.events(host)));
    world.crash(3);
    world.put_back(3, snapshot);
    world.start(3);
    let time = time_until_one_view(&mut world, seconds(60));
    assert!(time.is_some_and(|time| time < seconds(15)), "{time:?}");
    world.run_for(seconds(60));
    assert_eq!(status_of(&mut world, 3, 1), Some(MemberStatus::Dead));
    assert_eq!(status_of(&mut world, 3, 2), Some(MemberStatus::Left));
    for host in [0, 4, 5, newcomer] {
        let seen = verdicts(&mut world, host);
        assert!(seen.iter().all(|(about, _)| *about == 3), "host {host}: {seen:?}");
        assert_eq!(status_of(&mut world, host, 1), Some(MemberStatus::Dead), "host {host}");
        assert_eq!(status_of(&mut world, host, 2), Some(MemberStatus::Left), "host {host}");
    }
}

/// Others know a later incarnation of a host than its disk and its clock do: it jumps beyond.
#[test]
fn who_comes_back_with_an_old_incarnation_jumps_beyond_its_last() {
    let mut world = cluster(2, 5);
    let snapshot = world.disk(3).snapshot();
    // Incarnations are at least the time: this one is of five seconds later than the next.
    world.skew(3, 8_000);
    world.crash(3);
    world.start(3);
    assert!(time_until_one_view(&mut world, seconds(20)).is_some());
    let id = world.id(3);
    let incarnation = |world: &mut World, at: usize| {
        let all = members(world, at).into_iter();
        all.filter(|member| member.id == id).map(|member| member.alive.incarnation).max().unwrap()
    };
    let before = incarnation(&mut world, 0);
    world.crash(3);
    world.put_back(3, snapshot);
    world.skew(3, 0);
    world.start(3);
    assert!(world.run_until(seconds(20), MOMENT, |world| {
        (0..5).all(|host| incarnation(world, host) > before)
    }));
    assert!(time_until_one_view(&mut world, seconds(20)).is_some());
}
