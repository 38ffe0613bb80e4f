//! What a store keeps, finds, counts and forgets.

use bytes::Bytes;

use super::subject::{Subject, author};
use crate::fact::Envelope;
use crate::id::{ChannelId, NodeId, ShardId, TopicId};
use crate::sketch::Symbol;
use crate::state::{Set, Span, Totals};
use crate::store::{Ask, Description, MetaName, Store, StoreOp, StoreReply};
use crate::testkit::facts::{at_minute, minute};
use crate::time::Epoch;

pub(super) async fn an_empty_store_is_empty(mut subject: Subject<impl Store>) {
    let shard = subject.shard;
    assert_eq!(subject.total(Set::Active(Epoch::ZERO)).await, Totals::default());
    assert!(subject.get("k").await.is_empty());
    assert!(subject.scan("", None, 10).await.is_empty());
    let symbols = vec![Symbol { hlc: 0, id: 0 }, Symbol { hlc: u64::MAX, id: u64::MAX }];
    subject.run(StoreOp::Fetch { shard, symbols, bytes: 100 }).await;
    subject.run(StoreOp::Wipe { shard, commit: 0 }).await;
    subject.run(StoreOp::Sync { commit: 0 }).await;
    subject.sweep(minute(1), Epoch::from_number(1), Epoch::ZERO).await;
    let nothing = Totals::default().sum.fingerprint();
    let ask = |unless| Ask { span: Span::ALL, unless, leaf: 0, ways: 2 };
    let described =
        subject.describe(Set::Active(Epoch::ZERO), vec![ask(None), ask(Some(nothing))]).await;
    assert_eq!(described, [Description::Items(vec![]), Description::Same]);
}

pub(super) async fn pages_hold_whole_keys(mut subject: Subject<impl Store>) {
    let mut facts = Vec::new();
    for (key, siblings) in [("a", 3), ("b/1", 1), ("b/2", 2), ("b/3", 4), ("c", 1)] {
        facts.extend((0..siblings).map(|number| author(number).put(key, "", at_minute(1))));
    }
    subject.merge(&facts).await;
    for limit in 1..=facts.len() {
        let mut pages = Vec::<Envelope>::new();
        loop {
            let after = pages.last().map(Envelope::shared_key);
            let page = subject.scan("", after, limit).await;
            if page.is_empty() {
                break;
            }
            let first = page.first().map(Envelope::shared_key);
            let one_key = page.iter().all(|fact| Some(fact.shared_key()) == first);
            assert!(page.len() <= limit || one_key, "only a single key may exceed the limit");
            pages.extend(page);
        }
        assert_eq!(pages.len(), facts.len(), "pages of {limit} hold everything once");
        assert!(pages.is_sorted_by_key(|fact| fact.shared_key()), "pages have an order");
    }
    assert_eq!(subject.scan("b/", None, 100).await.len(), 7);
    assert_eq!(subject.scan("b/", Some(Bytes::from_static(b"b/2")), 100).await.len(), 4);
    assert_eq!(subject.scan("b/", Some(Bytes::from_static(b"a")), 100).await.len(), 7);
    assert!(subject.scan("b/", Some(Bytes::from_static(b"c")), 100).await.is_empty());
    assert!(subject.scan("", None, 0).await.is_empty());
}

pub(super) async fn pages_stay_within_their_bytes(mut subject: Subject<impl Store>) {
    // Values beside their heads and within them; one key alone is longer than any page.
    let lengths = [10, 3_000, 900, 40_000, 2_000, 2_000, 10];
    let facts = lengths.iter().enumerate().map(|(number, length)| {
        author(number as u64).put(format!("{}", number / 2), vec![7; *length], at_minute(1))
    });
    subject.merge(&facts.collect::<Vec<_>>()).await;
    for bytes in [0, 1, 4_000, 10_000, 60_000] {
        let (mut found, mut after) = (0, None);
        loop {
            let page = subject.scan_within("", after, usize::MAX, bytes).await;
            let Some(last) = page.last().map(Envelope::shared_key) else { break };
            let length: usize = page.iter().map(|fact| fact.bytes().len()).sum();
            let one_key = page.iter().all(|fact| fact.shared_key() == last);
            assert!(length <= bytes || one_key, "a page of {length} bytes within {bytes}");
            found += page.len();
            after = Some(last);
        }
        assert_eq!(found, lengths.len(), "pages of {bytes} bytes hold everything once");
    }
}

pub(super) async fn wiping_forgets_one_shard(mut subject: Subject<impl Store>) {
    let (here, there) = (author(1), author(1).in_topic(TopicId(7)));
    let expires = here.expiring("b", "", at_minute(2), minute(3));
    subject.merge(&[here.put("a", [7; 3_000], at_minute(1)), expires.clone()]).await;
    subject.shard = there.shard();
    subject.merge(&[there.put("a", "", at_minute(3))]).await;
    subject.run(StoreOp::Remember { name: MetaName::Incarnation, value: Some("7".into()) }).await;
    subject.shard = here.shard();
    let reply = subject.run(StoreOp::Wipe { shard: here.shard(), commit: 0 }).await;
    assert!(matches!(reply, StoreReply::Wiped { held, commit: 2 } if held.len() == 2));
    assert!(subject.scan("", None, 10).await.is_empty());
    assert_eq!(subject.total(Set::Active(Epoch::ZERO)).await.sum, Totals::default().sum);
    // What was wiped may come again, and expires again.
    let swept = subject.sweep(minute(5), Epoch::ZERO, Epoch::ZERO).await;
    assert!(swept.expired.is_empty() && swept.next.is_none(), "{swept:?}");
    subject.merge(&[here.put("a", "", at_minute(1)), expires]).await;
    assert_eq!(subject.get("a").await.len(), 1);
    let swept = subject.sweep(minute(5), Epoch::ZERO, Epoch::ZERO).await;
    assert_eq!(swept.expired.len(), 1);
    subject.shard = there.shard();
    assert_eq!(subject.get("a").await.len(), 1);
}

