//! Seeds that belong to others.

use gossip_core::fact::Why;

use super::*;

/// One seed is of another cluster, the other of ours: the foreign one is told nothing of members, and both
/// clusters stay what they are.
#[test]
fn a_seed_of_another_cluster_refuses_and_the_right_one_is_found() {
    let mut world = World::new(1);
    world.rule(near(5));
    let foreign = world.add(ConfigSpec { cluster: "other".to_owned(), ..ConfigSpec::default() });
    let own = world.add(ConfigSpec::default());
    world.run_for(seconds(5));
    let seeds = [seed_of(&world, foreign), seed_of(&world, own)].concat();
    let node = world.add(ConfigSpec { seeds, ..ConfigSpec::default() });
    world.run_for(seconds(30));
    let refused = |event: &Event| matches!(event, Event::RefusedBy { why: Why::OtherCluster, .. });
    assert!(world.events(node).iter().any(refused));
    for (host, all) in [(foreign, 1), (own, 2), (node, 2)] {
        assert_eq!(members(&mut world, host).len(), all, "host {host}");
        assert_eq!(world.node(host).unwrap().status().peers.alive, all, "host {host}");
    }
}
