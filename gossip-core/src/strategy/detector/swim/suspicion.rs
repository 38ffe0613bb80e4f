//! Suspicions that are under way, and who came back from one lately.

use std::collections::BTreeMap;
use std::time::Duration;

use super::SwimConfig;
use crate::id::NodeId;
use crate::time::Mono;

/// Most that damping multiplies a suspicion by.
const MOST_DAMPING: u32 = 4;

/// A suspicion under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    pub(super) since: Mono,
    pub(super) accusers: u32,
    /// When it ends, unless the last attempt is under way: when that does.
    pub(super) due: Mono,
    shortest: Duration,
    longest: Duration,
    /// When the first last attempt was made.
    pub(super) attempt: Option<Mono>,
    /// How often it was put off because we were the silent one.
    pub(super) excused: u32,
}

/// How often members came back lately, and when they last did: who flaps is suspected for longer.
#[derive(Clone, Debug)]
pub(super) struct Returns {
    members: BTreeMap<NodeId, (u32, Mono)>,
    /// When those were last dropped whose return is too long ago to count.
    swept: Mono,
}

impl Suspicion {
    /// A suspicion that begins now, of who came back so often lately, among so many members.
    pub(super) fn new(now: Mono, members: usize, returns: u32, config: &SwimConfig) -> Self {
        let damping = f64::from((returns + 2).min(2 * MOST_DAMPING)) / 2.0;
        let digits = (members.max(1) as f64).log10().max(1.0);
        let shortest = config.period.mul_f64(config.alpha * digits * damping);
        let longest = shortest.mul_f64(config.beta.max(1.0));
        let (since, due) = (now, now);
        let (attempt, excused) = (None, 0);
        let mut suspicion = Self { since, accusers: 0, due, shortest, longest, attempt, excused };
        suspicion.accused(1, members, config.confirmations);
        suspicion
    }

    /// So many accuse the member now: the more, the sooner it ends (Lifeguard, section IV-B).
    /// Where fewer could confirm than are asked for, they do.
    pub(super) fn accused(&mut self, accusers: u32, members: usize, confirmations: u32) {
        if accusers <= self.accusers {
            return;
        }
        self.accusers = accusers;
        let others = u32::try_from(members.saturating_sub(2)).unwrap_or(u32::MAX);
        let wanted = confirmations.min(others);
        let share =
            if wanted == 0 { 1.0 } else { f64::from(accusers).ln() / f64::from(wanted + 1).ln() };
        let spared = (self.longest - self.shortest).mul_f64(share.clamp(0.0, 1.0));
        self.due = self.since + (self.longest - spared);
    }
}

impl Returns {
    pub(super) const fn new() -> Self {
        Self { members: BTreeMap::new(), swept: Mono::ZERO }
    }

    /// A member came back from suspicion or death.
    pub(super) fn returned(&mut self, now: Mono, member: NodeId, config: &SwimConfig) {
        let times = self.lately(now, &member, config).saturating_add(1);
        if now.since(self.swept) >= config.damping {
            // Half of a cluster may come back at once: not with each of them.
            self.members.retain(|_, (_, last)| now.since(*last) < config.damping);
            self.swept = now;
        }
        self.members.insert(member, (times, now));
    }

    /// How often a member did so lately.
    pub(super) fn lately(&self, now: Mono, member: &NodeId, config: &SwimConfig) -> u32 {
        let kept = self.members.get(member).filter(|(_, last)| now.since(*last) < config.damping);
        kept.map_or(0, |(count, _)| *count)
    }

    pub(super) fn forget(&mut self, member: &NodeId) {
        self.members.remove(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_suspicion_shrinks_with_each_accuser() {
        let config = SwimConfig::lifeguard();
        let mut suspicion = Suspicion::new(Mono::ZERO, 100, 0, &config);
        assert_eq!(suspicion.due, Mono::ZERO + millis(60_000));
        suspicion.accused(2, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(35_000));
        suspicion.accused(1, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(35_000), "nobody takes anything back");
        suspicion.accused(4, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(10_000));
        suspicion.accused(9, 100, 3);
        assert_eq!(suspicion.due, Mono::ZERO + millis(10_000));
        let among_two = Suspicion::new(Mono::ZERO, 2, 0, &config);
        assert_eq!(among_two.due, Mono::ZERO + millis(5_000), "nobody else could confirm it");
    }

    #[test]
    fn who_flaps_is_suspected_for_longer() {
        let (config, member) = (SwimConfig::default(), NodeId::from_bytes([1; 32]));
        let mut returns = Returns::new();
        let lasts = |returns: &Returns, now: Mono| {
            let times = returns.lately(now, &member, &config);
            Suspicion::new(now, 100, times, &config).due.since(now)
        };
        let calm = lasts(&returns, Mono::ZERO);
        let now = Mono::ZERO + millis(1_000_000);
        (0..2).for_each(|_| returns.returned(now, member, &config));
        assert_eq!(lasts(&returns, now), calm * 2);
        (0..20).for_each(|_| returns.returned(now, member, &config));
        assert_eq!(lasts(&returns, now), calm * 4);
        let later = now + config.damping;
        assert_eq!(lasts(&returns, later), calm);
        returns.returned(later, NodeId::from_bytes([2; 32]), &config);
        assert_eq!(returns.members.len(), 1, "who has been calm for long is no more thought of");
    }
}
