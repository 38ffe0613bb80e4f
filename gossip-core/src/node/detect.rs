//! Who is alive: what the node tells its detector, and what it does about the findings.

use std::time::Duration;

use bytes::Bytes;

use super::Node;
use super::explain::Reason;
use super::probing::Answered;
use crate::fact::{Envelope, FactKind, Why};
use crate::id::{NodeId, ShardId, TopicId};
use crate::membership::{
    Accusation, Accuser, Cause, Charge, Clue, Link, MemberStatus, Word, subject,
};
use crate::strategy::Detector;
use crate::strategy::detector::{DetectorCx, Finding, Sign};
use crate::transport::{Address, Class};
use crate::wire::{Parcel, PingReq, Talk};

impl Node {
    /// A frame of a member arrived.
    pub(super) fn heard(&mut self, member: NodeId) {
        self.sign(member, Sign::Heard, member);
    }

    /// Something bears upon whether a member is alive, and somebody brought it.
    pub(super) fn sign(&mut self, member: NodeId, sign: Sign, by: NodeId) {
        // Whoever a directory lists is alive.
        if self.peering.listed().is_none() {
            let reason = Reason::of(sign, by);
            self.with_detector(reason, |detector, cx| detector.sign(cx, member, sign));
        }
    }

    /// What we say is held from now on, or no more.
    pub(super) fn sending_held(&mut self, held: bool) {
        self.with_detector(self.silence(), |detector, cx| detector.held(cx, held));
    }

    /// Begins to watch a member.
    pub(super) fn watch(&mut self, member: NodeId) {
        self.with_detector(self.silence(), |detector, cx| detector.watch(cx, member));
    }

    /// What is due.
    pub(super) fn detect(&mut self) {
        if self.detector.deadline().is_some_and(|due| due <= self.now.mono) {
            self.with_detector(self.silence(), |detector, cx| detector.poll(cx));
        }
        for (asker, nonce) in self.probing.unanswered(self.now.mono) {
            self.status.detector.nacks += 1;
            self.say(asker, Class::Gossip, Talk::Nack(nonce));
        }
    }

    /// The view has an accusation that it had not.
    pub(super) fn accusation(&mut self, fact: &Envelope) {
        let (Ok(member), Ok(accusation)) = (subject(fact), Accusation::decode(fact)) else {
            return;
        };
        let by = fact.author();
        self.note(member, Clue::Accused(accusation.charge, accusation.word), by);
        if member == self.keys.id() {
            if self.refute(accusation.word) {
                self.note(member, Clue::Refuted, member);
                self.with_detector(self.silence(), |detector, cx| detector.accused(cx));
            }
        } else if accusation.charge == Charge::Dead {
            self.sign(member, Sign::Convicted, by);
        } else {
            let accusers = self.accusers(&member, accusation.word).count();
            let accusers = u32::try_from(accusers).unwrap_or(u32::MAX);
            self.sign(member, Sign::Accused(accusers), by);
        }
    }

    pub(super) fn on_ping(&mut self, from: NodeId, at: Address, nonce: u32) {
        // What came over a stream asks whether a stream leads here and back.
        let class = if matches!(at, Address::Socket(_)) { Class::Gossip } else { Class::Bulk };
        self.status.detector.acks += 1;
        self.say(from, class, Talk::Ack(nonce));
    }

    pub(super) fn on_ping_req(&mut self, from: NodeId, asked: PingReq) {
        let known = asked.about != from && self.roster.member(&asked.about).is_some();
        if known
            && self.peering.reach(asked.about)
            && let Some(number) = self.probing.lend(self.now.mono, from, asked)
        {
            self.ping(asked.about, Class::Gossip, number);
        }
    }

