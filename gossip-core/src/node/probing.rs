//! Probes under way: ours, and those that we make for others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::id::NodeId;
use crate::rng::Rng;
use crate::time::Mono;
use crate::wire::PingReq;

/// Most probes that are remembered: answers to older ones are signs of life, and nothing more (guess: some
/// seconds of a detector that asks thousands at a time).
const MAX_PROBES: usize = 16_384;

/// Most probes under way for others; who asks for more hears nothing (guess: a fortieth of a second of
/// all that a thousand members may ask for).
const MAX_ERRANDS: usize = 256;

/// The longest that an asker's patience is taken to be, and for which answers to probes are waited for (a guess).
const LONGEST: Duration = Duration::from_secs(60);

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// Our probe of the member that answers, after so long.
    Probe(Duration),
    /// A member that we asked about another one.
    Request { about: NodeId },
    /// A probe for somebody who asked under this number.
    Errand { asker: NodeId, nonce: u32 },
}

/// A number of ours that a member may repeat.
#[derive(Clone, Copy, Debug)]
struct Probe {
    to: NodeId,
    about: NodeId,
    since: Mono,
}

/// A probe for somebody else.
#[derive(Clone, Copy, Debug)]
struct Errand {
    about: NodeId,
    asker: NodeId,
    /// The asker's number.
    nonce: u32,
    /// When to say that there is no answer yet, and once that was said, when the asker has given up.
    due: Mono,
    ends: Mono,
}

#[derive(Debug)]
pub(super) struct Probing {
    /// When something is to be done about an errand.
    due: BTreeSet<(Mono, u32)>,
    errands: BTreeMap<u32, Errand>,
    /// Numbers of probes, oldest first; the oldest waits for its answer.
    order: VecDeque<u32>,
    probes: BTreeMap<u32, Probe>,
    rng: Rng,
}

impl Probing {
    pub(super) const fn new(rng: Rng) -> Self {
        Self {
            due: BTreeSet::new(),
            errands: BTreeMap::new(),
            order: VecDeque::new(),
            probes: BTreeMap::new(),
            rng,
        }
    }

    /// The number of a probe of our own, or of a request to this member about another.
    pub(super) fn begin(&mut self, now: Mono, to: NodeId, about: NodeId) -> u32 {
        while let Some(oldest) = self.order.front() {
            let waits =
                self.probes.get(oldest).is_some_and(|probe| now.since(probe.since) < LONGEST);
            if waits && self.order.len() < MAX_PROBES {
                break;
            }
            self.probes.remove(oldest);
            self.order.pop_front();
        }
        let nonce = self.rng.next_u64() as u32;
        self.order.push_back(nonce);
        self.probes.insert(nonce, Probe { to, about, since: now });
        nonce
    }

    /// The number of a probe that a member asks for; `None`: too many are under way.
    pub(super) fn lend(&mut self, now: Mono, asker: NodeId, asked: PingReq) -> Option<u32> {
        if self.errands.len() >= MAX_ERRANDS {
            return None;
        }
        let PingReq { nonce, about, patience_ms } = asked;
        let patience = Duration::from_millis(u64::from(patience_ms)).min(LONGEST);
        let number = self.rng.next_u64() as u32;
        self.end(number);
        let (due, ends) = (now + patience * 4 / 5, now + patience * 2);
        self.due.insert((due, number));
        self.errands.insert(number, Errand { about, asker, nonce, due, ends });
        Some(number)
    }

    /// What an answer means; `None`: nobody asked this member under this number.
    pub(super) fn answered(&mut self, now: Mono, from: NodeId, number: u32) -> Option<Answered> {
        if let Some(errand) = self.errands.get(&number).filter(|errand| errand.about == from) {
            let answered = Answered::Errand { asker: errand.asker, nonce: errand.nonce };
            self.end(number);
            return Some(answered);
        }
        let Probe { to, about, since } =
            *self.probes.get(&number).filter(|probe| probe.to == from)?;
        self.probes.remove(&number);
        let is_ours = to == about;
        Some(if is_ours { Answered::Probe(now.since(since)) } else { Answered::Request { about } })
    }

