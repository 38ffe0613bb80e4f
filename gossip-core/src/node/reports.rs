//! How the cluster looks from everywhere: questions to all who can be reached, and answers to theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use blake3::Hasher;

use super::Node;
use crate::fact::Why;
use crate::id::NodeId;
use crate::io::{Answer, RequestId};
use crate::membership::{Known, Link, MAX_NAME_BYTES, MemberStatus, SLOW_MS, Testimony, prefix};
use crate::time::{Mono, earliest};
use crate::transport::{Address, Class};
use crate::wire::{Astray, MAX_ASTRAY, MAX_SIGHTINGS, Query, Report, SIGHTINGS, Sighting, Talk};

/// How long answers are waited for, how soon who has not answered is asked again, and how long it then takes at most until
/// the next time (guesses: at 30 % loss of each datagram 99 of 100 answer one of seven questions).
const PATIENCE: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(150);
const AT_MOST: Duration = Duration::from_millis(300);

/// How soon the same member is answered again (a guess; a report costs a hundred microseconds).
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Inquiry {
    /// Whom we answered lately.
    answered: BTreeMap<NodeId, Mono>,
    last_nonce: u32,
    underway: Option<Box<Underway>>,
}

/// A round of questions.
#[derive(Debug)]
struct Underway {
    again: Mono,
    ends: Mono,
    /// How long until the question after the next.
    pause: Duration,
    full: bool,
    missing: BTreeSet<NodeId>,
    /// Who alone is asked; `None`: everybody.
    of: Option<NodeId>,
    /// Numbers of our questions, and when they were asked.
    questions: BTreeMap<u32, Mono>,
    requests: Vec<RequestId>,
    testimonies: Vec<Testimony>,
}

impl Inquiry {
    pub(super) fn deadline(&self) -> Option<Mono> {
        let underway = self.underway.as_ref();
        earliest([underway.map(|it| it.ends), underway.map(|it| it.again)])
    }
}

impl Node {
    /// Asks everybody, or one alone; who asks while answers come waits for those.
    pub(super) fn inquire(&mut self, request: RequestId, of: Option<NodeId>, full: bool) {
        let answers =
            |it: &&mut Box<Underway>| (it.full || !full) && (it.of.is_none() || it.of == of);
        if let Some(underway) = self.inquiry.underway.as_mut().filter(answers) {
            return underway.requests.push(request);
        }
        let before = self.inquiry.underway.take();
        // Who wanted less gets more.
        let of = of.filter(|_| before.as_ref().is_none_or(|before| before.of == of));
        let full = full || before.as_ref().is_some_and(|before| before.full);
        let before = before.map_or_else(Vec::new, |before| before.requests);
        let now = self.now.mono;
        let report = self.report(Query { nonce: 0, full }, MAX_SIGHTINGS);
        let own = Testimony { by: self.keys.id(), report, ahead_ms: 0, unsure_ms: 0 };
        self.inquiry.underway = Some(Box::new(Underway {
            again: now,
            ends: now + PATIENCE,
            pause: AGAIN,
            full,
            missing: self.peering.linked().filter(|it| of.is_none_or(|of| of == *it)).collect(),
            of,
            questions: BTreeMap::new(),
            requests: before.into_iter().chain([request]).collect(),
            testimonies: vec![own],
        }));
        self.poll_inquiry();
    }

    /// What is due of our questions.
    pub(super) fn poll_inquiry(&mut self) {
        let (now, inquiry) = (self.now.mono, &mut self.inquiry);
        let Some(underway) = &mut inquiry.underway else { return };
        if underway.missing.is_empty() || underway.ends <= now {
            let Some(ended) = inquiry.underway.take() else { return };
            let Underway { requests, testimonies, .. } = *ended;
            for request in requests {
                self.answer(request, Answer::Reports(testimonies.clone()));
            }
            return;
        }
        if underway.again <= now {
            inquiry.last_nonce = inquiry.last_nonce.wrapping_add(1);
            let query = Query { nonce: inquiry.last_nonce, full: underway.full };
            underway.again = now + underway.pause;
            underway.pause = (underway.pause * 2).min(AT_MOST);
            underway.questions.insert(query.nonce, now);
            for member in underway.missing.clone() {
                self.say(member, Class::Gossip, Talk::Query(query));
            }
        }
    }

