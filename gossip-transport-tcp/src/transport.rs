//! The transport itself: the pool in front, a task per connection behind.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use gossip_core::id::Endpoints;
use gossip_core::transport::{
    Address, Class, Inbound, SendReport, Transmit, Transport, TransportError,
};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::accept::listen;
use crate::bind::{BindError, Bound};
use crate::config::TcpConfig;
use crate::counters::{TcpStats, count};
use crate::dial::dial;
use crate::shared::{Phase, Place, Shared};

/// A TCP listener and its links as a transport. Dropping it sends what is queued, in the
/// background.
#[derive(Debug)]
pub struct TcpTransport {
    /// `None` once it is closed.
    listener: Mutex<Option<JoinHandle<()>>>,
    listening: tokio::task::AbortHandle,
    shared: Arc<Shared>,
}

impl TcpTransport {
    /// Binds the socket and starts to accept.
    ///
    /// # Errors
    /// The advertised address is missing or wrong, the frames are too long, the system refuses the
    /// socket, or there is no tokio runtime.
    pub fn bind(config: TcpConfig) -> Result<Self, BindError> {
        let bound = Bound::new(&config)?;
        let shared = Arc::new(Shared::new(config, &bound));
        let listener = bound.runtime.spawn(listen(Arc::clone(&shared), bound.listener));
        let listening = listener.abort_handle();
        Ok(Self { listener: Mutex::new(Some(listener)), listening, shared })
    }

    /// Where the listener is bound: others may reach it by another address.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local
    }

    /// How many links stand, are being made, or say goodbye.
    #[must_use]
    pub fn links(&self) -> usize {
        self.shared.pool().len()
    }

    /// Bytes that were accepted and that no kernel took yet, every frame with its overhead. At most
    /// `outlet.total_bytes`, and one frame per link.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared.pool().queued_bytes()
    }

    /// The counters as they stand.
    #[must_use]
    pub fn stats(&self) -> TcpStats {
        self.shared.counters.read()
    }
}

impl Shared {
    /// Whether frames can go there at all.
    fn serves(&self, to: Address) -> bool {
        match to {
            Address::Link(_) => true,
            Address::Socket(_) => false,
            Address::Stream(to) => {
                to.is_ipv4() == self.endpoint.is_ipv4()
                    && to.port() != 0
                    && !to.ip().is_unspecified()
            }
        }
    }
}

#[async_trait]
impl Transport for TcpTransport {
    fn endpoints(&self) -> Endpoints {
        Endpoints { datagram: Vec::new(), stream: vec![self.shared.endpoint] }
    }

    fn max_payload(&self, _class: Class) -> usize {
        self.shared.limits.frame_bytes
    }

    fn send(&self, batch: Vec<Transmit>) -> SendReport {
        let mut report = SendReport::default();
        let mut dials = Vec::new();
        let now = Instant::now();
        let mut pool = self.shared.pool();
        for frame in batch {
            if frame.bytes.len() > self.shared.limits.frame_bytes {
                report.oversize += 1;
            } else if self.shared.serves(frame.to) {
                dials.extend(pool.push(frame, now, &mut report));
            } else {
                report.unroutable += 1;
            }
        }
        drop(pool);
        count(&self.shared.counters.queue_full, report.full.len());
        for one in dials {
            let place = Place::new(&self.shared, one.ends.id);
            self.shared.spawn(dial(Arc::clone(&self.shared), one, place));
        }
        report
    }

    async fn recv(&self) -> Result<Vec<Inbound>, TransportError> {
        let mut phase = self.shared.phase.subscribe();
        tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase > Phase::Open) => Err(TransportError::Closed),
            rooms = self.shared.rooms.next() => {
                Ok(rooms.into_iter().map(Inbound::Room).collect())
            }
            items = self.shared.inbox.next() => Ok(items),
        }
    }

    async fn close(&self) {
        self.shared.begin_close();
        let mut listener = self.listener.lock().await;
        if let Some(listening) = listener.take() {
            listening.abort();
            // The port is free once the task is gone.
            let _ = listening.await;
        }
        let mut links = self.shared.links.subscribe();
        let drained = timeout(self.shared.times.close, links.wait_for(|links| *links == 0)).await;
        if drained.is_err() {
            let unsent = self.queued_bytes();
            tracing::warn!(endpoint = %self.shared.endpoint, unsent, "closed before all had ended");
        }
        self.shared.phase.send_replace(Phase::Dead);
    }
}

impl Drop for TcpTransport {
    fn drop(&mut self) {
        self.listening.abort();
        self.shared.begin_close();
    }
}
