//! Sees every fact of the main channel that simulated nodes send one another.

use std::cell::RefCell;
use std::rc::Rc;

use crate::fact::{Domain, Envelope};
use crate::id::{ChannelId, ClusterId, FactId};
use crate::rng::Rng;
use crate::sim::{Packet, Rule, Verdict};
use crate::time::Mono;
use crate::wire::{Frame, Record, Records, decode_frame};

/// A rule that lets every packet pass and notes the facts in it, also those that a later rule
/// loses. Clones share their notes: hand one to the world and keep the other.
#[derive(Clone, Debug)]
pub struct Wiretap {
    domain: Domain,
    sent: Rc<RefCell<Vec<Sent>>>,
}

/// A fact that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a note, to be taken apart")]
pub struct Sent {
    /// When.
    pub at: Mono,
    /// Which.
    pub fact: FactId,
    /// By which host.
    pub from: usize,
    /// To which host.
    pub to: usize,
}

impl Wiretap {
    /// For a cluster of this name.
    #[must_use]
    pub fn new(cluster: &str) -> Self {
        let cluster = ClusterId::from_name(cluster);
        let domain = Domain::new(cluster, ChannelId::derived(cluster, ChannelId::MAIN));
        Self { domain, sent: Rc::default() }
    }

    /// What was sent since the last call, in the order of sending.
    #[must_use]
    pub fn take(&self) -> Vec<Sent> {
        self.sent.take()
    }
}

impl Rule for Wiretap {
    fn on_packet(&mut self, packet: &Packet<'_>, _: &mut Rng) -> Verdict {
        let frame = decode_frame(&bytes::Bytes::copy_from_slice(packet.bytes));
        // Simulated sessions are in the clear.
        if let Ok(Frame::Data { sealed, .. }) = frame {
            let mut is_main = false;
            for record in Records::new(sealed).flatten() {
                match record {
                    Record::Channel(tag) => is_main = tag == self.domain.channel().tag(),
                    Record::Fact { bytes, .. } if is_main => {
                        let fact = Envelope::decode(bytes, &self.domain);
                        self.sent.borrow_mut().extend(fact.map(|fact| Sent {
                            at: packet.now,
                            fact: fact.id(),
                            from: packet.from,
                            to: packet.to,
                        }));
                    }
                    Record::Fact { .. } | Record::Talk(_) | Record::Unknown(_) => {}
                }
            }
        }
        Verdict::Pass
    }
}
