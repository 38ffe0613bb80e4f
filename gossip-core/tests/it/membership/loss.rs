//! Lines that lose packets, evenly or in bursts.

use super::*;

/// Eight hosts live for some time on such a line: how often one calls another dead.
fn deaths_on(seed: u64, line: impl sim::Rule + 'static, time: Duration) -> (World, usize) {
    let mut world = cluster(seed, 8);
    world.rule(line);
    (0..8).for_each(|host| drop(world.events(host)));
    world.run_for(time);
    let deaths = deaths(&mut world);
    (world, deaths)
}

#[test]
fn up_to_thirty_percent_loss_kills_nobody() {
    for (seed, loss) in [(1, 0.01), (2, 0.05), (3, 0.1), (4, 0.2), (5, 0.3)] {
        let (mut world, deaths) = deaths_on(seed, sim::loss(loss), seconds(300));
        assert_eq!(deaths, 0, "loss {loss}");
        assert!(time_until_one_view(&mut world, seconds(30)).is_some(), "loss {loss}");
    }
}

/// Half of all packets: somebody may be called dead for a moment, and nobody for long.
#[test]
fn at_fifty_percent_loss_nobody_is_dead_for_long() {
    let (mut world, _) = deaths_on(6, sim::loss(0.5), seconds(120));
    for _ in 0..20 {
        assert!(time_until_one_view(&mut world, seconds(30)).is_some());
        world.run_for(seconds(5));
    }
    world.clear_rules();
    world.rule(near(5));
    let time = time_until_one_view(&mut world, seconds(30));
    assert!(time.is_some_and(|time| time < seconds(10)), "{time:?}");
}

#[test]
fn so_many_meet_over_a_line_that_loses_half() {
    let mut world = World::new(7);
    world.rule(near(20));
    world.rule(sim::loss(0.5));
    world.add_cluster(8, &ConfigSpec::default());
    assert!(time_until_one_view(&mut world, seconds(60)).is_some());
}

/// Bursts of twenty packets on average, of which four in five are lost: a sixth of all the time.
#[test]
fn loss_in_bursts_kills_nobody() {
    let burst = sim::Burst { enter: 0.01, leave: 0.05, loss: 0.8 };
    let (mut world, deaths) = deaths_on(8, sim::burst(burst), seconds(300));
    assert_eq!(deaths, 0);
    assert!(time_until_one_view(&mut world, seconds(30)).is_some());
}
