//! Why the node believes what it believes about members: what it notes, and what it tells of that.

use std::time::Duration;

use bytes::Bytes;

use super::Node;
use crate::fact::{Envelope, FactKind};
use crate::id::{Endpoints, NodeId};
use crate::io::{Answer, Refused, RequestId};
use crate::membership::{Cause, Clue, Contact, Due, Grounds, MemberStatus, Said, endpoints};
use crate::strategy::detector::{LATE, Sign};
use crate::time::Now;

/// Why a verdict is what it is, and who brought that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason {
    pub(super) cause: Cause,
    pub(super) by: NodeId,
}

impl Reason {
    pub(super) const fn of(sign: Sign, by: NodeId) -> Self {
        let cause = match sign {
            Sign::Heard | Sign::Answered(_) => Cause::Heard,
            Sign::Vouched => Cause::Vouched,
            Sign::Missed => Cause::Silence,
            Sign::Accused(_) | Sign::Convicted => Cause::Accused,
            Sign::Renewed => Cause::Word,
        };
        Self { cause, by }
    }
}

impl Node {
    /// Adds a line to a member's dossier.
    pub(super) fn note(&mut self, member: NodeId, clue: Clue, by: NodeId) {
        if let Some(dossier) = self.roster.dossier(&member) {
            dossier.note(self.now.wall, clue, by);
        }
    }

    /// When a member was last heard of, by each way.
    pub(super) fn contact(&self, member: &NodeId) -> Contact {
        let kept = self.roster.member(member).map(|known| known.dossier.contact);
        Contact { heard: self.detector.heard(member), ..kept.unwrap_or_default() }
    }

    /// The node is run so long after it wanted to be.
    pub(super) fn was_late(&mut self, late: Duration) {
        if late < LATE {
            return;
        }
        self.stood_still = Some((self.now.mono, late));
        let millis = u32::try_from(late.as_millis()).unwrap_or(u32::MAX);
        let me = self.keys.id();
        self.note(me, Clue::StoodStill(millis), me);
    }

    /// Notes a verdict of ours.
    pub(super) fn note_verdict(&mut self, changed: Option<&Said>, by: NodeId) {
        if let Some((member, _)) = changed {
            let clue = match member.status {
                MemberStatus::Alive => Clue::HeardAgain,
                MemberStatus::Suspect => Clue::Suspected,
                MemberStatus::Dead => Clue::Convicted,
                MemberStatus::Left => Clue::Left,
                MemberStatus::Evicted => Clue::Evicted,
            };
            self.note(member.id, clue, by);
        }
    }

    /// Notes what a member's new word says besides that it lives, given how it stood before.
    pub(super) fn note_word(&mut self, fact: &Envelope, before: Option<&Standing>, by: NodeId) {
        let subject = fact.author();
        let Some(after) = self.standing(&subject) else { return };
        let clues = before.map(|before| {
            [
                (after.said_at > before.said_at && before.is_blamed).then_some(Clue::Refuted),
                (after.incarnation > before.incarnation).then_some(Clue::Restarted),
                after.has_moved(before).then_some(Clue::Moved),
            ]
        });
        let left = fact.kind() == FactKind::LEAVE && before.is_none_or(|before| !before.has_left);
        let left = left.then_some(Clue::Left);
        for clue in clues.into_iter().flatten().chain([left]).flatten() {
            self.note(subject, clue, by);
        }
    }

    /// How a member stands, as far as a new word may change it.
    pub(super) fn standing(&self, member: &NodeId) -> Option<Standing> {
        let member = self.roster.member(member)?;
        Some(Standing {
            has_left: member.status == MemberStatus::Left,
            incarnation: member.incarnation,
            is_blamed: matches!(member.status, MemberStatus::Suspect | MemberStatus::Dead),
            said_at: member.said_at,
            waits: member.may_return(),
            word: member.word().clone(),
        })
    }

    /// Tells why a member stands as it does.
    pub(super) fn why(&mut self, request: RequestId, id: NodeId) {
        let known = self.roster.member(&id);
        let evidence = known.map(|known| known.dossier.lines().collect());
        let Some((member, evidence)) = self.roster.tell(&id).zip(evidence) else {
            return self.answer(request, Answer::Refused(Refused::UnknownMember));
        };
        let Now { mono, .. } = self.now;
        let due = self.detector.suspicion(&id);
        let grounds = Grounds {
            evidence,
            contact: self.contact(&id),
            now: mono,
            has_session: self.peering.has_session(&id),
            accusers: self.charges(&id),
            due: due.map(|(due, last_attempt)| Due { left: due.since(mono), last_attempt }),
            member,
        };
        self.answer(request, Answer::Why(Box::new(grounds)));
    }
}

/// How a member stands, as far as a new word may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) has_left: bool,
    incarnation: u64,
    is_blamed: bool,
    pub(super) said_at: crate::time::Wall,
    pub(super) waits: bool,
    word: Bytes,
}

impl Standing {
    /// Where the member listens.
    pub(super) fn endpoints(&self) -> Endpoints {
        endpoints(&self.word)
    }

    /// Whether it listens somewhere else than before.
    pub(super) fn has_moved(&self, before: &Self) -> bool {
        self.word != before.word && self.endpoints() != before.endpoints()
    }

    /// What decides whether a member's word is kept for the next start: others' verdicts do not.
    pub(super) const fn lasting(&self) -> (u64, bool, bool) {
        (self.incarnation, self.has_left, self.waits)
    }
}
