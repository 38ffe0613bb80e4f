//! What each node sends, and whom it calls dead.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::check::{Checker, Observation, Sight};
use super::ear::kinds;
use crate::io::{Event, Output};
use crate::membership::MemberStatus;
use crate::wire::record_name;

/// What was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Sent {
    /// Bytes of frames: payload of datagrams.
    pub bytes: u64,
    /// Frames.
    pub frames: u64,
    /// Records, by kind.
    pub records: BTreeMap<&'static str, u64>,
}

/// Watches a world for a [`Meter`].
pub(super) struct Witness(pub(super) Rc<RefCell<Meter>>);

impl Checker for Witness {
    fn name(&self) -> &'static str {
        "meter"
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest neither sends nor judges")]
    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, _: &mut Vec<String>) {
        match what {
            Observation::Output(Output::Transmit(transmit)) => {
                self.0.borrow_mut().sent(sight.host(), &transmit.bytes);
            }
            Observation::Output(Output::Event(Event::Member { member, .. }))
                if member.status == MemberStatus::Dead =>
            {
                self.0.borrow_mut().deaths += 1;
            }
            _ => {}
        }
    }
}

/// What was sent, by node, and how often anybody called anybody dead.
pub(super) struct Meter {
    sent: Vec<Sent>,
    deaths: u64,
}

impl Meter {
    pub(super) fn new(nodes: usize) -> Self {
        Self { sent: vec![Sent::default(); nodes], deaths: 0 }
    }

    /// Counts from nothing on.
    pub(super) fn begin(&mut self) {
        self.sent.fill(Sent::default());
        self.deaths = 0;
    }

    pub(super) const fn deaths(&self) -> u64 {
        self.deaths
    }

    fn sent(&mut self, from: usize, frame: &[u8]) {
        let Some(sent) = self.sent.get_mut(from) else { return };
        sent.bytes += frame.len() as u64;
        sent.frames += 1;
        for name in kinds(frame).filter_map(record_name) {
            *sent.records.entry(name).or_default() += 1;
        }
    }

    /// What the first node sent, half of the others no more than, and one of them the most.
    pub(super) fn joining(&self) -> [Sent; 3] {
        let mut others: Vec<_> = self.sent.iter().skip(1).collect();
        others.sort_by_key(|sent| sent.bytes);
        let sent =
            [self.sent.first(), others.get(others.len() / 2).copied(), others.last().copied()];
        sent.map(|sent| sent.cloned().unwrap_or_default())
    }

    /// What all sent.
    pub(super) fn total(&self) -> Sent {
        let mut total = Sent::default();
        for Sent { bytes, frames, records } in &self.sent {
            total.bytes += bytes;
            total.frames += frames;
            for (name, count) in records {
                *total.records.entry(name).or_default() += count;
            }
        }
        total
    }
}
