//! Deletion, expiry, and what is left of them.

use super::subject::{Subject, author};
use crate::fact::{HORIZON, Verified};
use crate::state::Set;
use crate::store::{DROP_LIMIT, Merged, SWEEP_BYTES, SWEEP_LIMIT, Sifted, Store};
use crate::testkit::facts::{at_minute, minute};
use crate::time::{Epoch, Wall};

/// The epoch in which what died in this minute leaves the compared set.
fn leaves(minute: u64) -> Epoch {
    Epoch::from_number((HORIZON.as_secs() / 60 + 1 + minute) as u32)
}

pub(super) async fn a_deletion_outlives_its_key(mut subject: Subject<impl Store>) {
    let (old, delete) =
        (author(1).put("k", "v", at_minute(1)), author(1).delete("k", at_minute(2)));
    subject.merge(&[old.clone(), delete.clone()]).await;
    assert_eq!(subject.merge([&old]).await, [Merged::Obsolete(None)], "still compared");
    let swept = subject.sweep(Wall::ZERO, leaves(2).previous(), Epoch::ZERO).await;
    assert_eq!((swept.left, swept.dropped), (0, 0));
    let swept = subject.sweep(Wall::ZERO, leaves(2), leaves(2)).await;
    assert_eq!((swept.left, swept.dropped), (1, 0));
    let delete = delete.into_inner();
    assert_eq!(subject.sift([&old]).await, [Sifted::Obsolete(Some(delete.clone()))]);
    subject.epoch = leaves(2);
    assert_eq!(subject.merge([&old]).await, [Merged::Obsolete(Some(delete.clone()))]);
    assert_eq!(subject.get("k").await, [delete]);
    let swept = subject.sweep(Wall::ZERO, leaves(3), leaves(3)).await;
    assert_eq!((swept.left, swept.dropped), (0, 1));
    assert!(subject.get("k").await.is_empty());
    subject.floor = leaves(3);
    let again = author(1).delete("k", at_minute(2));
    assert_eq!(subject.merge(&[again, old]).await, [Merged::Collected, Merged::Inserted(vec![])]);
}

pub(super) async fn the_long_dead_come_back_as_dormant(mut subject: Subject<impl Store>) {
    let (old, delete) =
        (author(1).put("k", "v", at_minute(1)), author(1).delete("k", at_minute(5)));
    subject.merge([&old]).await;
    subject.epoch = leaves(7);
    subject.floor = leaves(5);
    let displaced = Merged::Inserted(vec![old.id()]);
    assert_eq!(subject.merge([&delete]).await, [displaced]);
    let totals = subject.total(Set::Active(leaves(7))).await;
    assert_eq!((totals.sum.count(), totals.dormant), (0, 1));
    let dormant = Set::Dormant { from: leaves(5), upto: leaves(7) };
    assert_eq!(subject.total(dormant).await.sum.count(), 1);
    assert_eq!(subject.merge(&[old]).await, [Merged::Obsolete(Some(delete.into_inner()))]);
    let swept = subject.sweep(Wall::ZERO, leaves(7), leaves(6)).await;
    assert_eq!(swept.dropped, 1);
}

pub(super) async fn a_dormant_sibling_names_itself_only_to_its_own(
    mut subject: Subject<impl Store>,
) {
    let delete = author(1).delete("k", at_minute(5));
    subject.merge(&[delete.clone(), author(2).put("k", "", at_minute(5))]).await;
    subject.sweep(Wall::ZERO, leaves(5), Epoch::ZERO).await;
    subject.epoch = leaves(5);
    let older = [1, 2, 3].map(|number| author(number).put("k", "older", at_minute(1)));
    let delete = delete.into_inner();
    let expected =
        [Merged::Obsolete(Some(delete)), Merged::Obsolete(None), Merged::Inserted(vec![])];
    assert_eq!(subject.merge(&older).await, expected);
}

pub(super) async fn expiry_is_announced_once(mut subject: Subject<impl Store>) {
    let early = author(1).expiring("early", "v", at_minute(1), minute(10));
    let late = author(1).expiring("late", "v", at_minute(1), minute(20));
    let replaced = author(1).expiring("replaced", "v", at_minute(1), minute(5));
    subject.merge(&[early.clone(), late.clone(), replaced]).await;
    subject.merge(&[author(1).put("replaced", "v", at_minute(2))]).await;
    let epoch = Epoch::from_number(1);
    let swept = subject.sweep(Wall::from_millis(599_999), epoch, Epoch::ZERO).await;
    assert_eq!((swept.expired, swept.next), (vec![], Some(minute(10))));
    assert_eq!(subject.total(Set::Active(epoch)).await.tombstones, 0);
    let swept = subject.sweep(minute(10), epoch, Epoch::ZERO).await;
    assert_eq!((swept.expired, swept.next), (vec![early.into_inner()], Some(minute(20))));
    let totals = subject.total(Set::Active(epoch)).await;
    assert_eq!((totals.entries, totals.tombstones), (2, 1));
    let swept = subject.sweep(minute(10), epoch, Epoch::ZERO).await;
    assert_eq!((swept.expired, swept.next), (vec![], Some(minute(20))));
    let swept = subject.sweep(minute(99), epoch, Epoch::ZERO).await;
    assert_eq!((swept.expired, swept.next), (vec![late.into_inner()], None));
    // An expired fact still rejects what is older, like a deletion.
    assert_eq!(
        subject.merge(&[author(1).put("late", "v", at_minute(0))]).await,
        [Merged::Obsolete(None)]
    );
}

