//! Names are for people: who shares one is somebody else all the same.

use super::*;

fn called(name: &str, seeds: Vec<Seed>) -> ConfigSpec {
    ConfigSpec { name: name.to_owned(), seeds, ..ConfigSpec::default() }
}

/// Two hosts of one name at two addresses are two members, to everybody and for as long as they live; when one dies the
/// other does not.
#[test]
fn two_of_one_name_are_two_members() {
    let mut world = World::new(1);
    world.rule(near(5));
    world.add(called("seed", Vec::new()));
    let seeds = seed_of(&world, 0);
    for name in ["twin", "twin", "third"] {
        world.add(called(name, seeds.clone()));
    }
    assert!(time_until_one_view(&mut world, seconds(20)).is_some());
    world.run_for(seconds(60));
    for host in 0..4 {
        let twins = members(&mut world, host).into_iter().filter(|it| it.alive.name == "twin");
        let mut places: Vec<_> = twins.map(|it| it.alive.endpoints.datagram[0]).collect();
        places.sort_unstable();
        assert_eq!(places, [world.address(1), world.address(2)], "host {host}");
    }
    world.crash(1);
    world.run_for(seconds(60));
    for host in [0, 2, 3] {
        assert_eq!(status_of(&mut world, host, 1), Some(MemberStatus::Dead), "host {host}");
        assert_eq!(status_of(&mut world, host, 2), Some(MemberStatus::Alive), "host {host}");
    }
}

/// A name is free for somebody else at another address as soon as its bearer has left, or died.
#[test]
fn a_name_goes_to_another_member_after_a_goodbye_or_a_death() {
    for goodbye in [true, false] {
        let mut world = World::new(2);
        world.rule(near(5));
        world.add(called("seed", Vec::new()));
        let seeds = seed_of(&world, 0);
        let first = world.add(called("heir", seeds.clone()));
        assert!(time_until_one_view(&mut world, seconds(20)).is_some());
        if goodbye {
            world.command(first, Command::Leave);
            world.run_for(seconds(2));
        }
        world.crash(first);
        let second = world.add(called("heir", seeds));
        world.run_for(seconds(60));
        let gone = if goodbye { MemberStatus::Left } else { MemberStatus::Dead };
        assert_eq!(status_of(&mut world, 0, first), Some(gone));
        assert_eq!(status_of(&mut world, 0, second), Some(MemberStatus::Alive));
    }
}
