//! A store too simple to be wrong: lists, searched from end to end. Other stores must agree.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;

use crate::fact::Envelope;
use crate::id::{FactId, ShardId};
use crate::sketch::{Census, Code, Sketch, Symbol};
use crate::state::{Item, Part, Point, Set, Span, Sum, Totals};
use crate::store::{
    DROP_LIMIT, Describe, Description, LeaseId, MAX_LEASES, Merge, Merged, MetaName, Row,
    SWEEP_BYTES, SWEEP_LIMIT, Sifted, StoreOp, StoreReply, TAKE_LIMIT,
};
use crate::strategy::Retain;
use crate::time::{Epoch, Hlc, Wall};

/// What a store should hold.
#[derive(Clone, Debug, Default)]
pub struct Model {
    commit: u64,
    /// The shards as they were; `None` for a lease that has ended.
    leases: BTreeMap<LeaseId, Option<BTreeMap<ShardId, Shard>>>,
    meta: BTreeMap<MetaName, Bytes>,
    shards: BTreeMap<ShardId, Shard>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    announced: BTreeSet<FactId>,
    epoch: Epoch,
    keys: BTreeMap<Vec<u8>, Vec<Envelope>>,
    left: usize,
}

impl Model {
    /// Runs an op on the model too and compares the answers.
    ///
    /// # Panics
    /// If `reply` is not what the port promises.
    pub fn compare(&mut self, op: StoreOp, reply: StoreReply) {
        let asked = format!("{op:?}");
        let commit = self.commit;
        match (op, reply) {
            (StoreOp::Describe(describe), StoreReply::Described(given)) => {
                self.shard(describe.shard).compare_described(&describe, &given);
            }
            (StoreOp::Fetch { shard, symbols, bytes }, StoreReply::Facts(given)) => {
                assert_eq!(given, self.shard(shard).fetch(&symbols, bytes), "{asked}");
            }
            (StoreOp::Get { shard, key }, StoreReply::Facts(given)) => {
                assert_eq!(given, self.shard(shard).head(&key), "{asked}");
            }
            (StoreOp::Lease, StoreReply::Leased(given)) => {
                assert!(self.lease(given), "{asked}: {given:?} is granted twice");
            }
            (StoreOp::Merge(merge), StoreReply::Merged { outcomes, commit }) => {
                self.compare_merged(merge, &outcomes, commit, &asked);
            }
            (StoreOp::Release(lease), StoreReply::Synced { commit: given }) => {
                self.leases.insert(lease, None);
                assert!(given <= commit, "{asked}");
            }
            (StoreOp::Remember { name, value }, StoreReply::Synced { commit: given }) => {
                self.remember(name, value);
                assert!(given <= commit, "{asked}");
            }
            (
                StoreOp::Scan { shard, prefix, after, limit, bytes, lease },
                StoreReply::Facts(given),
            ) => {
                let shards = self.as_of(lease).unwrap_or_else(|| panic!("{asked}: it has ended"));
                let scan = |shard: &Shard| shard.scan(&prefix, after.as_deref(), limit, bytes);
                assert_eq!(given, shards.get(&shard).map(scan).unwrap_or_default(), "{asked}");
            }
            (StoreOp::Sift { shard, retain, facts }, StoreReply::Sifted(given)) => {
                assert_eq!(given, self.shard(shard).sift(&*retain, &facts), "{asked}");
            }
            (
                StoreOp::Sketch { shard, epoch, cells, key },
                StoreReply::Sketched { row, totals },
            ) => {
                self.compare_totals(shard, Set::Active(epoch), totals, &asked);
                assert_eq!(row, self.shard(shard).row(epoch, cells, key), "{asked}");
            }
            (StoreOp::Sweep { shard, wall, epoch, floor }, reply) => {
                self.shard(shard).compare_swept(wall, epoch, floor, reply);
            }
            (StoreOp::Sync { commit: least }, StoreReply::Synced { commit: given }) => {
                assert!(least <= given && given <= commit, "{asked}");
            }
            (
                StoreOp::Take { shard, set, span, bytes },
                StoreReply::Taken { facts, upto, left },
            ) => {
                let expected = self.shard(shard).stretch(set, &span, bytes);
                assert_eq!((facts, upto, left), expected, "{asked}");
            }
            (StoreOp::Total { shard, set }, StoreReply::Totals(given)) => {
                self.compare_totals(shard, set, given, &asked);
            }
            (StoreOp::Wipe { shard, commit: least }, StoreReply::Wiped { held: given, commit }) => {
                let held = self.shards.remove(&shard).unwrap_or_default();
                assert_eq!(sorted(given), sorted(held.facts().map(Envelope::id)), "{asked}");
                self.commit = least.max(self.commit);
                assert_eq!(commit, self.commit, "{asked}");
            }
            (_, reply) => panic!("{asked} was answered by {reply:?}"),
        }
    }

