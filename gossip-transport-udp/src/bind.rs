//! What a UDP transport is made of: its configuration, its socket, and why there is none.

use std::io;
use std::net::SocketAddr;

use gossip_core::transport::{
    AdvertiseError, OutletLimits, advertised, check_advertise, next_step,
};
use quinn_udp::UdpSocketState;
use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;

/// Bytes requested for each socket buffer: 4 MiB, what Linux grants to anyone where
/// `net.core.rmem_max` is at its usual raised value. Some 1,800 full datagrams as the kernel
/// counts them, 6 ms of the measured 300,000 datagrams/s: what a busy receiver may sleep over.
pub const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// Where and how to listen.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "users build it on top of `UdpConfig::new`")]
pub struct UdpConfig {
    /// The address that others reach this node at. Default: `listen`; needed where that is
    /// unspecified (`0.0.0.0`, `::`). Port 0 stands for the bound port.
    pub advertise: Option<SocketAddr>,
    /// The address to bind. Port 0 lets the system choose. Its family is the only one served.
    pub listen: SocketAddr,
    /// The bounds of the send queues.
    pub outlet: OutletLimits,
    /// Whether the kernel may cut one large send into datagrams, where it can. Default: yes,
    /// three times the datagrams per second to one peer (measured on loopback).
    pub segmentation: bool,
    /// Bytes to request for each socket buffer. Default [`SOCKET_BUFFER_BYTES`]. With less, bursts
    /// are lost while the process is not scheduled; more only delays the news that it is too slow.
    pub socket_buffer_bytes: usize,
}

impl UdpConfig {
    /// Listens on this address, defaults otherwise.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            advertise: None,
            listen,
            outlet: OutletLimits::default(),
            segmentation: true,
            socket_buffer_bytes: SOCKET_BUFFER_BYTES,
        }
    }
}

/// Bytes of the socket buffers as the kernel reports them: Linux reports twice what it granted,
/// its own bookkeeping included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair and nothing else")]
pub struct SocketBuffers {
    /// For datagrams that arrived.
    pub receive: usize,
    /// For datagrams that leave.
    pub send: usize,
}

/// Why there is no transport. Nothing stays bound.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Others could not reach the socket.
    #[error(transparent)]
    Advertise(#[from] AdvertiseError),
    /// There is no tokio runtime to run on.
    #[error("a UDP transport needs a tokio runtime with I/O and time: bind within one")]
    NoRuntime,
    /// The system refused the socket.
    #[error("cannot listen on {listen}: {source}; {}", next_step(source))]
    Socket {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A socket ready for batched calls.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) buffers: SocketBuffers,
    /// Where others reach it.
    pub(crate) endpoint: SocketAddr,
    pub(crate) socket: UdpSocket,
    pub(crate) state: UdpSocketState,
}

impl Bound {
    pub(crate) fn new(config: &UdpConfig) -> Result<Self, BindError> {
        check_advertise(config.listen, config.advertise)?;
        Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        Self::open(config).map_err(|source| BindError::Socket { listen: config.listen, source })
    }

    fn open(config: &UdpConfig) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(config.listen), Type::DGRAM, None)?;
        if config.listen.is_ipv6() {
            // Mapped IPv4 addresses would give one peer two names.
            socket.set_only_v6(true)?;
        }
        // The kernel grants what it likes; what that is can be read.
        let _less = socket.set_recv_buffer_size(config.socket_buffer_bytes);
        let _less = socket.set_send_buffer_size(config.socket_buffer_bytes);
        socket.set_nonblocking(true)?;
        socket.bind(&config.listen.into())?;
        let buffers =
            SocketBuffers { receive: socket.recv_buffer_size()?, send: socket.send_buffer_size()? };
        let socket = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        let bound = socket.local_addr()?;
        let endpoint = advertised(bound, config.advertise);
        Ok(Self { buffers, endpoint, socket, state })
    }
}
