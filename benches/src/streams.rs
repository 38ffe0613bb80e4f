//! Frames through a pair of TCP transports, and the same frames through a bare pair of sockets.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
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

/// Two ends of each kind, connected over loopback.
#[derive(Debug)]
pub struct Streams {
    bare: (TcpStream, TcpStream),
    ours: (TcpTransport, TcpTransport),
    runtime: Runtime,
    to: Address,
}

impl Streams {
    /// Connects them, on a runtime with a thread for each end.
    ///
    /// # Panics
    /// If loopback has no ports.
    #[must_use]
    pub fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("the machine runs two threads");
        let (bare, ours) = runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = TcpListener::bind(any).await.expect("a port");
            let at = listener.local_addr().expect("it is bound");
            let (near, far) = tokio::join!(TcpStream::connect(at), listener.accept());
            let (near, (far, _)) = (near.expect("it listens"), far.expect("it is dialled"));
            near.set_nodelay(true).expect("a socket");
            let bind = || TcpTransport::bind(TcpConfig::new(any)).expect("a port");
            ((near, far), (bind(), bind()))
        });
        let at = ours.1.endpoints().stream.first().copied().expect("it takes streams");
        Self { bare, ours, runtime, to: Address::Stream(at) }
    }

    /// Sends so many frames by the transports, until the last is received.
    ///
    /// # Panics
    /// If a link ends.
    pub fn ours(&mut self, frame: &Bytes, frames: usize) {
        let (near, far) = (&self.ours.0, &self.ours.1);
        let to = self.to;
        self.runtime.block_on(async {
            let sending = async {
                let most = BATCH_FRAMES.min(BATCH_BYTES / frame.len()).max(1);
                let mut rest = frames;
                while rest > 0 {
                    let one = Transmit { to, class: Class::Bulk, bytes: frame.clone() };
                    let report = near.send(vec![one; most.min(rest)]);
                    rest -= report.accepted;
                    if !report.full.is_empty() {
                        room(near, to).await;
                    }
                }
            };
            let receiving = async {
                let mut received = 0;
                while received < frames {
                    for item in far.recv().await.expect("open") {
                        if let Inbound::Frame { bytes, .. } = item {
                            assert_eq!(bytes.len(), frame.len());
                            received += 1;
                        }
                    }
                }
            };
            tokio::join!(sending, receiving);
        });
    }

    /// The same by a loop over each socket.
    ///
    /// # Panics
    /// If the connection ends.
    pub fn bare(&mut self, frame: &Bytes, frames: usize) {
        let (near, far) = (&mut self.bare.0, &mut self.bare.1);
        self.runtime.block_on(async {
            let sending = async {
                let mut writer = BufWriter::with_capacity(BUFFER_BYTES, near);
                for _ in 0..frames {
                    writer.write_u32(frame.len() as u32).await.expect("it stands");
                    writer.write_all(frame).await.expect("it stands");
                }
                writer.flush().await.expect("it stands");
            };
            let receiving = async {
                let mut reader = BufReader::with_capacity(BUFFER_BYTES, far);
                for _ in 0..frames {
                    let length = reader.read_u32().await.expect("it stands") as usize;
                    let mut bytes = vec![0; length];
                    reader.read_exact(&mut bytes).await.expect("it stands");
                    assert_eq!(bytes.len(), frame.len());
                    std::hint::black_box(bytes);
                }
            };
            tokio::join!(sending, receiving);
        });
    }
}

impl Default for Streams {
    fn default() -> Self {
        Self::new()
    }
}

async fn room(at: &TcpTransport, to: Address) {
    while !at.recv().await.expect("open").contains(&Inbound::Room(to)) {}
}
