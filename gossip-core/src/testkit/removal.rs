//! The laws of removal rules.

use crate::rng::Rng;
use crate::strategy::{Contact, Heat, Removal};

/// Contacts of no use that end any rumor: at k = 16, the largest worth using, a coin misses all
/// of them once in 10^28 times.
const PATIENCE: usize = 1_000;

/// Holds a rule to the laws of [`Removal`]. A rule that wants feedback ends every rumor after at
/// most a thousand contacts of no use, and never at a useful contact or at one of which nothing
/// is known; a blind one ends it after at most a thousand tellings, and at nothing else.
///
/// # Panics
/// If a law is broken.
pub fn removal_laws(rule: &dyn Removal, seeds: std::ops::Range<u64>) {
    assert!(!rule.name().is_empty(), "a rule has a name");
    let counts = if rule.wants_feedback() { Contact::Useless } else { Contact::Sent };
    for seed in seeds {
        let rng = &mut Rng::from_number(seed);
        let others = [Contact::Sent, Contact::Useful, Contact::Useless];
        let others: Vec<_> = others.into_iter().filter(|contact| *contact != counts).collect();
        let mut heat = Heat::default();
        let ends = (0..PATIENCE).any(|_| !rule.stays_hot(rng, &mut heat, counts));
        assert!(ends, "{rule:?}, seed {seed}: a rumor without end");
        // Whatever came before, only the contact that counts ends a rumor.
        let mut heat = Heat::default();
        for _ in 0..PATIENCE {
            let before = heat;
            if rng.chance(0.5) && !rule.stays_hot(rng, &mut heat, counts) {
                heat = before;
            }
            for contact in &others {
                let stays = rule.stays_hot(rng, &mut heat, *contact);
                assert!(stays, "{rule:?}, seed {seed}: ended by {contact:?}");
            }
        }
    }
}
