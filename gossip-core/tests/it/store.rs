//! The memory store against the suite, the model, and stores that break a promise.

use std::sync::Arc;

use async_trait::async_trait;
use gossip_core::fact::{Envelope, Verified};
use gossip_core::rng::Rng;
use gossip_core::state::{Set, Totals};
use gossip_core::store::{
    Description, LeaseId, MemoryState, MemoryStore, Merge, Merged, Restored, Sifted, Store,
    StoreError, StoreOp, StoreReply,
};
use gossip_core::strategy::Retain;
use gossip_core::strategy::retain::{KeepSiblings, LastWrite};
use gossip_core::testkit::facts::{Author, at_minute, domain, minute};
use gossip_core::testkit::model::Model;
use gossip_core::testkit::{Script, store_conformance};
use gossip_core::time::Epoch;
use proptest::prelude::*;

#[tokio::test]
async fn the_memory_store_conforms() {
    store_conformance(async || MemoryStore::new(), async |store| store).await;
}

fn agrees(retain: Arc<dyn Retain>, dice: &[u64]) {
    let script = Script::new(retain);
    let mut model = Model::default();
    let mut state = MemoryState::new();
    for die in dice {
        let op = script.op(*die, &model);
        let reply = state.apply(op.clone()).expect("a script keeps the contract");
        model.compare(op, reply);
        state.check();
    }
}

/// Facts from small numbers: author, key, minute and form.
fn facts(numbers: &[(u64, u8, u64, u8)]) -> Vec<Verified<Envelope>> {
    let fact = |&(number, key, at, form): &(u64, u8, u64, u8)| {
        let author = Author::simulated(number, &domain());
        match form {
            0 => author.put([key], "v", at_minute(at)),
            1 => author.delete([key], at_minute(at)),
            _ => author.expiring([key], "v", at_minute(at), minute(at + u64::from(form))),
        }
    };
    numbers.iter().map(fact).collect()
}

/// The totals of every epoch around which such facts leave, after merging them in small batches.
fn totals(retain: &Arc<dyn Retain>, facts: &[Verified<Envelope>], rng: &mut Rng) -> Vec<Totals> {
    let shard = Author::simulated(0, &domain()).shard();
    let mut state = MemoryState::new();
    let mut facts = facts;
    while !facts.is_empty() {
        let (batch, rest) = facts.split_at(1 + rng.index(facts.len()));
        facts = rest;
        let (retain, facts) = (Arc::clone(retain), batch.to_vec());
        let epoch = Epoch::from_number(1_435 + rng.below(50) as u32);
        let merge = Merge { shard, retain, facts, epoch, floor: Epoch::ZERO };
        state.apply(StoreOp::Merge(merge)).expect("a merge within the contract");
    }
    state.check();
    let mut total = |epoch| {
        let set = Set::Active(Epoch::from_number(epoch));
        let reply = state.apply(StoreOp::Total { shard, set }).expect("totals are never refused");
        let StoreReply::Totals(totals) = reply else { panic!("{reply:?}") };
        Totals { commit: 0, durable: 0, ..totals }
    };
    (1_435..1_485).map(&mut total).collect()
}

fn any_order_is_the_same(retain: Arc<dyn Retain>, numbers: &[(u64, u8, u64, u8)], seed: u64) {
    let rng = &mut Rng::from_number(seed);
    let once = facts(numbers);
    let copies = once.iter().filter(|_| rng.chance(0.5)).cloned().collect();
    let mut again = [once.clone(), copies].concat();
    rng.shuffle(&mut again);
    assert_eq!(totals(&retain, &once, rng), totals(&retain, &again, rng));
}

proptest! {
    #[test]
    fn last_write_agrees_with_the_model(dice in prop::collection::vec(any::<u64>(), 0..150)) {
        agrees(Arc::new(LastWrite::default()), &dice);
    }

    #[test]
    fn keep_siblings_agrees_with_the_model(dice in prop::collection::vec(any::<u64>(), 0..150)) {
        agrees(Arc::new(KeepSiblings::default()), &dice);
    }

    #[test]
    fn any_order_and_copies_give_the_same_totals(
        numbers in prop::collection::vec((0..20_u64, 0..3_u8, 0..20_u64, 0..20_u8), 1..60),
        seed: u64,
    ) {
        any_order_is_the_same(Arc::new(LastWrite::default()), &numbers, seed);
        any_order_is_the_same(Arc::new(KeepSiblings::default()), &numbers, seed);
    }
}

/// A memory store that breaks one promise.
#[derive(Debug)]
struct Broken {
    promise: Promise,
    store: MemoryStore,
}

