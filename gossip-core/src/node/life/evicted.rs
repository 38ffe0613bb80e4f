//! Members that somebody has thrown out, and this node if it is one of them.

use std::time::Duration;

use crate::fact::{Envelope, FactKind};
use crate::id::NodeId;
use crate::io::{Answer, Event, Refused, RequestId};
use crate::membership::{Cause, Eviction, MemberStatus, subject};
use crate::node::Node;
use crate::node::explain::Reason;
use crate::transport::{Address, Class};

/// How often an evicted member that goes on talking is shown that it is evicted (a guess: so often that
/// it soon knows, and so rarely that nobody gains by asking).
const SHOW_PAUSE: Duration = Duration::from_millis(100);

impl Node {
    /// Throws a member out, in the name of this node.
    pub(in crate::node) fn evict(&mut self, request: RequestId, id: NodeId) {
        let Some(member) = self.roster.member(&id) else {
            return self.answer(request, Answer::Refused(Refused::UnknownMember));
        };
        if id == self.keys.id() || self.life.left || !self.life.is_known() {
            return self.answer(request, Answer::Refused(Refused::Oneself));
        }
        if !matches!(member.status, MemberStatus::Left | MemberStatus::Evicted) {
            let incarnation = member.incarnation;
            let value = Eviction { incarnation }.encode();
            let fact = self.say_of(id, FactKind::EVICTION, value);
            self.show_eviction(id, fact);
        }
        self.answer(request, Answer::Done);
    }

    /// The view has an eviction that it had not.
    pub(in crate::node) fn eviction(&mut self, fact: &Envelope) {
        let (Ok(id), Ok(eviction)) = (subject(fact), Eviction::decode(fact)) else { return };
        if id == self.keys.id() {
            return self.evicted(fact, eviction);
        }
        let changed = self.roster.evict(self.now.wall, id, eviction.incarnation);
        let newly = changed.is_some();
        let by = fact.author();
        self.note_verdict(changed.as_ref(), by);
        self.announce(changed, Reason { cause: Cause::Evicted, by });
        if newly {
            // The detector goes on until the session is silent, and then ends it.
            self.peering.unlink(id);
            self.remember_member(fact);
            self.relink = true;
        }
    }

    /// Whether a member that talks to us is evicted; it is told so, and nothing that it says is heard.
    pub(in crate::node) fn turns_away(&mut self, member: NodeId, from: Address) -> bool {
        let evicted = self.roster.is_evicted(&member);
        if evicted && self.peering.may_show(self.now.mono, from, SHOW_PAUSE) {
            let mut facts = self.about(&member).into_iter();
            let eviction = facts.find(|fact| fact.kind() == FactKind::EVICTION);
            self.show_eviction(member, eviction);
        }
        evicted
    }

    fn show_eviction(&mut self, member: NodeId, eviction: Option<Envelope>) {
        self.in_view(|view, env| {
            if let Some(fact) = eviction {
                env.send_fact(view.id(), member, Class::Gossip, &fact, false);
            }
        });
    }

    /// Somebody evicts us. Of an earlier start of ours, or said before this one: we have come back since.
    fn evicted(&mut self, fact: &Envelope, eviction: Eviction) {
        if self.life.left || self.life.evicted || eviction.incarnation < self.life.incarnation {
            return;
        }
        if fact.hlc().wall() < self.life.born {
            self.life.incarnation = eviction.incarnation.saturating_add(1);
            return self.begin_life();
        }
        self.life.evicted = true;
        self.life.left = true;
        self.life.next_alive = None;
        self.event(Event::Evicted { by: fact.author() });
    }
}
