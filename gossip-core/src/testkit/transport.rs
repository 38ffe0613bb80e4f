//! The conformance suite of the transport port.

mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::id::Endpoints;
use crate::transport::{
    Address, Class, Inbound, LinkId, SendReport, Transmit, Transport, TransportError,
};

/// How long a law waits for what must come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Most frames sent in the attempt to fill one queue: far beyond any bound in bytes.
const FLOOD_FRAMES: usize = 100_000;

/// Frames of one attempt to fill a queue.
const FLOOD_BATCH: usize = 64;

/// How often a waiting `recv` is dropped before the frame may come in peace.
const CANCELS: usize = 20;

/// What a transport offers beyond the port's letter. A law that asks for more is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "implementers build it literally")]
pub struct Capabilities {
    /// A queue fills up when nobody yields to the runtime, so that the laws of full queues can be
    /// checked. False only where `send` hands every frame to something without a bound of its own.
    pub bounded_queue: bool,
    /// Frames to stream addresses move along connections: they come in order, connections are
    /// told of and replied along. False where there are only datagrams, or streams are a name.
    pub links: bool,
}

/// Checks every law of the port, and panics at the first that is broken.
///
/// `make(n)` gives n fresh transports that reach each other by [`Transport::endpoints`]; what takes
/// datagrams and streams is checked by both. Run it on a current-thread runtime with time: laws
/// about full queues rely on nobody draining meanwhile.
pub async fn transport_conformance(
    make: impl AsyncFn(usize) -> Vec<Arc<dyn Transport>>,
    capabilities: Capabilities,
) {
    let endpoints = within("make", make(1)).await.first().map(|made| made.endpoints());
    let endpoints = endpoints.expect("make(1) gives a transport");
    assert!(endpoints.iter().next().is_some(), "a transport has an endpoint");
    let both = !endpoints.datagram.is_empty() && !endpoints.stream.is_empty();
    for (face, addresses) in
        [(Face::Datagram, &endpoints.datagram), (Face::Stream, &endpoints.stream)]
    {
        if addresses.is_empty() {
            continue;
        }
        let make = async |count| {
            let subject = |transport| Subject { both, face, transport };
            make(count).await.into_iter().map(subject).collect::<Vec<_>>()
        };
        laws(&make, capabilities).await;
        if face == Face::Stream && capabilities.links {
            streams::laws(&make).await;
        }
    }
}

async fn laws(make: &impl AsyncFn(usize) -> Vec<Subject>, capabilities: Capabilities) {
    frames_arrive_intact_both_ways(&make(2).await).await;
    oversize_is_refused_and_told(&make(2).await).await;
    unknown_links_are_unroutable(&make(2).await).await;
    receiving_is_cancel_safe(&make(2).await).await;
    many_peers_reach_one(&make(9).await).await;
    a_dead_peer_disturbs_nobody(&make(3).await).await;
    close_sends_what_is_queued(&make(2).await).await;
    close_ends_recv(&make(2).await).await;
    if capabilities.bounded_queue {
        a_full_queue_is_told_and_room_announced_once(&make(2).await).await;
        a_flooded_peer_starves_nobody(&make(9).await).await;
    }
}

/// Which of a transport's addresses are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Datagram,
    Stream,
}

/// A transport as the laws use it.
#[derive(Debug)]
struct Subject {
    /// It takes datagrams and streams.
    both: bool,
    face: Face,
    transport: Arc<dyn Transport>,
}

impl Deref for Subject {
    type Target = dyn Transport;

    fn deref(&self) -> &Self::Target {
        &*self.transport
    }
}

impl Subject {
    /// Where it says that it is reached.
    fn address(&self) -> Address {
        let Endpoints { datagram, stream } = self.endpoints();
        let address = match self.face {
            Face::Datagram => datagram.first().copied().map(Address::Socket),
            Face::Stream => stream.first().copied().map(Address::Stream),
        };
        address.expect("a transport has an endpoint")
    }