    /// About whom a member has no answer that we asked it for; it may still have one.
    pub(super) fn missed(&self, from: NodeId, number: u32) -> Option<NodeId> {
        let probe = self.probes.get(&number).filter(|probe| probe.to == from)?;
        (probe.about != from).then_some(probe.about)
    }

    /// Askers that are to be told that there is no answer yet, once each.
    pub(super) fn unanswered(&mut self, now: Mono) -> Vec<(NodeId, u32)> {
        let mut late = Vec::new();
        while let Some(&(due, number)) = self.due.first().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, number));
            let Some(errand) = self.errands.get_mut(&number) else { continue };
            if errand.due < errand.ends {
                late.push((errand.asker, errand.nonce));
                errand.due = errand.ends;
                self.due.insert((errand.ends, number));
            } else {
                self.errands.remove(&number);
            }
        }
        late
    }

    /// When something is due here.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due.first().map(|(due, _)| *due)
    }

    fn end(&mut self, number: u32) {
        if let Some(errand) = self.errands.remove(&number) {
            self.due.remove(&(errand.due, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: NodeId = NodeId::from_bytes([1; 32]);
    const HELPER: NodeId = NodeId::from_bytes([2; 32]);
    const SILENT: NodeId = NodeId::from_bytes([3; 32]);

    fn at(millis: u64) -> Mono {
        Mono::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn an_answer_counts_once_and_from_whom_it_was_asked() {
        let mut probing = Probing::new(Rng::from_number(1));
        let number = probing.begin(at(0), HELPER, HELPER);
        assert_eq!(probing.answered(at(5), SILENT, number), None);
        let round_trip = Duration::from_millis(5);
        assert_eq!(probing.answered(at(5), HELPER, number), Some(Answered::Probe(round_trip)));
        assert_eq!(probing.answered(at(6), HELPER, number), None);
        let number = probing.begin(at(10), HELPER, SILENT);
        assert_eq!(probing.missed(HELPER, number), Some(SILENT));
        let vouched = Answered::Request { about: SILENT };
        assert_eq!(probing.answered(at(11), HELPER, number), Some(vouched), "later than its nack");
    }

    #[test]
    fn errands_are_reported_either_way() {
        let mut probing = Probing::new(Rng::from_number(1));
        let asked = PingReq { nonce: 7, about: SILENT, patience_ms: 500 };
        let number = probing.lend(at(0), ASKER, asked).unwrap();
        assert_eq!(probing.deadline(), Some(at(400)));
        assert!(probing.unanswered(at(399)).is_empty());
        assert_eq!(probing.unanswered(at(400)), [(ASKER, 7)]);
        assert!(probing.unanswered(at(401)).is_empty());
        let late = Some(Answered::Errand { asker: ASKER, nonce: 7 });
        assert_eq!(probing.answered(at(450), SILENT, number), late);
        assert_eq!(probing.deadline(), None);
    }

    #[test]
    fn both_tables_are_bounded() {
        let mut probing = Probing::new(Rng::from_number(1));
        for nonce in 0..100_000 {
            probing.begin(at(0), HELPER, HELPER);
            probing.lend(at(0), ASKER, PingReq { nonce, about: SILENT, patience_ms: u32::MAX });
        }
        assert!(probing.probes.len() <= MAX_PROBES && probing.order.len() <= MAX_PROBES);
        assert_eq!(probing.errands.len(), MAX_ERRANDS);
        probing.unanswered(at(0) + LONGEST * 2);
        assert_eq!(probing.errands.len(), 0, "who asked has given up");
    }

    #[test]
    fn what_was_answered_or_is_long_ago_takes_no_room() {
        let mut probing = Probing::new(Rng::from_number(1));
        for millis in 0..10_000 {
            let number = probing.begin(at(millis), HELPER, HELPER);
            assert!(probing.answered(at(millis), HELPER, number).is_some());
        }
        assert!(probing.order.len() <= 1 && probing.probes.is_empty());
        for millis in 0..100 {
            probing.begin(at(millis), SILENT, SILENT);
        }
        probing.begin(at(100) + LONGEST, SILENT, SILENT);
        assert_eq!((probing.order.len(), probing.probes.len()), (1, 1));
    }
}
