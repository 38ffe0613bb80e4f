//! Loom models of the outlet, and for each a mistaken twin that its model must refuse.

use std::iter;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use loom::sync::Notify;
use loom::thread;

use super::*;

/// Room for two frames of one byte.
const TWO_FRAMES: usize = 2 * (FRAME_OVERHEAD_BYTES + 1);

type Close = fn(&Outlet);
type PollNext = fn(&Outlet, &mut Context<'_>) -> Poll<Option<Parcel>>;
type PushOne = fn(&Outlet, Address) -> bool;

#[test]
fn whatever_is_pushed_is_drained() {
    drains_everything(Outlet::poll_next);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_drainer_that_registers_late_is_caught() {
    drains_everything(poll_next_registering_late);
}

#[test]
fn room_follows_a_drop_exactly_once() {
    announces_room_once(push_one);
}

#[test]
fn room_follows_a_crowded_out_frame_exactly_once() {
    announces_room_to_the_crowded_out(push_one);
}

#[test]
#[should_panic(expected = "rooms after drops")]
fn a_crowding_out_noted_late_is_caught() {
    announces_room_to_the_crowded_out(push_one_noting_the_crowd_late);
}

#[test]
#[should_panic(expected = "rooms after drops")]
fn a_drop_noted_late_is_caught() {
    announces_room_once(push_one_noting_late);
}

#[test]
fn close_ends_the_drainer() {
    ends_when_closed(Outlet::close);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_close_that_wakes_early_is_caught() {
    ends_when_closed(close_waking_early);
}

/// Two senders: both frames reach the drainer, which would otherwise sleep for ever.
fn drains_everything(poll_next: PollNext) {
    loom::model(move || {
        let outlet = Arc::new(outlet(2));
        let senders: Vec<_> = (1..=2)
            .map(|port| {
                let outlet = Arc::clone(&outlet);
                thread::spawn(move || assert!(push_one(&outlet, address(port))))
            })
            .collect();
        let mut drained = 0;
        while drained < 2 {
            let parcel = next(&outlet, poll_next);
            drained += parcel.expect("not closed").frames.len();
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert!(outlet.lock().queues.is_empty());
    });
}

/// Three frames into room for two while the drainer runs: as many rooms as drops, one at most.
fn announces_room_once(push_one: PushOne) {
    let all_drops = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&all_drops);
    loom::model(move || {
        let outlet = Arc::new(outlet(2));
        let sender = {
            let outlet = Arc::clone(&outlet);
            thread::spawn(move || {
                let drops = (0..3).filter(|_| !push_one(&outlet, address(1))).count();
                outlet.close();
                drops
            })
        };
        let (frames, rooms) = drain(&outlet);
        let drops = sender.join().unwrap();
        seen.fetch_add(drops, Ordering::Relaxed);
        assert_eq!(frames, 3 - drops);
        assert_eq!(rooms, drops, "rooms after drops");
    });
    assert!(all_drops.load(Ordering::Relaxed) > 0, "no interleaving dropped a frame");
}

/// Two addresses where one may have a queue: whoever is crowded out hears of room once.
fn announces_room_to_the_crowded_out(push_one: PushOne) {
    let all_drops = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&all_drops);
    loom::model(move || {
        let outlet = Arc::new(outlet(1));
        let senders = [1, 2].map(|port| {
            let outlet = Arc::clone(&outlet);
            thread::spawn(move || usize::from(!push_one(&outlet, address(port))))
        });
        let first = next(&outlet, Outlet::poll_next).expect("not closed");
        let drops: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        outlet.close();
        let (frames, rooms) = drain(&outlet);
        seen.fetch_add(drops, Ordering::Relaxed);
        assert_eq!(first.frames.len() + frames, 2 - drops);
        assert_eq!(first.rooms.len() + rooms, drops, "rooms after drops");
    });
    assert!(all_drops.load(Ordering::Relaxed) > 0, "no interleaving dropped a frame");
}

/// A close that races with a push: what was queued is drained, then the drainer ends.
fn ends_when_closed(close: Close) {
    loom::model(move || {
        let outlet = Arc::new(outlet(2));
        let sender = {
            let outlet = Arc::clone(&outlet);
            thread::spawn(move || push_one(&outlet, address(1)))
        };
        let closer = {
            let outlet = Arc::clone(&outlet);
            thread::spawn(move || close(&outlet))
        };
        let (drained, _) = drain(&outlet);
        closer.join().unwrap();
        assert_eq!(drained == 1, sender.join().unwrap());
    });
}

/// The mistake: looks for frames and stores the waker in two steps; a push between is not seen.
fn poll_next_registering_late(outlet: &Outlet, context: &mut Context<'_>) -> Poll<Option<Parcel>> {
    if let Some(parcel) = outlet.lock().take_turn(&outlet.limits) {
        return Poll::Ready(Some(parcel));
    }
    outlet.lock().drainer = Some(context.waker().clone());
    Poll::Pending
}

/// The mistake: sees a full queue and notes the drop in two steps; the queue may be gone by then.
fn push_one_noting_late(outlet: &Outlet, address: Address) -> bool {
    let full = outlet.lock().queues.get(&address).is_some_and(|queue| queue.frames.len() == 2);
    if full {
        if let Some(queue) = outlet.lock().queues.get_mut(&address) {
            queue.dropped = true;
        }
        return false;
    }
    push_one(outlet, address)
}

/// The mistake: sees that others have all queues and notes the drop in two steps; by then there may
/// be no queue left whose turn would bring the room.
fn push_one_noting_the_crowd_late(outlet: &Outlet, address: Address) -> bool {
    let crowded_out = {
        let state = outlet.lock();
        state.queues.len() >= outlet.limits.peers && !state.queues.contains_key(&address)
    };
    if crowded_out {
        outlet.lock().crowded_out.insert(address);
        return false;
    }
    push_one(outlet, address)
}

/// The mistake: wakes first and closes then; the drainer looks again in between and sleeps.
fn close_waking_early(outlet: &Outlet) {
    let waker = outlet.lock().drainer.take();
    wake(waker);
    outlet.lock().closed = true;
}

/// How many frames and rooms come until the outlet ends.
fn drain(outlet: &Outlet) -> (usize, usize) {
    let parcels = iter::from_fn(|| next(outlet, Outlet::poll_next));
    parcels.fold((0, 0), |(frames, rooms), parcel| {
        (frames + parcel.frames.len(), rooms + parcel.rooms.len())
    })
}

/// What an executor does with [`Outlet::next`]. Loom's own drops loom objects while it unwinds from
/// a deadlock, which aborts.
fn next(outlet: &Outlet, poll_next: PollNext) -> Option<Parcel> {
    let bell = Arc::new(Bell(Notify::new()));
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        match poll_next(outlet, &mut Context::from_waker(&waker)) {
            Poll::Ready(parcel) => return parcel,
            Poll::Pending => bell.0.wait(),
        }
    }
}

struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn push_one(outlet: &Outlet, address: Address) -> bool {
    outlet.push([(address, Bytes::from_static(&[7]))]).queued == 1
}

fn outlet(peers: usize) -> Outlet {
    Outlet::new(OutletLimits { peer_bytes: TWO_FRAMES, peers, total_bytes: 2 * TWO_FRAMES })
}

fn address(port: u16) -> Address {
    Address::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}