    /// The classes that its addresses are checked with; the first is used where one is enough.
    fn classes(&self) -> &'static [Class] {
        match (self.both, self.face) {
            (false, _) => &[Class::Gossip, Class::Bulk],
            (true, Face::Datagram) => &[Class::Gossip],
            (true, Face::Stream) => &[Class::Bulk, Class::Gossip],
        }
    }

    /// Most bytes of a frame of this class to its addresses: a stream knows one limit.
    fn limit(&self, class: Class) -> usize {
        let class = if self.face == Face::Stream { Class::Bulk } else { class };
        self.max_payload(class)
    }

    fn class(&self) -> Class {
        self.classes().first().copied().unwrap_or(Class::Gossip)
    }
}

/// Frames of every size arrive as they were sent, and come from the sender's endpoint.
async fn frames_arrive_intact_both_ways(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    let largest = a.limit(a.class());
    assert_eq!(largest, b.limit(b.class()), "two of a kind carry the same");
    let frames: Vec<_> =
        [1, 2, 63, 64, largest / 2, largest - 1, largest].map(|size| frame(size, size)).into();
    let (small, large) = frames.split_at(4);
    for (from, to) in [(a, b), (b, a)] {
        assert_accepted(&from.send(to_peer(to, small)), small.len());
        collect(to, from, small).await;
        // One at a time: two of the largest may be more than a queue holds.
        for frame in large.chunks(1) {
            assert_accepted(&from.send(to_peer(to, frame)), 1);
            collect(to, from, frame).await;
        }
    }
}

/// A frame beyond the limit of its class is counted and not sent; its neighbours are.
async fn oversize_is_refused_and_told(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    for class in a.classes().iter().copied() {
        let limit = a.limit(class);
        let sizes = [limit + 1, limit, limit * 2];
        let batch = sizes.map(|size| Transmit { to: b.address(), class, bytes: frame(size, size) });
        let report = a.send(batch.into());
        let expected = SendReport { accepted: 1, oversize: 2, ..SendReport::default() };
        assert_eq!(report, expected, "of {sizes:?} bytes with a limit of {limit}");
        collect(b, a, &[frame(limit, limit)]).await;
    }
}

/// A connection that never stood takes no frame.
async fn unknown_links_are_unroutable(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    let nowhere = Address::Link(LinkId(u64::MAX));
    let mut batch = to_peer(b, &[frame(1, 10)]);
    batch.push(Transmit { to: nowhere, class: Class::Gossip, bytes: frame(2, 10) });
    let expected = SendReport { accepted: 1, unroutable: 1, ..SendReport::default() };
    assert_eq!(a.send(batch), expected);
    collect(b, a, &[frame(1, 10)]).await;
}

/// A `recv` that is dropped at any moment takes nothing with it.
async fn receiving_is_cancel_safe(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    for round in 0..300 {
        let sent = frame(round, 100);
        assert_accepted(&a.send(to_peer(b, std::slice::from_ref(&sent))), 1);
        let mut received = Vec::new();
        for _ in 0..CANCELS {
            // The second branch wins whenever `recv` is not ready at its first polls.
            tokio::select! {
                biased;
                items = b.recv() => received.extend(frames_of(items.expect("open"))),
                () = yield_times(round % 3) => {}
            }
        }
        if !received.iter().any(|(_, bytes)| *bytes == sent) {
            collect(b, a, &[sent]).await;
        }
    }
}

/// Eight senders, one receiver: everybody gets through.
async fn many_peers_reach_one(transports: &[Subject]) {
    let [hub, peers @ ..] = transports else { panic!("make(9) gives nine transports") };
    let mut missing = BTreeSet::new();
    for (number, peer) in peers.iter().enumerate() {
        let frames: Vec<_> = (0..20).map(|seed| frame(number * 20 + seed, 300)).collect();
        assert_accepted(&peer.send(to_peer(hub, &frames)), frames.len());
        missing.extend(frames.into_iter().map(|bytes| (peer.address(), bytes)));
    }
    collect_all(hub, missing).await;
}

