//! What nodes say to one another: how many records of each kind.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Packet, Rule, Verdict};
use crate::rng::Rng;
use crate::wire::{DATA_HEADER_BYTES, record_kinds, record_name, session_of};

/// A rule that lets every packet pass and counts the records in it, also those that a later rule
/// loses. Clones share their counts: hand one to the world and keep the other.
#[derive(Clone)]
pub(super) struct Ear(Rc<[Cell<u64>; KINDS]>);

/// More kinds than there are.
const KINDS: usize = 64;

impl Default for Ear {
    fn default() -> Self {
        Self(Rc::new([const { Cell::new(0) }; KINDS]))
    }
}

impl Ear {
    /// Counts the records of one frame.
    pub(super) fn listen(&self, frame: &[u8]) {
        for kind in kinds(frame) {
            if let Some(count) = self.0.get(usize::from(kind)) {
                count.set(count.get() + 1);
            }
        }
    }

    /// How often each kind was said.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let named = |(kind, count): (u8, &Cell<u64>)| Some((record_name(kind)?, count.get()));
        (0..).zip(self.0.iter()).filter_map(named).collect()
    }
}

impl Rule for Ear {
    fn on_packet(&mut self, packet: &Packet<'_>, _: &mut Rng) -> Verdict {
        self.listen(packet.bytes);
        Verdict::Pass
    }
}

/// The kinds of the records in a frame; none if it has no records. Simulated sessions are in the clear.
pub(super) fn kinds(frame: &[u8]) -> impl Iterator<Item = u8> {
    let records = session_of(frame).and_then(|_| frame.get(DATA_HEADER_BYTES..));
    record_kinds(records.unwrap_or_default())
}