    pub(super) fn on_query(&mut self, from: NodeId, query: Query) {
        let now = self.now.mono;
        self.inquiry.answered.retain(|_, at| now.since(*at) < PAUSE);
        if self.inquiry.answered.contains_key(&from) {
            return;
        }
        self.inquiry.answered.insert(from, now);
        let by_stream = query.full && self.peering.has_stream(now, &from);
        let (class, most) =
            if by_stream { (Class::Bulk, MAX_SIGHTINGS) } else { (Class::Gossip, SIGHTINGS) };
        let report = self.report(query, most);
        self.say(from, class, Talk::Report(report));
    }

    pub(super) fn on_report(&mut self, from: NodeId, at: Address, report: Report) {
        let Report { sightings, astray, program, .. } = &report;
        if sightings.len() > MAX_SIGHTINGS
            || astray.len() > MAX_ASTRAY
            || program.len() > MAX_NAME_BYTES
        {
            return self.reject(Some(from), Some(at), Why::TooLarge);
        }
        let now = self.now;
        let underway = self.inquiry.underway.as_mut();
        // An answer that comes too late was asked for all the same.
        let Some(underway) = underway else { return };
        let Some(asked) = underway.questions.get(&report.nonce) else {
            return self.reject(Some(from), Some(at), Why::Unasked);
        };
        if underway.missing.remove(&from) {
            let half_ms = millis(now.mono.since(*asked) / 2);
            let theirs = report.wall.millis().saturating_add(half_ms);
            let ahead = i128::from(theirs) - i128::from(now.wall.millis());
            let ahead_ms = i64::try_from(ahead).unwrap_or(i64::MAX);
            let testimony = Testimony { by: from, report, ahead_ms, unsure_ms: half_ms };
            underway.testimonies.push(testimony);
        }
        self.poll_inquiry();
    }

    /// How the cluster looks from here; of so many members at most.
    fn report(&self, query: Query, most: usize) -> Report {
        let (me, now) = (self.keys.id(), self.now);
        let others = self.roster.iter().filter(|(id, _)| **id != me);
        let mut sightings: Vec<_> = others.map(|(id, known)| self.sighting(id, known)).collect();
        sightings.sort_by_key(|it| it.rtt_ms < Some(SLOW_MS));
        sightings.sort_by_key(|it| (it.status, it.link, it.loss) == (0, 0, Some(0)));
        sightings.sort_by_key(|it| (it.status, it.link) == (0, 0));
        let astray = self.peering.astray(now.mono).take(MAX_ASTRAY);
        let astray: Vec<_> = astray.map(|(id, at)| Astray { member: prefix(&id), at }).collect();
        sightings.truncate(most - astray.len());
        let count = |status| u32::try_from(self.roster.count(status)).unwrap_or(u32::MAX);
        let still = self.stood_still.map(|(at, lasted)| (now.mono.since(at), lasted));
        let short = |time| u32::try_from(millis(time)).unwrap_or(u32::MAX);
        Report {
            nonce: query.nonce,
            wall: now.wall,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            version: self.roster.version(),
            view: self.view_hash(),
            counts: MemberStatus::ALL.map(count),
            stood_still: still.map(|(ago, lasted)| (millis(ago), short(lasted))),
            sightings,
            astray,
        }
    }

    fn sighting(&self, id: &NodeId, member: &Known) -> Sighting {
        let contact = self.contact(id);
        let ago = |at: Option<Mono>| {
            at.map(|at| u32::try_from(millis(self.now.mono.since(at))).unwrap_or(u32::MAX))
        };
        let is_gone = matches!(member.status, MemberStatus::Left | MemberStatus::Evicted);
        let link = if is_gone { Link::Good } else { contact.link(self.now.mono) };
        let loss = contact.loss_percent().filter(|_| !is_gone);
        Sighting {
            member: prefix(id),
            status: member.status.number(),
            link: link.number(),
            loss,
            incarnation: member.incarnation,
            heard_ms: ago(contact.heard),
            answered_ms: ago(contact.answered),
            rtt_ms: member.rtt_us().map(|rtt| u16::try_from(rtt / 1_000).unwrap_or(u16::MAX)),
        }
    }

    /// Who is a member, in which incarnation, and how it stands. A suspicion passes one way or the other,
    /// so suspects count as alive.
    fn view_hash(&self) -> [u8; 8] {
        let mut hasher = Hasher::new();
        for (id, member) in self.roster.iter() {
            let status = match member.status {
                MemberStatus::Suspect => MemberStatus::Alive,
                status @ (MemberStatus::Alive
                | MemberStatus::Dead
                | MemberStatus::Evicted
                | MemberStatus::Left) => status,
            };
            hasher.update(id.as_bytes());
            hasher.update(&member.incarnation.to_le_bytes());
            hasher.update(&[status.number()]);
        }
        hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