/// Frames to a peer that is gone are lost, and nothing else is.
async fn a_dead_peer_disturbs_nobody(transports: &[Subject]) {
    let [a, b, dead] = transports else { panic!("make(3) gives three transports") };
    dead.close().await;
    for seed in 0..50 {
        let mut batch = to_peer(dead, &[frame(seed, 200)]);
        batch.extend(to_peer(b, &[frame(seed, 200)]));
        let report = a.send(batch);
        assert!(report.accepted >= 1 && report.oversize == 0, "{report:?}");
        collect(b, a, &[frame(seed, 200)]).await;
        assert_accepted(&b.send(to_peer(a, &[frame(seed, 100)])), 1);
        collect(a, b, &[frame(seed, 100)]).await;
    }
}

/// What was queued before `close` arrives, where the receiver lives.
async fn close_sends_what_is_queued(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    let frames: Vec<_> = (0..100).map(|seed| frame(seed, 200)).collect();
    assert_accepted(&a.send(to_peer(b, &frames)), frames.len());
    within("close ends", a.close()).await;
    collect(b, a, &frames).await;
}

/// `close` ends a `recv` that waits and all later ones, and may be called again; `send` then
/// accepts nothing.
async fn close_ends_recv(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    let waiting = async { a.recv().await.expect_err("closed") };
    let closing = async {
        tokio::task::yield_now().await;
        a.close().await;
    };
    let (error, ()) = within("close ends recv", async { tokio::join!(waiting, closing) }).await;
    assert!(matches!(error, TransportError::Closed), "{error}");
    within("close again", async { tokio::join!(a.close(), a.close()) }).await;
    let error = within("recv after close", a.recv()).await.expect_err("closed");
    assert!(matches!(error, TransportError::Closed), "{error}");
    assert_eq!(a.send(to_peer(b, &[frame(1, 10)])).accepted, 0, "sent after close");
}

/// Once a queue is full each dropped frame is told; later there is room, which is said once.
async fn a_full_queue_is_told_and_room_announced_once(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    for _ in 0..3 {
        let full = flood(a, b);
        assert!(full.iter().all(|to| *to == b.address()), "{full:?}");
        let mut rooms = Vec::new();
        within("room after a drop", async {
            while rooms.is_empty() {
                tokio::select! {
                    received = a.recv() => rooms.extend(rooms_of(received.expect("open"))),
                    received = b.recv() => drop(received.expect("open")),
                }
            }
        })
        .await;
        // Two exchanges later any second announcement would have been made.
        for seed in 0..2 {
            assert_accepted(&a.send(to_peer(b, &[frame(seed, 11)])), 1);
            collect(b, a, &[frame(seed, 11)]).await;
            assert_accepted(&b.send(to_peer(a, &[frame(seed, 12)])), 1);
            rooms.extend(collect(a, b, &[frame(seed, 12)]).await);
        }
        assert_eq!(rooms, [b.address()], "room is said once");
    }
}

/// While the queue towards one peer is full, others take frames at once and get them.
async fn a_flooded_peer_starves_nobody(transports: &[Subject]) {
    let [a, flooded, others @ ..] = transports else { panic!("make(9) gives nine transports") };
    flood(a, flooded);
    for (seed, other) in others.iter().enumerate() {
        assert_accepted(&a.send(to_peer(other, &[frame(seed, 500)])), 1);
    }
    for (seed, other) in others.iter().enumerate() {
        collect(other, a, &[frame(seed, 500)]).await;
    }
}

/// Sends without ever waiting until the queue is full; who was dropped.
fn flood(from: &Subject, to: &Subject) -> Vec<Address> {
    let bytes = frame(0, from.limit(from.class()));
    for _ in 0..FLOOD_FRAMES / FLOOD_BATCH {
        let report = from.send(to_peer(to, &vec![bytes.clone(); FLOOD_BATCH]));
        let told = report.accepted + report.full.len();
        assert_eq!(told, FLOOD_BATCH, "each frame is accepted or told: {report:?}");
        if !report.full.is_empty() {
            return report.full;
        }
    }
    panic!("{FLOOD_FRAMES} frames in one queue: it has no bound");
}

