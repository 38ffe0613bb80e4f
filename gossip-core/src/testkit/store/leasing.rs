//! Views that stay as they are.

use super::subject::{Subject, author};
use crate::id::TopicId;
use crate::store::{MAX_LEASES, Store, StoreOp};
use crate::testkit::facts::{at_minute, minute};
use crate::time::{Epoch, Wall};

pub(super) async fn a_lease_shows_what_was(mut subject: Subject<impl Store>) {
    let (here, there) = (author(1), author(1).in_topic(TopicId(7)));
    let old = [here.put("a", "1", at_minute(1)), here.put("b", [7; 3_000], at_minute(1))];
    subject.merge(&old).await;
    let lease = subject.lease().await;
    assert_eq!(subject.leased(lease).await.len(), 2);
    let new = [
        here.put("a", "2", at_minute(2)),
        here.put("b", [8; 3_000], at_minute(2)),
        here.delete("c", at_minute(2)),
        here.expiring("d", "", at_minute(2), minute(3)),
    ];
    subject.merge(&new).await;
    let later = subject.lease().await;
    let far = Epoch::NEVER.previous();
    let swept = subject.sweep(Wall::from_millis(u64::MAX), far, far).await;
    assert_eq!(swept.dropped, 2);
    subject.run(StoreOp::Wipe { shard: here.shard(), commit: 0 }).await;
    subject.shard = there.shard();
    subject.merge(&[there.put("a", "", at_minute(3))]).await;
    assert!(subject.leased(lease).await.is_empty(), "a lease is of the whole store");
    subject.shard = here.shard();
    assert!(subject.scan("", None, 10).await.is_empty());
    let old = old.map(|fact| fact.into_inner());
    assert_eq!(subject.leased(lease).await, old);
    assert_eq!(subject.leased(later).await.len(), 4);
}

pub(super) async fn a_ninth_lease_ends_the_oldest(mut subject: Subject<impl Store>) {
    let mut leases = Vec::new();
    for number in 0..=MAX_LEASES as u64 {
        subject.merge(&[author(1).put(number.to_le_bytes(), "", at_minute(1))]).await;
        leases.push(subject.lease().await);
    }
    let (first, rest) = leases.split_first().expect("leases were granted");
    subject.expect_refusal(subject.leased_op(*first)).await;
    for (number, lease) in rest.iter().enumerate() {
        assert_eq!(subject.leased(*lease).await.len(), number + 2);
    }
}

pub(super) async fn a_released_lease_has_ended(mut subject: Subject<impl Store>) {
    let (first, second) = (subject.lease().await, subject.lease().await);
    subject.run(StoreOp::Release(first)).await;
    subject.expect_refusal(subject.leased_op(first)).await;
    subject.run(StoreOp::Release(first)).await;
    assert!(subject.leased(second).await.is_empty());
}
