//! What happens to packets, decided by value.

mod chance;
mod faults;

use std::time::Duration;

use bytes::Bytes;

pub use self::chance::Delay;
pub use self::faults::{
    Burst, alter, bandwidth, burst, duplicate, during, jitter, late, one_way, reorder,
};
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the world must carry out each of them")]
pub enum Verdict {
    /// It goes on with these bytes instead; the rules that follow see them.
    Alter(Bytes),
    /// There are two of it now: the rules that follow decide about each.
    Copy,
    /// It arrives after this time, and what the rules before took. No further rule is asked.
    Deliver(Duration),
    /// It is lost. No further rule is asked.
    Drop,
    /// It takes so much longer; the rules that follow decide about the rest.
    Later(Duration),
    /// Let the next rule decide; after the last one it arrives.
    Pass,
}

/// Rules packets. Has exclusive access, so it may keep counters; rules are asked in the order in
/// which they were added. Closures are rules.
pub trait Rule {
    /// Decides about one packet.
    fn on_packet(&mut self, packet: &Packet<'_>, rng: &mut Rng) -> Verdict;

    /// Whether this verdict, its last one, made a difference: it is counted as fired.
    fn fires(&self, verdict: &Verdict) -> bool {
        *verdict != Verdict::Pass
    }
}

impl<F: FnMut(&Packet<'_>, &mut Rng) -> Verdict> Rule for F {
    fn on_packet(&mut self, packet: &Packet<'_>, rng: &mut Rng) -> Verdict {
        self(packet, rng)
    }
}

/// A rule of a world, to be ended or asked how often it fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(pub(super) u64);

/// A rule in force.
pub(super) struct Ruling {
    /// For how many packets it made a difference.
    pub(super) fired: u64,
    pub(super) id: RuleId,
    pub(super) rule: Box<dyn Rule>,
}

/// A copy of a packet on its way through the rules.
pub(super) struct Copy {
    pub(super) bytes: Bytes,
    pub(super) delay: Duration,
    /// The rules from this one on decide about it.
    next: usize,
}

impl Copy {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self { bytes, delay: Duration::ZERO, next: 0 }
    }

    /// Asks the rules; what arrives, and when. Copies made on the way wait in `more`.
    pub(super) fn pass(
        mut self,
        rules: &mut [Ruling],
        packet: &Packet<'_>,
        rng: &mut Rng,
        more: &mut Vec<Self>,
    ) -> Option<Self> {
        while let Some(ruling) = rules.get_mut(self.next) {
            self.next += 1;
            let packet = Packet { bytes: &self.bytes, ..*packet };
            let verdict = ruling.rule.on_packet(&packet, rng);
            ruling.fired += u64::from(ruling.rule.fires(&verdict));
            match verdict {
                Verdict::Alter(bytes) => self.bytes = bytes,
                Verdict::Copy => more.push(Self { bytes: self.bytes.clone(), ..self }),
                Verdict::Deliver(delay) => {
                    self.delay += delay;
                    return Some(self);
                }
                Verdict::Drop => return None,
                Verdict::Later(delay) => self.delay += delay,
                Verdict::Pass => {}
            }
        }
        Some(self)
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
    let delay = Delay::Uniform { least, most };
    move |_: &Packet<'_>, rng: &mut Rng| Verdict::Deliver(delay.draw(rng))
}

/// Cuts everything between the hosts that `inside` admits and the rest, both ways.
pub fn cut(inside: impl Fn(usize) -> bool) -> impl Rule {
    move |packet: &Packet<'_>, _: &mut Rng| {
        if inside(packet.from) == inside(packet.to) { Verdict::Pass } else { Verdict::Drop }
    }
}
