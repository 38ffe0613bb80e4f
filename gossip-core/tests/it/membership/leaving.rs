//! Leaving: it is over when others know.

use super::*;

/// How long a goodbye takes, and how many of those that run have heard it by then.
fn goodbye(world: &mut World, host: usize, command: Command) -> (Duration, usize) {
    let begin = world.now();
    let request = world.command(host, command);
    let mut answered = false;
    assert!(world.run_until(seconds(10), Duration::from_millis(1), |world| {
        answered |= matches!(world.answer(host, request), Some(Answer::Done));
        answered
    }));
    let time = world.now().since(begin);
    world.crash(host);
    let others = running(world);
    let left = |host: &usize| world.node(*host).unwrap().status().peers.left == 1;
    (time, others.iter().filter(|host| left(host)).count())
}

#[test]
fn a_goodbye_is_over_when_most_have_heard_it() {
    for command in [Command::Stop, Command::Leave] {
        let mut world = cluster(1, 8);
        let (time, heard) = goodbye(&mut world, 3, command);
        assert!(heard >= 4, "{heard} of 7 have heard it");
        assert!(time < Duration::from_millis(100), "{time:?}");
    }
}

#[test]
fn a_goodbye_is_told_again_where_it_is_lost() {
    for seed in 0..8 {
        let mut world = cluster(seed, 8);
        world.rule(sim::loss(0.6));
        let (time, heard) = goodbye(&mut world, 3, Command::Stop);
        assert!(heard >= 4 || time >= seconds(3), "seed {seed}: {heard} after {time:?}");
        world.clear_rules();
        world.rule(near(5));
        world.run_for(seconds(30));
        for host in running(&world) {
            assert_eq!(status_of(&mut world, host, 3), Some(MemberStatus::Left), "seed {seed}");
        }
    }
}

#[test]
fn a_goodbye_that_nobody_hears_ends_all_the_same() {
    let mut world = cluster(1, 4);
    world.rule(sim::cut(|host| host == 3));
    let (time, heard) = goodbye(&mut world, 3, Command::Leave);
    assert_eq!(heard, 0);
    assert!(time >= seconds(3) && time < seconds(4), "{time:?}");
    let mut alone = World::new(1);
    alone.add(ConfigSpec::default());
    alone.run_for(seconds(1));
    let (time, _) = goodbye(&mut alone, 0, Command::Stop);
    assert!(time < Duration::from_millis(10), "{time:?}");
}

/// All of a cluster stop at the same time, as in a shutdown of everything: nobody waits for long.
#[test]
fn all_may_stop_at_once() {
    let mut world = cluster(1, 8);
    let requests: Vec<_> = (0..8).map(|host| world.command(host, Command::Stop)).collect();
    world.run_for(seconds(4));
    for (host, request) in requests.into_iter().enumerate() {
        assert!(matches!(world.answer(host, request), Some(Answer::Done)), "host {host}");
    }
    (0..8).for_each(|host| world.crash(host));
    (0..8).for_each(|host| world.start(host));
    assert!(time_until_one_view(&mut world, seconds(15)).is_some());
}