#[derive(Clone, Copy, Debug)]
enum Promise {
    CellsSumUp,
    DormantNamesItself,
    ExpiryIsAnnounced,
    FactsAreFetched,
    LeasesEnd,
    LeasesStay,
    MetaIsKept,
    OrderOfItems,
    PagesHoldWholeKeys,
    PagesStaySmall,
    PartsAreSummedUp,
    SweepsComeAgain,
    SweepsDrop,
    TakesGoOn,
    TotalsCount,
    WipeRaisesTheCommit,
    WipeTellsWhatWasHeld,
}

#[async_trait]
impl Store for Broken {
    fn kind(&self) -> &'static str {
        "broken"
    }

    async fn load(&self) -> Result<Restored, StoreError> {
        let mut restored = self.store.load().await?;
        if matches!(self.promise, Promise::MetaIsKept) {
            restored.meta.clear();
        }
        Ok(restored)
    }

    async fn run(&self, mut op: StoreOp) -> Result<StoreReply, StoreError> {
        match (self.promise, &mut op) {
            (Promise::PagesStaySmall, StoreOp::Scan { bytes, .. }) => *bytes = usize::MAX,
            (Promise::LeasesStay, StoreOp::Scan { lease, .. }) => *lease = None,
            (Promise::WipeRaisesTheCommit, StoreOp::Wipe { commit, .. }) => *commit = 0,
            (Promise::LeasesEnd, StoreOp::Release(lease)) => *lease = LeaseId::from_number(99),
            _ => {}
        }
        let is_scan = matches!(op, StoreOp::Scan { limit: 1.., .. });
        let is_fetch = matches!(op, StoreOp::Fetch { .. });
        let mut reply = self.store.run(op).await?;
        match (self.promise, &mut reply) {
            (Promise::CellsSumUp, StoreReply::Sketched { row, .. }) => row.cells.reverse(),
            (Promise::DormantNamesItself, StoreReply::Merged { outcomes, .. }) => {
                outcomes.iter_mut().for_each(|outcome| {
                    if let Merged::Obsolete(by) = outcome {
                        *by = None;
                    }
                });
            }
            (Promise::DormantNamesItself, StoreReply::Sifted(outcomes)) => {
                outcomes.iter_mut().for_each(|outcome| {
                    if let Sifted::Obsolete(by) = outcome {
                        *by = None;
                    }
                });
            }
            (Promise::ExpiryIsAnnounced, StoreReply::Swept { expired, .. }) => {
                expired.pop();
            }
            (Promise::FactsAreFetched, StoreReply::Facts(facts)) if is_fetch => facts.clear(),
            (Promise::OrderOfItems, StoreReply::Described(descriptions)) => {
                descriptions.iter_mut().for_each(|description| {
                    if let Description::Items(items) = description {
                        items.reverse();
                    }
                });
            }
            (Promise::PagesHoldWholeKeys, StoreReply::Facts(facts)) if is_scan => facts.truncate(1),
            (Promise::PartsAreSummedUp, StoreReply::Described(descriptions)) => {
                descriptions.iter_mut().for_each(|description| {
                    if let Description::Parts(parts) = description {
                        parts.iter_mut().for_each(|part| part.fingerprint = [0; 16]);
                    }
                });
            }
            (Promise::SweepsComeAgain, StoreReply::Swept { next, expired, .. })
                if expired.is_empty() =>
            {
                *next = None;
            }
            (Promise::SweepsDrop, StoreReply::Swept { dropped, .. }) => *dropped = 0,
            (Promise::TakesGoOn, StoreReply::Taken { left, .. }) => *left = 0,
            (Promise::TotalsCount, StoreReply::Totals(totals)) => totals.dormant = 0,
            (Promise::WipeTellsWhatWasHeld, StoreReply::Wiped { held, .. }) => held.clear(),
            _ => {}
        }
        Ok(reply)
    }
}

#[tokio::test]
async fn broken_promises_are_found() {
    for promise in [
        Promise::CellsSumUp,
        Promise::DormantNamesItself,
        Promise::ExpiryIsAnnounced,
        Promise::FactsAreFetched,
        Promise::LeasesEnd,
        Promise::LeasesStay,
        Promise::MetaIsKept,
        Promise::OrderOfItems,
        Promise::PagesHoldWholeKeys,
        Promise::PagesStaySmall,
        Promise::PartsAreSummedUp,
        Promise::SweepsComeAgain,
        Promise::SweepsDrop,
        Promise::TakesGoOn,
        Promise::TotalsCount,
        Promise::WipeRaisesTheCommit,
        Promise::WipeTellsWhatWasHeld,
    ] {
        let make = async move || Broken { promise, store: MemoryStore::new() };
        let suite = tokio::task::LocalSet::new();
        let run = suite.spawn_local(store_conformance(make, async |store| store));
        let outcome = suite.run_until(run).await;
        assert!(outcome.is_err_and(|error| error.is_panic()), "{promise:?} can be broken");
    }
}
