//! What a replica holds in a lane never goes back: not in its store, and not for its readers.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Checker, Lane, Observation, PerHost, Sight, Version, inserted, named, overwrites, text, version,
};
use crate::fact::Envelope;
use crate::io::{Answer, Command, Input, Output, RequestId};
use crate::sim::World;
use crate::store::{StoreOp, StoreReply};

/// A replica inserts only what is newer than all that it held in its lane, whatever it has let go of
/// since; and a reader sees nothing older than what was held when it asked, nothing that was
/// overwritten then and is still, and nothing dead.
#[derive(Debug, Default)]
pub struct Versions(PerHost<Replica>);

#[derive(Debug, Default)]
struct Replica {
    /// The highest that was ever held, by lane.
    high: BTreeMap<Lane, High>,
    /// The same, as far as a crash cannot take it.
    durable: BTreeMap<Lane, High>,
    /// What was inserted since the last flush.
    unsynced: Vec<(Lane, High)>,
    /// Readers who wait.
    reads: BTreeMap<RequestId, Asked>,
}

/// What was held of a key when a reader asked for it.
#[derive(Debug)]
struct Asked {
    /// Its facts as they stood in the store.
    held: Vec<Envelope>,
    /// The highest that was ever held in each of its lanes.
    high: BTreeMap<Lane, High>,
}

#[derive(Clone, Copy, Debug)]
struct High {
    tombstone: bool,
    version: Version,
}

impl High {
    fn of(fact: &Envelope) -> Self {
        Self { tombstone: fact.is_tombstone(), version: version(fact) }
    }
}

impl Checker for Versions {
    fn name(&self) -> &'static str {
        "versions"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let replica = self.0.of(sight.host());
        match what {
            Observation::Applied { op, reply } => {
                for fact in inserted(op, reply) {
                    replica.inserted(Lane::of(sight.world(), fact), fact, broken);
                }
                if let (StoreOp::Wipe { .. }, Ok(StoreReply::Wiped { .. })) = (op, reply) {
                    *replica = Replica::default();
                }
            }
            Observation::Crashed => {
                replica.high = replica.durable.clone();
                replica.take(sight.world(), sight.held().all(sight.shard()));
            }
            Observation::PutBack => {
                *replica = Replica::default();
                replica.take(sight.world(), sight.held().all(sight.shard()));
            }
            Observation::Flushed => {
                let unsynced = std::mem::take(&mut replica.unsynced);
                replica.durable.extend(unsynced);
            }
            Observation::Input(Input::Command(request, Command::Get { key, .. })) => {
                let held = sight.held().head(sight.shard(), key);
                replica.reads.insert(*request, Asked { held, high: replica.high_of(key) });
            }
            Observation::Output(Output::Answer(request, Answer::Facts(facts))) => {
                if let Some(asked) = replica.reads.remove(request) {
                    read(sight, &asked, facts, broken);
                }
            }
            Observation::Input(_) | Observation::Output(_) | Observation::Started(_) => {}
        }
    }
}

impl Replica {
    fn inserted(&mut self, lane: Lane, fact: &Envelope, broken: &mut Vec<String>) {
        let new = High::of(fact);
        if let Some(high) = self.high.insert(lane.clone(), new)
            && high.version >= new.version
        {
            let what = if high.tombstone && !new.tombstone { "resurrected" } else { "went back" };
            let (fact, before) = (named(fact), high.version.0);
            broken.push(format!("{what}: the {fact}, after {before:?}"));
        }
        self.unsynced.push((lane, new));
    }

    fn high_of(&self, key: &Bytes) -> BTreeMap<Lane, High> {
        let first = Lane { key: key.clone(), author: None };
        let lanes = self.high.range(first..).take_while(|(lane, _)| lane.key == *key);
        lanes.map(|(lane, high)| (lane.clone(), *high)).collect()
    }

    /// Starts over on what a disk holds.
    fn take(&mut self, world: &World, held: Vec<Envelope>) {
        for fact in held {
            let new = High::of(&fact);
            let high = self.high.entry(Lane::of(world, &fact)).or_insert(new);
            if new.version > high.version {
                *high = new;
            }
        }
        self.durable = self.high.clone();
        self.unsynced.clear();
        self.reads.clear();
    }
}

fn read(sight: &Sight<'_>, asked: &Asked, facts: &[Envelope], broken: &mut Vec<String>) {
    for fact in facts {
        if !fact.is_live(sight.now().wall) {
            broken.push(format!("a reader was given a dead fact: the {}", named(fact)));
        }
        let key = text(fact.key());
        let high = asked.high.get(&Lane::of(sight.world(), fact));
        if let Some(high) = high.filter(|high| version(fact) < high.version) {
            let at = high.version.0;
            broken.push(format!("a reader of {key} got the {} after {at:?}", named(fact)));
        }
        let hides = |held: &[Envelope]| held.iter().any(|held| overwrites(held, fact));
        // Whoever forgot its state may write anew without having seen what it had overwritten.
        if hides(&asked.held) && hides(&sight.held().head(sight.shard(), fact.key())) {
            broken.push(format!("a reader of {key} got the {}, overwritten", named(fact)));
        }
    }
}
