//! A cluster of chitchat nodes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chitchat::transport::{RecvOutcome, SendOutcome, Socket, Transport, UdpTransport};
use chitchat::{
    ChitchatConfig, ChitchatEnvelope, ChitchatHandle, ChitchatId, FailureDetectorConfig,
    ProtocolVersion, spawn_chitchat,
};

use gossip_benches::waiting::{pass, until};

use crate::board::Board;
use crate::{Cluster, LOOK, PERIOD, SPREAD, value};

/// Nodes that all know one another.
pub(crate) struct Theirs {
    board: Arc<Board>,
    nodes: Vec<ChitchatHandle>,
    sent: Arc<AtomicU64>,
}

impl Theirs {
    pub(crate) async fn start(count: usize, version: ProtocolVersion) -> Self {
        let board = Arc::new(Board::new(count));
        let mut cluster = Self { board, nodes: Vec::new(), sent: Arc::default() };
        for number in 0..count {
            let seed = cluster.nodes.first().map(|node| node.chitchat_id().gossip_advertise_addr);
            let node = spawn(number, seed, version, &cluster.sent).await;
            let (board, me) = (Arc::clone(&cluster.board), node.chitchat_id().clone());
            let listen = move |chitchat: &mut chitchat::Chitchat| {
                let (board, me) = (Arc::clone(&board), me.clone());
                let saw = move |change: chitchat::KeyChangeEvent<'_>| {
                    if *change.node != me {
                        board.saw(number);
                    }
                };
                chitchat.subscribe_event("", saw).forever();
            };
            node.with_chitchat(listen).await;
            cluster.nodes.push(node);
            pass(SPREAD).await;
        }
        until("everybody is live", LOOK, async || {
            for node in &cluster.nodes {
                if node.with_chitchat(|it| it.live_nodes().count()).await < count {
                    return false;
                }
            }
            true
        })
        .await;
        cluster
    }

    /// Seconds until an empty node holds all keys of another.
    pub(crate) async fn fill(keys: usize, version: ProtocolVersion) -> f64 {
        let sent = Arc::default();
        let full = spawn(0, None, version, &sent).await;
        let set = |it: &mut chitchat::Chitchat| {
            (0..keys).for_each(|key| it.self_node_state().set(format!("key-{key:08}"), value(key)));
        };
        full.with_chitchat(set).await;
        let author = full.chitchat_id().clone();
        let begun = Instant::now();
        let empty = spawn(1, Some(author.gossip_advertise_addr), version, &sent).await;
        until("an empty node is filled", LOOK, async || {
            let held = |it: &mut chitchat::Chitchat| {
                it.node_state(&author).map_or(0, chitchat::NodeState::num_key_values)
            };
            empty.with_chitchat(held).await == keys
        })
        .await;
        let seconds = begun.elapsed().as_secs_f64();
        for node in [full, empty] {
            node.shutdown().await.expect("it stops");
        }
        seconds
    }
}

impl Cluster for Theirs {
    fn board(&self) -> &Board {
        &self.board
    }

    async fn write(&self, author: usize, keys: std::ops::Range<usize>) {
        let set = |it: &mut chitchat::Chitchat| {
            let state = it.self_node_state();
            keys.clone().for_each(|key| state.set(format!("key-{key:08}"), value(key)));
        };
        self.nodes[author].with_chitchat(set).await;
    }

    async fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// It talks as much with news as without.
    async fn rest(&self) {}

    async fn stop(self) {
        for node in self.nodes {
            node.shutdown().await.expect("it stops");
        }
    }
}

async fn spawn(
    number: usize,
    seed: Option<SocketAddr>,
    protocol_version: ProtocolVersion,
    sent: &Arc<AtomicU64>,
) -> ChitchatHandle {
    // A node tells its address before it has bound it: one that was free a moment ago.
    let free = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let listen_addr = free.local_addr().expect("it is bound");
    drop(free);
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new(format!("node-{number:03}"), 0, listen_addr),
        cluster_id: "bench".to_owned(),
        gossip_interval: PERIOD,
        listen_addr,
        seed_nodes: seed.iter().map(SocketAddr::to_string).collect(),
        failure_detector_config: FailureDetectorConfig::default(),
        marked_for_deletion_grace_period: Duration::from_secs(10_000),
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version,
    };
    let transport = Counting(Arc::clone(sent));
    spawn_chitchat(config, Vec::new(), &transport).await.expect("a node starts")
}

/// Its own UDP transport; what it sends is counted.
struct Counting(Arc<AtomicU64>);

struct CountingSocket {
    sent: Arc<AtomicU64>,
    socket: Box<dyn Socket>,
}

#[async_trait]
impl Transport for Counting {
    async fn open(&self, listen: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let socket = UdpTransport.open(listen).await?;
        Ok(Box::new(CountingSocket { sent: Arc::clone(&self.0), socket }))
    }
}

#[async_trait]
impl Socket for CountingSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.socket.local_addr()
    }

    async fn send(
        &mut self,
        to: SocketAddr,
        envelope: ChitchatEnvelope,
    ) -> anyhow::Result<SendOutcome> {
        let outcome = self.socket.send(to, envelope).await?;
        self.sent.fetch_add(outcome.num_bytes_sent as u64, Ordering::SeqCst);
        Ok(outcome)
    }

    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        self.socket.recv().await
    }
}