    pub(super) fn on_ack(&mut self, from: NodeId, at: Address, nonce: u32) {
        match self.probing.answered(self.now.mono, from, nonce) {
            Some(Answered::Probe(trip)) => {
                self.roster.answered(self.now.mono, &from, trip);
                self.sign(from, Sign::Answered(trip), from);
            }
            Some(Answered::Request { about }) => {
                if let Some(dossier) = self.roster.dossier(&about) {
                    dossier.contact.vouched = Some(self.now.mono);
                }
                self.note(about, Clue::Vouched, from);
                self.sign(about, Sign::Vouched, from);
            }
            Some(Answered::Errand { asker, nonce }) => {
                self.status.detector.acks += 1;
                self.say(asker, Class::Gossip, Talk::Ack(nonce));
            }
            None => self.reject(Some(from), Some(at), Why::Unasked),
        }
    }

    pub(super) fn on_nack(&mut self, from: NodeId, at: Address, nonce: u32) {
        match self.probing.missed(from, nonce) {
            Some(about) => {
                self.note(about, Clue::Missed, from);
                self.sign(about, Sign::Missed, from);
            }
            None => self.reject(Some(from), Some(at), Why::Unasked),
        }
    }

    /// The reason for what nobody brought.
    fn silence(&self) -> Reason {
        Reason { cause: Cause::Silence, by: self.keys.id() }
    }

