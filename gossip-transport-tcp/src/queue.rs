//! The frames that wait for one link: those of gossip before those of bulk.

use std::collections::{BTreeSet, VecDeque};
use std::mem;

use bytes::Bytes;
use gossip_core::transport::{Address, Class, FRAME_OVERHEAD_BYTES, TURN_BYTES, TURN_FRAMES};

/// Names of one link that are told of room: its own, the peer's, and others that the peer proved.
const NAMES: usize = 8;

/// Two queues with one bound, whatever the name by which the link is sent to.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bulk: VecDeque<Bytes>,
    /// Of all frames that are not written yet, those in [`Self::turn`]'s hands included.
    cost: usize,
    /// The names by which a frame was dropped since there was room last.
    dropped: BTreeSet<Address>,
    /// How many frames `cost` is of.
    frames: usize,
    gossip: VecDeque<Bytes>,
}

impl Queue {
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    /// Appends a frame if that stays within `room`, or nothing is queued; what it costs. `None`:
    /// dropped, and noted.
    pub(crate) fn push(
        &mut self,
        name: Address,
        class: Class,
        frame: Bytes,
        room: usize,
    ) -> Option<usize> {
        let cost = cost(&frame);
        if self.cost > 0 && self.cost + cost > room {
            if self.dropped.len() < NAMES {
                self.dropped.insert(name);
            }
            return None;
        }
        match class {
            Class::Bulk => self.bulk.push_back(frame),
            Class::Gossip => self.gossip.push_back(frame),
        }
        self.cost += cost;
        self.frames += 1;
        Some(cost)
    }

    /// What is written next: gossip, then what bulk fits beside it, one frame of each at least.
    /// So gossip waits for one frame of bulk at most, and bulk for one turn of gossip.
    pub(crate) fn turn(&mut self) -> Vec<Bytes> {
        let (mut frames, mut bytes) = (Vec::new(), 0);
        for queue in [&mut self.gossip, &mut self.bulk] {
            let before = frames.len();
            while let Some(frame) = queue.pop_front() {
                bytes += frame.len();
                if frames.len() > before && (frames.len() >= TURN_FRAMES || bytes > TURN_BYTES) {
                    bytes -= frame.len();
                    queue.push_front(frame);
                    break;
                }
                frames.push(frame);
            }
        }
        frames
    }

    /// The kernel took these frames of a turn.
    pub(crate) fn written(&mut self, frames: usize, cost: usize) {
        self.frames -= frames;
        self.cost -= cost;
    }

    /// Who was told of a drop and hears now that half of the room is free.
    pub(crate) fn rooms(&mut self, room: usize) -> BTreeSet<Address> {
        if self.cost <= room / 2 { mem::take(&mut self.dropped) } else { BTreeSet::new() }
    }

    /// Who waits for room, as the link is gone.
    pub(crate) fn into_dropped(self) -> BTreeSet<Address> {
        self.dropped
    }
}

fn cost(frame: &Bytes) -> usize {
    frame.len() + FRAME_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use gossip_core::transport::LinkId;

    use super::*;

    const LINK: Address = Address::Link(LinkId(1));

    fn lengths(queue: &mut Queue) -> Vec<usize> {
        queue.turn().iter().map(Bytes::len).collect()
    }

    fn push(queue: &mut Queue, class: Class, length: usize) {
        assert!(queue.push(LINK, class, vec![7; length].into(), usize::MAX).is_some());
    }

    #[test]
    fn gossip_passes_bulk_and_starves_it_not() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            push(&mut queue, Class::Bulk, 1 << 20);
        }
        assert_eq!(lengths(&mut queue), [1 << 20]);
        push(&mut queue, Class::Gossip, 300);
        push(&mut queue, Class::Gossip, 301);
        assert_eq!(lengths(&mut queue), [300, 301, 1 << 20]);
        for _ in 0..100 {
            push(&mut queue, Class::Gossip, 10);
        }
        push(&mut queue, Class::Bulk, 20);
        let turn = lengths(&mut queue);
        assert_eq!((turn.len(), turn.last()), (TURN_FRAMES + 1, Some(&(1 << 20))));
        let turn = lengths(&mut queue);
        assert_eq!((turn.len(), turn.last()), (100 - TURN_FRAMES + 1, Some(&20)));
        assert!(queue.turn().is_empty());
        assert_eq!(queue.frames(), 106, "until they are written");
    }

    #[test]
    fn frames_of_one_class_keep_their_order_by_whatever_name() {
        let names = [LINK, Address::Stream(SocketAddr::from((Ipv4Addr::LOCALHOST, 7)))];
        let mut queue = Queue::default();
        for length in 0..1_000 {
            let name = names.into_iter().cycle().nth(length / 3).unwrap();
            assert!(queue.push(name, Class::Bulk, vec![7; length].into(), usize::MAX).is_some());
        }
        let mut came = Vec::new();
        while came.len() < 1_000 {
            came.extend(lengths(&mut queue));
        }
        assert_eq!(came, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn an_empty_queue_takes_any_frame_and_each_name_hears_of_room_once() {
        let other = Address::Stream(SocketAddr::from((Ipv4Addr::LOCALHOST, 7)));
        let mut queue = Queue::default();
        assert_eq!(queue.push(LINK, Class::Bulk, vec![7; 936].into(), 500), Some(1_000));
        for name in [LINK, other, LINK] {
            assert_eq!(queue.push(name, Class::Gossip, vec![7; 1].into(), 500), None);
        }
        assert_eq!(queue.rooms(1_999), BTreeSet::new());
        assert_eq!(queue.turn().len(), 1);
        queue.written(1, 1_000);
        assert_eq!(queue.rooms(500), BTreeSet::from([LINK, other]));
        assert_eq!(queue.rooms(500), BTreeSet::new());
    }
}
