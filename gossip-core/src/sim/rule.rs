//! What happens to packets, decided by value.

use std::time::Duration;

use crate::rng::Rng;
use crate::time::Mono;

/// A packet on its way.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "rules take it apart")]
pub struct Packet<'a> {
    /// The sending host.
    pub from: usize,
    /// The receiving host.
    pub to: usize,
    /// The frame.
    pub bytes: &'a [u8],
    /// When it was sent.
    pub now: Mono,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the world must carry out each of them")]
pub enum Verdict {
    /// It arrives after this time.
    Deliver(Duration),
    /// It is lost.
    Drop,
    /// Let the next rule decide; after the last one it arrives at once.
    Pass,
}

/// Rules packets. Has exclusive access, so it may keep counters; rules are asked in the order in
/// which they were added, and the first that decides wins. Closures are rules.
pub trait Rule {
    /// Decides about one packet.
    fn on_packet(&mut self, packet: &Packet<'_>, rng: &mut Rng) -> Verdict;
}

impl<F: FnMut(&Packet<'_>, &mut Rng) -> Verdict> Rule for F {
    fn on_packet(&mut self, packet: &Packet<'_>, rng: &mut Rng) -> Verdict {
        self(packet, rng)
    }
}

/// Loses packets independently with this chance.
pub fn loss(chance: f64) -> impl Rule {
    move |_: &Packet<'_>, rng: &mut Rng| {
        if rng.chance(chance) { Verdict::Drop } else { Verdict::Pass }
    }
}

/// Delivers after a uniform time between two bounds; packets may overtake one another.
pub fn delay(least: Duration, most: Duration) -> impl Rule {
    let span = most.saturating_sub(least).as_nanos() as u64;
    move |_: &Packet<'_>, rng: &mut Rng| {
        Verdict::Deliver(least + Duration::from_nanos(rng.below(span + 1)))
    }
}

/// Cuts everything between the hosts that `inside` admits and the rest, both ways.
pub fn cut(inside: impl Fn(usize) -> bool) -> impl Rule {
    move |packet: &Packet<'_>, _: &mut Rng| {
        if inside(packet.from) == inside(packet.to) { Verdict::Pass } else { Verdict::Drop }
    }
}
