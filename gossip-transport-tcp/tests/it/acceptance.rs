//! Ten nodes, of which one stops reading and one sends a byte a second: the others hardly notice.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use gossip_core::config::{ChannelSlots, ConfigSpec, Strategies};
use gossip_core::fact::SigningKeys;
use gossip_core::id::Endpoints;
use gossip_core::io::{Event, Seed};
use gossip_core::membership::MemberStatus;
use gossip_core::runtime::{Events, Gossip, Happening, RuntimeConfig, spawn};
use gossip_core::store::MemoryStore;
use gossip_core::strategy::detector::{Heartbeat, HeartbeatConfig};
use gossip_core::strategy::dissemination::RumorConfig;
use gossip_core::strategy::reconcile::RepairConfig;
use gossip_core::transport::TransportError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use super::*;

const HEALTHY: usize = 8;

/// One round of every node: long enough that a busy machine adds little to it.
const ROUND: Duration = Duration::from_millis(100);

/// Facts of which the median is taken.
const RUNS: usize = 30;

/// The host of those that are well, of the one that does not read, and of the one that crawls.
const WELL: Ipv4Addr = Ipv4Addr::LOCALHOST;
const DEAF: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const CRAWLER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_bad_peers_of_ten_cost_the_others_a_round_at_most() {
    let (alone, mixed) = (Cluster::new(false).await, Cluster::new(true).await);
    mixed.turn_bad().await;
    let (mut rounds_alone, mut rounds_mixed) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        rounds_alone.push(alone.spread(run).await);
        mixed.flood_the_deaf();
        rounds_mixed.push(mixed.spread(run).await);
        for node in &mixed.healthy {
            let queued = node.transport.inner.queued_bytes();
            let bound = TcpLimits::default().outlet.peer_bytes + (1 << 20);
            assert!(queued <= bound, "{queued} bytes are queued for one peer that does not read");
        }
    }
    let (alone_median, mixed_median) = (median(&mut rounds_alone), median(&mut rounds_mixed));
    assert!(
        mixed_median <= alone_median + 1.0,
        "{mixed_median} rounds, {alone_median} without the bad peers"
    );
    for node in alone.healthy.iter().chain(&mixed.healthy) {
        assert_eq!(node.transport.dropped.load(Ordering::Relaxed), 0, "between healthy peers");
    }
    for node in &alone.healthy {
        assert_eq!(node.transport.inner.stats().lost_frames, 0, "no link took frames with it");
    }
    // The faults were real.
    let full = |node: &Node| node.transport.inner.stats().queue_full;
    assert!(mixed.healthy.iter().map(full).sum::<u64>() > 0, "the deaf one's queues were full");
    let crawled = mixed.crawled.load(Ordering::Relaxed);
    assert!((1..1_000).contains(&crawled), "{crawled} bytes crawled");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[derive(Debug)]
struct Node {
    gossip: Gossip,
    transport: Arc<Bent>,
}

#[derive(Debug)]
struct Cluster {
    bad: watch::Sender<bool>,
    /// Bytes that came through at a crawl.
    crawled: Arc<AtomicUsize>,
    deaf: Option<SocketAddr>,
    healthy: Vec<Node>,
    /// The deaf one and the crawler.
    others: Vec<Node>,
}

impl Cluster {
    async fn new(mixed: bool) -> Self {
        let bad = watch::Sender::new(false);
        let crawled = Arc::new(AtomicUsize::new(0));
        let mut healthy: Vec<Node> = Vec::new();
        for number in 0..HEALTHY {
            let seed = healthy.first().map(|node| endpoint(&node.transport.inner));
            let mut transport = Bent::new(tcp(WELL, None), None, BTreeMap::new());
            transport.all_are_healthy = !mixed;
            healthy.push(Node::new(number, seed, transport).await);
        }
        let (mut others, mut deaf) = (Vec::new(), None);
        let seed = healthy.first().map(|node| endpoint(&node.transport.inner));
        if mixed {
            let transport = Bent::new(tcp(DEAF, None), Some(bad.subscribe()), BTreeMap::new());
            deaf = Some(endpoint(&transport.inner));
            others.push(Node::new(HEALTHY, seed, transport).await);
            let transport = crawler(&healthy, &bad, &crawled).await;
            others.push(Node::new(HEALTHY + 1, seed, transport).await);
        }
        let cluster = Self { bad, crawled, deaf, healthy, others };
        cluster.all_know_all().await;
        cluster
    }

    async fn all_know_all(&self) {
        for node in self.healthy.iter().chain(&self.others) {
            let all = self.healthy.len() + self.others.len();
            eventually("all know all", async || alive(node).await == all).await;
        }
        // Everybody has heard from everybody, over links that will turn bad.
        self.spread(RUNS).await;
    }

