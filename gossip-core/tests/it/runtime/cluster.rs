//! Nodes on one memory network, and patience for what they do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gossip_core::config::{ConfigSpec, Strategies};
use gossip_core::fact::SigningKeys;
use gossip_core::io::{Event, Seed};
use gossip_core::membership::MemberStatus;
use gossip_core::runtime::{Events, Gossip, Happening, RuntimeConfig, spawn};
use gossip_core::store::{MemoryStore, Store};
use gossip_core::transport::{MemoryLimits, MemoryNet};
use tokio::time::{sleep, timeout};

/// Longer than anything here takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) net: MemoryNet,
}

impl Cluster {
    pub(super) fn new() -> Self {
        Self { net: MemoryNet::new(MemoryLimits::default()) }
    }

    /// Node `number`, whose seed is node 1 unless it is that itself.
    pub(super) async fn node(&self, number: u16) -> Gossip {
        self.node_with(number, Arc::new(MemoryStore::new()), RuntimeConfig::default()).await
    }

    pub(super) async fn node_with(
        &self,
        number: u16,
        store: Arc<dyn Store>,
        options: RuntimeConfig,
    ) -> Gossip {
        let seeds = if number == 1 { Vec::new() } else { vec![Seed::Address(address(1))] };
        let spec = ConfigSpec { name: format!("n{number}"), seeds, ..ConfigSpec::default() };
        let secret = [u8::try_from(number).unwrap(); 32];
        let strategies = Strategies::new(Box::new(SigningKeys::new(secret, secret)));
        let transport = Arc::new(self.net.transport(address(number)));
        spawn(spec, strategies, transport, store, options).await.unwrap()
    }

    /// Nodes 1 to `count`, all of which see all alive.
    pub(super) async fn nodes(&self, count: u16) -> Vec<Gossip> {
        let mut nodes = Vec::new();
        for number in 1..=count {
            nodes.push(self.node(number).await);
        }
        all_alive(&nodes).await;
        nodes
    }
}

pub(super) fn address(number: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 7_000 + number))
}

/// Looks until the condition holds.
pub(super) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let look = async {
        while !condition().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, look).await.is_ok(), "in vain: {what}");
}

pub(super) async fn all_alive(nodes: &[Gossip]) {
    for node in nodes {
        eventually("all see all alive", async || {
            let members = node.members().await.unwrap();
            let alive = members.iter().filter(|member| member.status == MemberStatus::Alive);
            alive.count() == nodes.len()
        })
        .await;
    }
}

pub(super) async fn reads(node: &Gossip, key: &'static str, value: &'static str) {
    eventually("the value is read", async || {
        let entry = node.get(key).await.unwrap();
        entry.is_some_and(|entry| entry.value() == value.as_bytes())
    })
    .await;
}

/// The next event that is looked for; none may be missed before it.
pub(super) async fn next_event(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Arc<Event> {
    let search = async {
        loop {
            match events.next().await {
                Some(Happening::Event(event)) if wanted(&event) => return event,
                Some(Happening::Event(_)) => {}
                other => panic!("instead of the event: {other:?}"),
            }
        }
    };
    timeout(PATIENCE, search).await.expect("the event comes in time")
}

/// Sees the subscription end.
pub(super) async fn ended(events: &mut Events) {
    let search = async { while events.next().await.is_some() {} };
    timeout(PATIENCE, search).await.expect("the events end");
}
