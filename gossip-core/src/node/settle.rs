//! Carrying out what the machines want, until all of them are at rest.

use std::collections::VecDeque;
use std::time::Duration;

use super::explain::{Reason, Standing};
use super::{Node, Room};
use crate::channel::{Channel, ChannelEffect};
use crate::fact::{Blame, Envelope, FactKind};
use crate::id::{ChannelId, Endpoints, NodeId};
use crate::io::{Event, Output, Ticket};
use crate::membership::{Cause, Clue, MemberStatus, Said};
use crate::peering::{PeeringEffect, Reach, Sender};
use crate::store::StoreOp;
use crate::strategy::detector::Sign;
use crate::time::{Epoch, Wall, earliest};
use crate::transport::{Class, Transmit};
use crate::wire::{Parcel, Talk};

/// Most ids in one feedback record: they fit a datagram.
const FEEDBACK_IDS: usize = 100;

/// Least time between two choices of links, for each member: a choice looks at all of them, and of thousands that
/// join most come one by one (a guess: with it, looking takes a thousandth of the time).
const RELINK_PAUSE: Duration = Duration::from_micros(100);

impl Node {
    /// Runs until nothing is left to carry out, then packs frames and sets the next deadline.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
        while let Some(id) = self.unpumped.pop_first() {
            self.in_channel(id, Channel::pump);
        }
        loop {
            if self.peering.has_effects() {
                for effect in self.peering.take_effects() {
                    self.carry_out_peering(effect);
                }
            }
            let Some(effect) = self.effects.pop_front() else {
                self.effects = VecDeque::new();
                break;
            };
            self.carry_out(effect);
        }
        if self.relink && self.relink_from <= self.now.mono {
            self.relink = false;
            let members = u32::try_from(self.roster.len()).unwrap_or(u32::MAX);
            self.relink_from = self.now.mono + RELINK_PAUSE.saturating_mul(members);
            self.relink();
        }
        self.say_feedback();
        let now = self.now.mono;
        let Self { outbox, peering, status, outputs, keys, .. } = self;
        outbox.flush(
            &**keys,
            |member, bulk| peering.route_now(now, member, bulk),
            status,
            |transmit| outputs.push_back(Output::Transmit(transmit)),
        );
        let disagrees = self.peering.clock_disagrees();
        if disagrees != self.clock_disagreed {
            self.clock_disagreed = disagrees;
            self.event(Event::ClockDisagrees(disagrees));
        }
        // What was due already is due now: nobody is late for it.
        self.deadline = self.next_deadline().map(|due| due.max(now));
    }

    fn next_deadline(&mut self) -> Option<crate::time::Mono> {
        if self.life.is_evicted() {
            return self.life.deadline();
        }
        let channels = self.channels_due();
        let dial = self.peering.deadline().filter(|_| self.life.is_known());
        let rest = [
            channels,
            dial,
            self.detector.deadline(),
            self.forgets_at(),
            self.life.deadline(),
            self.probing.deadline(),
            self.relink.then_some(self.relink_from),
            self.inquiry.deadline(),
        ];
        earliest(rest)
    }

    fn carry_out(&mut self, effect: ChannelEffect) {
        match effect {
            ChannelEffect::Answer(request, answer) => self.answer(request, answer),
            ChannelEffect::Blame(member) => {
                // Sessions are in the clear: the address may be forged, the id certainly can be.
                if let Some(route) = self.peering.route(&member) {
                    self.peering.blame(self.now.mono, Sender::Session(route.gossip));
                    self.peering.blame(self.now.mono, Sender::Session(route.bulk));
                }
            }
            ChannelEffect::Equal(channel, with) if channel == self.view_id => {
                self.view_equal.insert(with, Epoch::of(self.now.wall));
            }
            ChannelEffect::Equal(..) => {}
            ChannelEffect::Event(Event::Changed { channel, .. }) if channel == self.view_id => {}
            ChannelEffect::Event(event) => self.event(event),
            ChannelEffect::Export(ticket, export) => {
                self.routes.insert(ticket, Room::Channel(export.channel));
                self.outputs.push_back(Output::Export(ticket, export));
            }
            ChannelEffect::Rejected(from, why) => {
                let address = from.and_then(|from| self.peering.address(&from));
                match address.filter(|_| why.blame() == Blame::Malformed) {
                    Some(address) => self.blame(Sender::Session(address), from, why),
                    None => self.reject(from, address, why),
                }
            }
            ChannelEffect::Store(channel, ticket, op) => self.store(channel, ticket, op),
            ChannelEffect::Verify(channel, ticket, job) => {
                self.routes.insert(ticket, Room::Channel(channel));
                self.outputs.push_back(Output::Verify(ticket, job));
            }
            ChannelEffect::ViewChanged(fact, from) => self.view_changed(&fact, from),
        }
    }

    fn store(&mut self, channel: ChannelId, ticket: Ticket, op: StoreOp) {
        if channel == self.view_id {
            let reply = self.view_state.apply(op);
            self.in_view(|view, env| view.stored(env, ticket, reply));
        } else {
            self.routes.insert(ticket, Room::Channel(channel));
            self.outputs.push_back(Output::Store(ticket, op));
        }
    }

    fn carry_out_peering(&mut self, effect: PeeringEffect) {
        match effect {
            PeeringEffect::Established { member, boot, commit, fact_bytes } => {
                if let Some(fact_bytes) = fact_bytes {
                    self.settle_limit(fact_bytes);
                }
                let returned = self.stands(member);
                let view = self.view_id;
                if returned {
                    // Each side of a partition has buried the other: whoever meets first tells all.
                    self.in_view(|view, env| view.met(env, member, true));
                }
                let channels: Vec<_> =
                    self.channels.keys().copied().filter(|id| *id != view).collect();
                for id in channels {
                    self.in_channel(id, |channel, env| {
                        channel.on_hello(env, (member, returned), boot, commit);
                    });
                }
            }
            PeeringEffect::Lost(member) => self.lost(member),
            PeeringEffect::Frame(to, frame) => {
                let bytes = frame.encode();
                self.status.wire.sent_frames += 1;
                self.status.wire.sent_bytes += bytes.len() as u64;
                let transmit = Transmit { to, class: Class::Gossip, bytes };
                self.outputs.push_back(Output::Transmit(transmit));
            }
            PeeringEffect::Elsewhere(member) => self.spoke_elsewhere(member),
            PeeringEffect::RefusedBy(address, why) => {
                self.event(Event::RefusedBy { address, why });
            }
            PeeringEffect::Rejected(address, from, why) => self.reject(from, Some(address), why),
            PeeringEffect::Silent(seed) => self.event(Event::SeedSilent(seed)),
            PeeringEffect::Resolve(name) => self.outputs.push_back(Output::Resolve(name)),
            PeeringEffect::Said(fact) => {
                let from = fact.author();
                self.in_view(|view, env| view.on_verified_fact(env, fact, Some(from)));
            }
            PeeringEffect::Verify(ticket, job) => {
                self.status.verify.checked += job.len() as u64;
                self.routes.insert(ticket, Room::Peering);
                self.outputs.push_back(Output::Verify(ticket, job));
            }
        }
    }

    /// A session with a member stands, whoever made it; whether the member was dead.
    pub(super) fn stands(&mut self, member: NodeId) -> bool {
        self.changed.insert(member);
        let returned = self.roster.status(&member) == Some(MemberStatus::Dead);
        if let Some(dossier) = self.roster.dossier(&member) {
            dossier.contact.met();
        }
        self.note(member, Clue::SessionMade, self.keys.id());
        self.heard(member);
        returned
    }

    pub(super) fn announce(&mut self, changed: Option<Said>, reason: Reason) {
        if let Some((member, before)) = changed {
            if before.is_none() {
                self.await_no_more(&member.id);
            }
            self.changed.insert(member.id);
            let (Reason { cause, by }, version) = (reason, self.roster.version());
            let member = Box::new(member);
            self.event(Event::Member { member, before, cause, by, version });
        }
    }

    /// The view has a new last word about a member.
    pub(super) fn view_changed(&mut self, fact: &Envelope, from: Option<NodeId>) {
        match fact.kind() {
            FactKind::ACCUSATION => return self.accusation(fact),
            FactKind::EVICTION => return self.eviction(fact),
            _ => {}
        }
        let (subject, wall) = (fact.author(), self.now.wall);
        if subject == self.keys.id() && self.not_ours(fact) {
            return;
        }
        // What was on its way when the last place was taken.
        if !self.roster.has_room(&subject, self.config.spec().limits.members)
            && subject != self.keys.id()
        {
            return self.reject(Some(subject), None, crate::fact::Why::TableFull);
        }
        let before = self.standing(&subject);
        let known = before.as_ref().map(|before| before.said_at);
        let (fact, by) = (&self.as_kept(fact), from.unwrap_or(subject));
        let changed = self.roster.said(wall, fact, by);
        self.note_word(fact, before.as_ref(), by);
        let after = self.standing(&subject);
        let (_, left, waits) = after.as_ref().map(Standing::lasting).unwrap_or_default();
        let moved = before.as_ref().zip(after.as_ref()).and_then(|both| self.moved(both));
        let same_members =
            changed.as_ref().is_none_or(|(member, before)| *before == Some(member.status));
        let revived = changed.as_ref().is_some_and(|(member, before)| {
            member.status == MemberStatus::Alive
                && before.is_some_and(|before| before != MemberStatus::Alive)
        });
        let cause = if fact.kind() == FactKind::LEAVE { Cause::Goodbye } else { Cause::Word };
        self.announce(changed, Reason { cause, by });
        let (before, after) = (before.map(|it| it.lasting()), after.map(|it| it.lasting()));
        if subject == self.keys.id() {
            return;
        }
        // Whoever stopped is found again where it was: its goodbye says nothing of that.
        if after != before && !(left && waits) && !self.roster.is_evicted(&subject) {
            self.remember_member(fact);
        }
        if after != before {
            self.changed.insert(subject);
        }
        if left {
            // The detector goes on until the session is silent, and then ends it. Who comes back
            // is looked for, as the dead are: perhaps it is we who have moved meanwhile.
            if !waits {
                self.peering.unlink(subject);
                self.view_equal.remove(&subject);
            }
        } else if !self.roster.is_evicted(&subject) {
            if revived {
                // What the detector knows is of an incarnation before.
                self.detector.forget(subject);
            }
            self.watch(subject);
            self.renewed(subject, fact.hlc().wall(), known, by);
        }
        // If nobody came or went, the subject has other addresses at most.
        match moved {
            _ if !same_members => self.relink = true,
            Some(endpoints) => self.peering.moved(self.now.mono, subject, &endpoints),
            None => {}
        }
    }

    /// Where a member listens now, if that is somewhere else than before.
    fn moved(&mut self, (before, after): (&Standing, &Standing)) -> Option<Endpoints> {
        if !after.has_moved(before) {
            return None;
        }
        let [before, after] = [before, after].map(Standing::endpoints);
        // Who takes other kinds of transport may be the first or the last to do so.
        self.reaches_changed |= Reach::of(&before) != Reach::of(&after);
        Some(after)
    }

    /// A fact in the bytes in which the view keeps it: whoever keeps a part of them keeps no others.
    fn as_kept(&self, fact: &Envelope) -> Envelope {
        let about = self.about(&fact.author());
        about.into_iter().find(|kept| kept.id() == fact.id()).unwrap_or_else(|| fact.compact())
    }

    /// A member said something new; before, the last that it had said was of this time.
    fn renewed(&mut self, member: NodeId, said_at: Wall, before: Option<Wall>, by: NodeId) {
        // A statement newer than the last one, and recent, is a sign of life.
        let recent = self.now.wall.since(said_at) <= self.config.spec().alive_interval;
        // Of the dead any newer one is: after a long partition few words are recent. And of suspects: it answers what
        // they are accused of, however late it comes.
        let status = self.roster.status(&member);
        let doubted = matches!(status, Some(MemberStatus::Suspect | MemberStatus::Dead));
        if (recent || doubted) && before.is_none_or(|before| said_at > before) {
            self.sign(member, Sign::Renewed, by);
        }
    }

    /// Links follow the overlay.
    fn relink(&mut self) {
        let me = self.keys.id();
        let members: Vec<_> = self
            .roster
            .iter()
            .filter(|(id, member)| **id != me && member.may_return())
            .filter(|(_, member)| member.status != MemberStatus::Evicted)
            .map(|(id, _)| *id)
            .collect();
        let links = self.overlay.links(&members);
        let is_founded = self.config.fact_limit().founded;
        for member in members {
            let wanted = links.binary_search(&member).is_ok();
            match self.roster.member(&member) {
                Some(known) if wanted => {
                    self.peering.link(self.now.mono, member, || known.endpoints(), is_founded);
                }
                _ => self.peering.unlink(member),
            }
        }
    }

    fn lost(&mut self, member: NodeId) {
        self.note(member, Clue::SessionLost, self.keys.id());
        self.changed.insert(member);
        self.stirred = true;
        for channel in self.channels.values_mut() {
            channel.gone(member);
        }
    }

    pub(super) fn say_feedback(&mut self) {
        if self.feedback.is_empty() {
            return;
        }
        for ((channel, to), (known, new)) in std::mem::take(&mut self.feedback) {
            let tag = Some(channel.tag());
            let count = known.len().max(new.len()).div_ceil(FEEDBACK_IDS / 2);
            for page in 0..count {
                let part = |ids: &[[u8; 8]]| -> Vec<[u8; 8]> {
                    let start = page * (FEEDBACK_IDS / 2);
                    ids.iter().skip(start).take(FEEDBACK_IDS / 2).copied().collect()
                };
                let talk = Talk::Feedback { known: part(&known), new: part(&new) };
                self.outbox.push(to, tag, Class::Gossip, Parcel::Talk(talk));
            }
        }
    }
}
