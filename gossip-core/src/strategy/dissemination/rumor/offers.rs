//! Ids first: a fact is offered by its id, and sent to who asks for it.

use std::collections::{BTreeMap, BTreeSet};

use super::hot::{Hot, Short};
use super::{MAX_NAMES, Request, RumorConfig, RumorMongering};
use crate::fact::Why;
use crate::id::NodeId;
use crate::strategy::{Contact, Cx, Standing};
use crate::wire::Talk;

impl RumorMongering {
    /// Whether anything is ever offered.
    pub(super) const fn offers(&self) -> bool {
        let RumorConfig { eager, minimize, offer_after, offer_bytes, .. } = self.config;
        minimize || offer_after < u32::MAX || offer_bytes < usize::MAX || eager > 0
    }

    /// Whether a fact is sent whole: while it is younger than `offer_after` periods, unless it is large or
    /// was pushed before its first round.
    pub(super) fn wholeness(&self, cx: &Cx<'_>) -> impl Fn(&Hot) -> bool + use<> {
        let RumorConfig { minimize, offer_after, offer_bytes, period, .. } = self.config;
        let limit = (offer_after < u32::MAX).then(|| period * offer_after);
        let wall = cx.now.wall;
        let is_young =
            move |hot: &Hot| limit.is_none_or(|limit| wall.since(hot.fact.hlc().wall()) < limit);
        move |hot| {
            let is_small = hot.fact.bytes().len() <= offer_bytes;
            !minimize && !hot.is_out && is_small && is_young(hot)
        }
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
        if !self.charge(cx, from, Request::Names) {
            return;
        }
        if !self.connections.is_met(cx.now.mono, from) {
            return Self::refuse(cx, from);
        }
        // Who is late keeps no place.
        self.ask_others(cx);
        let until = cx.now.mono + self.config.ask_timeout;
        let (mut ask, mut known, mut new) = (Vec::new(), Vec::new(), Vec::new());
        let mut named = BTreeSet::new();
        for (key, count) in rumors.iter().copied().filter(|(key, _)| named.insert(*key)) {
            // What is told here is merged: most of what is offered, and found soonest.
            let is_told = self.hot.get(&key).is_some();
            match if is_told { Standing::Merged } else { (cx.knows)(&key) } {
                Standing::Merged => {
                    if self.compare_counters(&key, from, count) {
                        known.push(key);
                    }
                }
                Standing::Unknown => {
                    let begins = self.asking.begin(key, from, until);
                    if begins { ask.push(key) } else { new.push(key) }
                }
                // "Knew it" means merged: what is on its way is news still.
                Standing::Pending => new.push(key),
            }
        }
        if !ask.is_empty() {
            cx.talk(from, Talk::Ask(ask));
        }
        if feedback && !(known.is_empty() && new.is_empty()) {
            cx.talk(from, Talk::Feedback { known, new });
        }
    }

    /// What was asked for and has not come in time is asked of who else has offered it.
    pub(super) fn ask_others(&mut self, cx: &mut Cx<'_>) {
        let until = cx.now.mono + self.config.ask_timeout;
        let mut asks = BTreeMap::<_, Vec<_>>::new();
        for (key, other) in self.asking.expire(cx.now.mono) {
            if (cx.knows)(&key) == Standing::Unknown && self.asking.begin(key, other, until) {
                asks.entry(other).or_default().push(key);
            }
        }
        for (other, keys) in asks {
            for keys in keys.chunks(MAX_NAMES) {
                cx.talk(other, Talk::Ask(keys.to_vec()));
            }
        }
    }

    /// Compares our counter of a rumor with that of a member who offers it, and counts the contact with us
    /// if it does. Returns whether it counts with the member: it does, but where only the smaller of both
    /// counters moves and ours is.
    fn compare_counters(&mut self, key: &Short, with: NodeId, theirs: u32) -> bool {
        let Some(hot) = self.hot.get_mut(key) else { return true };
        hot.told.holds(with);
        if !self.config.minimize {
            return true;
        }
        // Ours moves at our next round: whoever meets us until then finds it as it was.
        let ours = hot.heat.count();
        if ours <= theirs {
            hot.outlived.insert(with);
        }
        theirs <= ours
    }

    /// A member asks for what we offered.
    pub(super) fn asked(&mut self, cx: &mut Cx<'_>, from: NodeId, keys: &[Short]) {
        if keys.len() > MAX_NAMES {
            return cx.reject(from, Why::TooLarge);
        }
        if !self.charge(cx, from, Request::Names) {
            return;
        }
        let mut budget = self.config.partner_bytes;
        let (mut full, mut unasked) = (false, false);
        for key in keys {
            let Some(fact) = self.hot.offered(key, &from) else {
                // Who asks for what has ended meanwhile is late, and not to blame.
                unasked |= self.hot.holds(key) || !self.offers();
                continue;
            };
            let (fact, bytes) = (fact.clone(), fact.bytes().len());
            // The first goes whatever its size; what finds no room is offered again.
            full |= bytes > budget && budget < self.config.partner_bytes;
            if full {
                if let Some(hot) = self.hot.get_mut(key) {
                    hot.told.untell(&from);
                }
                continue;
            }
            budget = budget.saturating_sub(bytes);
            self.hot.served(key, &from);
            // To ask is to judge.
            if let Some(hot) = self.hot.get_mut(key) {
                hot.told.judge(&from);
                hot.told.holds(from);
            }
            cx.fact(from, fact, false);
            self.answered(cx, key, Contact::Useful);
        }
        if unasked {
            cx.reject(from, Why::Unasked);
        }
    }
}