    fn with_detector(
        &mut self,
        reason: Reason,
        act: impl FnOnce(&mut dyn Detector, &mut DetectorCx<'_>),
    ) {
        let mut findings = Vec::new();
        let Self { detector, detector_rng, now, .. } = self;
        let mut cx = DetectorCx { findings: &mut findings, now: now.mono, rng: detector_rng };
        act(&mut **detector, &mut cx);
        for finding in findings {
            self.found(finding, reason);
        }
    }

    fn found(&mut self, finding: Finding, reason: Reason) {
        match finding {
            Finding::Alive(member) => self.judge(member, MemberStatus::Alive, reason),
            Finding::Suspect(member) => self.judge(member, MemberStatus::Suspect, reason),
            Finding::Dead(member) => {
                self.judge(member, MemberStatus::Dead, reason);
                let status = self.roster.status(&member);
                let is_gone = matches!(status, Some(MemberStatus::Left | MemberStatus::Evicted));
                self.peering.bury(self.now.mono, &member, !is_gone);
                if is_gone {
                    self.detector.forget(member);
                }
            }
            Finding::Accuse(member) => {
                self.note(member, Clue::Silent, reason.by);
                self.accuse(member, Charge::Silent);
            }
            Finding::Convict(member) => self.accuse(member, Charge::Dead),
            Finding::Probe(member) => self.probe(member, Class::Gossip),
            Finding::Warn(member) => {
                self.warn(member);
                self.probe(member, Class::Gossip);
            }
            Finding::ProbeByStream(member) => {
                if self.peering.has_stream(self.now.mono, &member) {
                    self.probe(member, Class::Bulk);
                }
            }
            Finding::Ask { helper, about, patience } => self.ask(helper, about, patience),
        }
    }

    fn judge(&mut self, member: NodeId, status: MemberStatus, reason: Reason) {
        let changed = self.roster.judge(self.now.wall, &member, status);
        self.note_verdict(changed.as_ref(), reason.by);
        self.announce(changed, reason);
    }

    fn probe(&mut self, member: NodeId, class: Class) {
        let now = self.now.mono;
        self.follow(member);
        let reached = self.peering.reach(member);
        let clue = if reached { Clue::Probed } else { Clue::Dialled };
        let dossier = self.roster.dossier(&member);
        if dossier.is_some_and(|dossier| dossier.contact.attempted(now, reached)) {
            self.note(member, clue, self.keys.id());
        }
        if reached {
            let number = self.probing.begin(now, member, member);
            self.ping(member, class, number);
        }
    }

    /// A Hello in a member's name came from where its word does not say that it listens: it is asked where it says.
    pub(super) fn spoke_elsewhere(&mut self, member: NodeId) {
        self.note(member, Clue::Elsewhere, self.keys.id());
        self.probe(member, Class::Gossip);
    }

    /// Who does not answer where it says that it listens, and spoke from elsewhere, is dialled there.
    fn follow(&mut self, member: NodeId) {
        let now = self.now.mono;
        if !self.peering.has_spoken_elsewhere(now, &member) {
            return;
        }
        let suspicion = self.detector.suspicion(&member);
        let is_last = suspicion.is_some_and(|(_, last_attempt)| last_attempt);
        if is_last || self.contact(&member).link(now) != Link::Good {
            self.peering.follow(now, member);
        }
    }

    fn ping(&mut self, member: NodeId, class: Class, number: u32) {
        self.status.detector.pings += 1;
        self.say(member, class, Talk::Ping(number));
    }

    fn ask(&mut self, helper: NodeId, about: NodeId, patience: Duration) {
        if self.peering.reach(helper) {
            let nonce = self.probing.begin(self.now.mono, helper, about);
            self.note(about, Clue::Asked, helper);
            let patience_ms = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
            self.status.detector.requests += 1;
            let asked = PingReq { nonce, about, patience_ms };
            self.say(helper, Class::Gossip, Talk::PingReq(asked));
        }
    }

    /// Shows a member what it is accused of, so that it can say otherwise.
    fn warn(&mut self, member: NodeId) {
        let accusations: Vec<_> =
            self.about(&member).into_iter().filter(is_accusation).take(1).collect();
        self.in_view(|view, env| {
            for fact in accusations {
                env.send_fact(view.id(), member, Class::Gossip, &fact, false);
            }
        });
    }

    /// Says of a member that it does not answer, unless enough others say so of the same word.
    fn accuse(&mut self, member: NodeId, charge: Charge) {
        if self.roster.is_evicted(&member) {
            return;
        }
        let Some(word) = self.last_word(&member) else { return };
        let me = self.keys.id();
        let before: Vec<_> = self.accusers(&member, word).collect();
        let enough = match charge {
            Charge::Silent => before.len() >= self.detector.accusers() as usize,
            Charge::Dead => before.iter().any(|(_, other)| *other == Charge::Dead),
        };
        if enough || before.iter().any(|(by, other)| *by == me && *other >= charge) {
            return;
        }
        self.status.detector.accusations += 1;
        let value: Bytes = Accusation { word, charge }.encode();
        self.say_of(member, FactKind::ACCUSATION, value);
    }

    /// Who accuses a member since its last word, and of what.
    pub(super) fn charges(&self, member: &NodeId) -> Vec<Accuser> {
        let Some(word) = self.last_word(member) else { return Vec::new() };
        self.accusers(member, word).map(|(by, charge)| Accuser { by, charge }).collect()
    }

    /// Who accuses a member of not having answered since this word, and of what.
    fn accusers(
        &self,
        member: &NodeId,
        word: Word,
    ) -> impl Iterator<Item = (NodeId, Charge)> + use<> {
        let facts = self.about(member).into_iter().filter(is_accusation);
        facts.filter_map(move |fact| {
            let accusation = Accusation::decode(&fact).ok().filter(|it| it.word == word)?;
            Some((fact.author(), accusation.charge))
        })
    }

    /// The last word of a member that has not left.
    fn last_word(&self, member: &NodeId) -> Option<Word> {
        let alive = |fact: &Envelope| fact.kind() == FactKind::ALIVE;
        self.about(member).iter().find(|fact| alive(fact)).and_then(|fact| Word::of(fact).ok())
    }

    /// What the view holds about a member.
    pub(super) fn about(&self, member: &NodeId) -> Vec<Envelope> {
        let shard = ShardId { channel: self.view_id, topic: TopicId(0) };
        self.view_state.head(shard, member.as_bytes())
    }

    pub(super) fn say(&mut self, to: NodeId, class: Class, talk: Talk) {
        self.outbox.push(to, None, class, Parcel::Talk(talk));
    }
}

fn is_accusation(fact: &Envelope) -> bool {
    fact.kind() == FactKind::ACCUSATION
}
