//! What a cluster says at rest, and that it does not depend on what the cluster holds.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::ConfigSpec;
use gossip_core::io::{Command, Write};
use gossip_core::sim::World;

const NODES: usize = 8;

/// Everybody has said four times that it is alive, which it does each 30 to 37.5 s.
const WINDOW: Duration = Duration::from_secs(150);

#[test]
fn ten_keys_and_two_thousand_cost_the_same() {
    let mut world = World::new(3);
    world.add_cluster(NODES, &ConfigSpec::default());
    let few = bytes_at_rest(&mut world, 0..10);
    let many = bytes_at_rest(&mut world, 10..2_000);
    let allowed = few / 10;
    assert!(few.abs_diff(many) <= allowed, "{few} bytes with 10 keys, {many} with 2,000");
    // Silence would cost the same as well.
    let seconds = NODES as u64 * WINDOW.as_secs();
    assert!((50..500).contains(&(few / seconds)), "{few} bytes in {seconds} seconds of nodes");
}

/// Writes these keys, and counts what all nodes say once these are everywhere and no news.
fn bytes_at_rest(world: &mut World, keys: std::ops::Range<usize>) -> u64 {
    let held = keys.end;
    let channel = world.main_channel(0);
    let write = |key: usize| Write {
        key: Bytes::from(format!("key-{key}")),
        value: Some(Bytes::from_static(b"value")),
        ttl: None,
    };
    for keys in keys.collect::<Vec<_>>().chunks(500) {
        let writes = keys.iter().copied().map(write).collect();
        world.command(0, Command::Write { channel, writes });
    }
    let hold = |world: &mut World| (0..NODES).all(|host| world.facts(host) == held);
    assert!(
        world.run_until(Duration::from_secs(30), Duration::from_millis(100), hold),
        "everybody holds {held}"
    );
    // Rumors end, and repair finds everybody equal until its pauses are the longest.
    world.run_for(Duration::from_secs(60));
    let before = sent(world);
    world.run_for(WINDOW);
    sent(world) - before
}

fn sent(world: &World) -> u64 {
    (0..NODES).map(|host| world.node(host).unwrap().status().wire.sent_bytes).sum()
}
