//! When a rumor is no longer worth telling. A policy (Demers et al. 1987, section 1.4).

use std::fmt::Debug;

use crate::rng::Rng;

/// How hot a rumor still is at this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heat {
    count: u32,
}

impl Heat {
    /// Contacts that counted since the last useful one: 0 under a coin.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }
}

/// What came of telling a rumor once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a rule must consider each of them")]
pub enum Contact {
    /// It was sent; nothing is known about the recipient.
    Sent,
    /// The recipient needed it.
    Useful,
    /// The recipient had merged it already.
    Useless,
}

/// Decides when to stop telling a rumor.
///
/// Law: with endless contacts of which none is useful, every rumor ends; [`Never`] alone leaves that
/// to the bound on rounds.
pub trait Removal: Debug + Send {
    /// The rule's name in configuration.
    fn name(&self) -> &'static str;

    /// Whether it must hear if recipients knew the rumor: one more message per push.
    fn wants_feedback(&self) -> bool;

    /// Whether the rumor stays hot after this contact.
    fn stays_hot(&self, rng: &mut Rng, heat: &mut Heat, contact: Contact) -> bool;
}

/// Lose interest with probability 1/k, or after k times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the classic papers know these two")]
pub enum Limit {
    /// With probability 1/k at each contact that counts.
    Coin(u32),
    /// After k contacts in a row that count.
    Counter(u32),
}

impl Default for Limit {
    /// After two contacts: what a node does unless told otherwise.
    fn default() -> Self {
        Self::Counter(2)
    }
}

impl Limit {
    fn passes(self, rng: &mut Rng, heat: &mut Heat) -> bool {
        match self {
            Self::Coin(k) => rng.below(u64::from(k.max(1))) != 0,
            Self::Counter(k) => {
                heat.count += 1;
                heat.count < k.max(1)
            }
        }
    }
}

/// Every contact counts, whatever the recipient knew.
#[derive(Clone, Copy, Debug)]
pub struct Blind(Limit);

impl Blind {
    /// The rule with this limit; k = 0 counts as 1.
    #[must_use]
    pub const fn new(limit: Limit) -> Self {
        Self(limit)
    }
}

impl Removal for Blind {
    fn name(&self) -> &'static str {
        match self.0 {
            Limit::Coin(_) => "blind-coin",
            Limit::Counter(_) => "blind-counter",
        }
    }

    fn wants_feedback(&self) -> bool {
        false
    }

    fn stays_hot(&self, rng: &mut Rng, heat: &mut Heat, contact: Contact) -> bool {
        contact != Contact::Sent || self.0.passes(rng, heat)
    }
}

/// Only contacts count whose recipient knew the rumor; a useful one starts the counter over,
/// which is what reproduces the published tables.
#[derive(Clone, Copy, Debug)]
pub struct Feedback(Limit);

impl Feedback {
    /// The rule with this limit; k = 0 counts as 1.
    #[must_use]
    pub const fn new(limit: Limit) -> Self {
        Self(limit)
    }
}

impl Removal for Feedback {
    fn name(&self) -> &'static str {
        match self.0 {
            Limit::Coin(_) => "feedback-coin",
            Limit::Counter(_) => "feedback-counter",
        }
    }

    fn wants_feedback(&self) -> bool {
        true
    }

    fn stays_hot(&self, rng: &mut Rng, heat: &mut Heat, contact: Contact) -> bool {
        match contact {
            Contact::Sent => true,
            Contact::Useful => {
                heat.count = 0;
                true
            }
            Contact::Useless => self.0.passes(rng, heat),
        }
    }
}

/// No contact ends a rumor: the simple epidemic. Only [`rounds`](super::dissemination::RumorConfig)
/// and newer facts do.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Never;

impl Removal for Never {
    fn name(&self) -> &'static str {
        "never"
    }

    fn wants_feedback(&self) -> bool {
        false
    }

    fn stays_hot(&self, _: &mut Rng, _: &mut Heat, _: Contact) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_count_and_reset() {
        let mut rng = Rng::from_number(1);
        let mut heat = Heat::default();
        let rule = Feedback::new(Limit::Counter(2));
        assert!(rule.stays_hot(&mut rng, &mut heat, Contact::Useless));
        assert!(rule.stays_hot(&mut rng, &mut heat, Contact::Useful));
        assert!(rule.stays_hot(&mut rng, &mut heat, Contact::Useless));
        assert!(!rule.stays_hot(&mut rng, &mut heat, Contact::Useless));
        let mut heat = Heat::default();
        let rule = Blind::new(Limit::Counter(2));
        assert!(rule.stays_hot(&mut rng, &mut heat, Contact::Sent));
        assert!(!rule.stays_hot(&mut rng, &mut heat, Contact::Sent));
    }

    #[test]
    fn coins_end_with_the_stated_chance() {
        let mut rng = Rng::from_number(2);
        let rule = Blind::new(Limit::Coin(4));
        let ended = (0..40_000)
            .filter(|_| !rule.stays_hot(&mut rng, &mut Heat::default(), Contact::Sent))
            .count();
        assert!((9_500..10_500).contains(&ended), "{ended} of 40,000 at k = 4");
    }
}
