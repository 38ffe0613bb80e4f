//! The transport itself: queues in front, a flushing task behind, and the socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gossip_core::id::Endpoints;
use gossip_core::transport::{
    Address, Class, DATAGRAM_BYTES, Inbound, Outlet, Rooms, SendReport, Transmit, Transport,
    TransportError,
};
use quinn_udp::UdpSocketState;
use tokio::net::UdpSocket;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::bind::{BindError, Bound, SocketBuffers, UdpConfig};
use crate::counters::{Counters, UdpStats, count};
use crate::flush::flush;
use crate::receive::Intake;

/// How long [`Transport::close`] lets the kernel take what is queued (guess: 16 MiB at 1 Gbit/s
/// take 0.13 s). What is left then is lost, as datagrams may be.
pub const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// A UDP socket as a transport. Dropping it sends what is queued, in the background.
#[derive(Debug)]
pub struct UdpTransport {
    closed: watch::Sender<bool>,
    /// Ends when the flushing task does: nobody sends on it.
    flushed: watch::Receiver<()>,
    flusher: AbortHandle,
    intake: Mutex<Intake>,
    shared: Arc<Shared>,
}

/// What both halves use.
#[derive(Debug)]
pub(crate) struct Shared {
    buffers: SocketBuffers,
    pub(crate) counters: Counters,
    endpoint: SocketAddr,
    pub(crate) outlet: Outlet,
    pub(crate) rooms: Rooms,
    /// Most datagrams of one call; 1 without segmentation.
    segments: AtomicUsize,
    pub(crate) socket: UdpSocket,
    pub(crate) state: UdpSocketState,
}

impl UdpTransport {
    /// Binds the socket and starts the task that flushes.
    ///
    /// # Errors
    /// The advertised address is missing or wrong, the system refuses the socket, or there is no
    /// tokio runtime.
    pub fn bind(config: UdpConfig) -> Result<Self, BindError> {
        let shared = Arc::new(Shared::new(&config)?);
        let (flushing, flushed) = watch::channel(());
        let flusher = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                flush(shared).await;
                drop(flushing);
            }
        });
        Ok(Self {
            closed: watch::Sender::new(false),
            flushed,
            flusher: flusher.abort_handle(),
            intake: Mutex::new(Intake::new()),
            shared,
        })
    }

    /// The buffers that the kernel granted.
    #[must_use]
    pub fn socket_buffers(&self) -> SocketBuffers {
        self.shared.buffers
    }

    /// The counters as they stand.
    #[must_use]
    pub fn stats(&self) -> UdpStats {
        self.shared.counters.read()
    }

    /// Whether the kernel cuts large sends into datagrams, as far as is known by now.
    #[must_use]
    pub fn segments(&self) -> bool {
        self.shared.max_segments() > 1
    }

    /// At least one frame. Cancel-safe: between taking frames and giving them there is no await.
    async fn frames(&self) -> io::Result<Vec<Inbound>> {
        let mut intake = self.intake.lock().await;
        loop {
            self.shared.socket.readable().await?;
            let frames = intake.receive(&self.shared)?;
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }
}

impl Shared {
    pub(crate) fn new(config: &UdpConfig) -> Result<Self, BindError> {
        let Bound { buffers, endpoint, socket, state } = Bound::new(config)?;
        let segments = if config.segmentation { state.max_gso_segments() } else { 1 };
        Ok(Self {
            buffers,
            counters: Counters::default(),
            endpoint,
            outlet: Outlet::new(config.outlet),
            rooms: Rooms::new(config.outlet.peers),
            segments: AtomicUsize::new(segments),
            socket,
            state,
        })
    }

    pub(crate) fn max_segments(&self) -> usize {
        self.segments.load(Ordering::Relaxed)
    }

    /// `quinn-udp` gives segmentation up after any EINVAL, and a peer that announces a strange
    /// address could cause one: whether to stop is decided here, on proof.
    pub(crate) fn stop_segmentation(&self) {
        if self.segments.swap(1, Ordering::Relaxed) > 1 {
            tracing::info!(endpoint = %self.endpoint, "the kernel refuses to segment: no more");
        }
    }

    /// Whether the socket can send there at all.
    fn serves(&self, to: SocketAddr) -> bool {
        to.is_ipv4() == self.endpoint.is_ipv4() && to.port() != 0 && !to.ip().is_unspecified()
    }
}

#[async_trait]
impl Transport for UdpTransport {
    fn endpoints(&self) -> Endpoints {
        Endpoints::datagram(self.shared.endpoint)
    }

    fn max_payload(&self, _class: Class) -> usize {
        DATAGRAM_BYTES
    }

    fn send(&self, batch: Vec<Transmit>) -> SendReport {
        let mut report = SendReport::default();
        let mut frames = Vec::with_capacity(batch.len());
        for Transmit { to, class: _, bytes } in batch {
            if bytes.len() > DATAGRAM_BYTES {
                report.oversize += 1;
            } else if matches!(to, Address::Socket(to) if self.shared.serves(to)) {
                frames.push((to, bytes));
            } else {
                report.unroutable += 1;
            }
        }
        let pushed = self.shared.outlet.push(frames);
        count(&self.shared.counters.queue_full, pushed.full.len());
        report.accepted = pushed.queued;
        report.full = pushed.full;
        report.unroutable += pushed.closed;
        report
    }

    async fn recv(&self) -> Result<Vec<Inbound>, TransportError> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(TransportError::Closed),
            rooms = self.shared.rooms.next() => {
                Ok(rooms.into_iter().map(Inbound::Room).collect())
            }
            frames = self.frames() => Ok(frames?),
        }
    }

    async fn close(&self) {
        self.shared.outlet.close();
        self.closed.send_replace(true);
        if timeout(CLOSE_PATIENCE, self.flushed.clone().changed()).await.is_err() {
            tracing::warn!(endpoint = %self.shared.endpoint, "closed with frames unsent");
            self.flusher.abort();
        }
    }
}

impl Drop for UdpTransport {
    fn drop(&mut self) {
        self.shared.outlet.close();
    }
}
