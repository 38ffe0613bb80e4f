//! The store under test, with a model beside it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::fact::{Envelope, Verified};
use crate::id::ShardId;
use crate::sketch::Symbol;
use crate::state::{Point, Set, Span, Totals};
use crate::store::{
    Ask, Describe, Description, LeaseId, Merge, Merged, Restored, Row, Sifted, Store, StoreError,
    StoreOp, StoreReply,
};
use crate::strategy::Retain;
use crate::testkit::facts::{Author, domain};
use crate::testkit::model::Model;
use crate::time::{Epoch, Wall};

/// Why a reply has the form that its op has.
const MODEL: &str = "the model accepts one form of reply";

/// Runs ops on both and compares the answers.
#[derive(Debug)]
pub(super) struct Subject<S> {
    /// The epoch that merges name.
    pub(super) epoch: Epoch,
    /// The floor that merges name.
    pub(super) floor: Epoch,
    model: Model,
    pub(super) retain: Arc<dyn Retain>,
    pub(super) shard: ShardId,
    store: S,
}

/// What a sweep did.
#[derive(Debug)]
pub(super) struct Swept {
    pub(super) expired: Vec<Envelope>,
    pub(super) next: Option<Wall>,
    pub(super) left: usize,
    pub(super) dropped: usize,
}

impl<S: Store> Subject<S> {
    pub(super) async fn new(store: S, retain: impl Retain + 'static) -> Self {
        let model = Model::default();
        compare_restored(&store.load().await.expect("a new store loads"), &model);
        Self {
            epoch: Epoch::ZERO,
            floor: Epoch::ZERO,
            model,
            retain: Arc::new(retain),
            shard: author(0).shard(),
            store,
        }
    }

    pub(super) const fn model(&self) -> &Model {
        &self.model
    }

    pub(super) async fn run(&mut self, op: StoreOp) -> StoreReply {
        let reply = self.store.run(op.clone()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{op:?} failed: {error}"));
        self.model.compare(op, reply.clone());
        reply
    }

    /// Expects an op to be refused as a breach of the contract.
    pub(super) async fn expect_refusal(&self, op: StoreOp) {
        let outcome = self.store.run(op).await;
        assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    }

    /// Stops and starts the store.
    pub(super) async fn reopen(mut self, reopen: &impl AsyncFn(S) -> S) -> Self {
        let commit = self.model.commit();
        self.run(StoreOp::Sync { commit }).await;
        let Self { epoch, floor, mut model, retain, shard, store } = self;
        let store = reopen(store).await;
        model.reopen();
        compare_restored(&store.load().await.expect("a store loads again"), &model);
        Self { epoch, floor, model, retain, shard, store }
    }

    pub(super) fn merge_op<'a>(
        &self,
        facts: impl IntoIterator<Item = &'a Verified<Envelope>>,
    ) -> StoreOp {
        let Self { epoch, floor, model: _, retain, shard, store: _ } = self;
        StoreOp::Merge(Merge {
            shard: *shard,
            retain: Arc::clone(retain),
            facts: facts.into_iter().cloned().collect(),
            epoch: *epoch,
            floor: *floor,
        })
    }

