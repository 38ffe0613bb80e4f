//! A member as applications are told of it.

use super::alive::Alive;
use crate::id::NodeId;
use crate::time::Wall;

/// How a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows members must consider each of them")]
pub enum MemberStatus {
    /// It gives signs of life.
    Alive,
    /// It is silent, and attempts to reach it go on.
    Suspect,
    /// It stayed silent through all attempts; redialled, slowly, until it is forgotten.
    Dead,
    /// It said goodbye.
    Left,
    /// Somebody threw it out. It may come back with a later incarnation, as after a restart.
    Evicted,
}

impl MemberStatus {
    /// All of them, in the order of their numbers in a [`Report`](crate::wire::Report).
    pub const ALL: [Self; 5] = [Self::Alive, Self::Suspect, Self::Dead, Self::Left, Self::Evicted];

    /// Its number in a report.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The status of this number in a report.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The status's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
            Self::Left => "left",
            Self::Evicted => "evicted",
        }
    }
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications take it apart")]
pub struct Member {
    /// Who it is.
    pub id: NodeId,
    /// What it last said of itself.
    pub alive: Alive,
    /// How it stands.
    pub status: MemberStatus,
    /// Since when.
    pub since: Wall,
    /// The last measured round trip in microseconds.
    pub rtt_us: Option<u64>,
    /// When we last learned that it is somewhere else than before.
    pub moved_at: Option<Wall>,
    /// When its last word was signed, by its own clock.
    pub said_at: Wall,
}