    fn remember(&mut self, name: MetaName, value: Option<Bytes>) {
        match value {
            Some(value) => self.meta.insert(name, value),
            None => self.meta.remove(&name),
        };
    }

    fn compare_merged(&mut self, merge: Merge, outcomes: &[Merged], commit: u64, asked: &str) {
        let expected = self.shard(merge.shard).merge(merge);
        assert_eq!(outcomes, expected, "{asked}");
        let changed = expected.iter().any(|merged| matches!(merged, Merged::Inserted(_)));
        self.commit += u64::from(changed);
        assert_eq!(commit, self.commit, "{asked}");
    }

    fn compare_totals(&mut self, shard: ShardId, set: Set, given: Totals, asked: &str) {
        let commit = self.commit;
        let expected = Totals { commit, durable: given.durable, ..self.shard(shard).total(set) };
        assert_eq!(given, expected, "{asked}");
        assert!(given.durable <= commit, "{asked}");
    }

    /// Begins a lease, and ends the oldest if there are too many; false if it was there before.
    fn lease(&mut self, lease: LeaseId) -> bool {
        let before = self.leases.insert(lease, Some(self.shards.clone()));
        let ended = self.leases().rev().nth(MAX_LEASES);
        if let Some(oldest) = ended {
            self.leases.insert(oldest, None);
        }
        before.is_none()
    }

    /// The last commit.
    #[must_use]
    pub const fn commit(&self) -> u64 {
        self.commit
    }

    /// The highest version held.
    #[must_use]
    pub fn hlc(&self) -> Hlc {
        let facts = self.shards.values().flat_map(Shard::facts);
        facts.map(Envelope::hlc).max().unwrap_or_default()
    }

    /// Everything remembered.
    #[must_use]
    pub const fn meta(&self) -> &BTreeMap<MetaName, Bytes> {
        &self.meta
    }

    /// The leases that have not ended, the oldest first; stores grant them in rising order.
    pub fn leases(&self) -> impl DoubleEndedIterator<Item = LeaseId> {
        self.leases.iter().filter(|(_, shards)| shards.is_some()).map(|(lease, _)| *lease)
    }

    /// What happens to a model when its store is closed and opened again: leases end.
    pub fn reopen(&mut self) {
        self.leases.clear();
    }

    /// All facts of a shard, in key order.
    #[must_use]
    pub fn facts(&self, shard: ShardId) -> Vec<Envelope> {
        self.shards.get(&shard).into_iter().flat_map(Shard::facts).cloned().collect()
    }

    /// The sum of a set's facts in a span.
    #[must_use]
    pub fn sum(&self, shard: ShardId, set: Set, span: &Span) -> Sum {
        self.shards.get(&shard).map(|shard| sum_of(&shard.select(set, span))).unwrap_or_default()
    }

    fn as_of(&self, lease: Option<LeaseId>) -> Option<&BTreeMap<ShardId, Shard>> {
        match lease {
            None => Some(&self.shards),
            Some(lease) => self.leases.get(&lease)?.as_ref(),
        }
    }

    fn shard(&mut self, id: ShardId) -> &mut Shard {
        self.shards.entry(id).or_default()
    }
}

impl Shard {
    fn facts(&self) -> impl Iterator<Item = &Envelope> {
        self.keys.values().flatten()
    }

    fn raise(&mut self, epoch: Epoch) {
        let epoch = epoch.min(Epoch::NEVER.previous());
        let leaves = |fact: &&Envelope| self.epoch < fact.leaves_at() && fact.leaves_at() <= epoch;
        self.left += self.facts().filter(leaves).count();
        self.epoch = self.epoch.max(epoch);
    }

    fn merge(&mut self, merge: Merge) -> Vec<Merged> {
        self.raise(merge.epoch);
        let mut outcomes = Vec::new();
        for fact in merge.facts {
            let sifted = self.sift_one(&*merge.retain, &fact);
            outcomes.push(match sifted {
                Sifted::Known => Merged::Known,
                _ if fact.leaves_at() < merge.floor => Merged::Collected,
                Sifted::Obsolete(by) => Merged::Obsolete(by),
                Sifted::Candidate => {
                    let before = self.keys.remove(fact.key()).unwrap_or_default();
                    let both = [before.clone(), vec![fact.clone().into_inner()]].concat();
                    let after = retained(&*merge.retain, &both);
                    let displaced = before.into_iter().filter(|held| !after.contains(held));
                    let displaced: Vec<_> = displaced.collect();
                    for gone in &displaced {
                        self.announced.remove(&gone.id());
                    }
                    self.keys.insert(fact.key().to_vec(), after);
                    Merged::Inserted(displaced.iter().map(Envelope::id).collect())
                }
            });
        }
        outcomes
    }

