//! Loom models of the outlet, and for each a mistaken twin that its model must refuse.

use std::net::{Ipv4Addr, SocketAddr};

use loom::future::block_on;
use loom::model::Builder;
use loom::sync::Arc;
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
    model(move || {
        let outlet = Arc::new(outlet());
        let senders: Vec<_> = (1..=2)
            .map(|port| {
                let outlet = Arc::clone(&outlet);
                thread::spawn(move || assert!(push_one(&outlet, address(port))))
            })
            .collect();
        let mut drained = 0;
        while drained < 2 {
            let parcel = block_on(poll_fn(|context| poll_next(&outlet, context)));
            drained += parcel.expect("not closed").frames.len();
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert!(outlet.lock().queues.is_empty());
    });
}

/// Three frames into room for two while the drainer runs: as many rooms as drops, one at most.
fn announces_room_once(push_one: PushOne) {
    model(move || {
        let outlet = Arc::new(outlet());
        let sender = {
            let outlet = Arc::clone(&outlet);
            thread::spawn(move || {
                let drops = (0..3).filter(|_| !push_one(&outlet, address(1))).count();
                outlet.close();
                drops
            })
        };
        let (mut frames, mut rooms) = (0, 0);
        while let Some(parcel) = block_on(outlet.next()) {
            frames += parcel.frames.len();
            rooms += parcel.rooms.len();
        }
        let drops = sender.join().unwrap();
        assert_eq!(frames, 3 - drops);
        assert_eq!(rooms, drops, "rooms after drops");
    });
}

/// A close that races with a push: what was queued is drained, then the drainer ends.
fn ends_when_closed(close: Close) {
    model(move || {
        let outlet = Arc::new(outlet());
        let sender = {
            let outlet = Arc::clone(&outlet);
            thread::spawn(move || push_one(&outlet, address(1)))
        };
        let closer = {
            let outlet = Arc::clone(&outlet);
            thread::spawn(move || close(&outlet))
        };
        let mut drained = 0;
        while let Some(parcel) = block_on(outlet.next()) {
            drained += parcel.frames.len();
        }
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

/// The mistake: wakes first and closes then; the drainer looks again in between and sleeps.
fn close_waking_early(outlet: &Outlet) {
    let waker = outlet.lock().drainer.take();
    wake(waker);
    outlet.lock().closed = true;
}

fn push_one(outlet: &Outlet, address: Address) -> bool {
    outlet.push([(address, Bytes::from_static(&[7]))]).queued == 1
}

fn outlet() -> Outlet {
    Outlet::new(OutletLimits { peer_bytes: TWO_FRAMES, peers: 2, total_bytes: 2 * TWO_FRAMES })
}

fn address(port: u16) -> Address {
    Address::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Every interleaving with at most three preemptions: each mistake below shows with fewer.
fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}
