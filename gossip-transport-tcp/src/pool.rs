//! All links and where frames go: one lock, never held across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::transport::{Address, LinkId, OutletLimits, SendReport, Transmit};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::back_off::BackOffs;
use crate::config::{TcpLimits, TcpTimes};
use crate::counters::{Counters, count};
use crate::framing::Control;
use crate::preamble::Nonce;
use crate::queue::Queue;

/// How long a link must be unused before somebody who connects may push it out (guess: ten times
/// the round of a node). A dial of our own may push out any, once it has connected.
const EVICTABLE_AFTER: Duration = Duration::from_secs(10);

/// Of the links that may stand, one in so many may be dialled meanwhile: as many to addresses that
/// never failed, and as many to those whose last dial failed (guess: 64 each). So the dead hold up
/// each other, and none that lives. Below, a start takes many round trips; above, dead addresses
/// hold descriptors.
const LINKS_PER_DIAL: usize = 8;

/// Controls that may wait for a link's writer. One more is not sent: two connections to one peer
/// then stay, which harms nobody.
const CONTROLS: usize = 8;

/// The links, their queues' ends, and who must wait.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) back_offs: BackOffs,
    closed: bool,
    counters: Arc<Counters>,
    /// Links that dropped a frame since there was room last.
    crowded_out: BTreeSet<LinkId>,
    /// Addresses that the number of links cost a frame, as too many were being dialled.
    placeless: BTreeSet<Address>,
    /// Connections that others began and that have not said their preamble, oldest first. One
    /// whose sender is dropped ends.
    half_open: BTreeMap<u64, oneshot::Sender<()>>,
    /// How many connections each host made.
    hosts: BTreeMap<IpAddr, usize>,
    limits: TcpLimits,
    links: BTreeMap<LinkId, Link>,
    next: u64,
    /// The cost of all frames accepted and not yet written.
    queued: usize,
    /// Which link leads to an address: one that was dialled, or one that proved to be its twin.
    routes: BTreeMap<SocketAddr, LinkId>,
}

/// One connection.
///
/// ```text
/// dialling --preamble--> open --retire--> closing --> gone
///     |                   ^ (accepted ones begin here)  ^
///     +-- retire: open for no frame, closing once it stands
/// ```
#[derive(Debug)]
struct Link {
    /// What the peer says of itself; empty where we dialled.
    announced: Vec<SocketAddr>,
    /// When it took its last frame.
    closing: Option<Instant>,
    controls: mpsc::Sender<Control>,
    /// Dropped, it ends the link at once.
    cut: Option<oneshot::Sender<()>>,
    dialled: Option<SocketAddr>,
    /// Takes frames.
    open: bool,
    ours: Nonce,
    queue: Queue,
    /// Where we dialled: the last dial of this address failed.
    retry: bool,
    /// `None` until the peer said its preamble.
    theirs: Option<Nonce>,
    used: Instant,
    /// Wakes the writer: frames wait, or none will come.
    wake: Arc<Notify>,
}

impl Link {
    /// Both sides said their preambles, and no goodbye.
    fn stands(&self) -> bool {
        self.open && self.theirs.is_some()
    }
}

/// What a link's task needs of the pool.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) controls: mpsc::Receiver<Control>,
    /// Ends when the link must.
    pub(crate) cut: Option<oneshot::Receiver<()>>,
    pub(crate) id: LinkId,
    /// Says that [`Pool::turn`] has something new.
    pub(crate) wake: Arc<Notify>,
}

/// What a link's writer does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Frames(Vec<Bytes>),
    /// None will come.
    Last,
    Wait,
}

/// A connection that is to be made.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) address: SocketAddr,
    pub(crate) ends: Ends,
    pub(crate) ours: Nonce,
    /// The address failed when it was dialled last.
    pub(crate) retry: bool,
}

/// What a link left behind.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) lost_frames: usize,
    pub(crate) rooms: Vec<Address>,
}

impl Pool {
    pub(crate) fn new(limits: TcpLimits, times: &TcpTimes, counters: Arc<Counters>) -> Self {
        let back_offs = BackOffs::new(times.back_off_min, times.back_off_max, limits.outlet.peers);
        Self {
            back_offs,
            closed: false,
            counters,
            crowded_out: BTreeSet::new(),
            placeless: BTreeSet::new(),
            half_open: BTreeMap::new(),
            hosts: BTreeMap::new(),
            limits,
            links: BTreeMap::new(),
            next: 0,
            queued: 0,
            routes: BTreeMap::new(),
        }
    }