    async fn turn_bad(&self) {
        self.bad.send_replace(true);
        eventually("the deaf one's queues are full", async || self.flood_the_deaf()).await;
    }

    /// Everybody has more for the deaf one than it will ever take. Whether all queues are full.
    fn flood_the_deaf(&self) -> bool {
        let junk = filled(1, 60_000);
        let to = Address::Stream(self.deaf.expect("one is deaf"));
        let is_full =
            |node: &Node| !node.transport.inner.send(vec![transmit(to, &junk); 16]).full.is_empty();
        self.healthy.iter().filter(|node| is_full(node)).count() == self.healthy.len()
    }

    /// How many rounds it takes until all that are healthy have what one of them wrote.
    async fn spread(&self, run: usize) -> f64 {
        let key = format!("key {run}");
        let writer = self.healthy.iter().cycle().nth(run).expect("there are some");
        let waiting: Vec<_> = self.healthy.iter().map(|node| node.gossip.events()).collect();
        let began = Instant::now();
        writer.gossip.put(key.clone(), filled(run, 200)).await.expect("a healthy node writes");
        for mut events in waiting {
            within("the fact", has(&mut events, key.as_bytes())).await;
        }
        began.elapsed().as_secs_f64() / ROUND.as_secs_f64()
    }
}

async fn has(events: &mut Events, key: &[u8]) {
    loop {
        match events.next().await.expect("the node runs") {
            Happening::Event(event) => {
                if matches!(&*event, Event::Changed { fact, .. } if fact.key() == key) {
                    return;
                }
            }
            Happening::Missed(missed) => panic!("missed {missed} events"),
        }
    }
}

async fn alive(node: &Node) -> usize {
    let members = node.gossip.members().await.expect("the node runs");
    members.iter().filter(|member| member.status == MemberStatus::Alive).count()
}

impl Node {
    async fn new(number: usize, seed: Option<SocketAddr>, transport: Bent) -> Self {
        let rumors = RumorConfig { period: ROUND, ..RumorConfig::default() };
        let spec = ConfigSpec {
            name: format!("n{number}"),
            seeds: seed.map(Seed::Address).into_iter().collect(),
            view_rumors: rumors,
            ..ConfigSpec::default()
        };
        let secret = [number as u8 + 1; 32];
        // Nobody is given up meanwhile, so that the bad ones are chosen as often as others.
        let patient = HeartbeatConfig { interval: Duration::from_secs(600), ..Default::default() };
        let strategies = Strategies {
            detector: Box::new(Heartbeat::new(patient)),
            main: ChannelSlots::new(rumors, RepairConfig::default()),
            ..Strategies::new(Box::new(SigningKeys::new(secret, secret)))
        };
        let transport = Arc::new(transport);
        let (port, store) = (Arc::clone(&transport), Arc::new(MemoryStore::new()));
        let gossip = spawn(spec, strategies, port, store, RuntimeConfig::default()).await;
        Self { gossip: gossip.expect("a node starts"), transport }
    }
}

/// A transport that counts what it drops towards healthy peers, may stop to take what comes, and
/// calls others by the addresses of relays.
#[derive(Debug)]
struct Bent {
    /// There are no others, so that every loss is one between healthy peers.
    all_are_healthy: bool,
    deaf: Option<watch::Receiver<bool>>,
    /// Frames to healthy peers that found no room.
    dropped: AtomicUsize,
    hosts: Mutex<BTreeMap<LinkId, IpAddr>>,
    inner: Arc<TcpTransport>,
    /// True addresses, and those of the relays to there.
    relays: BTreeMap<SocketAddr, SocketAddr>,
}

impl Bent {
    fn new(
        inner: TcpTransport,
        deaf: Option<watch::Receiver<bool>>,
        relays: BTreeMap<SocketAddr, SocketAddr>,
    ) -> Self {
        let (dropped, hosts) = (AtomicUsize::new(0), Mutex::default());
        let all_are_healthy = false;
        Self { all_are_healthy, deaf, dropped, hosts, inner: Arc::new(inner), relays }
    }

    fn is_healthy(&self, to: &Address) -> bool {
        let host = match to {
            Address::Link(link) => {
                self.hosts.lock().expect("nobody panics with it").get(link).copied()
            }
            Address::Socket(at) | Address::Stream(at) => Some(at.ip()),
        };
        host == Some(WELL.into())
    }

    fn relayed(&self, to: Address) -> Address {
        match to {
            Address::Stream(at) => Address::Stream(*self.relays.get(&at).unwrap_or(&at)),
            Address::Link(_) | Address::Socket(_) => to,
        }
    }

    fn unrelayed(&self, from: Address) -> Address {
        let relay = self.relays.iter().find(|(_, relay)| Address::Stream(**relay) == from);
        relay.map_or(from, |(at, _)| Address::Stream(*at))
    }
}