pub(super) async fn wiping_raises_the_commit<S: Store>(
    mut subject: Subject<S>,
    reopen: &impl AsyncFn(S) -> S,
) {
    const LINEAGE: u64 = 1 << 32;
    let shard = subject.shard;
    subject.merge(&[author(1).put("k", "", at_minute(1))]).await;
    subject.run(StoreOp::Wipe { shard, commit: LINEAGE }).await;
    assert_eq!(subject.model().commit(), LINEAGE);
    subject.run(StoreOp::Sync { commit: LINEAGE }).await;
    let totals = subject.total(Set::Active(Epoch::ZERO)).await;
    assert_eq!((totals.commit, totals.durable), (LINEAGE, LINEAGE));
    let mut subject = subject.reopen(reopen).await;
    subject.merge(&[author(1).put("k", "", at_minute(1))]).await;
    subject.run(StoreOp::Wipe { shard, commit: LINEAGE }).await;
    assert_eq!(subject.model().commit(), LINEAGE + 1, "it never sinks");
}

pub(super) async fn what_breaks_the_contract_is_refused(mut subject: Subject<impl Store>) {
    let stray = author(1).in_topic(TopicId(9)).put("k", "", at_minute(1));
    subject.expect_refusal(subject.merge_op(&[author(1).put("j", "", at_minute(1)), stray])).await;
    assert!(subject.scan("", None, 10).await.is_empty(), "a refused op changes nothing");
    subject.expect_refusal(StoreOp::Sync { commit: 1 }).await;
}

pub(super) async fn commits_count_merges(mut subject: Subject<impl Store>) {
    let fact = author(1).put("k", "", at_minute(1));
    subject.merge(&[fact.clone(), author(1).put("j", "", at_minute(1))]).await;
    assert_eq!(subject.model().commit(), 1, "a merge is one commit");
    subject.merge(&[fact]).await;
    subject.merge(&[]).await;
    assert_eq!(subject.model().commit(), 1, "a merge without news is none");
    subject.run(StoreOp::Sync { commit: 1 }).await;
    let totals = subject.total(Set::Active(Epoch::ZERO)).await;
    assert_eq!((totals.commit, totals.durable), (1, 1));
}

pub(super) async fn everything_is_found_again<S: Store>(
    mut subject: Subject<S>,
    reopen: &impl AsyncFn(S) -> S,
) {
    let shard = subject.shard;
    let channel = ChannelId::from_bytes([1; 32]);
    let nodes = [NodeId::from_bytes([2; 32]), NodeId::from_bytes([3; 32])];
    let names = [
        MetaName::FactBytes,
        MetaName::Left,
        MetaName::Owner,
        MetaName::Floor(shard),
        MetaName::Floor(ShardId { channel, ..shard }),
        MetaName::Floor(ShardId { topic: TopicId(1), ..shard }),
        MetaName::Incarnation,
    ];
    let names = names.into_iter().chain(nodes.map(MetaName::Member));
    let names = names.chain(nodes.map(|node| MetaName::Receipt(channel, node)));
    for (number, name) in names.enumerate() {
        let value = Bytes::copy_from_slice(&number.to_le_bytes());
        subject.run(StoreOp::Remember { name, value: Some(value) }).await;
    }
    subject.run(StoreOp::Remember { name: MetaName::Incarnation, value: None }).await;
    subject.run(StoreOp::Remember { name: MetaName::Floor(shard), value: Some("8".into()) }).await;
    let facts = (0..40).map(|number| match number % 3 {
        0 => author(number).delete(format!("{}", number % 7), at_minute(number)),
        1 => author(number).expiring(format!("{}", number % 7), "v", at_minute(1), minute(number)),
        _ => author(number).put(format!("{}", number % 7), [7; 3_000], at_minute(number)),
    });
    subject.merge(&facts.collect::<Vec<_>>()).await;
    let mut subject = subject.reopen(reopen).await;
    subject.scan("", None, 100).await;
    subject.total(Set::Active(Epoch::ZERO)).await;
    let swept =
        subject.sweep(minute(10), Epoch::from_number(1_460), Epoch::from_number(1_450)).await;
    assert!(!swept.expired.is_empty() && swept.left > 0 && swept.dropped > 0, "{swept:?}");
    let mut subject = subject.reopen(reopen).await;
    subject.scan("", None, 100).await;
    subject.total(Set::Active(Epoch::from_number(1_460))).await;
    let swept = subject.sweep(minute(20), Epoch::from_number(1_460), Epoch::ZERO).await;
    assert!(!swept.expired.is_empty(), "what was announced stays announced, the rest is due");
}
