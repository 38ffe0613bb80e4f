//! Ids first: a fact is offered by its id, and sent to who asks for it.

use super::hot::{Hot, Short};
use super::{MAX_NAMES, RumorMongering};
use crate::fact::Why;
use crate::id::NodeId;
use crate::strategy::{Contact, Cx, Standing};
use crate::wire::Talk;

impl RumorMongering {
    /// Whether anything is ever offered.
    pub(super) const fn offers(&self) -> bool {
        self.config.minimize || self.config.offer_after < u32::MAX
    }

    /// Whether a fact is sent whole: while it is younger than `offer_after` periods.
    pub(super) fn wholeness(&self, cx: &Cx<'_>) -> impl Fn(&Hot) -> bool + use<> {
        let (always, never) = (!self.offers(), self.config.minimize);
        let limit = self.config.period * self.config.offer_after;
        let wall = cx.now.wall;
        move |hot| always || (!never && wall.since(hot.fact.hlc().wall()) < limit)
    }

    /// A member offers rumors: what we lack is asked for, unless it is on its way from somebody else.
    pub(super) fn offered(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        rumors: &[(Short, u32)],
        feedback: bool,
    ) {
        if rumors.len() > MAX_NAMES {
            return cx.reject(from, Why::TooLarge);
        }
        if !self.may_ask(cx, from) {
            return;
        }
        let (now, until) = (cx.now.mono, cx.now.mono + self.config.ask_timeout);
        let (mut ask, mut known, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for (key, count) in rumors {
            match (cx.knows)(key) {
                Standing::Merged if self.is_theirs_to_count(key, from, *count) => {
                    known.push(*key);
                }
                Standing::Merged => {}
                Standing::Unknown if self.asking.begin(*key, from, now, until) => ask.push(*key),
                // "Knew it" means merged: what is on its way is news still.
                Standing::Pending | Standing::Unknown => new.push(*key),
            }
        }
        if !ask.is_empty() {
            cx.talk(from, Talk::Ask(ask));
        }
        if feedback && !(known.is_empty() && new.is_empty()) {
            cx.talk(from, Talk::Feedback { known, new });
        }
    }

    /// Whether a contact counts for who offers what we know. It does, but where only the smaller of both
    /// counters moves: then it may be ours, or both.
    fn is_theirs_to_count(&mut self, key: &Short, from: NodeId, theirs: u32) -> bool {
        let Some(hot) = self.hot.get_mut(key) else { return true };
        hot.sent_to.insert(from);
        if !self.config.minimize {
            return true;
        }
        // Ours moves at our next round: whoever meets us until then finds it as it was.
        let ours = hot.heat.count();
        hot.outlived = hot.outlived.saturating_add(u32::from(ours <= theirs));
        theirs <= ours
    }

    /// A member asks for what we offered.
    pub(super) fn asked(&mut self, cx: &mut Cx<'_>, from: NodeId, keys: &[Short]) {
        if keys.len() > MAX_NAMES {
            return cx.reject(from, Why::TooLarge);
        }
        if !self.may_ask(cx, from) {
            return;
        }
        let mut budget = self.config.partner_bytes;
        for key in keys {
            let Some(fact) = self.hot.asked(key) else { continue };
            let (fact, bytes) = (fact.clone(), fact.bytes().len());
            // The first goes whatever its size; what finds no room is offered again.
            if bytes > budget && budget < self.config.partner_bytes {
                break;
            }
            budget = budget.saturating_sub(bytes);
            cx.fact(from, fact, false);
            self.answered(cx, key, from, Contact::Useful);
        }
    }
}
