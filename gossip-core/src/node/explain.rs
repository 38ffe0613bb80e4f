//! Why the node believes what it believes about members: what it notes, and what it tells of that.

use std::time::Duration;

use super::Node;
use crate::fact::{Envelope, FactKind};
use crate::id::NodeId;
use crate::io::{Answer, Refused, RequestId};
use crate::membership::{Cause, Clue, Contact, Dossiers, Due, Grounds, MemberStatus, Said};
use crate::strategy::detector::{LATE, Sign};
use crate::time::{Mono, Now};

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

/// What the node remembers for whoever asks why.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) dossiers: Dossiers,
    /// When it last noticed that it had not been run, and for how long.
    stood_still: Option<(Mono, Duration)>,
}

impl Memory {
    /// When the node last noticed that it had not been run: how long ago, and for how long.
    pub(super) fn stood_still(&self, now: Mono) -> Option<(Duration, Duration)> {
        self.stood_still.map(|(at, lasted)| (now.since(at), lasted))
    }
}

impl Node {
    /// Adds a line to a member's dossier.
    pub(super) fn note(&mut self, member: NodeId, clue: Clue, by: NodeId) {
        self.memory.dossiers.note(self.now.wall, &member, clue, by);
    }

    /// When a member was last heard of, by each way.
    pub(super) fn contact(&self, member: &NodeId) -> Contact {
        let kept = self.memory.dossiers.of(member).map(|dossier| dossier.contact);
        Contact { heard: self.detector.heard(member), ..kept.unwrap_or_default() }
    }

    /// The node is run so long after it wanted to be.
    pub(super) fn was_late(&mut self, late: Duration) {
        if late < LATE {
            return;
        }
        self.memory.stood_still = Some((self.now.mono, late));
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
        if before.is_none() {
            self.memory.dossiers.open(self.now.wall, subject, by);
        }
        let clues = before.map(|before| {
            [
                (after.said_at > before.said_at && before.is_blamed).then_some(Clue::Refuted),
                (after.incarnation > before.incarnation).then_some(Clue::Restarted),
                (after.endpoints != before.endpoints).then_some(Clue::Moved),
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
            endpoints: member.alive.endpoints.clone(),
            has_left: member.status == MemberStatus::Left,
            incarnation: member.alive.incarnation,
            is_blamed: matches!(member.status, MemberStatus::Suspect | MemberStatus::Dead),
            said_at: member.said_at,
            waits: self.roster.may_return(member),
        })
    }

    /// Tells why a member stands as it does.
    pub(super) fn why(&mut self, request: RequestId, id: NodeId) {
        let Some(member) = self.roster.member(&id).cloned() else {
            return self.answer(request, Answer::Refused(Refused::UnknownMember));
        };
        let Now { mono, .. } = self.now;
        let dossier = self.memory.dossiers.of(&id);
        let due = self.detector.suspicion(&id);
        let grounds = Grounds {
            evidence: dossier.map_or_else(Vec::new, |dossier| dossier.lines().collect()),
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
    endpoints: crate::id::Endpoints,
    pub(super) has_left: bool,
    incarnation: u64,
    is_blamed: bool,
    pub(super) said_at: crate::time::Wall,
    pub(super) waits: bool,
}

impl Standing {
    /// What decides whether a member's word is kept for the next start: others' verdicts do not.
    pub(super) const fn lasting(&self) -> (u64, bool, bool) {
        (self.incarnation, self.has_left, self.waits)
    }
}
