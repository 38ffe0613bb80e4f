//! Bounded send queues, one per address, between senders that never wait and one drainer.

#[cfg(gossip_loom)]
#[cfg(test)]
mod loom_models;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::mem;
#[cfg(not(gossip_loom))]
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
#[cfg(gossip_loom)]
use loom::sync::{Mutex, MutexGuard};

use super::Address;

/// What a queued frame costs beyond its bytes: its handle and its share of the allocator (guess).
///
/// It makes the byte bounds hold for tiny frames too.
pub const FRAME_OVERHEAD_BYTES: usize = 64;

/// Most frames of one turn of an address: as many as the kernel segments in one call (Linux
/// `UDP_MAX_SEGMENTS`).
pub const TURN_FRAMES: usize = 64;

/// Most bytes of one turn, unless a single frame is larger: 54 full datagrams, below the 65,507
/// bytes that one segmented call carries.
pub const TURN_BYTES: usize = 65_000;

/// The bounds of an [`Outlet`]. A frame counts as its length plus [`FRAME_OVERHEAD_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "transports and their users build it literally")]
pub struct OutletLimits {
    /// Most bytes queued for one address. Default 1 MiB (guess: 800 full datagrams, 3 ms of the
    /// measured 300,000 datagrams/s). Below a round's burst frames are dropped for nothing; above,
    /// what a slow address gets is old. An empty queue takes one frame of any size.
    pub peer_bytes: usize,
    /// Most addresses with a queue; an idle address has none. Default 4,096 (guess: far above what
    /// one node talks to within a millisecond).
    pub peers: usize,
    /// Most bytes queued for all addresses. Default 16 MiB (guess). Below the sum of what active
    /// peers need, they crowd each other out; above, a stalled machine hoards memory.
    pub total_bytes: usize,
}

impl Default for OutletLimits {
    fn default() -> Self {
        Self { peer_bytes: 1 << 20, peers: 4_096, total_bytes: 16 << 20 }
    }
}

/// Queues between many senders and one drainer.
///
/// ```text
///  (no queue) --push--> queued --push beyond a bound--> queued, a drop noted
///      ^                  |                                    |
///      +---- drained -----+ <------- half empty: Room ---------+
/// ```
///
/// Addresses take turns: one that is flooded never starves another. One lock guards all state and
/// is held neither across an await nor while a waker runs.
#[derive(Debug)]
pub struct Outlet {
    limits: OutletLimits,
    state: Mutex<State>,
}

/// What one turn gives the drainer.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "drainers take it apart")]
pub struct Parcel {
    /// Whose turn it was.
    pub address: Address,
    /// The oldest frames of its queue, in order; at least one.
    pub frames: Vec<Bytes>,
    /// Addresses that had a drop and, after this turn, have room again.
    pub rooms: Vec<Address>,
}

/// What became of the frames of one [`Outlet::push`].
#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "transports take it apart")]
pub struct Pushed {
    /// How many frames came after [`Outlet::close`] and were dropped.
    pub closed: usize,
    /// Where a bound was reached, once per dropped frame.
    pub full: Vec<Address>,
    /// How many frames were queued.
    pub queued: usize,
}

impl Outlet {
    /// Empty queues with these bounds.
    #[must_use]
    pub fn new(limits: OutletLimits) -> Self {
        Self { limits, state: Mutex::new(State::default()) }
    }

    /// Queues frames, each for its address, and never waits: what passes a bound is dropped and
    /// told. The drainer sees the whole batch at once.
    pub fn push(&self, frames: impl IntoIterator<Item = (Address, Bytes)>) -> Pushed {
        let mut pushed = Pushed::default();
        let mut state = self.lock();
        for (address, bytes) in frames {
            if state.closed {
                pushed.closed += 1;
            } else if state.enqueue(&self.limits, address, bytes) {
                pushed.queued += 1;
            } else {
                pushed.full.push(address);
            }
        }
        let waker = if pushed.queued > 0 { state.drainer.take() } else { None };
        drop(state);
        wake(waker);
        pushed
    }

