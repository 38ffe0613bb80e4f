//! The laws of the retain slot.

use super::facts::{Author, at_minute, domain, minute};
use crate::fact::{Dot, Envelope, MAX_CONTEXT};
use crate::rng::Rng;
use crate::strategy::Retain;
use crate::time::Hlc;

/// Holds a rule to the laws of [`Retain`], on random facts of each seed.
///
/// Run it with a few hundred seeds on your own rule.
///
/// # Panics
/// If a law is broken.
pub fn retain_laws(rule: &dyn Retain, seeds: std::ops::Range<u64>) {
    retain_laws_among(rule, seeds, facts_of_a_key);
}

/// The same on facts of a key that somebody else makes up: for a rule about facts of other kinds.
///
/// # Panics
/// If a law is broken.
pub fn retain_laws_among(
    rule: &dyn Retain,
    seeds: std::ops::Range<u64>,
    facts: impl Fn(&mut Rng) -> Vec<Envelope>,
) {
    assert!((1..=MAX_CONTEXT).contains(&rule.limit()), "{rule:?}: the limit is out of range");
    let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let name = rule.name();
    assert!(!name.is_empty() && name.bytes().all(kebab), "{name:?} is not kebab-case");
    for seed in seeds {
        let rng = &mut Rng::from_number(seed);
        let facts = facts(rng);
        merging_has_no_order(rule, rng, &facts);
        few_are_kept_but_one(rule, rng, &facts);
        rivals_lose(rule, rng, &facts);
    }
}

/// Facts of one key, by a few or many authors, some of them at the same version.
fn facts_of_a_key(rng: &mut Rng) -> Vec<Envelope> {
    let authors = 1 + rng.below(2 * MAX_CONTEXT as u64);
    let authors: Vec<_> = (0..authors).map(|number| Author::simulated(number, &domain())).collect();
    let key = rng.bytes::<4>();
    let mut facts = Vec::<Envelope>::new();
    for _ in 0..rng.below(48) {
        let author = rng.below(authors.len() as u64) as usize;
        let author = authors.get(author).expect("there are authors");
        let hlc = Hlc::from_bits(at_minute(1).bits() + rng.below(16));
        let seen = facts.iter().filter(|_| rng.below(4) == 0).take(MAX_CONTEXT);
        let seen: Vec<_> =
            seen.map(|fact| Dot { author: fact.author(), hlc: fact.hlc() }).collect();
        let fact = match rng.below(4) {
            0 => author.delete(key, hlc),
            1 => author.expiring(key, rng.bytes::<2>(), hlc, minute(5)),
            _ => author.sibling(key, rng.bytes::<2>(), hlc, seen),
        };
        if !facts.contains(&fact) {
            facts.push(fact.into_inner());
        }
    }
    facts
}

fn merging_has_no_order(rule: &dyn Retain, rng: &mut Rng, facts: &[Envelope]) {
    let all: Vec<_> = facts.iter().collect();
    let kept = retained(rule, &all);
    assert_eq!(kept, retained(rule, &kept), "{rule:?}: retaining twice is retaining once");
    let mut shuffled = all.clone();
    rng.shuffle(&mut shuffled);
    assert_eq!(kept, retained(rule, &shuffled), "{rule:?}: the order of facts does not matter");
    // Two sets that may overlap.
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for fact in shuffled {
        let side = rng.below(3);
        left.extend((side != 0).then_some(fact));
        right.extend((side != 1).then_some(fact));
    }
    let mut both = retained(rule, &left);
    for fact in retained(rule, &right) {
        if !both.contains(&fact) {
            both.push(fact);
        }
    }
    let merged = retained(rule, &both);
    assert_eq!(kept, merged, "{rule:?}: retain(A + B) = retain(retain(A) + retain(B))");
}

fn few_are_kept_but_one(rule: &dyn Retain, rng: &mut Rng, facts: &[Envelope]) {
    let all: Vec<_> = facts.iter().collect();
    let kept = retained(rule, &all);
    assert!(kept.len() <= rule.limit(), "{rule:?}: keeps {} facts", kept.len());
    assert!(kept.is_empty() == facts.is_empty(), "{rule:?}: forgets a key");
    assert!(kept.iter().all(|fact| all.contains(fact)), "{rule:?}: makes facts up");
    let distinct: std::collections::BTreeSet<_> = kept.iter().map(|fact| fact.id()).collect();
    assert_eq!(distinct.len(), kept.len(), "{rule:?}: keeps a fact twice");
    if let Some(fact) = facts.get(rng.below(facts.len() as u64) as usize) {
        assert_eq!(retained(rule, &[fact]), [fact], "{rule:?}: a single fact is kept");
    }
}

fn rivals_lose(rule: &dyn Retain, rng: &mut Rng, facts: &[Envelope]) {
    let all: Vec<_> = facts.iter().collect();
    let kept = retained(rule, &all);
    for fact in facts {
        let rival = rule.rival(fact);
        assert_eq!(rival, rule.rival(fact), "{rule:?}: rivals are a function of the fact");
        let beats = |other: &&Envelope| {
            rival != [0; 8] && rule.rival(other) == rival && other.hlc() > fact.hlc()
        };
        if let Some(winner) = facts.iter().find(beats) {
            let pair = retained(rule, &[fact, winner]);
            assert_eq!(pair, [winner], "{rule:?}: the higher of two rivals displaces the other");
            assert!(!kept.contains(&fact), "{rule:?}: a displaced rival stays displaced");
        }
    }
    let elsewhere = Author::simulated(0, &domain()).put(rng.bytes::<8>(), "", at_minute(1));
    let other = rule.rival(&elsewhere);
    let apart = |fact: &Envelope| other == [0; 8] || rule.rival(fact) != other;
    assert!(facts.iter().all(apart), "{rule:?}: facts of different keys are no rivals");
}

fn retained<'a>(rule: &dyn Retain, facts: &[&'a Envelope]) -> Vec<&'a Envelope> {
    let mut kept = facts.to_vec();
    rule.retain(&mut kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::retain::{KeepSiblings, LastWrite};

    #[test]
    fn our_rules_obey() {
        retain_laws(&LastWrite, 0..300);
        retain_laws(&KeepSiblings, 0..300);
    }

    /// Breaks one law.
    #[derive(Debug)]
    enum Lawless {
        Arrival,
        Crowd,
        Forgetful,
        Misjudged,
    }

    impl Retain for Lawless {
        fn name(&self) -> &'static str {
            "lawless"
        }

        fn limit(&self) -> usize {
            2
        }

        fn retain(&self, facts: &mut Vec<&Envelope>) {
            match self {
                Self::Arrival => facts.truncate(1),
                Self::Crowd => facts.sort_by_key(|fact| fact.id()),
                Self::Forgetful => facts.retain(|fact| !fact.is_tombstone()),
                Self::Misjudged => {
                    facts.sort_by_key(|fact| fact.id());
                    facts.truncate(2);
                }
            }
        }

        fn rival(&self, fact: &Envelope) -> [u8; 8] {
            LastWrite.rival(fact)
        }
    }

    fn check(rule: &Lawless) {
        let outcome = std::panic::catch_unwind(|| retain_laws(rule, 0..100));
        assert!(outcome.is_err(), "{rule:?} passes");
    }

    #[test]
    fn lawless_rules_are_caught() {
        [Lawless::Arrival, Lawless::Crowd, Lawless::Forgetful, Lawless::Misjudged]
            .iter()
            .for_each(check);
    }
}