    fn sift(&self, retain: &dyn Retain, facts: &[Envelope]) -> Vec<Sifted> {
        facts.iter().map(|fact| self.sift_one(retain, fact)).collect()
    }

    fn sift_one(&self, retain: &dyn Retain, fact: &Envelope) -> Sifted {
        let held = self.keys.get(fact.key()).cloned().unwrap_or_default();
        if held.contains(fact) {
            return Sifted::Known;
        }
        let both = [held.clone(), vec![fact.clone()]].concat();
        if retained(retain, &both).contains(fact) {
            return Sifted::Candidate;
        }
        let decides = |held: &&Envelope| {
            let pair = [(*held).clone(), fact.clone()];
            held.leaves_at() <= self.epoch && !retained(retain, &pair).contains(fact)
        };
        Sifted::Obsolete(held.iter().find(decides).cloned())
    }

    fn compare_swept(&mut self, wall: Wall, epoch: Epoch, floor: Epoch, reply: StoreReply) {
        let StoreReply::Swept { expired, next, left, dropped } = reply else {
            panic!("a sweep was answered by {reply:?}")
        };
        let due = || self.waiting().filter(|fact| fact.expires_at() <= wall);
        let bytes: usize = expired.iter().map(|fact| fact.bytes().len()).sum();
        assert!(bytes <= SWEEP_BYTES || expired.len() == 1, "{bytes} bytes are announced");
        if due().all(|fact| bytes + fact.bytes().len() <= SWEEP_BYTES) {
            assert_eq!(expired.len(), due().count().min(SWEEP_LIMIT), "what fits is announced");
        }
        assert!(!expired.is_empty() || due().next().is_none(), "one always fits");
        for fact in expired {
            assert!(self.waiting().any(|held| *held == fact), "{fact:?} is announced once");
            assert!(fact.expires_at() <= wall, "{fact:?} is announced in time");
            self.announced.insert(fact.id());
        }
        self.raise(epoch);
        assert_eq!(left, std::mem::take(&mut self.left), "facts that became dormant");
        let goes = |fact: &&Envelope| fact.leaves_at() <= self.epoch && fact.leaves_at() < floor;
        let mut gone: Vec<_> = self.facts().filter(goes).collect();
        gone.sort_unstable_by_key(|fact| (fact.leaves_at(), Point::of(fact)));
        let more = gone.len() > DROP_LIMIT;
        let gone: BTreeSet<_> = gone.into_iter().take(DROP_LIMIT).map(Envelope::id).collect();
        for facts in self.keys.values_mut() {
            facts.retain(|fact| !gone.contains(&fact.id()));
        }
        self.keys.retain(|_, facts| !facts.is_empty());
        let held: BTreeSet<_> = self.facts().map(Envelope::id).collect();
        self.announced.retain(|id| held.contains(id));
        assert_eq!(dropped, gone.len(), "facts that were dropped");
        let expiry = self.waiting().map(Envelope::expires_at).min();
        assert_eq!(next, expiry.into_iter().chain(more.then_some(wall)).min(), "the next sweep");
    }

    /// What is yet to be announced as expired.
    fn waiting(&self) -> impl Iterator<Item = &Envelope> {
        let waits = |fact: &&Envelope| {
            fact.expires_at() != Wall::ZERO && !self.announced.contains(&fact.id())
        };
        self.facts().filter(waits)
    }

    fn total(&self, set: Set) -> Totals {
        let facts = self.select(set, &Span::ALL);
        let dead = |fact: &&&Envelope| fact.is_tombstone() || self.announced.contains(&fact.id());
        let tombstones = facts.iter().filter(dead).count() as u64;
        let last = match set {
            Set::Active(epoch) | Set::Dormant { upto: epoch, .. } => epoch,
        };
        Totals {
            entries: facts.len() as u64 - tombstones,
            tombstones,
            dormant: self.facts().filter(|fact| fact.leaves_at() <= last).count() as u64,
            sum: sum_of(&facts),
            ..Totals::default()
        }
    }

    /// Every cell from the facts alone.
    fn row(&self, epoch: Epoch, cells: Range<usize>, key: u64) -> Row {
        let mut census = Census::default();
        let mut sketch = Sketch::new(Code::Irregular, key, cells.end);
        for fact in self.select(Set::Active(epoch), &Span::ALL) {
            let symbol = Symbol::of(fact);
            census.add(symbol, key);
            sketch.add(symbol);
        }
        Row { census, cells: sketch.cells().get(cells).unwrap_or_default().to_vec() }
    }

    fn head(&self, key: &[u8]) -> Vec<Envelope> {
        self.keys.get(key).cloned().unwrap_or_default()
    }

