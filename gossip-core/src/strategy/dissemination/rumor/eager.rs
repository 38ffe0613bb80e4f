//! What is fresh leaves before the next round: at once, whole, and a little later by its id.

use std::collections::VecDeque;
use std::time::Duration;

use super::RumorMongering;
use super::hot::{Hot, Short};
use crate::id::NodeId;
use crate::strategy::Cx;
use crate::strategy::dissemination::RumorConfig;
use crate::time::{Mono, earliest};

/// Least time between two first waves: what becomes fresh meanwhile leaves together, in few datagrams. One
/// partner is told at most `partner_bytes` in it (a guess: 32 MB/s).
const PACE: Duration = Duration::from_millis(2);

/// Waves in one period (a guess: at a period of 1 s, more than most round trips apart).
const WAVES_PER_PERIOD: u32 = 8;

/// Most later waves that wait; what would be one more is left to rounds (a guess: eighths of some seconds, if each
/// takes [`PACE`]).
const LATER: usize = 1_024;

/// Facts of one wave above which what others brought is offered: copies that nobody needs cost more than the round trip
/// of asking (a guess: some three datagrams of small facts).
const BURST: usize = 16;

/// Periods of age up to which a fact of a burst is left to waves (a guess: a burst has reached everybody by then; what is
/// older was missed, by many).
const BURST_AGE: u32 = 8;

/// Facts between becoming fresh and their last wave.
#[derive(Debug, Default)]
pub(super) struct Eager {
    /// What waits for its first wave, in the order of arrival.
    fresh: VecDeque<Short>,
    /// No first wave before this.
    next: Mono,
    /// Later waves, in the order of time.
    later: VecDeque<Wave>,
}

#[derive(Debug)]
struct Wave {
    due: Mono,
    keys: Vec<Short>,
    /// How many waves come after this one.
    left: u32,
}

impl Eager {
    /// When the next wave leaves.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let first = (!self.fresh.is_empty()).then_some(self.next);
        earliest([first, self.later.front().map(|wave| wave.due)])
    }
}

impl RumorMongering {
    /// A fact is fresh: it is pushed before its round, where nobody has to be called first.
    pub(super) fn hasten(&mut self, cx: &Cx<'_>, key: Short) {
        let RumorConfig { direction, eager, minimize, .. } = self.config;
        let is_free = !minimize && !self.connections.is_limited();
        // Beyond as many as are told at all, rounds tell them.
        let has_room = self.eager.fresh.len() < self.config.hot_facts;
        if eager > 0 && direction.pushes() && is_free && has_room {
            self.eager.next = self.eager.next.max(cx.now.mono);
            self.eager.fresh.push_back(key);
        }
    }

    /// Waves that are due.
    pub(super) fn push_fresh(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        while self.eager.later.front().is_some_and(|wave| wave.due <= now) {
            let Some(Wave { keys, left, .. }) = self.eager.later.pop_front() else { return };
            self.push_wave(cx, &keys, |_| false);
            self.push_later(now, keys, left);
        }
        if self.eager.fresh.is_empty() || self.eager.next > now {
            return;
        }
        let keys = self.next_fresh();
        // Every later wave holds what became fresh within the eighth of a period before it.
        let recent = self.eager.later.iter().map(|wave| wave.keys.len()).sum::<usize>();
        let is_burst = recent + keys.len() > BURST;
        // One wave alone misses one of twenty, which is too many for repair.
        if is_burst && self.config.eager > 1 {
            self.keep_to_waves(cx, &keys);
        }
        self.push_wave(cx, &keys, |hot| !(is_burst && hot.from.is_some()));
        self.eager.next = now + PACE;
        self.push_later(now, keys, self.config.eager.saturating_sub(1));
        // Most nodes are at rest most of the time: empty queues take no room.
        if self.eager.fresh.is_empty() {
            self.eager.fresh = VecDeque::new();
        }
    }

    /// As many fresh facts as one partner may be told at once.
    fn next_fresh(&mut self) -> Vec<Short> {
        let (mut keys, mut bytes) = (Vec::new(), 0);
        while let Some(key) = self.eager.fresh.front().copied() {
            if let Some(hot) = self.hot.get(&key) {
                bytes += hot.fact.bytes().len();
                if bytes > self.config.partner_bytes && !keys.is_empty() {
                    break;
                }
                keys.push(key);
            }
            self.eager.fresh.pop_front();
        }
        keys
    }

    fn push_later(&mut self, now: Mono, keys: Vec<Short>, left: u32) {
        if self.eager.later.is_empty() {
            self.eager.later = VecDeque::new();
        }
        if let Some(left) = left.checked_sub(1)
            && self.eager.later.len() < LATER
        {
            let due = now + self.config.period / WAVES_PER_PERIOD;
            return self.eager.later.push_back(Wave { due, keys, left });
        }
        for key in keys {
            if self.hot.get(&key).is_some_and(|hot| hot.is_of_burst) {
                self.end(now, &key);
            }
        }
    }

    /// These are of a burst: no rounds tell those of them that others tell at the same time.
    fn keep_to_waves(&mut self, cx: &Cx<'_>, keys: &[Short]) {
        let (wall, limit) = (cx.now.wall, self.config.period * BURST_AGE);
        for key in keys {
            if let Some(hot) = self.hot.get_mut(key) {
                hot.is_of_burst = wall.since(hot.fact.hlc().wall()) <= limit;
            }
        }
    }

    /// Tells some partners what they may be told of these. No feedback is asked for: what ends a rumor are its
    /// rounds.
    fn push_wave(&mut self, cx: &mut Cx<'_>, keys: &[Short], whole: impl Fn(&Hot) -> bool) {
        let exclusions = self.config.exclusions;
        let tellable = |node: &NodeId| {
            let mut hot = keys.iter().filter_map(|key| self.hot.get(key));
            hot.any(|hot| hot.may_be_told(node, exclusions))
        };
        let partners = cx.pick(self.config.fan_out, tellable).into_iter();
        let mut partners: Vec<_> = partners.map(|node| (node, Vec::new())).collect();
        let young = self.wholeness(cx);
        for key in keys {
            let Some(hot) = self.hot.get_mut(key) else { continue };
            let whole = whole(hot) && young(hot);
            for (partner, offered) in &mut partners {
                if !hot.may_be_told(partner, exclusions) {
                    continue;
                }
                if whole {
                    cx.fact(*partner, hot.fact.clone(), false);
                } else {
                    offered.push((*key, hot.heat.count()));
                    hot.told.offer(*partner);
                }
                hot.told.holds(*partner);
            }
            hot.is_out = true;
        }
        for (partner, offered) in partners {
            Self::offer(cx, partner, &offered, false);
        }
    }
}
