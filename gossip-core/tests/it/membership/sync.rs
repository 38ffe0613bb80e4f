//! Views compared and repaired, and nothing told.

use gossip_core::strategy::dissemination::RumorConfig;

use super::*;

/// Rumors of membership come once a day: all that ten hosts know of one another, when it changes too, comes by comparing
/// views.
#[test]
fn without_any_rumor_all_know_all() {
    let silent = RumorConfig { eager: 0, period: seconds(86_400), ..RumorConfig::default() };
    let config = ConfigSpec { view_rumors: silent, ..ConfigSpec::default() };
    let mut world = World::new(1);
    world.rule(near(5));
    world.add_cluster(10, &config);
    assert!(time_until_one_view(&mut world, seconds(20)).is_some());
    world.run_for(seconds(120));
    assert!(one_view(&mut world), "and it stays so");
    world.command(7, Command::Stop);
    world.run_for(seconds(5));
    world.crash(7);
    world.run_for(seconds(20));
    for host in [0, 1, 2, 3, 4, 5, 6, 8, 9] {
        assert_eq!(status_of(&mut world, host, 7), Some(MemberStatus::Left), "host {host}");
    }
}