    /// Takes no more frames. The drainer gets what is left, then `None`.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waker = state.drainer.take();
        drop(state);
        wake(waker);
    }

    /// Whether [`Self::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits for the next turn; `None` once closed and empty. Cancel-safe. Only one caller at a
    /// time is woken: the newest.
    pub async fn next(&self) -> Option<Parcel> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next turn, as [`Self::next`] gives it.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Parcel>> {
        let mut state = self.lock();
        if let Some(parcel) = state.take_turn(&self.limits) {
            return Poll::Ready(Some(parcel));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.drainer = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the lock held")
    }
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// The sum over all queues.
    cost: usize,
    /// Addresses that a shared bound cost a frame. At most `peers`: further ones hear no Room.
    crowded_out: BTreeSet<Address>,
    drainer: Option<Waker>,
    queues: BTreeMap<Address, Queue>,
    /// Every address with a queue, once; the front is next.
    turns: VecDeque<Address>,
}

/// The frames of one address, never empty between calls.
#[derive(Debug, Default)]
struct Queue {
    cost: usize,
    /// A frame was dropped since there was room last.
    dropped: bool,
    frames: VecDeque<Bytes>,
}

impl State {
    /// False where a bound forbids it: the drop is noted.
    fn enqueue(&mut self, limits: &OutletLimits, address: Address, bytes: Bytes) -> bool {
        let cost = cost(&bytes);
        let fits_total = self.cost == 0 || self.cost + cost <= limits.total_bytes;
        let fits_peers = self.queues.len() < limits.peers || self.queues.contains_key(&address);
        if !fits_total || !fits_peers {
            if self.crowded_out.len() < limits.peers {
                self.crowded_out.insert(address);
            }
            return false;
        }
        let queue = self.queues.entry(address).or_default();
        if queue.frames.is_empty() {
            self.turns.push_back(address);
        } else if queue.cost + cost > limits.peer_bytes {
            queue.dropped = true;
            return false;
        }
        queue.frames.push_back(bytes);
        queue.cost += cost;
        self.cost += cost;
        true
    }

    fn take_turn(&mut self, limits: &OutletLimits) -> Option<Parcel> {
        let address = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&address).expect("who has a turn has a queue");
        let (frames, taken) = queue.take();
        self.cost -= taken;
        let mut rooms = Vec::new();
        if queue.cost <= limits.peer_bytes / 2
            && mem::take(&mut queue.dropped)
            && !self.crowded_out.contains(&address)
        {
            rooms.push(address);
        }
        if queue.frames.is_empty() {
            self.queues.remove(&address);
        } else {
            self.turns.push_back(address);
        }
        if self.cost <= limits.total_bytes / 2 && self.queues.len() <= limits.peers / 2 {
            // Who also waits for its own queue hears of room when that is half empty.
            let own = |address: &Address| self.queues.get(address).is_some_and(|q| q.dropped);
            rooms.extend(mem::take(&mut self.crowded_out).into_iter().filter(|a| !own(a)));
        }
        Some(Parcel { address, frames, rooms })
    }
}