pub(super) async fn many_expire_in_turns(mut subject: Subject<impl Store>) {
    let count = 2 * SWEEP_LIMIT + 10;
    let fact =
        |number: usize| author(1).expiring(number.to_le_bytes(), "v", at_minute(1), minute(5));
    let facts: Vec<_> = (0..count).map(fact).collect();
    subject.merge(&facts).await;
    let mut announced = Vec::new();
    for expected in [SWEEP_LIMIT, SWEEP_LIMIT, 10, 0] {
        let swept = subject.sweep(minute(6), Epoch::from_number(6), Epoch::ZERO).await;
        assert_eq!(swept.expired.len(), expected);
        announced.extend(swept.expired);
        assert_eq!(swept.next.is_some(), announced.len() < count, "more is due");
    }
    announced.sort_by_key(|fact| fact.shared_key());
    let mut facts: Vec<_> = facts.into_iter().map(Verified::into_inner).collect();
    facts.sort_by_key(|fact| fact.shared_key());
    assert!(announced == facts, "each is announced once");
}

pub(super) async fn large_ones_expire_in_turns(mut subject: Subject<impl Store>) {
    // Three fit into one answer, and the last of all is longer than any.
    let length = |number: u8| if number == 9 { 2 * SWEEP_BYTES } else { SWEEP_BYTES / 4 };
    let fact = |number| {
        let expires_at = minute(u64::from(number) + 1);
        author(1).expiring([number], vec![7; length(number)], at_minute(1), expires_at)
    };
    subject.merge(&(0..10).map(fact).collect::<Vec<_>>()).await;
    for expected in [3, 3, 3, 1, 0] {
        let swept = subject.sweep(minute(20), Epoch::from_number(6), Epoch::ZERO).await;
        assert_eq!(swept.expired.len(), expected);
    }
}

pub(super) async fn many_are_dropped_in_turns(mut subject: Subject<impl Store>) {
    let count = DROP_LIMIT + 10;
    let delete = |number: usize| author(1).delete(number.to_le_bytes(), at_minute(1));
    subject.merge(&(0..count).map(delete).collect::<Vec<_>>()).await;
    for (dropped, more) in [(DROP_LIMIT, true), (10, false), (0, false)] {
        let swept = subject.sweep(minute(2), leaves(3), leaves(3)).await;
        assert_eq!((swept.dropped, swept.next.is_some()), (dropped, more));
    }
}

pub(super) async fn what_lives_never_leaves(mut subject: Subject<impl Store>) {
    let old = author(1).put("k", "v", at_minute(1));
    subject.merge([&old, &author(1).delete("gone", at_minute(1))]).await;
    let swept = subject.sweep(minute(1), Epoch::NEVER, Epoch::NEVER).await;
    assert_eq!((swept.left, swept.dropped), (1, 1));
    let new = author(1).put("k", "v", at_minute(2));
    assert_eq!(subject.merge([&new]).await, [Merged::Inserted(vec![old.id()])]);
    assert_eq!(subject.total(Set::Active(Epoch::ZERO)).await.entries, 1);
}

pub(super) async fn sets_of_other_epochs_are_known(mut subject: Subject<impl Store>) {
    let mut facts = Vec::new();
    for minute_of_death in 0..10 {
        let key = |kind: u8| [kind, minute_of_death as u8];
        facts.push(author(1).delete(key(0), at_minute(minute_of_death)));
        facts.push(author(1).expiring(key(1), "v", at_minute(0), minute(minute_of_death + 1)));
        facts.push(author(1).put(key(2), "v", at_minute(minute_of_death)));
    }
    subject.merge(&facts).await;
    for at in [0, 3, 4, 8, 12] {
        subject.sweep(minute(at), leaves(at), Epoch::ZERO).await;
        for epoch in 0..14 {
            let totals = subject.total(Set::Active(leaves(epoch))).await;
            assert_eq!(totals.sum.count() + totals.dormant, 30);
            subject.total(Set::Dormant { from: leaves(2), upto: leaves(epoch) }).await;
            subject.total(Set::Dormant { from: leaves(epoch), upto: Epoch::NEVER }).await;
        }
    }
}
