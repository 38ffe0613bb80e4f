//! The giving side of a transfer: facts of a stretch in time order, as far as one answer reaches.
//! Nothing is remembered but the store question on its way.

use super::serve::is_comparable;
use super::{Pending, Repair};
use crate::fact::{Envelope, Why};
use crate::id::NodeId;
use crate::state::{Point, Span};
use crate::store::StoreOp;
use crate::strategy::{Cx, Effect};
use crate::time::Epoch;
use crate::wire::{Take, Taken, Talk};

/// Most bytes of facts in one answer, the first fact aside: some milliseconds of the store's time, so
/// that others hardly wait for it.
pub(super) const MOST_BYTES: usize = 128 * 1024;

/// Most such answers being looked up for one partner; more are refused as overload. Twice what an
/// honest partner has under way.
const PER_TAKER: usize = 4;

/// And for all partners together: 2 MiB. Others are told that we are busy, and ask elsewhere.
const IN_ALL: usize = 16;

impl Repair {
    pub(super) fn on_take(&mut self, cx: &mut Cx<'_>, from: NodeId, take: Take) {
        if take.upto <= take.from {
            return cx.reject(from, Why::BadRecord);
        }
        if !is_comparable(take.set, Epoch::of(cx.now.wall)) {
            return cx.reject(from, Why::EpochsApart);
        }
        let takers = || self.pending.values().filter_map(Pending::taker);
        if takers().filter(|taker| *taker == from).count() >= PER_TAKER {
            return cx.reject(from, Why::PeerQueueFull);
        }
        if takers().count() >= IN_ALL {
            cx.effects.push(Effect::Refused);
            return cx.talk(from, Talk::Busy(take.exchange));
        }
        if let Err(why) = self.serving.admit(from) {
            return cx.reject(from, why);
        }
        let span = Span { from: take.from, upto: take.upto };
        let bytes = (take.bytes as usize).min(MOST_BYTES);
        let op = StoreOp::Take { shard: cx.shard, set: take.set, span, bytes };
        self.ask_store(cx, Pending::Take { from, take }, op);
    }
}

/// Sends what was looked up, and how far that reaches.
pub(super) fn give(
    cx: &mut Cx<'_>,
    to: NodeId,
    take: &Take,
    facts: Vec<Envelope>,
    (upto, left): (Point, u64),
) {
    let Take { exchange, step, .. } = *take;
    let taken = Taken { exchange, step, facts: facts.len() as u32, upto, left };
    facts.into_iter().for_each(|fact| cx.bulk(to, fact));
    cx.talk_after_bulk(to, Talk::Taken(taken));
}
