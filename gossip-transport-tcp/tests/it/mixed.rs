//! A node with datagrams and streams, and one with streams only: what one writes, both have.

use gossip_core::config::{ConfigSpec, Strategies};
use gossip_core::fact::SigningKeys;
use gossip_core::io::Seed;
use gossip_core::runtime::{Gossip, RuntimeConfig, spawn};
use gossip_core::store::MemoryStore;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_and_large_values_reach_a_node_without_datagrams_and_come_from_it() {
    let both = udp_and_tcp();
    let seed = both.endpoints().stream.first().copied();
    let both = node(1, None, both).await;
    let streams = node(2, seed, Arc::new(bind(loopback()))).await;
    for one in [&both, &streams] {
        eventually("they meet", async || one.members().await.expect("it runs").len() == 2).await;
    }
    for (from, to, name) in [(&both, &streams, "there"), (&streams, &both, "back")] {
        for size in [1, 5_000] {
            let key = format!("{name} {size}");
            from.put(key.clone(), filled(size, size)).await.expect("it writes");
            eventually(&key, async || to.get(key.clone()).await.expect("it runs").is_some()).await;
        }
    }
}

async fn node(number: u8, seed: Option<SocketAddr>, transport: Arc<dyn Transport>) -> Gossip {
    let seeds = seed.map(Seed::Address).into_iter().collect();
    let spec = ConfigSpec { seeds, ..ConfigSpec::default() };
    let strategies = Strategies::new(Box::new(SigningKeys::new([number; 32], [number; 32])));
    let store = Arc::new(MemoryStore::new());
    let spawned = spawn(spec, strategies, transport, store, RuntimeConfig::default()).await;
    spawned.expect("a node starts")
}
