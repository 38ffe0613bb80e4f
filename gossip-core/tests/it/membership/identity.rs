//! Who is who: members move, and addresses change hands.

use super::*;

fn place(number: u8) -> std::net::SocketAddr {
    std::net::SocketAddr::from(([10, 9, 9, number], 7946))
}

#[test]
fn a_member_that_moved_is_found_at_its_new_address() {
    let mut world = cluster(1, 8);
    world.crash(5);
    world.run_for(seconds(60));
    world.relocate(5, place(1));
    world.start(5);
    assert!(time_until_one_view(&mut world, seconds(15)).is_some());
    let id = world.id(5);
    for host in 0..8 {
        let all = members(&mut world, host);
        let moved = all.iter().find(|member| member.id == id).unwrap();
        assert_eq!(moved.alive.endpoints.datagram, [place(1)], "host {host}");
        assert_eq!(all.len(), 8, "host {host}: it is the same member");
    }
}

/// The seed itself moves, and all others move too while it is away: they find one another by those who
/// stayed.
#[test]
fn all_but_one_move_at_once() {
    let mut world = cluster(2, 8);
    (1..8).for_each(|host| world.crash(host));
    world.run_for(seconds(60));
    for host in 1..8 {
        world.relocate(host, place(host as u8));
        world.start(host);
    }
    assert!(time_until_one_view(&mut world, seconds(15)).is_some());
}

/// Somebody else listens where a member that is gone did.
#[test]
fn a_stranger_at_the_address_of_the_dead_is_not_taken_for_it() {
    let mut world = cluster(3, 8);
    world.crash(5);
    world.run_for(seconds(60));
    (0..8).for_each(|host| drop(world.events(host)));
    let seeds = seed_of(&world, 0);
    let at = world.address(5);
    let stranger = world.add_at(ConfigSpec { seeds, ..ConfigSpec::default() }, at);
    let time = time_until_one_view(&mut world, seconds(30));
    assert!(time.is_some_and(|time| time < seconds(5)), "{time:?}");
    world.run_for(seconds(60));
    for host in [0, 1, 2, 3, 4, 6, 7] {
        assert_eq!(status_of(&mut world, host, 5), Some(MemberStatus::Dead), "host {host}");
        assert_eq!(verdicts(&mut world, host), [(stranger, MemberStatus::Alive)], "host {host}");
    }
    // The old member comes back elsewhere: both are there.
    world.relocate(5, place(5));
    world.start(5);
    assert!(time_until_one_view(&mut world, seconds(20)).is_some());
}

/// No time passes in which anybody could have noticed that the old one is gone.
#[test]
fn a_stranger_takes_an_address_over_at_once() {
    let mut world = cluster(4, 8);
    world.crash(5);
    let seeds = seed_of(&world, 0);
    let at = world.address(5);
    let stranger = world.add_at(ConfigSpec { seeds, ..ConfigSpec::default() }, at);
    assert!(time_until_one_view(&mut world, seconds(5)).is_some());
    world.run_for(seconds(30));
    assert!(one_view(&mut world));
    for host in [0, 1, 2, 3, 4, 6, 7] {
        assert_eq!(status_of(&mut world, host, 5), Some(MemberStatus::Dead), "host {host}");
        assert_eq!(status_of(&mut world, host, stranger), Some(MemberStatus::Alive));
    }
}

/// What a member says of itself is taken over by all, and makes no other member of it.
#[test]
fn a_member_that_comes_back_with_other_tags_is_seen_with_them() {
    let mut world = cluster(5, 8);
    world.crash(5);
    let seeds = seed_of(&world, 0);
    let tags = [("rack".to_owned(), "7".to_owned())].into();
    world.configure(5, ConfigSpec { seeds, tags, name: "new".to_owned(), ..ConfigSpec::default() });
    world.start(5);
    assert!(time_until_one_view(&mut world, seconds(15)).is_some());
    let id = world.id(5);
    for host in 0..8 {
        let all = members(&mut world, host);
        let changed = all.iter().find(|member| member.id == id).unwrap();
        assert_eq!((changed.alive.name.as_str(), &*changed.alive.tags["rack"]), ("new", "7"));
        assert_eq!(all.len(), 8, "host {host}");
    }
}
