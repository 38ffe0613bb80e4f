//! Sessions that stand: one per member, found by the id that its frames carry.

use std::collections::BTreeMap;
use std::time::Duration;

use super::announced::Announced;
use super::reach::{Links, Reach};
use crate::config::SKEW;
use crate::id::{ById, Endpoints, NodeId, SessionId, Slot};
use crate::time::{Mono, Now};
use crate::transport::{Address, LinkId};
use crate::wire::Hello;

/// A session older than this is made anew (house decision).
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A session whose Hello says that a clock is wrong is made anew after this: it may have been set right since
/// (a guess: the default of `redial_max`).
const CLOCK_PATIENCE: Duration = Duration::from_secs(15);

/// A session that began over a stream although both sides take datagrams is made anew after this:
/// perhaps only the first datagrams were lost (guess).
const DETOUR: Duration = Duration::from_secs(60);

/// For so long after the first frame for it a stream may take to stand (guess: a few round trips
/// and lost packets). After that what fits goes as datagrams.
const CONNECTING: Duration = Duration::from_secs(5);

/// After so long without a stream another is tried (guess).
const RETRY: Duration = Duration::from_secs(30);

/// A partner's clock further from ours than this contradicts it (house decision: half of the
/// skew that facts may have).
const CLOCK_BOUND: Duration = Duration::from_millis(SKEW.as_millis() as u64 / 2);

/// Where our frames to a member go, and the session that they carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) session: SessionId,
    /// Whether the member takes frames that are compressed.
    pub(crate) compress: bool,
    /// For everything that fits a datagram and may be lost.
    pub(crate) gossip: Address,
    /// For what is large or worth waiting for; the same, where no stream leads there.
    pub(crate) bulk: Address,
}

impl Route {
    /// Whether bulk need not wait for a connection.
    fn stands(&self, links: &Links) -> bool {
        match self.bulk {
            Address::Stream(at) => links.stands(at),
            Address::Link(_) | Address::Socket(_) => true,
        }
    }
}

/// Whether a stream that was missed for so long may come to stand, or is worth another try.
fn is_hopeful(missed: Duration) -> bool {
    !(CONNECTING..=RETRY).contains(&missed)
}

/// Where a member takes connections, if it says so.
fn stream_of(announced: &Endpoints) -> Option<Address> {
    announced.stream.first().copied().map(Address::Stream)
}

/// One session.
#[derive(Clone, Debug)]
struct Session {
    /// Where the member says that it listens.
    announced: Announced,
    /// Whether the partner's clock is too far from ours.
    clock_off: bool,
    /// Whether the member takes frames that are compressed.
    compress: bool,
    /// Where its datagrams come from, if it said Hello by one.
    datagram: Option<Address>,
    /// Whether it is dialled again when it ends.
    is_kept: bool,
    ours: SessionId,
    /// When the stream was first wanted although no connection stands.
    missed: Option<Mono>,
    /// The partner's id before it made the session anew: its last frames still carry it.
    previous: Option<SessionId>,
    /// When it is to be made anew.
    renewal: Mono,
    /// Its stream: the connection that it used last, else where it takes connections.
    stream: Option<Address>,
    theirs: SessionId,
}

impl Session {
    fn route(&self) -> Option<Route> {
        let gossip = self.datagram.or(self.stream)?;
        let bulk = self.stream.unwrap_or(gossip);
        Some(Route { session: self.ours, compress: self.compress, gossip, bulk })
    }

    fn uses(&self, address: Address) -> bool {
        self.datagram == Some(address) || self.stream == Some(address)
    }

    /// Whether the member may speak from there.
    fn reaches(&self, from: Address, links: &Links) -> bool {
        match from {
            Address::Socket(_) => self.datagram == Some(from),
            Address::Stream(_) => {
                self.uses(from)
                    || self
                        .announced
                        .endpoints()
                        .stream
                        .iter()
                        .any(|at| Address::Stream(*at) == from)
            }
            Address::Link(_) => {
                let beside = || match self.datagram {
                    Some(Address::Socket(at)) => Endpoints::datagram(at),
                    _ => Endpoints::default(),
                };
                self.uses(from)
                    || links.is_named(&self.announced.endpoints(), from)
                    || links.is_named(&beside(), from)
            }
        }
    }
}

/// All sessions, each in one slot: a frame's id leads there without a look at whose it is.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: ById<Session>,
    by_ours: BTreeMap<SessionId, Slot>,
    by_theirs: BTreeMap<SessionId, Slot>,
    /// Of who is taken for dead, by their ids: it may have been paused, and goes on with its session unless that is to
    /// be made anew. For everything else there are none.
    buried: BTreeMap<SessionId, (NodeId, Session)>,
    /// Sessions whose partner's clock is off.
    clocks_off: usize,
}

impl Sessions {
    fn with(&self, node: &NodeId) -> Option<&Session> {
        self.all.get(node)
    }

