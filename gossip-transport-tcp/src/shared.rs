//! What every task of a transport uses.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use gossip_core::transport::{Address, Inbound, LinkId, Rooms};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::bind::Bound;
use crate::config::{TcpConfig, TcpLimits, TcpTimes};
use crate::counters::{Counters, count};
use crate::framing::Broken;
use crate::inbox::Inbox;
use crate::link::End;
use crate::pool::Pool;
use crate::preamble::{Nonce, Preamble};

/// Links of which the node may not have heard yet that they stand or ended, for each that may
/// stand: twice as many are open or closing at most. More wait before they carry frames.
const NEWS_PER_LINK: usize = 4;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// What is queued is sent.
    Closing,
    /// Nothing moves any more.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) counters: Arc<Counters>,
    pub(crate) endpoint: SocketAddr,
    pub(crate) inbox: Inbox,
    pub(crate) limits: TcpLimits,
    /// Where the listener is bound.
    pub(crate) local: SocketAddr,
    /// How many links there are.
    pub(crate) links: watch::Sender<usize>,
    pub(crate) phase: watch::Sender<Phase>,
    pool: Mutex<Pool>,
    pub(crate) rooms: Rooms,
    runtime: Handle,
    pub(crate) times: TcpTimes,
}

/// A link's place in the pool, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: LinkId,
    shared: Arc<Shared>,
    /// What the news of its end needs, once it stands.
    stands: Option<OwnedSemaphorePermit>,
}

/// One connection of a host, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    host: IpAddr,
    shared: Arc<Shared>,
}

impl Shared {
    pub(crate) fn new(config: TcpConfig, bound: &Bound) -> Self {
        let TcpConfig { advertise: _, limits, listen: _, times } = config;
        let times = times.clamped();
        let counters = Arc::new(Counters::default());
        let pool = Mutex::new(Pool::new(limits, &times, Arc::clone(&counters)));
        Self {
            counters,
            endpoint: bound.endpoint,
            inbox: Inbox::new(limits.inbox_bytes, NEWS_PER_LINK * limits.links),
            limits,
            local: bound.local,
            links: watch::Sender::new(0),
            phase: watch::Sender::new(Phase::Open),
            pool,
            rooms: Rooms::new(limits.outlet.peers),
            runtime: bound.runtime.clone(),
            times,
        }
    }

    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect("nobody panics with the lock held")
    }

    /// Runs a task until it ends or the transport is dead.
    ///
    /// Not with the pool locked: a runtime that shuts down drops the task at once.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut phase = self.phase.subscribe();
        self.runtime.spawn(async move {
            tokio::select! {
                _ = phase.wait_for(|phase| *phase == Phase::Dead) => {}
                () = task => {}
            }
        });
    }

    pub(crate) fn announce(&self, rooms: impl IntoIterator<Item = Address>) {
        let mut rooms = rooms.into_iter().peekable();
        if rooms.peek().is_some() {
            self.rooms.announce(rooms);
        }
    }

    /// What we say first on each connection.
    pub(crate) fn preamble(&self, nonce: Nonce) -> Preamble {
        Preamble { nonce, announced: vec![self.endpoint] }
    }

    /// Waits for the inbox to take the frames; none is no frame.
    pub(crate) async fn received(&self, id: LinkId, frames: &mut Vec<Inbound>) {
        if frames.is_empty() {
            return;
        }
        count(&self.counters.received_frames, frames.len());
        count(&self.counters.received_bytes, frames.iter().map(length).sum());
        self.inbox.frames(std::mem::take(frames)).await;
        self.pool().heard(id, Instant::now());
    }

    pub(crate) fn written(&self, id: LinkId, frames: usize, bytes: usize, cost: usize) {
        count(&self.counters.sent_frames, frames);
        count(&self.counters.sent_bytes, bytes);
        let rooms = self.pool().written(id, frames, cost);
        self.announce(rooms);
    }

    pub(crate) fn retire_idle(&self, id: LinkId, now: Instant) -> bool {
        let retired = self.pool().retire_idle(id, now, self.times.idle);
        count(&self.counters.idle_closed, usize::from(retired));
        retired
    }

    pub(crate) fn prove(&self, id: LinkId, nonce: Nonce) -> Option<SocketAddr> {
        let proven = self.pool().prove(id, nonce);
        let counter =
            if proven.is_some() { &self.counters.twins } else { &self.counters.twins_refused };
        count(counter, 1);
        proven
    }

    pub(crate) fn ended(&self, id: LinkId, peer: SocketAddr, end: &End) {
        let counters = &self.counters;
        let counter = match end {
            End::Broken(Broken::Malformed) => &counters.ended_malformed,
            End::Broken(Broken::Oversize) => &counters.ended_oversize,
            End::Closed => &counters.ended_closed,
            End::Cut => &counters.ended_cut,
            End::Failed(_) => &counters.ended_failed,
            End::InOrder => &counters.ended_in_order,
            End::Silent => &counters.ended_silent,
            End::Stalled => &counters.ended_stalled,
        };
        count(counter, 1);
        tracing::debug!(?id, %peer, %end, "link ended");
    }

    /// Takes no more connections and frames; what is queued is sent.
    pub(crate) fn begin_close(&self) {
        let mut pool = self.pool();
        pool.close();
        self.links.send_replace(pool.len());
        drop(pool);
        self.phase.send_if_modified(|phase| {
            let begins = *phase < Phase::Closing;
            *phase = (*phase).max(Phase::Closing);
            begins
        });
    }
}

impl Place {
    pub(crate) fn new(shared: &Arc<Shared>, id: LinkId) -> Self {
        Self { id, shared: Arc::clone(shared), stands: None }
    }

    /// Says so, once the node is not behind with such news; the end is said when this is dropped.
    pub(crate) async fn stands(&mut self, peer: SocketAddr) {
        self.stands = self.shared.inbox.up(self.id, peer).await;
        count(&self.shared.counters.links, 1);
        tracing::debug!(id = ?self.id, %peer, "link stands");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut pool = self.shared.pool();
        let left = pool.remove(self.id, Instant::now());
        let links = pool.len();
        drop(pool);
        count(&self.shared.counters.lost_frames, left.lost_frames);
        if let Some(room) = self.stands.take() {
            self.shared.inbox.down(self.id, room);
        }
        self.shared.announce(left.rooms);
        self.shared.links.send_replace(links);
    }
}

impl Seat {
    /// `None`: the host has all that it may have.
    pub(crate) fn take(shared: &Arc<Shared>, host: IpAddr) -> Option<Self> {
        let enters = shared.pool().enter_host(host);
        enters.then(|| Self { host, shared: Arc::clone(shared) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.pool().leave_host(self.host);
    }
}

fn length(item: &Inbound) -> usize {
    if let Inbound::Frame { bytes, .. } = item { bytes.len() } else { 0 }
}
