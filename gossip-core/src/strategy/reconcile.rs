//! How two replicas become equal. A protocol: cells of sketches, ranges, and whole stretches for who holds nothing of them.

mod repair;

use std::fmt::Debug;

pub use self::repair::{Method, Repair, RepairConfig};
use super::{Cx, SlotToken};
use crate::id::NodeId;
use crate::status::Taking;
use crate::store::StoreReply;
use crate::time::Mono;
use crate::wire::Talk;

/// Finds and mends differences between two replicas of a shard.
///
/// Laws: two replicas that keep talking end equal; no fact is sent that the other has, apart
/// from races; memory and work per partner are bounded whatever the partner says.
pub trait Reconcile: Debug + Send {
    /// The strategy's name in configuration.
    fn name(&self) -> &'static str;

    /// A member says something about a comparison: every [`Talk`] that names an exchange.
    fn heard(&mut self, cx: &mut Cx<'_>, from: NodeId, talk: Talk);

    /// The store answered; `None` when it failed.
    fn stored(&mut self, cx: &mut Cx<'_>, token: SlotToken, reply: Option<StoreReply>);

    /// Somebody wants to know: compare with every partner now, one after the other.
    fn survey(&mut self, cx: &mut Cx<'_>);

    /// A session with a member stands, and either it was dead to us (`returned`) or this node holds
    /// something from before its start: it may want to know how they differ.
    fn met(&mut self, _cx: &mut Cx<'_>, _member: NodeId, _returned: bool) {}

    /// A fact came from a member: what it was asked for may still be on its way.
    fn brought(&mut self, _now: Mono, _from: NodeId) {}

    /// The shard changed: a comparison is worthwhile again.
    fn changed(&mut self, now: Mono);

    /// A member is gone: its exchanges end.
    fn gone(&mut self, member: NodeId);

    /// Time passed: `deadline` was reached, or facts were merged.
    fn wake(&mut self, cx: &mut Cx<'_>);

    /// How many questions of partners wait for the store.
    fn answering(&self) -> usize;

    /// How far a transfer has come, while one is under way.
    fn taking(&self) -> Option<Taking> {
        None
    }

    /// When `wake` is worth calling next.
    fn deadline(&self) -> Option<Mono>;
}