impl Queue {
    /// The frames of one turn, and what they cost.
    fn take(&mut self) -> (Vec<Bytes>, usize) {
        let (mut frames, mut bytes, mut taken) = (Vec::new(), 0, 0);
        while let Some(frame) = self.frames.pop_front() {
            bytes += frame.len();
            if !frames.is_empty() && (frames.len() == TURN_FRAMES || bytes > TURN_BYTES) {
                self.frames.push_front(frame);
                break;
            }
            taken += cost(&frame);
            frames.push(frame);
        }
        self.cost -= taken;
        (frames, taken)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn cost(frame: &Bytes) -> usize {
    frame.len() + FRAME_OVERHEAD_BYTES
}

#[cfg(not(gossip_loom))]
#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    fn address(port: u16) -> Address {
        Address::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Bounds in frames of 36 bytes, which cost 100.
    fn outlet(peer: usize, total: usize, peers: usize) -> Outlet {
        Outlet::new(OutletLimits { peer_bytes: peer * 100, peers, total_bytes: total * 100 })
    }

    fn frames(port: u16, count: usize) -> Vec<(Address, Bytes)> {
        vec![(address(port), Bytes::from_static(&[7; 36])); count]
    }

    fn poll(outlet: &Outlet) -> Poll<Option<Parcel>> {
        outlet.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    fn turn(outlet: &Outlet) -> (Address, usize, Vec<Address>) {
        let Poll::Ready(Some(parcel)) = poll(outlet) else { panic!("nothing queued") };
        (parcel.address, parcel.frames.len(), parcel.rooms)
    }

    #[test]
    fn addresses_take_turns() {
        let outlet = outlet(1_000, 10_000, 10);
        outlet.push(frames(1, 200));
        outlet.push(frames(2, 1));
        outlet.push(frames(3, 70));
        let order: Vec<_> = (0..7).map(|_| turn(&outlet)).map(|(a, n, _)| (a, n)).collect();
        let expected = [(1, 64), (2, 1), (3, 64), (1, 64), (3, 6), (1, 64), (1, 8)];
        assert_eq!(order, expected.map(|(port, count)| (address(port), count)));
        assert!(poll(&outlet).is_pending());
    }

    #[test]
    fn a_turn_has_a_bound_in_bytes_yet_takes_one_large_frame() {
        let outlet = Outlet::new(OutletLimits::default());
        let full = Bytes::from(vec![0; 1_200]);
        outlet.push((0..60).map(|_| (address(1), full.clone())));
        assert_eq!(turn(&outlet).1, 54);
        assert_eq!(turn(&outlet).1, 6);
        outlet.push([(address(1), Bytes::from(vec![0; 2 << 20]))]);
        assert_eq!(outlet.push([(address(1), full)]).full, [address(1)]);
        assert_eq!(turn(&outlet), (address(1), 1, vec![address(1)]));
    }

    #[test]
    fn room_is_said_once_after_a_drop_and_only_when_half_empty() {
        let outlet = outlet(200, 10_000, 10);
        assert_eq!(outlet.push(frames(1, 203)).full, [address(1); 3]);
        assert_eq!(turn(&outlet).2, []);
        assert_eq!(turn(&outlet).2, [address(1)]);
        assert_eq!(turn(&outlet).2, []);
        assert_eq!(turn(&outlet), (address(1), 8, vec![]));
        assert_eq!(outlet.push(frames(1, 201)).full, [address(1)]);
        let rooms: usize = (0..4).map(|_| turn(&outlet).2.len()).sum();
        assert_eq!(rooms, 1);
    }

    #[test]
    fn who_was_crowded_out_hears_of_room_when_all_is_half_empty() {
        let outlet = outlet(200, 256, 10);
        outlet.push(frames(1, 192));
        outlet.push(frames(2, 64));
        assert_eq!(outlet.push(frames(3, 1)).full, [address(3)]);
        assert_eq!(outlet.push(frames(2, 1)).full, [address(2)]);
        assert_eq!(turn(&outlet), (address(1), 64, vec![]));
        assert_eq!(turn(&outlet), (address(2), 64, vec![address(2), address(3)]));
        assert_eq!(turn(&outlet), (address(1), 64, vec![]));
    }

    #[test]
    fn who_waits_for_both_bounds_hears_of_room_once() {
        let outlet = outlet(200, 210, 10);
        assert_eq!(outlet.push(frames(1, 201)).full.len(), 1);
        outlet.push(frames(2, 10));
        assert_eq!(outlet.push(frames(1, 1)).full.len(), 1);
        let rooms: Vec<_> = (0..5).flat_map(|_| turn(&outlet).2).collect();
        assert_eq!(rooms, [address(1)]);
        assert!(poll(&outlet).is_pending());
    }

    #[test]
    fn addresses_with_queues_are_bounded_and_idle_ones_leave() {
        let outlet = outlet(10, 1_000, 2);
        outlet.push(frames(1, 1));
        outlet.push(frames(2, 1));
        assert_eq!(outlet.push(frames(3, 1)).full, [address(3)]);
        assert_eq!(outlet.push(frames(4, 1)).full, [address(4)]);
        assert_eq!(outlet.push(frames(5, 1)).full, [address(5)], "dropped, and not remembered");
        assert_eq!(outlet.push(frames(2, 1)).queued, 1, "a queue that stands is no new one");
        assert_eq!(turn(&outlet), (address(1), 1, vec![address(3), address(4)]));
        assert_eq!(outlet.push(frames(3, 1)).queued, 1);
    }

    #[test]
    fn close_drains_and_ends() {
        let outlet = outlet(10, 100, 2);
        outlet.push(frames(1, 2));
        outlet.close();
        assert_eq!(outlet.push(frames(1, 2)), Pushed { closed: 2, ..Pushed::default() });
        assert_eq!(turn(&outlet).1, 2);
        assert_eq!(poll(&outlet), Poll::Ready(None));
        assert_eq!(poll(&outlet), Poll::Ready(None));
    }
}
