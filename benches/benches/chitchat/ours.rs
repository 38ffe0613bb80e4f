//! A cluster of our nodes: production nodes on real UDP sockets, with memory stores.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use gossip_benches::waiting::{pass, until};
use gossip_core::config::{ChannelSlots, ConfigSpec, Strategies};
use gossip_core::fact::{SharedVerdicts, SigningKeys, Verifier};
use gossip_core::io::{AtEpoch, Event, Seed, Write};
use gossip_core::runtime::{Gossip, Happening, RuntimeConfig, spawn};
use gossip_core::store::MemoryStore;
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;
use gossip_transport_udp::{UdpConfig, UdpTransport};

use crate::board::Board;
use crate::{Cluster, LOOK, PERIOD, SPREAD, value};

/// Facts that a shared memory of verdicts holds: more than any run has.
const REMEMBERED: usize = 1 << 20;

/// Most writes of one command: what is signed first leaves while the rest is signed.
const WRITES: usize = 128;

/// Events that wait for a listener: more than are written at a time.
const EVENTS: usize = 4_096;

/// Nodes that all know one another.
pub(crate) struct Ours {
    board: Arc<Board>,
    nodes: Vec<Gossip>,
}

/// A memory of verdicts for all nodes of this process.
pub(crate) fn sharing() -> Verifier {
    Verifier::sharing(Arc::new(SharedVerdicts::new(REMEMBERED)))
}

impl Ours {
    pub(crate) async fn start(count: usize, verifier: &Verifier) -> Self {
        let mut cluster = Self { board: Arc::new(Board::new(count)), nodes: Vec::new() };
        for number in 0..count {
            let node = start(number, cluster.nodes.first(), verifier).await;
            tokio::spawn(listen(node.clone(), number, Arc::clone(&cluster.board)));
            cluster.nodes.push(node);
            pass(SPREAD).await;
        }
        until("everybody knows everybody", LOOK, async || {
            for node in &cluster.nodes {
                let status = node.status().await.expect("it runs");
                if status.peers.alive < count || status.partners + 1 < count {
                    return false;
                }
            }
            true
        })
        .await;
        cluster
    }

    /// Seconds until an empty node holds all keys of another.
    pub(crate) async fn fill(keys: usize, verifier: &Verifier) -> f64 {
        let full = start(0, None, verifier).await;
        write(&full, 0..keys).await;
        let begun = Instant::now();
        let empty = start(1, Some(&full), verifier).await;
        until("an empty node is filled", LOOK, async || {
            let held = empty.total(empty.main_channel(), AtEpoch::This).await.expect("it runs");
            held.1.entries == keys as u64
        })
        .await;
        let seconds = begun.elapsed().as_secs_f64();
        for node in [full, empty] {
            node.shutdown().await;
        }
        seconds
    }
}

impl Cluster for Ours {
    fn board(&self) -> &Board {
        &self.board
    }

    async fn write(&self, author: usize, keys: Range<usize>) {
        write(&self.nodes[author], keys).await;
    }

    async fn sent_bytes(&self) -> u64 {
        let mut sent = 0;
        for node in &self.nodes {
            sent += node.status().await.expect("it runs").wire.sent_bytes;
        }
        sent
    }

    async fn rest(&self) {
        until("rumors end", LOOK, async || {
            for node in &self.nodes {
                let status = node.status().await.expect("it runs");
                if status.queues.get("rumors").is_some_and(|rumors| *rumors > 0) {
                    return false;
                }
            }
            true
        })
        .await;
    }

    async fn stop(self) {
        for node in &self.nodes {
            node.shutdown().await;
        }
    }
}

async fn start(number: usize, seed: Option<&Gossip>, verifier: &Verifier) -> Gossip {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let transport = UdpTransport::bind(UdpConfig::new(listen)).expect("a socket");
    let seeds = seed.iter().flat_map(|node| node.endpoints().datagram.clone());
    let rumors = RumorConfig { period: PERIOD, ..RumorConfig::default() };
    let config = ConfigSpec {
        seeds: seeds.map(Seed::Address).collect(),
        view_rumors: RumorConfig { period: PERIOD, ..ConfigSpec::default().view_rumors },
        ..ConfigSpec::default()
    };
    let mut secret = [1; 32];
    secret[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let strategies = Strategies {
        main: ChannelSlots::new(rumors, RepairConfig { period: PERIOD, ..RepairConfig::default() }),
        ..Strategies::new(Box::new(SigningKeys::new(secret, secret)))
    };
    let (transport, store) = (Arc::new(transport), Arc::new(MemoryStore::new()));
    let options =
        RuntimeConfig { events: EVENTS, verifier: verifier.clone(), ..RuntimeConfig::default() };
    spawn(config, strategies, transport, store, options).await.expect("a node starts")
}

/// Notes what a node sees of others.
async fn listen(node: Gossip, number: usize, board: Arc<Board>) {
    let (me, mut events) = (node.id(), node.events());
    drop(node);
    while let Some(happening) = events.next().await {
        let Happening::Event(event) = happening else { panic!("a listener was too slow") };
        if let Event::Changed { fact, .. } = &*event
            && fact.author() != me
        {
            board.saw(number);
        }
    }
}

async fn write(node: &Gossip, keys: Range<usize>) {
    let keys: Vec<_> = keys.collect();
    for keys in keys.chunks(WRITES) {
        let write = |key: &usize| Write {
            key: format!("key-{key:08}").into(),
            value: Some(value(*key).into()),
            ttl: None,
        };
        let written = node.write(node.main_channel(), keys.iter().map(write).collect()).await;
        assert!(written.expect("it runs").iter().all(Result::is_ok), "every write is kept");
    }
}
