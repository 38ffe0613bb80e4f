//! Which facts of a key stay.

use super::subject::{Subject, author};
use crate::fact::{Envelope, MAX_CONTEXT, Verified};
use crate::rng::Rng;
use crate::state::Set;
use crate::store::{Merged, Sifted, Store};
use crate::strategy::Retain;
use crate::testkit::facts::{at_minute, minute};
use crate::time::Epoch;

pub(super) async fn the_highest_version_stays(mut subject: Subject<impl Store>) {
    let (old, new) =
        (author(1).put("k", "old", at_minute(1)), author(2).put("k", "new", at_minute(2)));
    assert_eq!(subject.sift([&old]).await, [Sifted::Candidate]);
    assert!(subject.get("k").await.is_empty(), "a sift keeps nothing");
    assert_eq!(subject.merge([&old]).await, [Merged::Inserted(vec![])]);
    assert_eq!(subject.sift([&old]).await, [Sifted::Known]);
    assert_eq!(subject.merge([&old]).await, [Merged::Known]);
    let displaced = Merged::Inserted(vec![old.id()]);
    assert_eq!(subject.merge([&new]).await, [displaced]);
    assert_eq!(subject.sift([&old]).await, [Sifted::Obsolete(None)]);
    assert_eq!(subject.merge(&[old]).await, [Merged::Obsolete(None)]);
    assert_eq!(subject.get("k").await, [new.into_inner()]);
}

pub(super) async fn one_batch_is_merged_in_order(mut subject: Subject<impl Store>) {
    let facts: Vec<_> = [2, 3, 1, 3].map(|at| author(1).put("k", "v", at_minute(at))).into();
    let outcomes = subject.merge(&facts).await;
    let expected = [
        Merged::Inserted(vec![]),
        Merged::Inserted(facts.iter().take(1).map(|fact| fact.id()).collect()),
        Merged::Obsolete(None),
        Merged::Known,
    ];
    assert_eq!(outcomes, expected);
}

pub(super) async fn siblings_stay_side_by_side(mut subject: Subject<impl Store>) {
    let facts: Vec<_> =
        (0..30).map(|number| author(number).put("k", "v", at_minute(number))).collect();
    for fact in &facts {
        subject.merge([fact]).await;
    }
    assert_eq!(subject.get("k").await.len(), MAX_CONTEXT);
    assert_eq!(subject.total(Set::Active(Epoch::ZERO)).await.entries, MAX_CONTEXT as u64);
    for number in 0..30 {
        subject.merge(&[author(number).delete("k", at_minute(100))]).await;
    }
    let totals = subject.total(Set::Active(Epoch::ZERO)).await;
    assert_eq!((totals.entries, totals.tombstones), (0, MAX_CONTEXT as u64));
}

/// Any order, any batches, any copies: the same totals of all epochs.
pub(super) async fn order_and_copies_do_not_matter<S: Store, R: Retain + Copy + 'static>(
    retain: R,
    make: &impl AsyncFn() -> S,
) {
    let rng = &mut Rng::from_number(1);
    let facts: Vec<_> = (0..120).map(|_| any_fact(rng)).collect();
    let mut expected = None;
    for _ in 0..4 {
        let mut subject = Subject::new(make().await, retain).await;
        let mut left = [facts.clone(), facts.iter().step_by(3).cloned().collect()].concat();
        while !left.is_empty() {
            // Some know earlier than others that a fact is dormant; that must not matter either.
            subject.epoch = Epoch::from_number(1_440 + rng.below(30) as u32);
            let batch = 1 + rng.below(8).min(left.len() as u64 - 1);
            let batch: Vec<_> = (0..batch)
                .map(|_| left.swap_remove(rng.below(left.len() as u64) as usize))
                .collect();
            subject.merge(&batch).await;
        }
        let mut totals = Vec::new();
        for epoch in 1_435..1_475 {
            let totals_at = subject.total(Set::Active(Epoch::from_number(epoch))).await;
            totals.push((
                totals_at.sum,
                totals_at.entries,
                totals_at.tombstones,
                totals_at.dormant,
            ));
        }
        assert_eq!(*expected.get_or_insert_with(|| totals.clone()), totals);
    }
}

fn any_fact(rng: &mut Rng) -> Verified<Envelope> {
    let (author, hlc) = (author(rng.below(20)), at_minute(rng.below(20)));
    let key = rng.below(5).to_string();
    match rng.below(3) {
        0 => author.put(key, "v", hlc),
        1 => author.delete(key, hlc),
        _ => author.expiring(key, "v", hlc, minute(rng.below(30))),
    }
}
