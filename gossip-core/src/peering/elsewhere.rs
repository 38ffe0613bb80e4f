//! Members that speak from somewhere else than where they say that they listen.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::NodeId;
use crate::time::Mono;
use crate::transport::Address;

/// How long it is worth a try to dial where a member spoke from (the longest pause between its Hellos, by the default
/// of `redial_max`).
const FRESH: Duration = Duration::from_secs(20);

/// Most members of whom that is remembered (a guess: a rack that is given other addresses).
const MAX_PLACES: usize = 256;

/// Where Hellos in a member's name came from, although a session with it stood where its word says that it
/// listens. Everybody has its word, so nothing follows from that until the session is silent.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    places: BTreeMap<NodeId, (Mono, Address)>,
}

impl Elsewhere {
    /// A Hello in this member's name came from here; the oldest place makes room.
    pub(super) fn spoke(&mut self, now: Mono, member: NodeId, from: Address) {
        if self.places.len() >= MAX_PLACES && !self.places.contains_key(&member) {
            let oldest =
                self.places.iter().min_by_key(|(_, (at, _))| *at).map(|(member, _)| *member);
            oldest.map(|oldest| self.places.remove(&oldest));
        }
        self.places.insert(member, (now, from));
    }

    /// Where a Hello in this member's name came from lately.
    pub(super) fn lately(&self, now: Mono, member: &NodeId) -> Option<Address> {
        let (at, from) = self.places.get(member)?;
        (now.since(*at) < FRESH).then_some(*from)
    }

    /// Members of whom something is remembered.
    pub(super) fn members(&self) -> impl Iterator<Item = &NodeId> {
        self.places.keys()
    }

    pub(super) fn forget(&mut self, member: &NodeId) {
        self.places.remove(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::LinkId;

    #[test]
    fn places_are_bounded_and_pass() {
        let mut elsewhere = Elsewhere::default();
        let node = |number: usize| {
            NodeId::from_bytes(std::array::from_fn(|at| (number >> (at * 8).min(56)) as u8))
        };
        let at = |millis| Mono::ZERO + Duration::from_millis(millis);
        for number in 0..=MAX_PLACES {
            elsewhere.spoke(at(number as u64), node(number), Address::Link(LinkId(number as u64)));
        }
        assert_eq!(elsewhere.members().count(), MAX_PLACES);
        assert_eq!(elsewhere.lately(at(300), &node(0)), None, "the oldest made room");
        assert_eq!(elsewhere.lately(at(300), &node(1)), Some(Address::Link(LinkId(1))));
        assert_eq!(elsewhere.lately(at(1) + FRESH, &node(1)), None);
        elsewhere.forget(&node(9));
        assert_eq!(elsewhere.lately(at(300), &node(9)), None);
    }
}