/// Waits until all these frames came from `from`, which may come twice; gives the rooms met.
async fn collect(at: &Subject, from: &Subject, frames: &[Bytes]) -> Vec<Address> {
    let from = from.address();
    collect_all(at, frames.iter().map(|bytes| (from, bytes.clone())).collect()).await
}

async fn collect_all(at: &Subject, mut missing: BTreeSet<(Address, Bytes)>) -> Vec<Address> {
    let sent = missing.len();
    let mut names = Names::default();
    let mut rooms = Vec::new();
    let all = async {
        while !missing.is_empty() {
            let received = at.recv().await.expect("open");
            assert!(!received.is_empty(), "recv gives at least one item");
            rooms.extend(rooms_of(received.clone()));
            for (from, bytes) in frames_of(received) {
                assert!(is_intact(&bytes), "a frame was altered: {bytes:?}");
                missing.remove(&(names.name(from, &bytes, &missing), bytes));
            }
        }
    };
    if timeout(PATIENCE, all).await.is_err() {
        panic!("{} of {} frames did not arrive", missing.len(), sent);
    }
    rooms
}

/// Whose links frames come along, as the frames themselves tell.
#[derive(Debug, Default)]
struct Names(BTreeMap<LinkId, Address>);

impl Names {
    /// Who sent a frame. A link belongs to one peer, whose first frame names it.
    fn name(
        &mut self,
        from: Address,
        bytes: &Bytes,
        missing: &BTreeSet<(Address, Bytes)>,
    ) -> Address {
        let Address::Link(link) = from else { return from };
        let sender = missing.iter().find(|(_, sent)| sent == bytes).map(|(sender, _)| *sender);
        let is_stream = |sender: &Address| matches!(sender, Address::Stream(_));
        sender.filter(is_stream).map_or(from, |sender| *self.0.entry(link).or_insert(sender))
    }
}

fn assert_accepted(report: &SendReport, accepted: usize) {
    assert_eq!(*report, SendReport { accepted, ..SendReport::default() });
}

fn to_peer(to: &Subject, frames: &[Bytes]) -> Vec<Transmit> {
    let (to, class) = (to.address(), to.class());
    let transmit = |bytes: &Bytes| Transmit { to, class, bytes: bytes.clone() };
    frames.iter().map(transmit).collect()
}

/// Bytes that tell whether they arrived as they were sent.
fn frame(seed: usize, size: usize) -> Bytes {
    (0..size).map(|at| byte(seed as u8, at, size)).collect()
}

fn is_intact(frame: &[u8]) -> bool {
    let seed = frame.first().copied().unwrap_or(0);
    frame.iter().enumerate().all(|(at, found)| *found == byte(seed, at, frame.len()))
}

fn byte(seed: u8, at: usize, size: usize) -> u8 {
    if at == 0 { seed } else { seed.wrapping_add((at * 31 + size) as u8) }
}

fn frames_of(received: Vec<Inbound>) -> Vec<(Address, Bytes)> {
    let frame = |inbound| match inbound {
        Inbound::Frame { from, bytes } => Some((from, bytes)),
        Inbound::Down(_) | Inbound::Room(_) | Inbound::Up(..) => None,
    };
    received.into_iter().filter_map(frame).collect()
}

fn rooms_of(received: Vec<Inbound>) -> Vec<Address> {
    let room = |inbound| match inbound {
        Inbound::Room(address) => Some(address),
        Inbound::Down(_) | Inbound::Frame { .. } | Inbound::Up(..) => None,
    };
    received.into_iter().filter_map(room).collect()
}

async fn yield_times(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let late = |_| panic!("waited {PATIENCE:?} in vain: {what}");
    timeout(PATIENCE, future).await.unwrap_or_else(late)
}
