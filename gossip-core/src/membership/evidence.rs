//! Why a member is thought to stand as it does: what was tried and heard, by whom, and when.

use std::time::Duration;

use super::accusation::{Charge, Word};
use super::contact::Contact;
use super::member::Member;
use crate::id::NodeId;
use crate::time::{Mono, Wall};

/// Most lines that are kept of a member (house decision: two or three suspicions from their beginning to
/// their end). More cost 80 bytes each.
pub const EVIDENCE: usize = 32;

/// Why a member's standing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows changes must consider each of them")]
pub enum Cause {
    /// Somebody says that it does not answer.
    Accused,
    /// Somebody threw it out.
    Evicted,
    /// It said goodbye.
    Goodbye,
    /// A frame of its own arrived.
    Heard,
    /// It did not answer us, by no way that we know.
    Silence,
    /// A member that we asked had an answer of it.
    Vouched,
    /// It said something new of itself.
    Word,
}

impl Cause {
    /// The cause's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accused => "accused",
            Self::Evicted => "evicted",
            Self::Goodbye => "goodbye",
            Self::Heard => "heard",
            Self::Silence => "silence",
            Self::Vouched => "vouched",
            Self::Word => "word",
        }
    }
}

/// Something that bears upon how a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows evidence must consider each of them")]
pub enum Clue {
    /// Somebody tells everybody that it does not answer.
    Accused(Charge, Word),
    /// A member was asked to probe it.
    Asked,
    /// It is dead to us.
    Convicted,
    /// It has no session with us, so it was dialled instead of probed.
    Dialled,
    /// A Hello in its name came from an address that it does not name, while its session stood at one that it does:
    /// it has moved, or somebody else has its word.
    Elsewhere,
    /// Somebody threw it out.
    Evicted,
    /// It was suspect or dead, and lives.
    HeardAgain,
    /// It became known.
    Joined,
    /// It said goodbye.
    Left,
    /// A member that was asked had no answer of it in time.
    Missed,
    /// It says that it is somewhere else.
    Moved,
    /// It was probed, and the probe before had no answer yet.
    Probed,
    /// It said something newer than what it is accused of.
    Refuted,
    /// It was started anew.
    Restarted,
    /// The session with it ended.
    SessionLost,
    /// A session with it stands.
    SessionMade,
    /// A probe ended without an answer by any way.
    Silent,
    /// It was not run for so many milliseconds, by its own account.
    StoodStill(u32),
    /// It is suspect to us.
    Suspected,
    /// A member that was asked had an answer of it.
    Vouched,
}

impl Clue {
    /// The clue's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accused(..) => "accused",
            Self::Asked => "asked",
            Self::Convicted => "convicted",
            Self::Dialled => "dialled",
            Self::Elsewhere => "elsewhere",
            Self::Evicted => "evicted",
            Self::HeardAgain => "heard-again",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Missed => "missed",
            Self::Moved => "address-changed",
            Self::Probed => "probed",
            Self::Refuted => "refuted",
            Self::Restarted => "restarted",
            Self::SessionLost => "session-lost",
            Self::SessionMade => "session-made",
            Self::Silent => "silent",
            Self::StoodStill(_) => "stood-still",
            Self::Suspected => "suspected",
            Self::Vouched => "vouched",
        }
    }

    /// Whether it is of members that are asked to probe it: others each time.
    const fn is_errand(self) -> bool {
        matches!(self, Self::Asked | Self::Missed | Self::Vouched)
    }

    /// Whether a new chapter begins with it: what came before is not counted together with what comes.
    const fn turns(self) -> bool {
        matches!(
            self,
            Self::Convicted
                | Self::Evicted
                | Self::HeardAgain
                | Self::Joined
                | Self::Left
                | Self::Suspected
        )
    }
}

/// A line of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications take it apart")]
pub struct Evidence {
    /// When it was first so in this chapter: between two changes of the verdict.
    pub at: Wall,
    /// When it was last so.
    pub last: Wall,
    /// How often.
    pub times: u32,
    /// What.
    pub clue: Clue,
    /// Who did or said it the last time; for what we did ourselves, this node.
    pub by: NodeId,
}