#[async_trait]
impl Transport for Bent {
    fn endpoints(&self) -> Endpoints {
        self.inner.endpoints()
    }

    fn max_payload(&self, class: Class) -> usize {
        self.inner.max_payload(class)
    }

    fn send(&self, mut batch: Vec<Transmit>) -> SendReport {
        batch.iter_mut().for_each(|frame| frame.to = self.relayed(frame.to));
        let to_links = batch.iter().any(|frame| matches!(frame.to, Address::Link(_)));
        let report = self.inner.send(batch);
        let dropped = report.full.iter().filter(|to| self.is_healthy(to)).count();
        // Too long is wrong whoever it is for. A link may have ended as a twin, an address leads on.
        let lost = if self.all_are_healthy && !to_links { report.unroutable } else { 0 };
        self.dropped.fetch_add(dropped + report.oversize + lost, Ordering::Relaxed);
        report
    }

    async fn recv(&self) -> Result<Vec<Inbound>, TransportError> {
        let deaf = async {
            match self.deaf.clone() {
                Some(mut deaf) => drop(deaf.wait_for(|deaf| *deaf).await),
                None => std::future::pending().await,
            }
        };
        let mut received = tokio::select! {
            biased;
            () = deaf => std::future::pending().await,
            received = self.inner.recv() => received?,
        };
        for item in &mut received {
            match item {
                Inbound::Frame { from, .. } => *from = self.unrelayed(*from),
                Inbound::Up(link, peer) => {
                    self.hosts.lock().expect("nobody panics with it").insert(*link, peer.ip());
                }
                Inbound::Down(_) | Inbound::Room(_) => {}
            }
        }
        Ok(received)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

fn tcp(host: Ipv4Addr, advertise: Option<SocketAddr>) -> TcpTransport {
    bind(TcpConfig { advertise, ..TcpConfig::new(SocketAddr::from((host, 0))) })
}

/// A transport whose bytes pass relays, both where it is dialled and where it dials, so that
/// they can be made to crawl.
async fn crawler(healthy: &[Node], bad: &watch::Sender<bool>, crawled: &Arc<AtomicUsize>) -> Bent {
    let entrance = TcpListener::bind((CRAWLER, 0)).await.expect("a port");
    let transport = tcp(CRAWLER, Some(entrance.local_addr().expect("it is bound")));
    let slow = Slow { bad: bad.subscribe(), crawled: Arc::clone(crawled) };
    let relay = Relay { from: WELL, slow: slow.clone(), slow_is_dialled: true };
    tokio::spawn(relay.run(entrance, transport.local_address()));
    let mut relays = BTreeMap::new();
    for node in healthy {
        let at = endpoint(&node.transport.inner);
        let exit = TcpListener::bind((CRAWLER, 0)).await.expect("a port");
        relays.insert(at, exit.local_addr().expect("it is bound"));
        let relay = Relay { from: CRAWLER, slow: slow.clone(), slow_is_dialled: false };
        tokio::spawn(relay.run(exit, at));
    }
    Bent::new(transport, None, relays)
}

/// Passes bytes on; those of the slow side at a byte a second once it is bad.
#[derive(Clone, Debug)]
struct Relay {
    /// The host that it dials from.
    from: Ipv4Addr,
    slow: Slow,
    /// Which side is the slow one.
    slow_is_dialled: bool,
}

#[derive(Clone, Debug)]
struct Slow {
    bad: watch::Receiver<bool>,
    crawled: Arc<AtomicUsize>,
}

impl Relay {
    async fn run(self, listener: TcpListener, to: SocketAddr) {
        while let Ok((near, _)) = listener.accept().await {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind((self.from, 0).into()).expect("a port");
            let Ok(far) = socket.connect(to).await else { continue };
            let (from_near, to_near) = near.into_split();
            let (from_far, to_far) = far.into_split();
            let (slow, fast) = if self.slow_is_dialled {
                ((from_far, to_near), (from_near, to_far))
            } else {
                ((from_near, to_far), (from_far, to_near))
            };
            tokio::spawn(self.slow.clone().pass(slow));
            tokio::spawn(async move {
                let (mut from, mut to) = fast;
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    }
}

impl Slow {
    async fn pass(mut self, (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf)) {
        let mut buffer = vec![0; 1 << 16];
        let mut pace = interval(Duration::from_secs(1));
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let mut rest = buffer.get(..read).unwrap_or_default();
            while let [first, after @ ..] = rest {
                if !*self.bad.borrow_and_update() {
                    if to.write_all(rest).await.is_err() {
                        return;
                    }
                    break;
                }
                if to.write_all(&[*first]).await.is_err() {
                    return;
                }
                self.crawled.fetch_add(1, Ordering::Relaxed);
                pace.tick().await;
                rest = after;
            }
        }
    }
}
