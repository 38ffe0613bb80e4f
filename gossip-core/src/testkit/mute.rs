//! Slots that do nothing: what the other slot of a channel achieves alone.

use crate::fact::Envelope;
use crate::id::{FactId, NodeId};
use crate::store::StoreReply;
use crate::strategy::{Cx, Dissemination, Reconcile, SlotToken};
use crate::time::Mono;
use crate::wire::Talk;

/// A protocol that says nothing and hears nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Mute;

impl Dissemination for Mute {
    fn gone(&mut self, _member: NodeId) {}

    fn name(&self) -> &'static str {
        "mute"
    }

    fn fresh(&mut self, _: &mut Cx<'_>, _: &Envelope, _: Option<NodeId>) {}

    fn displaced(&mut self, _: FactId) {}

    fn feedback(&mut self, _: &mut Cx<'_>, _: NodeId, _: &[[u8; 8]], _: &[[u8; 8]]) {}

    fn pulled(&mut self, _: &mut Cx<'_>, _: NodeId, _: &[[u8; 8]]) {}

    fn wake(&mut self, _: &mut Cx<'_>) {}

    fn deadline(&self) -> Option<Mono> {
        None
    }

    fn counts(&self) -> (usize, u64) {
        (0, 0)
    }
}

impl Reconcile for Mute {
    fn name(&self) -> &'static str {
        "mute"
    }

    fn heard(&mut self, _: &mut Cx<'_>, _: NodeId, _: Talk) {}

    fn stored(&mut self, _: &mut Cx<'_>, _: SlotToken, _: Option<StoreReply>) {}

    fn survey(&mut self, _: &mut Cx<'_>) {}

    fn changed(&mut self, _: Mono) {}

    fn gone(&mut self, _: NodeId) {}

    fn wake(&mut self, _: &mut Cx<'_>) {}

    fn answering(&self) -> usize {
        0
    }

    fn deadline(&self) -> Option<Mono> {
        None
    }
}
