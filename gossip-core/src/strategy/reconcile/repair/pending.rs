//! Questions to the store on their way, and what each is for.

use super::exchange::Work;
use super::sketches::Asked;
use crate::id::NodeId;
use crate::sketch::Symbol;
use crate::state::{Item, Span};
use crate::time::Epoch;
use crate::wire::{Compare, Glance, Ranges, Same, Take};

/// A step of a partner's exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) exchange: u32,
    pub(super) number: u32,
}

/// What a store answer is for.
#[derive(Debug)]
pub(super) enum Pending {
    /// We open: the active fingerprint, and a glance under a key if we compare by sketches.
    Open { exchange: u32, epoch: Epoch, key: u64 },
    /// We open: the dormant fingerprint.
    OpenDormant { exchange: u32, epoch: Epoch, fingerprint: [u8; 16], glance: Option<Glance> },
    /// We send everything: its items.
    Digest { exchange: u32 },
    /// Our own view of stretches that we are about to ask about.
    Work { exchange: u32, work: Work },
    /// Our own view of a stretch that the partner listed.
    Listed { exchange: u32, span: Span, theirs: Vec<Item> },
    /// Our dormant fingerprint over the partner's range, after it found us equal.
    Confirm { exchange: u32, same: Same },
    /// Our own cells, to read the difference from.
    Cells { exchange: u32 },
    /// Facts to give in an exchange of ours.
    Give { to: NodeId },
    /// Facts to give, of which the partner is to say that they came.
    Deliver { exchange: u32, symbols: Vec<Symbol> },
    /// A partner opened: our active fingerprint at its epoch.
    Asked { from: NodeId, compare: Compare },
    /// A partner opened and we are equal: our dormant fingerprint.
    AskedDormant { from: NodeId, compare: Compare, floor: Epoch },
    /// A partner asks about stretches.
    Answer { from: NodeId, ranges: Ranges },
    /// A partner is sent cells.
    Row { from: NodeId, row: Asked },
    /// A partner's list lacks these facts; they go out together with our wants.
    Serve { from: NodeId, step: Step, gives: Vec<Symbol>, wants: Vec<Symbol>, done: bool },
    /// A partner takes a stretch.
    Take { from: NodeId, take: Take },
}

impl Pending {
    /// Whether an exchange that we began waits for it.
    pub(super) const fn is_ours(&self) -> bool {
        self.asker().is_none() && !matches!(self, Self::Give { .. })
    }

    /// Who takes a stretch.
    pub(super) const fn taker(&self) -> Option<NodeId> {
        if let Self::Take { from, .. } = self { Some(*from) } else { None }
    }

    /// On whose behalf it is asked, if not on our own.
    pub(super) const fn asker(&self) -> Option<NodeId> {
        match self {
            Self::Asked { from, .. }
            | Self::AskedDormant { from, .. }
            | Self::Answer { from, .. }
            | Self::Row { from, .. }
            | Self::Serve { from, .. }
            | Self::Take { from, .. } => Some(*from),
            Self::Open { .. }
            | Self::OpenDormant { .. }
            | Self::Digest { .. }
            | Self::Work { .. }
            | Self::Listed { .. }
            | Self::Confirm { .. }
            | Self::Cells { .. }
            | Self::Give { .. }
            | Self::Deliver { .. } => None,
        }
    }
}
