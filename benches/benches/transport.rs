//! Bulk frames through a pair of TCP transports, against the same frames through a bare pair of
//! sockets, in one process.
//!
//! Both pairs run as tasks on two threads. The bare copy reads and writes through buffers, and
//! gives each frame memory of its own, as a receiver of frames must.

use std::cell::RefCell;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use gossip_benches::table::{Row, Target, in_turns, per_entry, report};
use gossip_core::transport::{Address, Class, Inbound, Transmit, Transport as _};
use gossip_transport_tcp::{TcpConfig, TcpTransport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Frames handed to a transport at a time, as a node does; fewer where they are large.
const BATCH_FRAMES: usize = 64;

/// Bytes of one batch at most.
const BATCH_BYTES: usize = 1 << 20;

/// Bytes that the bare copy reads and writes at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// Bytes that one side moves in one turn.
const MOVED_BYTES: usize = 32 << 20;

/// How often the two sides take turns.
const ROUNDS: u64 = 48;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| "transport".contains(filter.as_str())) {
        return;
    }
    // Compiled as a test, it only shows that it works.
    let rounds = if arguments.iter().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let mut streams = Streams::new();
    let rows = [1 << 10, 64 << 10, 1 << 20].map(|bytes| bulk(&mut streams, bytes, rounds));
    report(&rows, "ratios-transport.json").expect("the table's file can be written");
}

/// Frames of one size, from one end to the other.
fn bulk(streams: &mut Streams, frame_bytes: usize, rounds: u64) -> Row {
    let (frame, frames) = (Bytes::from(vec![7; frame_bytes]), MOVED_BYTES / frame_bytes);
    // One at a time, for both need the runtime.
    let streams = RefCell::new(streams);
    let mut pairs = Vec::new();
    for turn in 0..rounds {
        let ours = || streams.borrow_mut().ours(&frame, frames);
        let bare = || streams.borrow_mut().bare(&frame, frames);
        pairs.push(in_turns(turn, ours, bare));
    }
    Row {
        name: format!("bulk over TCP, frames of {} KiB, against a bare copy", frame_bytes >> 10),
        // A rate against a rate: the bare time over ours.
        ratios: pairs.iter().map(|(ours, bare)| bare / ours).collect(),
        nanos: Some(per_entry(&pairs, frames as u64)),
        target: Target::AtLeast(0.6),
    }
}

/// Two ends of each kind, connected over loopback.
struct Streams {
    bare: Option<(TcpStream, TcpStream)>,
    ours: (Arc<TcpTransport>, Arc<TcpTransport>),
    runtime: Runtime,
}

impl Streams {
    /// Connects them, on a runtime of two threads.
    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("the machine runs two threads");
        let (bare, ours) = runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = TcpListener::bind(any).await.expect("a port");
            let at = listener.local_addr().expect("it is bound");
            let (near, far) = tokio::join!(TcpStream::connect(at), listener.accept());
            let (near, (far, _)) = (near.expect("it listens"), far.expect("it is dialled"));
            near.set_nodelay(true).expect("a socket");
            let bind = || Arc::new(TcpTransport::bind(TcpConfig::new(any)).expect("a port"));
            ((near, far), (bind(), bind()))
        });
        Self { bare: Some(bare), ours, runtime }
    }

    /// Sends so many frames by the transports, until the last is received.
    fn ours(&self, frame: &Bytes, frames: usize) {
        let (near, far) = (Arc::clone(&self.ours.0), Arc::clone(&self.ours.1));
        let to = far.endpoints().stream.first().copied().expect("it takes streams");
        self.both(
            send_ours(near, Address::Stream(to), frame.clone(), frames),
            receive_ours(far, frame.len(), frames),
        );
    }

    /// The same by a loop over each socket.
    fn bare(&mut self, frame: &Bytes, frames: usize) {
        let (near, far) = self.bare.take().expect("it comes back");
        self.bare =
            Some(self.both(
                send_bare(near, frame.clone(), frames),
                receive_bare(far, frame.len(), frames),
            ));
    }

    /// Runs both as tasks, as nodes run.
    fn both<A: Send + 'static, B: Send + 'static>(
        &self,
        sending: impl Future<Output = A> + Send + 'static,
        receiving: impl Future<Output = B> + Send + 'static,
    ) -> (A, B) {
        let (sending, receiving) = (self.runtime.spawn(sending), self.runtime.spawn(receiving));
        let (sent, received) = self.runtime.block_on(async { tokio::join!(sending, receiving) });
        (sent.expect("sending ends"), received.expect("receiving ends"))
    }
}

async fn send_ours(near: Arc<TcpTransport>, to: Address, frame: Bytes, frames: usize) {
    let most = BATCH_FRAMES.min(BATCH_BYTES / frame.len()).max(1);
    let mut rest = frames;
    while rest > 0 {
        let one = Transmit { to, class: Class::Bulk, bytes: frame.clone() };
        let report = near.send(vec![one; most.min(rest)]);
        rest -= report.accepted;
        if !report.full.is_empty() {
            while !near.recv().await.expect("open").contains(&Inbound::Room(to)) {}
        }
    }
}

async fn receive_ours(far: Arc<TcpTransport>, frame_bytes: usize, frames: usize) {
    let mut received = 0;
    while received < frames {
        for item in far.recv().await.expect("open") {
            if let Inbound::Frame { bytes, .. } = item {
                assert_eq!(bytes.len(), frame_bytes);
                received += 1;
            }
        }
    }
}

async fn send_bare(near: TcpStream, frame: Bytes, frames: usize) -> TcpStream {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, near);
    for _ in 0..frames {
        writer.write_u32(frame.len() as u32).await.expect("it stands");
        writer.write_all(&frame).await.expect("it stands");
    }
    writer.flush().await.expect("it stands");
    writer.into_inner()
}

async fn receive_bare(far: TcpStream, frame_bytes: usize, frames: usize) -> TcpStream {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, far);
    for _ in 0..frames {
        let length = reader.read_u32().await.expect("it stands") as usize;
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).await.expect("it stands");
        assert_eq!(bytes.len(), frame_bytes);
        black_box(bytes);
    }
    reader.into_inner()
}
