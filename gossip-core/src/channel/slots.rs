//! The channel's strategies, and carrying out what they want.

use super::env::{ChannelEffect, Env};
use super::large::LargeFacts;
use super::parking::Parking;
use super::pipeline::Pipeline;
use super::recent::Recent;
use super::{Channel, Pending};
use crate::fact::Why;
use crate::id::NodeId;
use crate::io::Event;
use crate::strategy::{Cx, Dissemination, Effect, Reconcile, Standing};
use crate::wire::{Parcel, Talk};

#[derive(Debug)]
pub(super) struct Slots {
    pub(super) dissemination: Box<dyn Dissemination>,
    pub(super) reconcile: Box<dyn Reconcile>,
}

impl Channel {
    /// A member said something about this channel.
    pub(crate) fn on_talk(&mut self, env: &mut Env<'_>, from: NodeId, talk: Talk) {
        if self.is_renewing() {
            return env.reject(Some(from), Why::NotReady);
        }
        if !matches!(talk, Talk::Receipt(_) | Talk::Stale(_)) {
            self.is_stale(env, from);
        }
        match talk {
            Talk::Feedback { known, new } => self.with_slots(env, |slots, cx| {
                slots.dissemination.feedback(cx, from, &known, &new);
            }),
            Talk::Pull(have) => self.with_slots(env, |slots, cx| {
                slots.dissemination.pulled(cx, from, &have);
            }),
            Talk::Chunk(chunk) => self.on_chunk(env, from, &chunk),
            Talk::Large(large) => self.on_large(env, from, large),
            Talk::AskChunks(asked) => self.on_ask_chunks(env, from, asked),
            Talk::Receipt(receipt) => self.on_receipt(env, from, receipt),
            Talk::Stale(receipt) => self.on_stale(env, from, receipt),
            talk @ (Talk::Ask(_)
            | Talk::Busy(Talk::NO_EXCHANGE)
            | Talk::Call
            | Talk::Offer { .. }
            | Talk::Welcome) => self.with_slots(env, |slots, cx| {
                slots.dissemination.heard(cx, from, talk);
            }),
            talk @ (Talk::Busy(_)
            | Talk::Compare(_)
            | Talk::Cells(_)
            | Talk::Done { .. }
            | Talk::Given { .. }
            | Talk::More(_)
            | Talk::Ranges(_)
            | Talk::Same(_)
            | Talk::Take(_)
            | Talk::Taken(_)
            | Talk::Want { .. }
            | Talk::Ack(_)
            | Talk::Nack(_)
            | Talk::Ping(_)
            | Talk::PingReq(_)
            | Talk::Query(_)
            | Talk::Report(_)) => self.with_slots(env, |slots, cx| {
                slots.reconcile.heard(cx, from, talk);
            }),
        }
    }

    /// Compares with every partner now.
    pub(crate) fn survey(&mut self, env: &mut Env<'_>) {
        self.with_slots(env, |slots, cx| slots.reconcile.survey(cx));
    }

    /// Lets the slots act, and carries out what they want.
    pub(super) fn with_slots(
        &mut self,
        env: &mut Env<'_>,
        act: impl FnOnce(&mut Slots, &mut Cx<'_>),
    ) {
        let mut effects = Vec::new();
        let read_only = self.is_frozen(env);
        let waits = (&self.recent, &self.pipeline, &self.parking, &self.large);
        let mut cx = Cx {
            backlog_bytes: self.pipeline.bytes() + self.large.backlog(),
            effects: &mut effects,
            floor: self.floor(env),
            knows: &|key| standing(waits, key),
            me: env.me,
            now: env.now,
            partners: env.partners,
            read_only,
            retain: &self.retain,
            rng: &mut self.rng,
            sampler: &mut *env.sampler,
            shard: self.shard,
        };
        act(&mut self.slots, &mut cx);
        for effect in effects {
            self.carry_out(env, effect);
        }
    }

    fn carry_out(&mut self, env: &mut Env<'_>, effect: Effect) {
        let channel = self.id();
        match effect {
            Effect::Agreed { with } => self.collect.agreed(with),
            Effect::Equal { with, began, exchange, epoch } => {
                self.collect.equal(with, began, exchange, epoch);
                self.confirm(env, with);
                env.effects.push_back(ChannelEffect::Equal(channel, with));
            }
            Effect::Fact { to, class, fact, feedback } => {
                self.give(env, to, class, &fact, feedback);
            }
            Effect::GiveReceipt { to, exchange } => self.prepare_receipt(env, to, exchange),
            Effect::Refused => env.status.refused += 1,
            Effect::Reject { from, why } => env.reject(Some(from), why),
            Effect::Store { token, op } => self.ask(env, Pending::Reconcile(token), op),
            Effect::Taking(taking) => env.event(Event::Taking { channel, taking }),
            Effect::Talk { to, class, talk } => {
                if let Talk::Compare(compare) = &talk
                    && compare.receipt
                {
                    self.collect.asks(to, compare.exchange);
                }
                env.send(channel, to, class, Parcel::Talk(talk));
            }
        }
    }
}

/// How a fact stands of whose id the first 8 bytes are known.
fn standing(
    (recent, pipeline, parking, large): (&Recent, &Pipeline, &Parking, &LargeFacts),
    key: &[u8; 8],
) -> Standing {
    if recent.names(key) {
        Standing::Merged
    } else if pipeline.names(key) || parking.names(key) || large.names(key) {
        Standing::Pending
    } else {
        Standing::Unknown
    }
}