    pub(super) async fn merge<'a>(
        &mut self,
        facts: impl IntoIterator<Item = &'a Verified<Envelope>>,
    ) -> Vec<Merged> {
        let StoreReply::Merged { outcomes, .. } = self.run(self.merge_op(facts)).await else {
            unreachable!("{MODEL}")
        };
        outcomes
    }

    pub(super) async fn sift<'a>(
        &mut self,
        facts: impl IntoIterator<Item = &'a Verified<Envelope>>,
    ) -> Vec<Sifted> {
        let facts = facts.into_iter().cloned().map(Verified::into_inner).collect();
        let op = StoreOp::Sift { shard: self.shard, retain: Arc::clone(&self.retain), facts };
        let StoreReply::Sifted(outcomes) = self.run(op).await else { unreachable!("{MODEL}") };
        outcomes
    }

    pub(super) async fn sweep(&mut self, wall: Wall, epoch: Epoch, floor: Epoch) -> Swept {
        let reply = self.run(StoreOp::Sweep { shard: self.shard, wall, epoch, floor }).await;
        let StoreReply::Swept { expired, next, left, dropped } = reply else {
            unreachable!("{MODEL}")
        };
        Swept { expired, next, left, dropped }
    }

    pub(super) async fn total(&mut self, set: Set) -> Totals {
        let reply = self.run(StoreOp::Total { shard: self.shard, set }).await;
        let StoreReply::Totals(totals) = reply else { unreachable!("{MODEL}") };
        totals
    }

    pub(super) async fn sketch(&mut self, epoch: Epoch, cells: Range<usize>, key: u64) -> Row {
        let reply = self.run(StoreOp::Sketch { shard: self.shard, epoch, cells, key }).await;
        let StoreReply::Sketched { row, .. } = reply else { unreachable!("{MODEL}") };
        row
    }

    pub(super) async fn fetch(&mut self, symbols: Vec<Symbol>, bytes: usize) -> Vec<Envelope> {
        let reply = self.run(StoreOp::Fetch { shard: self.shard, symbols, bytes }).await;
        let StoreReply::Facts(facts) = reply else { unreachable!("{MODEL}") };
        facts
    }

    pub(super) async fn take(
        &mut self,
        set: Set,
        span: Span,
        bytes: usize,
    ) -> (Vec<Envelope>, Point, u64) {
        let reply = self.run(StoreOp::Take { shard: self.shard, set, span, bytes }).await;
        let StoreReply::Taken { facts, upto, left } = reply else { unreachable!("{MODEL}") };
        (facts, upto, left)
    }

    pub(super) async fn describe(&mut self, set: Set, asks: Vec<Ask>) -> Vec<Description> {
        let retain = Arc::clone(&self.retain);
        let describe = Describe { shard: self.shard, set, retain, asks };
        let StoreReply::Described(descriptions) = self.run(StoreOp::Describe(describe)).await
        else {
            unreachable!("{MODEL}")
        };
        descriptions
    }

    pub(super) async fn get(&mut self, key: &'static str) -> Vec<Envelope> {
        self.facts(StoreOp::Get { shard: self.shard, key: Bytes::from_static(key.as_bytes()) })
            .await
    }

    pub(super) async fn scan(
        &mut self,
        prefix: &'static str,
        after: Option<Bytes>,
        limit: usize,
    ) -> Vec<Envelope> {
        self.scan_within(prefix, after, limit, usize::MAX).await
    }

    pub(super) async fn scan_within(
        &mut self,
        prefix: &'static str,
        after: Option<Bytes>,
        limit: usize,
        bytes: usize,
    ) -> Vec<Envelope> {
        let (shard, prefix) = (self.shard, Bytes::from_static(prefix.as_bytes()));
        self.facts(StoreOp::Scan { shard, prefix, after, limit, bytes, lease: None }).await
    }

    /// Everything of the shard as a lease shows it.
    pub(super) async fn leased(&mut self, lease: LeaseId) -> Vec<Envelope> {
        self.facts(self.leased_op(lease)).await
    }

    pub(super) fn leased_op(&self, lease: LeaseId) -> StoreOp {
        let (prefix, limit, bytes, lease) = (Bytes::new(), usize::MAX, usize::MAX, Some(lease));
        StoreOp::Scan { shard: self.shard, prefix, after: None, limit, bytes, lease }
    }

    pub(super) async fn lease(&mut self) -> LeaseId {
        let StoreReply::Leased(lease) = self.run(StoreOp::Lease).await else {
            unreachable!("{MODEL}")
        };
        lease
    }

    async fn facts(&mut self, op: StoreOp) -> Vec<Envelope> {
        let StoreReply::Facts(facts) = self.run(op).await else { unreachable!("{MODEL}") };
        facts
    }
}

/// The author with this number, in the one shard that most checks use.
pub(super) fn author(number: u64) -> Author {
    Author::simulated(number, &domain())
}

/// Compares what a store says at its start with what a model holds.
fn compare_restored(restored: &Restored, model: &Model) {
    assert_eq!(restored.commit, model.commit(), "the last commit is found again");
    assert_eq!(restored.hlc, model.hlc(), "the highest version is found again");
    assert_eq!(restored.meta, *model.meta(), "what was remembered is found again");
}