    /// The facts of a set and span, in time order.
    fn select(&self, set: Set, span: &Span) -> Vec<&Envelope> {
        let belongs =
            |fact: &&Envelope| set.contains(fact.leaves_at()) && span.contains(Point::of(fact));
        let mut facts: Vec<_> = self.facts().filter(belongs).collect();
        facts.sort_unstable_by_key(|fact| Point::of(fact));
        facts
    }

    fn stretch(&self, set: Set, span: &Span, most_bytes: usize) -> (Vec<Envelope>, Point, u64) {
        let held = self.select(set, span);
        let mut facts = Vec::<Envelope>::new();
        let mut bytes = 0;
        for fact in held.iter().take(TAKE_LIMIT) {
            bytes += fact.bytes().len();
            if !facts.is_empty() && bytes > most_bytes {
                break;
            }
            facts.push((*fact).clone());
        }
        let upto = held.get(facts.len()).map_or(span.upto, |next| Point::of(next));
        let left = held.len() - facts.len();
        (facts, upto, left as u64)
    }

    fn fetch(&self, symbols: &[Symbol], most_bytes: usize) -> Vec<Envelope> {
        let mut facts = Vec::<Envelope>::new();
        let mut bytes = 0;
        for symbol in symbols {
            let Some(fact) = self.facts().find(|fact| Symbol::of(fact) == *symbol) else {
                continue;
            };
            bytes += fact.bytes().len();
            if !facts.is_empty() && bytes > most_bytes {
                break;
            }
            facts.push(fact.clone());
        }
        facts
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        most_bytes: usize,
    ) -> Vec<Envelope> {
        let mut page = Vec::new();
        let mut bytes = 0;
        for (key, facts) in &self.keys {
            if !key.starts_with(prefix) || after.is_some_and(|after| &**key <= after) {
                continue;
            }
            bytes += facts.iter().map(|fact| fact.bytes().len()).sum::<usize>();
            let exceeds = page.len() + facts.len() > limit || bytes > most_bytes;
            if limit == 0 || (!page.is_empty() && exceeds) {
                break;
            }
            page.extend(facts.iter().cloned());
        }
        page
    }

    fn compare_described(&self, describe: &Describe, given: &[Description]) {
        assert_eq!(given.len(), describe.asks.len(), "one description per question");
        for (ask, given) in describe.asks.iter().zip(given) {
            let facts = self.select(describe.set, &ask.span);
            let same = ask.unless == Some(sum_of(&facts).fingerprint());
            match given {
                Description::Same => assert!(same, "{ask:?}: they differ"),
                Description::Items(items) => {
                    assert!(!same && facts.len() <= ask.leaf, "{ask:?}: too many to list");
                    let item = |fact: &&Envelope| Item {
                        point: Point::of(fact),
                        rival: describe.retain.rival(fact),
                    };
                    assert!(items.iter().copied().eq(facts.iter().map(item)), "{ask:?}: {items:?}");
                }
                Description::Parts(parts) => {
                    assert!(!same && facts.len() > ask.leaf, "{ask:?}: few enough to list");
                    assert!(parts.len() <= ask.ways, "{ask:?}: too many parts");
                    let ends: Vec<_> = parts.iter().map(|part| part.upto).collect();
                    assert!(partition(&ask.span, &ends), "{ask:?}: not a partition: {ends:?}");
                    let expected = self.parts(describe.set, ask.span.from, &ends);
                    assert_eq!(*parts, expected, "{ask:?}");
                }
            }
        }
    }

    fn parts(&self, set: Set, mut from: Point, ends: &[Point]) -> Vec<Part> {
        let part = |upto: &Point| {
            let sum = sum_of(&self.select(set, &Span { from, upto: *upto }));
            from = *upto;
            Part { upto: *upto, count: sum.count(), fingerprint: sum.fingerprint() }
        };
        ends.iter().map(part).collect()
    }
}

/// Whether parts with these ends cover a span without gap or overlap.
fn partition(span: &Span, ends: &[Point]) -> bool {
    let within = ends.first().is_some_and(|first| *first > span.from);
    within && ends.is_sorted_by(|a, b| a < b) && ends.last() == Some(&span.upto)
}

fn retained(retain: &dyn Retain, facts: &[Envelope]) -> Vec<Envelope> {
    let mut kept = facts.iter().collect();
    retain.retain(&mut kept);
    kept.into_iter().cloned().collect()
}

fn sum_of(facts: &[&Envelope]) -> Sum {
    let mut sum = Sum::default();
    facts.iter().for_each(|fact| sum.add(&fact.id()));
    sum
}

fn sorted(ids: impl IntoIterator<Item = FactId>) -> Vec<FactId> {
    let mut ids: Vec<_> = ids.into_iter().collect();
    ids.sort_unstable();
    ids
}
