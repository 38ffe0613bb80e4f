//! How fresh facts spread. A protocol: rumor mongering now, trees when asked.

mod rumor;

use std::fmt::Debug;

pub use self::rumor::{Exclusions, RumorConfig, RumorMongering};
use super::Cx;
use crate::fact::Envelope;
use crate::id::{FactId, NodeId};
use crate::time::Mono;
use crate::wire::Talk;

/// Which way facts flow when two nodes meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the classic papers know these")]
pub enum Direction {
    /// The initiator gives: one message.
    Push,
    /// The initiator takes: two messages.
    Pull,
    /// Both: three messages.
    PushPull,
    /// Push while a fact is young, pull afterwards: few copies, and no tail.
    PushThenPull,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Self; 4] = [Self::Push, Self::Pull, Self::PushPull, Self::PushThenPull];

    /// The direction's name in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::PushPull => "push-pull",
            Self::PushThenPull => "push-then-pull",
        }
    }

    /// The direction of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.name() == name)
    }

    /// Whether an initiator ever gives.
    #[must_use]
    pub const fn pushes(self) -> bool {
        !matches!(self, Self::Pull)
    }

    /// Whether an initiator ever takes.
    #[must_use]
    pub const fn pulls(self) -> bool {
        !matches!(self, Self::Push)
    }
}

/// Spreads what is new.
pub trait Dissemination: Debug + Send {
    /// The strategy's name in configuration.
    fn name(&self) -> &'static str;

    /// A fact was merged for the first time; `from` brought it, unless it is our own.
    fn fresh(&mut self, cx: &mut Cx<'_>, fact: &Envelope, from: Option<NodeId>);

    /// What a member sent was compared with what is held: it was merged, or is of no use. Before `fresh`.
    fn settled(&mut self, _id: FactId) {}

    /// A fact is no longer held: a newer one displaced it.
    fn displaced(&mut self, id: FactId);

    /// A member told us which of our rumors it knew and which were new to it, by the first 8
    /// bytes of their ids.
    fn feedback(&mut self, cx: &mut Cx<'_>, from: NodeId, known: &[[u8; 8]], new: &[[u8; 8]]);

    /// A member asks for rumors that it does not have.
    fn pulled(&mut self, cx: &mut Cx<'_>, from: NodeId, have: &[[u8; 8]]);

    /// A member says something else about rumors: a call or its answer, an offer, or what it asks for.
    fn heard(&mut self, _cx: &mut Cx<'_>, _from: NodeId, _talk: Talk) {}

    /// A member is gone.
    fn gone(&mut self, member: NodeId);

    /// Time passed: `deadline` was reached.
    fn wake(&mut self, cx: &mut Cx<'_>);

    /// When `wake` is worth calling next.
    fn deadline(&self) -> Option<Mono>;

    /// Rumors that are still told, and rounds so far.
    fn counts(&self) -> (usize, u64);
}