/// All that is kept of one member, but for when a frame of it last arrived: the detector knows that.
#[derive(Clone, Debug)]
pub(crate) struct Dossier {
    pub(crate) contact: Contact,
    /// When it became known, and who brought it.
    joined: (Wall, NodeId),
    /// Most members are calm: of those there are none, and they take no room.
    lines: Option<Box<Lines>>,
}

/// Lines of evidence, oldest first.
#[derive(Clone, Debug, Default)]
struct Lines(Vec<Evidence>);

impl Dossier {
    /// A member became known, and this one brought it.
    pub(crate) fn open(at: Wall, by: NodeId) -> Self {
        Self { contact: Contact::default(), joined: (at, by), lines: None }
    }

    /// How it became known, and the last lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Evidence> {
        let (at, by) = self.joined;
        let joined = Evidence { at, last: at, times: 1, clue: Clue::Joined, by };
        let lines = self.lines.iter().flat_map(|lines| &lines.0);
        [joined].into_iter().chain(lines.copied())
    }

    /// Adds a line, or counts it with one that says the same in this chapter.
    pub(crate) fn note(&mut self, at: Wall, clue: Clue, by: NodeId) {
        if clue == Clue::Convicted {
            self.contact.convicted();
        }
        // A first session is no news.
        if self.lines.is_none() && clue == Clue::SessionMade {
            return;
        }
        let Lines(lines) = &mut **self.lines.get_or_insert_default();
        let mut chapter = lines.iter_mut().rev().take_while(|line| !line.clue.turns());
        let same = |line: &&mut Evidence| line.clue == clue && (line.by == by || clue.is_errand());
        if let Some(line) = chapter.find(same) {
            line.times = line.times.saturating_add(1);
            (line.last, line.by) = (at, by);
            return;
        }
        if clue.turns() {
            self.contact.forget_loss();
        }
        if lines.len() >= EVIDENCE {
            lines.remove(0);
        }
        lines.push(Evidence { at, last: at, times: 1, clue, by });
    }
}

/// Who accuses a member, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications take it apart")]
pub struct Accuser {
    /// Who.
    pub by: NodeId,
    /// Of what.
    pub charge: Charge,
}

/// A suspicion that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications take it apart")]
pub struct Due {
    /// How long until it ends in a conviction, or in a last attempt.
    pub left: Duration,
    /// Whether the last attempt is under way.
    pub last_attempt: bool,
}

/// Why a member stands as it does to this node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications take it apart")]
pub struct Grounds {
    /// The member.
    pub member: Member,
    /// How it became known, then what was tried and heard, oldest first: [`EVIDENCE`] lines at most.
    pub evidence: Vec<Evidence>,
    /// When it was last heard of.
    pub contact: Contact,
    /// What time it is on the clock of `contact`.
    pub now: Mono,
    /// Whether a session with it stands.
    pub has_session: bool,
    /// Who accuses it since its last word.
    pub accusers: Vec<Accuser>,
    /// The suspicion that is under way, if one is.
    pub due: Option<Due>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Link;

    const ME: NodeId = NodeId::from_bytes([1; 32]);
    const PEER: NodeId = NodeId::from_bytes([2; 32]);
    const OTHER: NodeId = NodeId::from_bytes([3; 32]);

    fn wall(millis: u64) -> Wall {
        Wall::from_millis(millis)
    }

    fn at(millis: u64) -> Mono {
        Mono::ZERO + Duration::from_millis(millis)
    }

    fn known() -> Dossier {
        Dossier::open(wall(0), PEER)
    }

