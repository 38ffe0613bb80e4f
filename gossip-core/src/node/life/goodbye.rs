//! Goodbyes: for now or for good, told until others have heard them.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use crate::fact::{Envelope, FactKind};
use crate::id::NodeId;
use crate::io::{Answer, Refused, RequestId};
use crate::membership::Leave;
use crate::node::Node;
use crate::store::MetaName;
use crate::time::Mono;
use crate::transport::Class;

/// How long a goodbye is told at most before the node may stop (a guess: what who waits for it bears
/// without asking why).
const LONGEST: Duration = Duration::from_secs(3);

/// After how long it is told again to who has not confirmed it (a guess: several round trips).
const AGAIN: Duration = Duration::from_millis(250);

/// Most members that hear a goodbye directly; rumor carries it on.
const PARTNERS: usize = 64;

/// A goodbye that is being told, until most of whom it is told to have confirmed it.
#[derive(Debug)]
pub(super) struct Goodbye {
    again: Mono,
    ends: Mono,
    fact: Envelope,
    requests: Vec<RequestId>,
    told: usize,
    /// Who has not confirmed it.
    waits_for: BTreeSet<NodeId>,
}

impl Goodbye {
    pub(super) fn deadline(&self) -> Mono {
        self.again.min(self.ends)
    }

    fn is_heard(&self) -> bool {
        self.waits_for.len() * 2 < self.told.max(1)
    }
}

impl Node {
    /// Goodbye for now: partners stop talking to this node, and wait for it.
    pub(in crate::node) fn stop(&mut self, request: RequestId) {
        if self.life.left || !self.life.is_known() {
            self.life.left = true;
            return self.answer(request, Answer::Done);
        }
        self.say_goodbye(request, true);
    }

    /// Goodbye for good, once it is durable: were it said before and forgotten in a crash, this
    /// node would come back with what nobody waited for it to forget.
    pub(in crate::node) fn leave(&mut self, request: RequestId) {
        let main = self.channels.get(&self.config.main_channel());
        if !self.life.is_known() {
            self.life.left = true;
            self.answer(request, Answer::Done);
        } else if self.life.parting.is_some() {
            self.answer(request, Answer::Refused(Refused::Leaving));
        } else if main.is_some_and(|channel| channel.is_renewing()) {
            self.answer(request, Answer::Refused(Refused::Renewing));
        } else {
            let ticket = self.remember(MetaName::Left, Some(Bytes::new()));
            self.life.parting = Some((ticket, request));
        }
    }

    pub(super) fn say_goodbye(&mut self, request: RequestId, returning: bool) {
        self.life.left = true;
        self.life.next_alive = None;
        let value = Leave { incarnation: self.life.incarnation, returning }.encode();
        let Some(fact) = self.state(FactKind::LEAVE, value) else {
            return self.answer(request, Answer::Done);
        };
        self.refresh_partners();
        let waits_for: BTreeSet<_> = self.partners.iter().copied().take(PARTNERS).collect();
        let before = self.life.telling.take();
        let mut requests = before.map_or_else(Vec::new, |goodbye| goodbye.requests);
        requests.push(request);
        let (again, ends) = (self.now.mono, self.now.mono + LONGEST);
        let told = waits_for.len();
        self.life.telling = Some(Goodbye { again, ends, fact, requests, told, waits_for });
        self.live();
    }

    /// Tells a goodbye to who has not confirmed it, when it is time.
    pub(super) fn tell_goodbye(&mut self) {
        let now = self.now.mono;
        let over = |goodbye: &mut Goodbye| goodbye.is_heard() || goodbye.ends <= now;
        if let Some(goodbye) = self.life.telling.take_if(over) {
            for request in goodbye.requests {
                self.answer(request, Answer::Done);
            }
        }
        let Some(goodbye) = self.life.telling.as_mut().filter(|goodbye| goodbye.again <= now)
        else {
            return;
        };
        goodbye.again = now + AGAIN;
        let (fact, partners) = (goodbye.fact.clone(), goodbye.waits_for.clone());
        self.in_view(|view, env| {
            for partner in partners {
                env.send_fact(view.id(), partner, Class::Gossip, &fact, true);
            }
        });
    }

    /// A member has the facts that begin so.
    pub(in crate::node) fn confirmed(&mut self, from: NodeId, known: &[[u8; 8]], new: &[[u8; 8]]) {
        let Some(goodbye) = &mut self.life.telling else { return };
        let id = goodbye.fact.id();
        let ours = |start: &[u8; 8]| id.as_bytes().starts_with(start);
        if known.iter().chain(new).any(ours) && goodbye.waits_for.remove(&from) {
            self.tell_goodbye();
        }
    }
}
