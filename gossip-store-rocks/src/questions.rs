//! What the writing thread answers from memory, and what it leaves to the reading thread.

use gossip_core::fact::Envelope;
use gossip_core::id::ShardId;
use gossip_core::state::{Item, Point};
use gossip_core::store::catalogue::Catalogue;
use gossip_core::store::{Describe, Sifted, StoreError, StoreOp};

use crate::reader::{Question, Sifting};
use crate::view::View;
use crate::writer::{Writer, refuse};

impl<'db> Writer<'db> {
    /// What there is to read for an op, and of which moment.
    pub(crate) fn question(&mut self, op: StoreOp) -> Result<(Question, View<'db>), StoreError> {
        let question = match op {
            StoreOp::Describe(describe) => self.describe(describe)?,
            StoreOp::Fetch { shard, symbols, bytes } => {
                let catalogue = self.shards.get(&shard).map(|shard| &shard.catalogue);
                let named = |catalogue: &Catalogue| {
                    symbols.iter().flat_map(|symbol| catalogue.named(*symbol)).collect()
                };
                let entries = catalogue.map(named).unwrap_or_default();
                Question::Fetch { bytes, entries, shard }
            }
            StoreOp::Get { shard, key } => Question::Get { key, shard },
            StoreOp::Scan { shard, prefix, after, limit, bytes, lease } => {
                let question = Question::Scan { after, bytes, limit, prefix, shard };
                let view = lease.map(|lease| self.leased(lease)).transpose()?;
                return Ok((question, view.unwrap_or_else(|| self.fixed_view())));
            }
            StoreOp::Sift { shard, retain, facts } => {
                let epoch = self.shards.get(&shard).map(|shard| shard.catalogue.epoch());
                let mut row = Vec::new();
                let sift = |fact| self.sift(shard, fact, &mut row);
                let facts = facts.into_iter().map(sift).collect();
                Question::Sift { epoch: epoch.unwrap_or_default(), facts, retain, shard }
            }
            StoreOp::Take { shard, set, span, bytes } => {
                let catalogue = self.shards.get(&shard).map(|shard| &shard.catalogue);
                let stretch = catalogue.map(|catalogue| catalogue.stretch(set, &span));
                let (count, entries) = stretch.unwrap_or_default();
                Question::Take { bytes, count, entries, shard, upto: span.upto }
            }
            StoreOp::Lease
            | StoreOp::Merge(_)
            | StoreOp::Release(_)
            | StoreOp::Remember { .. }
            | StoreOp::Sketch { .. }
            | StoreOp::Sweep { .. }
            | StoreOp::Sync { .. }
            | StoreOp::Total { .. }
            | StoreOp::Wipe { .. } => return refuse("this op is no question"),
        };
        Ok((question, self.fixed_view()))
    }

    fn describe(&self, describe: Describe) -> Result<Question, StoreError> {
        let Describe { shard, set, retain, asks } = describe;
        if asks.iter().any(|ask| ask.ways < 2) {
            return refuse("a range is split into at least two parts");
        }
        let mut listed = Vec::new();
        // Rivals stand in the facts: the reading thread fills them in.
        let empty = Catalogue::default();
        let catalogue = self.shards.get(&shard).map_or(&empty, |shard| &shard.catalogue);
        let descriptions = catalogue.describe(set, &asks, |entry| {
            listed.push(*entry);
            Item { point: entry.point(), rival: [0; 8] }
        });
        Ok(Question::Describe { descriptions, listed, retain, shard })
    }

    /// What memory knows of a fact, or the fact to be looked up.
    fn sift(&self, shard: ShardId, fact: Envelope, row: &mut Vec<u8>) -> Sifting {
        let catalogue = self.shards.get(&shard).map(|shard| &shard.catalogue);
        let found = catalogue.and_then(|catalogue| catalogue.find(Point::of(&fact)));
        if found.is_some_and(|entry| entry.id() == fact.id()) {
            Sifting::Done(Sifted::Known)
        } else if self.may_have(shard, fact.key(), row) {
            Sifting::Open(fact)
        } else {
            Sifting::Done(Sifted::Candidate)
        }
    }
}
