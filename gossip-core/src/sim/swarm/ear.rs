//! What nodes say to one another: how many records of each kind.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::rng::Rng;
use crate::sim::{Packet, Rule, Verdict};
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
    /// How often each kind was said.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let named = |(kind, count): (u8, &Cell<u64>)| Some((record_name(kind)?, count.get()));
        (0..).zip(self.0.iter()).filter_map(named).collect()
    }
}

impl Rule for Ear {
    fn on_packet(&mut self, packet: &Packet<'_>, _: &mut Rng) -> Verdict {
        // Simulated sessions are in the clear.
        if session_of(packet.bytes).is_some()
            && let Some(records) = packet.bytes.get(DATA_HEADER_BYTES..)
        {
            for kind in record_kinds(records) {
                if let Some(count) = self.0.get(usize::from(kind)) {
                    count.set(count.get() + 1);
                }
            }
        }
        Verdict::Pass
    }
}