    fn with_mut(&mut self, node: &NodeId) -> Option<&mut Session> {
        self.all.get_mut(node)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.all.iter().map(|(node, _)| *node)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn route(&self, node: &NodeId) -> Option<Route> {
        self.with(node).and_then(Session::route)
    }

    /// Whether there is a session with this member, which is dialled again when it ends: if `is_kept`.
    pub(super) fn keep(&mut self, node: &NodeId, is_kept: bool) -> bool {
        let session = self.with_mut(node);
        session.map(|session| session.is_kept = is_kept).is_some()
    }

    /// Where a member with whom a session stands says that it listens.
    pub(super) fn announces(&self, node: &NodeId) -> Option<Endpoints> {
        self.with(node).map(|session| session.announced.endpoints())
    }

    /// Where a member that is dialled again when its session ends says that it listens.
    pub(super) fn kept(&self, node: &NodeId) -> Option<Endpoints> {
        let kept = self.with(node).filter(|session| session.is_kept);
        kept.map(|session| session.announced.endpoints())
    }

    /// The route for frames that leave now; with `bulk` some of them are worth a stream. Where none
    /// comes to stand, they go as datagrams, as far as they fit. And whether the session is to be made anew.
    pub(super) fn route_now(
        &mut self,
        now: Mono,
        node: &NodeId,
        bulk: bool,
        links: &Links,
    ) -> Option<(Route, bool)> {
        let session = self.with_mut(node)?;
        let (route, is_stale) = (session.route()?, session.renewal <= now);
        if route.stands(links) {
            session.missed = None;
            return Some((route, is_stale));
        }
        if !bulk {
            return Some((route, is_stale));
        }
        let since = now.since(*session.missed.get_or_insert(now));
        if since > RETRY {
            session.missed = Some(now);
        }
        let bulk = if is_hopeful(since) { route.bulk } else { route.gossip };
        Some((Route { bulk, ..route }, is_stale))
    }

    /// Whether frames to this member that leave now may go over a stream.
    pub(super) fn has_stream(&self, now: Mono, node: &NodeId, links: &Links) -> bool {
        let Some(session) = self.with(node) else { return false };
        let Some(route) = session.route() else { return false };
        let missed = session.missed.map(|since| now.since(since));
        let is_stream = !matches!(route.bulk, Address::Socket(_));
        is_stream && (route.stands(links) || missed.is_none_or(is_hopeful))
    }

    /// Whose frames carry this id. Datagrams come from the address that said Hello. A stream is
    /// whoever's knows the id, and comes from a host that the member names or uses: it may be a
    /// new connection.
    pub(super) fn sender(&self, theirs: SessionId, from: Address, links: &Links) -> Option<NodeId> {
        let (node, session) = self.all.at(*self.by_theirs.get(&theirs)?)?;
        session.reaches(from, links).then_some(*node)
    }

    /// The member to which our frames carry this id, at this address.
    pub(super) fn ours(&self, ours: SessionId, from: Address, links: &Links) -> Option<NodeId> {
        let (node, session) = self.all.at(*self.by_ours.get(&ours)?)?;
        session.reaches(from, links).then_some(*node)
    }

    /// A frame of this member was opened that came from here: what it uses now, we use as well.
    pub(super) fn arrived(&mut self, node: &NodeId, from: Address) {
        if !matches!(from, Address::Socket(_))
            && let Some(session) = self.with_mut(node)
        {
            session.stream = Some(from);
        }
    }

    /// A connection ended. Sessions do not: the next frame makes another one where the member
    /// takes connections. Those that have no way left are returned.
    pub(super) fn down(&mut self, link: LinkId) -> Vec<NodeId> {
        let mut lost = Vec::new();
        self.all.for_each_mut(|node, session| {
            if session.stream == Some(Address::Link(link)) {
                session.stream = stream_of(&session.announced.endpoints());
                if session.route().is_none() {
                    lost.push(*node);
                }
            }
        });
        lost
    }

    /// A member says where it listens now.
    pub(super) fn announced(&mut self, node: &NodeId, endpoints: &Endpoints) {
        let announced = Announced::new(endpoints);
        if let Some(session) = self.with_mut(node)
            && session.announced != announced
        {
            session.announced = announced;
            if let Some(Address::Stream(_)) = session.stream {
                session.stream = stream_of(endpoints);
            }
        }
    }

    /// Whether there is no session with this member, or one that is to be made anew: because it is old, goes
    /// a detour, or its Hello said that a clock was wrong.
    pub(super) fn is_stale(&self, now: Mono, node: &NodeId) -> bool {
        self.with(node).is_none_or(|session| session.renewal <= now)
    }

    /// Our id of a session that already has this id of theirs, or had it when both sides dialled
    /// at once: to begin anew for a repeated Hello would orphan the one in use.
    pub(super) fn standing(
        &self,
        node: &NodeId,
        theirs: SessionId,
        address: Address,
    ) -> Option<SessionId> {
        let session = self.with(node)?;
        let known = session.theirs == theirs || session.previous == Some(theirs);
        (known && session.uses(address)).then_some(session.ours)
    }

    /// Whether another member's frames carry this id.
    pub(super) fn is_taken(&self, theirs: SessionId, node: &NodeId) -> bool {
        let stands = self.by_theirs.get(&theirs);
        stands.is_some_and(|slot| self.all.slot(node) != Some(*slot))
            || self.buried.get(&theirs).is_some_and(|(other, _)| other != node)
    }

    /// The session that stands with a member is this one now.
    pub(super) fn establish(
        &mut self,
        now: Now,
        node: NodeId,
        ours: SessionId,
        hello: &Hello,
        (address, announced, reach): (Address, Endpoints, Reach),
        is_wanted: bool,
    ) {
        self.buried.retain(|_, (other, _)| *other != node);
        let old = self.with(&node).map(|old| (old.theirs, old.previous));
        let was_kept = self.with(&node).is_some_and(|old| old.is_kept);
        let theirs = hello.session;
        let previous = old.map(|(old, _)| old).filter(|old| *old != theirs);
        if let Some(forgotten) = old.and_then(|(_, previous)| previous)
            && Some(forgotten) != previous
            && forgotten != theirs
        {
            self.by_theirs.remove(&forgotten);
        }
        let clock_off = now.wall.distance(hello.wall) > CLOCK_BOUND;
        let takes = stream_of(&announced).filter(|_| reach.has_streams());
        // Datagrams that reached the member where it still listens go on doing so.
        let standing = self
            .with(&node)
            .and_then(|old| old.datagram)
            .filter(|way| announced.datagram.iter().any(|at| Address::Socket(*at) == *way));
        let (datagram, stream) = match address {
            Address::Socket(_) => (Some(address), takes),
            Address::Stream(_) | Address::Link(_) => (standing, Some(address)),
        };
        let is_detour = datagram.is_none() && reach.meets_by_datagram(&announced);
        let lifetime = match (clock_off, is_detour) {
            (true, _) => CLOCK_PATIENCE,
            (false, true) => DETOUR,
            (false, false) => LIFETIME,
        };
        let session = Session {
            announced: Announced::new(&announced),
            clock_off,
            compress: hello.takes_compressed(),
            datagram,
            is_kept: was_kept || is_wanted,
            missed: None,
            ours,
            previous,
            renewal: now.mono + lifetime,
            stream,
            theirs,
        };
        let (slot, old) = self.all.insert(node, session);
        if let Some(old) = old {
            self.clocks_off -= usize::from(old.clock_off);
            self.by_ours.remove(&old.ours);
        }
        self.clocks_off += usize::from(clock_off);
        self.by_ours.insert(ours, slot);
        self.by_theirs.insert(theirs, slot);
    }

    /// Ends a session; false when there is none.
    pub(super) fn remove(&mut self, node: &NodeId) -> bool {
        self.buried.retain(|_, (other, _)| other != node);
        self.take(node).is_some()
    }

    /// Ends the session of who is taken for dead, unless it speaks; false when there is none.
    pub(super) fn bury(&mut self, now: Mono, node: &NodeId) -> bool {
        self.buried.retain(|_, (_, session)| session.renewal > now);
        let Some(session) = self.take(node) else { return false };
        self.buried.insert(session.theirs, (*node, session));
        true
    }

    /// Who of those that are taken for dead may go on with this session.
    pub(super) fn buried(
        &self,
        now: Mono,
        theirs: SessionId,
        from: Address,
        links: &Links,
    ) -> Option<NodeId> {
        let (node, session) = self.buried.get(&theirs)?;
        (session.renewal > now && session.reaches(from, links)).then_some(*node)
    }

    /// Who was taken for dead goes on with its session.
    pub(super) fn raise(&mut self, theirs: SessionId) {
        let Some((node, session)) = self.buried.remove(&theirs) else { return };
        let ours = session.ours;
        self.clocks_off += usize::from(session.clock_off);
        // Whoever has a session is not buried, so this replaces none.
        let (slot, _) = self.all.insert(node, Session { previous: None, ..session });
        self.by_ours.insert(ours, slot);
        self.by_theirs.insert(theirs, slot);
    }

    fn take(&mut self, node: &NodeId) -> Option<Session> {
        let session = self.all.remove(node)?;
        self.by_ours.remove(&session.ours);
        self.clocks_off -= usize::from(session.clock_off);
        for theirs in [Some(session.theirs), session.previous].into_iter().flatten() {
            self.by_theirs.remove(&theirs);
        }
        Some(session)
    }

    /// Whether more than half of at least two partners' clocks are off.
    pub(super) fn clock_disagrees(&self) -> bool {
        self.all.len() >= 2 && self.clocks_off * 2 > self.all.len()
    }

    /// Whether a member's session goes to an address that these endpoints name.
    pub(super) fn is_at(&self, node: &NodeId, endpoints: &Endpoints, links: &Links) -> bool {
        self.route(node).is_some_and(|route| links.is_named(endpoints, route.gossip))
    }
}