    #[test]
    fn what_repeats_is_one_line_until_the_verdict_changes() {
        let mut dossier = known();
        for (time, clue, by) in [
            (1, Clue::Probed, ME),
            (2, Clue::Asked, OTHER),
            (3, Clue::Probed, ME),
            (3, Clue::Asked, ME),
            (4, Clue::Suspected, ME),
            (5, Clue::Probed, ME),
        ] {
            dossier.note(wall(time), clue, by);
        }
        let lines: Vec<_> = dossier.lines().collect();
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.clue.name(), line.at.millis(), line.last.millis(), line.times))
            .collect();
        let wanted = [
            ("joined", 0, 0, 1),
            ("probed", 1, 3, 2),
            ("asked", 2, 3, 2),
            ("suspected", 4, 4, 1),
            ("probed", 5, 5, 1),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn a_dossier_is_small_and_has_no_lines_while_all_is_well() {
        assert!(size_of::<Dossier>() <= 104, "{}", size_of::<Dossier>());
        assert_eq!(size_of::<Evidence>(), 80);
        let mut dossier = known();
        dossier.note(wall(1), Clue::SessionMade, ME);
        (0..9).for_each(|second| {
            dossier.contact.attempted(at(second), true);
            dossier.contact.answer(at(second));
        });
        assert!(dossier.lines.is_none());
    }

    #[test]
    fn a_dossier_is_bounded_and_keeps_the_last_lines() {
        let mut dossier = known();
        for time in 1..1_000 {
            let clue = if time % 2 == 0 { Clue::Suspected } else { Clue::HeardAgain };
            dossier.note(wall(time), clue, ME);
        }
        let lines: Vec<_> = dossier.lines().collect();
        assert_eq!(lines.len(), 1 + EVIDENCE);
        assert_eq!(lines.last().unwrap().at, wall(999));
        assert!(lines.windows(2).all(|pair| pair[0].at < pair[1].at));
    }

    #[test]
    fn links_tell_which_way_is_cut() {
        let contact = |dossier: &Dossier| dossier.contact;
        let link = |dossier: &Dossier| contact(dossier).link(at(20_000));
        let mut dossier = known();
        assert_eq!(link(&dossier), Link::Good, "nothing was tried");
        for tenth in 1..=4 {
            dossier.contact.attempted(at(tenth * 100), true);
        }
        assert_eq!(link(&dossier), Link::Good, "too few to tell");
        (5..=10).for_each(|tenth| _ = dossier.contact.attempted(at(tenth * 100), true));
        let early = contact(&dossier).link(at(1_000));
        assert_eq!(early, Link::Good, "answers may take so long");
        dossier.contact.attempted(at(3_000), true);
        assert_eq!(link(&dossier), Link::Silent);
        dossier.contact.vouched = Some(at(3_100));
        assert_eq!(link(&dossier), Link::Vouched);
        let heard = Some(at(3_200));
        assert_eq!(Contact { heard, ..contact(&dossier) }.link(at(20_000)), Link::Heard);
        (40..=50).for_each(|tenth| _ = dossier.contact.attempted(at(tenth * 100), false));
        assert_eq!(link(&dossier), Link::Vouched, "attempts come in bursts");
        dossier.contact.attempted(at(9_000), false);
        assert_eq!(link(&dossier), Link::Silent, "what was long ago says nothing of now");
        dossier.contact.answer(at(9_100));
        assert_eq!(link(&dossier), Link::Good);
        (10..19).for_each(|second| _ = dossier.contact.attempted(at(second * 1_000), false));
        assert_eq!(link(&dossier), Link::Silent);
        dossier.contact.met();
        assert_eq!(link(&dossier), Link::Good);
        dossier.contact.attempted(at(19_000), true);
        dossier.note(wall(19_500), Clue::Convicted, ME);
        assert_eq!(link(&dossier), Link::Silent, "others tried as well");
    }

    #[test]
    fn loss_is_the_share_of_the_last_probes() {
        let mut dossier = known();
        let mut probe = |answer: bool, times: u32| {
            for _ in 0..times {
                dossier.contact.attempted(at(1), true);
                if answer {
                    dossier.contact.answer(at(1));
                }
            }
            dossier.contact.loss_percent()
        };
        assert_eq!(probe(true, 16), None);
        assert_eq!(probe(true, 16), Some(0));
        assert_eq!(probe(false, 1), Some(0), "its answer may be on the way");
        assert_eq!(probe(false, 1_000), Some(5), "a cut is no loss");
        let mut half = None;
        for _ in 0..50 {
            probe(false, 1);
            half = probe(true, 1);
        }
        assert!((40..55).contains(&half.unwrap()), "{half:?}");
        assert!(probe(true, 500).unwrap() <= 1, "old losses fade");
    }
}
