//! The memory store.

use gossip_core::state::{MemoryState, Set};
use gossip_core::store::{Merge, Merged, StoreOp, StoreReply};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::facts::{Author, at_minute, domain};
use gossip_core::time::Epoch;

#[test]
fn a_newer_fact_displaces_an_older_one() {
    let author = Author::simulated(1, &domain());
    let (old, new) = (author.put("k", "old", at_minute(1)), author.put("k", "new", at_minute(2)));
    let mut state = MemoryState::new();
    let merge = Merge {
        shard: author.shard(),
        retain: std::sync::Arc::new(LastWrite::default()),
        facts: vec![old.clone(), new],
        epoch: Epoch::ZERO,
        floor: Epoch::ZERO,
    };
    let reply = state.apply(StoreOp::Merge(merge)).unwrap();
    let StoreReply::Merged { outcomes, commit: 1 } = reply else { panic!("{reply:?}") };
    assert_eq!(outcomes, [Merged::Inserted(vec![]), Merged::Inserted(vec![old.into_inner()])]);
    state.check();
    let total = StoreOp::Total { shard: author.shard(), set: Set::Active(Epoch::ZERO) };
    let StoreReply::Totals(totals) = state.apply(total).unwrap() else { panic!("not totals") };
    assert_eq!((totals.entries, totals.tombstones, totals.sum.count()), (1, 0, 1));
}
