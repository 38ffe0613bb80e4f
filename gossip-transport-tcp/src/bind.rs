//! The listening socket, and why there is none.

use std::io;
use std::net::SocketAddr;

use gossip_core::transport::{AdvertiseError, advertised, check_advertise, next_step};
use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::config::TcpConfig;
use crate::framing::MAX_FRAME_BYTES;

/// Connections that the kernel completes before we accept them: what Linux grants by default
/// (`net.core.somaxconn`). Below a burst of peers some of them wait a second for their next SYN.
const BACKLOG: i32 = 4_096;

/// Why there is no transport. Nothing stays bound.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Others could not reach the socket.
    #[error(transparent)]
    Advertise(#[from] AdvertiseError),
    /// The length of frames does not fit.
    #[error("frames of {frame_bytes} bytes: choose from 1 to {MAX_FRAME_BYTES}")]
    FrameBytes {
        /// The configured length.
        frame_bytes: usize,
    },
    /// There is no tokio runtime to run on.
    #[error("a TCP transport needs a tokio runtime with I/O and time: bind within one")]
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

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Where others reach it.
    pub(crate) endpoint: SocketAddr,
    pub(crate) listener: TcpListener,
    /// Where it is bound.
    pub(crate) local: SocketAddr,
    pub(crate) runtime: Handle,
}

impl Bound {
    pub(crate) fn new(config: &TcpConfig) -> Result<Self, BindError> {
        check_advertise(config.listen, config.advertise)?;
        let frame_bytes = config.limits.frame_bytes;
        if !(1..=MAX_FRAME_BYTES).contains(&frame_bytes) {
            return Err(BindError::FrameBytes { frame_bytes });
        }
        let runtime = Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        Self::open(config, runtime)
            .map_err(|source| BindError::Socket { listen: config.listen, source })
    }

    fn open(config: &TcpConfig, runtime: Handle) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(config.listen), Type::STREAM, None)?;
        if config.listen.is_ipv6() {
            // Mapped IPv4 addresses would give one peer two names.
            socket.set_only_v6(true)?;
        }
        // A restart takes its port again while the kernel still buries the old connections.
        #[cfg(not(windows))]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&config.listen.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let bound = listener.local_addr()?;
        let endpoint = advertised(bound, config.advertise);
        Ok(Self { endpoint, listener, local: bound, runtime })
    }
}