    /// How many links there are, in any state.
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued
    }

    /// Queues one frame, or notes in the report why not. The dial that it takes, if one.
    pub(crate) fn push(
        &mut self,
        frame: Transmit,
        now: Instant,
        report: &mut SendReport,
    ) -> Option<Dial> {
        let Transmit { to, class, bytes } = frame;
        let (id, dial) = match self.route(to, now) {
            Route::Link(id) => (id, None),
            Route::Dial(dial) => (dial.ends.id, Some(dial)),
            Route::Full => {
                report.full.push(to);
                return None;
            }
            Route::None => {
                report.unroutable += 1;
                return None;
            }
        };
        let room = self.room();
        let link = self.links.get_mut(&id).expect("routes lead to links");
        if let Some(cost) = link.queue.push(to, class, bytes, room) {
            link.used = now;
            link.wake.notify_one();
            self.queued += cost;
            report.accepted += 1;
        } else {
            self.crowded_out.insert(id);
            report.full.push(to);
        }
        dial
    }

    /// What may be queued for one link: of what is left of all, the share that one link may have of
    /// all. So many that take nothing leave room for one that does.
    fn room(&self) -> usize {
        let OutletLimits { peer_bytes, total_bytes, .. } = self.limits.outlet;
        let left = total_bytes.saturating_sub(self.queued);
        let room = peer_bytes as u128 * left as u128 / total_bytes.max(1) as u128;
        usize::try_from(room).unwrap_or(usize::MAX).min(peer_bytes)
    }

    /// What the writer of a link does next.
    pub(crate) fn turn(&mut self, id: LinkId) -> Turn {
        let Some(link) = self.links.get_mut(&id) else { return Turn::Last };
        match link.queue.turn() {
            frames if !frames.is_empty() => Turn::Frames(frames),
            _ if link.open => Turn::Wait,
            _ => Turn::Last,
        }
    }

    /// A dialled connection stands: its peer said this. Only now it may push out another. Who has
    /// room again, as there is a dial less.
    pub(crate) fn stand_dialled(
        &mut self,
        id: LinkId,
        theirs: Nonce,
        now: Instant,
    ) -> BTreeSet<Address> {
        let Some(link) = self.links.get_mut(&id) else { return BTreeSet::new() };
        link.theirs = Some(theirs);
        link.used = now;
        let Some(address) = link.dialled else { return BTreeSet::new() };
        if link.open && self.standing() > self.limits.links {
            self.evict(|other, link| {
                (other != id && link.stands()).then_some((link.queue.cost() > 0, link.used))
            });
        }
        let rivals = self.links.iter().filter(|(_, link)| link.announced.contains(&address));
        for accepted in rivals.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.tell_twin(id, accepted);
        }
        mem::take(&mut self.placeless)
    }

    /// A connection that somebody else made stands. `None`: there is no place for it.
    pub(crate) fn stand_accepted(
        &mut self,
        ours: Nonce,
        theirs: Nonce,
        announced: Vec<SocketAddr>,
        now: Instant,
    ) -> Option<Ends> {
        if self.closed || !self.has_place(now) {
            return None;
        }
        let rivals: Vec<_> =
            announced.iter().filter_map(|address| self.routes.get(address)).copied().collect();
        let (link, ends) = self.link(ours, now);
        self.links.insert(ends.id, Link { announced, theirs: Some(theirs), ..link });
        for dialled in rivals {
            self.tell_twin(dialled, ends.id);
        }
        Some(ends)
    }

    /// The peer at the end of `id` claims, by this nonce, to be who we dialled at one of the
    /// addresses that it announced: only who got the nonce there knows it. If so, its link leads
    /// there from now on, and the one that we dialled is closed.
    pub(crate) fn prove(&mut self, id: LinkId, nonce: Nonce) -> Option<SocketAddr> {
        let link = self.links.get(&id).filter(|link| link.open && link.dialled.is_none())?;
        let dialled = |address: &SocketAddr| {
            let dialled = *self.routes.get(address)?;
            let link = self.links.get(&dialled)?;
            (link.dialled == Some(*address) && link.ours == nonce).then_some((*address, dialled))
        };
        let (address, dialled) = link.announced.iter().find_map(dialled)?;
        self.retire(dialled);
        self.routes.insert(address, id);
        Some(address)
    }

    /// The link takes no more frames, sends what it has, and says goodbye. Whether it was open.
    pub(crate) fn retire(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        link.wake.notify_one();
        link.closing.get_or_insert_with(Instant::now);
        self.routes.retain(|_, to| *to != id);
        mem::take(&mut link.open)
    }

    /// Retires the link if it was not used for so long.
    pub(crate) fn retire_idle(&mut self, id: LinkId, now: Instant, idle: Duration) -> bool {
        let idles = |link: &Link| link.queue.cost() == 0 && now >= link.used + idle;
        self.links.get(&id).is_some_and(idles) && self.retire(id)
    }

    /// Retires all links, and makes no more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.links.keys().copied().collect::<Vec<_>>().into_iter().for_each(|id| {
            self.retire(id);
        });
        self.half_open.clear();
    }

    /// Frames came along this link.
    pub(crate) fn heard(&mut self, id: LinkId, now: Instant) {
        if let Some(link) = self.links.get_mut(&id) {
            link.used = now;
        }
    }

    /// The kernel took frames of this link. Who has room again.
    pub(crate) fn written(&mut self, id: LinkId, frames: usize, cost: usize) -> Vec<Address> {
        if let Some(link) = self.links.get_mut(&id) {
            link.queue.written(frames, cost);
            self.queued -= cost;
        }
        self.rooms()
    }

    /// The link is gone.
    pub(crate) fn remove(&mut self, id: LinkId, now: Instant) -> Left {
        self.retire(id);
        let Some(link) = self.links.remove(&id) else { return Left::default() };
        let lost_frames = link.queue.frames();
        self.queued -= link.queue.cost();
        let mut rooms = self.rooms();
        rooms.extend(mem::take(&mut self.placeless));
        rooms.extend(link.queue.into_dropped());
        rooms.retain(|room| match room {
            Address::Link(id) => self.links.contains_key(id),
            Address::Socket(to) | Address::Stream(to) => !self.back_offs.refuses(*to, now),
        });
        Left { lost_frames, rooms }
    }

    /// Whether this host may have one more connection; [`Self::leave_host`] gives it back.
    pub(crate) fn enter_host(&mut self, host: IpAddr) -> bool {
        let count = self.hosts.entry(host_of(host)).or_default();
        let enters = !self.closed && *count < self.limits.accepted_per_host;
        *count += usize::from(enters);
        enters
    }

    pub(crate) fn leave_host(&mut self, host: IpAddr) {
        let host = host_of(host);
        if let Some(count) = self.hosts.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(&host);
            }
        }
    }

    /// A stranger knocks: its number, and what ends when it must go. The oldest must, if there are
    /// too many.
    pub(crate) fn knock(&mut self) -> (u64, oneshot::Receiver<()>) {
        let number = self.number();
        let (sender, must_go) = oneshot::channel();
        self.half_open.insert(number, sender);
        if self.half_open.len() > self.limits.half_open {
            self.half_open.pop_first();
            count(&self.counters.half_open_dropped, 1);
        }
        (number, must_go)
    }

    /// The stranger said who it is, or left.
    pub(crate) fn entered(&mut self, number: u64) {
        self.half_open.remove(&number);
    }

    /// A number that was not there before.
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn route(&mut self, to: Address, now: Instant) -> Route {
        let address = match to {
            Address::Stream(address) => address,
            Address::Link(id) if self.links.get(&id).is_some_and(|link| link.open) => {
                return Route::Link(id);
            }
            Address::Link(_) | Address::Socket(_) => return Route::None,
        };
        if let Some(id) = self.routes.get(&address) {
            Route::Link(*id)
        } else if self.closed {
            Route::None
        } else if self.back_offs.refuses(address, now) {
            Route::Full
        } else if let Some(retry) = self.may_dial(address, now) {
            let ours = nonce();
            let (link, ends) = self.link(ours, now);
            self.links.insert(ends.id, Link { dialled: Some(address), retry, ..link });
            self.routes.insert(address, ends.id);
            Route::Dial(Dial { address, ends, ours, retry })
        } else {
            remember(&mut self.placeless, to, self.limits.outlet.peers);
            Route::Full
        }
    }

    /// If this address may be dialled now: whether it failed before.
    fn may_dial(&mut self, address: SocketAddr, now: Instant) -> Option<bool> {
        let retry = self.back_offs.has_failed(address);
        if self.is_crowded(now) {
            return None;
        }
        let alike = |link: &&Link| link.theirs.is_none() && link.retry == retry;
        let most = (self.limits.links / LINKS_PER_DIAL).max(1);
        let free = self.links.values().filter(alike).count() < most;
        free.then_some(retry)
    }

    /// Whether there is place for a link that somebody else made: at worst that of one that has no
    /// frames and was not used for long.
    fn has_place(&mut self, now: Instant) -> bool {
        if self.is_crowded(now) {
            return false;
        }
        self.standing() < self.limits.links
            || self.evict(|_, link| {
                let idles = link.queue.cost() == 0 && now >= link.used + EVICTABLE_AFTER;
                (link.stands() && idles).then_some(link.used)
            })
    }

    /// Those that are dialled or say goodbye are bounded too. If they are too many, the one that
    /// says goodbye for longest is ended, if that is long.
    fn is_crowded(&mut self, now: Instant) -> bool {
        let crowded = self.links.len() >= 2 * self.limits.links;
        if crowded {
            let long = |link: &Link| link.closing.filter(|since| now >= *since + EVICTABLE_AFTER);
            let closing = self.links.values_mut().filter(|link| link.cut.is_some());
            let oldest = closing.filter_map(|link| Some((long(link)?, link)));
            if let Some((_, link)) = oldest.min_by_key(|(since, _)| *since) {
                link.cut = None;
            }
        }
        crowded
    }

    fn standing(&self) -> usize {
        self.links.values().filter(|link| link.stands()).count()
    }

    /// Retires the link of the least rank, among those that have one.
    fn evict<R: Ord>(&mut self, rank: impl Fn(LinkId, &Link) -> Option<R>) -> bool {
        let ranked = self.links.iter().filter_map(|(id, link)| Some((rank(*id, link)?, *id)));
        let evicted = ranked.min().is_some_and(|(_, id)| self.retire(id));
        count(&self.counters.evicted, usize::from(evicted));
        evicted
    }

    fn link(&mut self, ours: Nonce, now: Instant) -> (Link, Ends) {
        let (sender, controls) = mpsc::channel(CONTROLS);
        let (cut, must_end) = oneshot::channel();
        let wake = Arc::new(Notify::new());
        let cut_end = Some(must_end);
        let id = LinkId(self.number());
        let ends = Ends { controls, cut: cut_end, id, wake: Arc::clone(&wake) };
        let link = Link {
            announced: Vec::new(),
            closing: None,
            controls: sender,
            cut: Some(cut),
            dialled: None,
            open: true,
            ours,
            queue: Queue::default(),
            retry: false,
            theirs: None,
            used: now,
            wake,
        };
        (link, ends)
    }

    /// If these two lead to one peer, and the one that we dialled is to stay, proves to the peer
    /// that the other is ours too: it closes the other then.
    ///
    /// Both sides know all four nonces and choose alike. The nonce goes to the address alone that
    /// whoever accepted it claims, so it teaches nobody anything but that peer.
    fn tell_twin(&self, dialled: LinkId, accepted: LinkId) {
        let (Some(dialled), Some(accepted)) = (self.links.get(&dialled), self.links.get(&accepted))
        else {
            return;
        };
        let (Some(theirs_dialled), Some(theirs_accepted)) = (dialled.theirs, accepted.theirs)
        else {
            return;
        };
        // Our own listener answered: the two are the ends of one connection.
        let is_ourselves = dialled.ours == theirs_accepted;
        let stays = (dialled.ours, theirs_dialled) < (theirs_accepted, accepted.ours);
        if dialled.open && accepted.open && dialled.dialled.is_some() && stays && !is_ourselves {
            let _ = dialled.controls.try_send(Control::Twin(theirs_accepted));
        }
    }

    /// Who had a drop, once its link could take as much again as is queued there.
    fn rooms(&mut self) -> Vec<Address> {
        let room = self.room();
        let mut rooms = Vec::new();
        self.crowded_out.retain(|id| {
            let Some(link) = self.links.get_mut(id) else { return false };
            let free = link.queue.rooms(room);
            let waits = free.is_empty();
            rooms.extend(free);
            waits
        });
        rooms
    }
}

/// What becomes of a frame.
enum Route {
    Dial(Dial),
    Full,
    Link(LinkId),
    None,
}

/// Adds to a bounded set: one beyond the bound hears nothing and tries again by itself.
fn remember(set: &mut BTreeSet<Address>, address: Address, bound: usize) {
    if set.len() < bound {
        set.insert(address);
    }
}

/// Who counts as one host: an IPv4 address, or a network as one IPv6 customer has it.
fn host_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

/// # Panics
/// If the system has no randomness to give: nothing is safe then.
pub(crate) fn nonce() -> Nonce {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce).expect("the system gives random bytes");
    nonce
}
