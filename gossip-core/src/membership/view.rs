//! The view's retain rule: the last word of each member, who evicted it, and who says that it does not answer
//! since.

use std::cmp::Reverse;

use super::accusation::{Accusation, Word};
use super::alive;
use super::eviction::Eviction;
use crate::fact::{Envelope, FactKind, Why};
use crate::id::NodeId;
use crate::strategy::Retain;

/// Most accusations of one member that are kept: one, and as many as confirm it for Lifeguard.
pub const MAX_ACCUSERS: usize = 4;

/// Keeps a subject's last word: the highest incarnation; of one incarnation a leave before an
/// alive; of two alike the higher (version, id). Beside it the accusations of that word, or of a later
/// one if somebody names it: of each accuser the last, of the [`MAX_ACCUSERS`] accusers that are
/// closest to the subject by XOR, so that everybody keeps the same. And the last eviction of the latest
/// incarnation that anybody evicted, unless the subject has spoken of a later one; it ends accusations of that
/// one and those before.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ViewRetain;

impl Retain for ViewRetain {
    fn name(&self) -> &'static str {
        "view"
    }

    fn limit(&self) -> usize {
        2 + MAX_ACCUSERS
    }

    fn retain(&self, facts: &mut Vec<&Envelope>) {
        let (accusations, words): (Vec<_>, Vec<_>) =
            facts.drain(..).partition(|fact| fact.kind() == FactKind::ACCUSATION);
        let (evictions, words): (Vec<_>, Vec<_>) =
            words.into_iter().partition(|fact| fact.kind() == FactKind::EVICTION);
        let last_word = words.into_iter().max_by_key(|fact| rank(fact));
        let spoken = last_word.and_then(|fact| alive::incarnation(fact).ok());
        let eviction = evictions
            .into_iter()
            .max_by_key(|fact| (evicted(fact), fact.hlc(), fact.id()))
            .filter(|fact| evicted(fact) >= spoken);
        let accusers = accusers(last_word, eviction.and_then(evicted), accusations);
        facts.extend(last_word);
        facts.extend(eviction);
        facts.extend(accusers);
    }

    fn rival(&self, _fact: &Envelope) -> [u8; 8] {
        // A higher version does not always win here, so nothing is spared.
        [0; 8]
    }
}

/// Whether a fact may stand in the view: a statement of its subject, an accusation or an eviction,
/// well-formed.
///
/// # Errors
/// [`Why::WrongKind`], [`Why::NotTheSubject`], or what decoding finds.
pub fn admit(fact: &Envelope) -> Result<(), Why> {
    match fact.kind() {
        FactKind::ACCUSATION => return Accusation::admit(fact),
        FactKind::EVICTION => return Eviction::admit(fact),
        _ => {}
    }
    alive::check(fact)?;
    if fact.key() == fact.author().as_bytes() { Ok(()) } else { Err(Why::NotTheSubject) }
}

fn rank(fact: &Envelope) -> (u64, bool, crate::time::Hlc, crate::id::FactId) {
    let leaves = fact.kind() == FactKind::LEAVE;
    (alive::incarnation(fact).unwrap_or(0), leaves, fact.hlc(), fact.id())
}

/// The incarnation that a fact evicts, if it does.
fn evicted(fact: &Envelope) -> Option<u64> {
    Eviction::decode(fact).ok().map(|eviction| eviction.incarnation)
}

/// The accusations that count beside this last word and this evicted incarnation.
fn accusers<'a>(
    last_word: Option<&Envelope>,
    evicted: Option<u64>,
    accusations: Vec<&'a Envelope>,
) -> impl Iterator<Item = &'a Envelope> + use<'a> {
    let word = |fact: &Envelope| Accusation::decode(fact).ok().map(|it| it.word);
    let latest = accusations.iter().filter_map(|fact| word(fact)).max();
    let left = last_word.is_some_and(|fact| fact.kind() == FactKind::LEAVE);
    let said = last_word.and_then(|fact| Word::of(fact).ok());
    let stands = |accused: Word| match said {
        // Who has left answers nobody, and need not.
        Some(said) if left => accused.incarnation > said.incarnation,
        Some(said) => accused >= said,
        None => true,
    };
    let counts = latest.filter(|latest| stands(*latest) && Some(latest.incarnation) > evicted);
    let mut kept: Vec<_> =
        accusations.into_iter().filter(|fact| counts.is_some() && word(fact) == counts).collect();
    kept.sort_by_key(|fact| (distance(fact), Reverse((fact.hlc(), fact.id()))));
    kept.dedup_by_key(|fact| fact.author());
    kept.into_iter().take(MAX_ACCUSERS)
}

/// How far an accuser is from whom it accuses.
fn distance(fact: &Envelope) -> [u8; 32] {
    let mut distance = *fact.author().as_bytes();
    let subject = super::subject(fact).unwrap_or(NodeId::from_bytes([0; 32]));
    distance.iter_mut().zip(subject.as_bytes()).for_each(|(byte, other)| *byte ^= other);
    distance
}

#[cfg(all(test, feature = "testkit"))]
mod tests;
