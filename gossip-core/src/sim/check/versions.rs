//! What a replica holds of a key never goes back: not in its store, and not for its readers.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Checker, Observation, PerHost, Sight, Version, inserted, key_of, named, text, version,
};
use crate::fact::Envelope;
use crate::io::{Answer, Command, Input, Output, RequestId};
use crate::store::{StoreOp, StoreReply};

/// A replica inserts only what is newer than all that it held of the key, whatever it has let go of
/// since; and a reader sees nothing older than what was held when it asked, and nothing dead.
#[derive(Debug, Default)]
pub struct Versions(PerHost<Replica>);

#[derive(Debug, Default)]
struct Replica {
    /// The highest that was ever held, by key.
    high: BTreeMap<Bytes, High>,
    /// The same, as far as a crash cannot take it.
    durable: BTreeMap<Bytes, High>,
    /// What was inserted since the last flush.
    unsynced: Vec<(Bytes, High)>,
    /// Readers who wait, and what was held when they asked.
    reads: BTreeMap<RequestId, (Bytes, Option<High>)>,
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
                    replica.inserted(fact, broken);
                }
                if let (StoreOp::Wipe { .. }, Ok(StoreReply::Wiped { .. })) = (op, reply) {
                    *replica = Replica::default();
                }
            }
            Observation::Crashed => {
                replica.high = replica.durable.clone();
                replica.take(sight.held().all(sight.shard()));
            }
            Observation::PutBack => {
                *replica = Replica::default();
                replica.take(sight.held().all(sight.shard()));
            }
            Observation::Flushed => {
                let unsynced = std::mem::take(&mut replica.unsynced);
                replica.durable.extend(unsynced);
            }
            Observation::Input(Input::Command(request, Command::Get { key, .. })) => {
                let high = replica.high.get(key).copied();
                replica.reads.insert(*request, (key.clone(), high));
            }
            Observation::Output(Output::Answer(request, Answer::Facts(facts))) => {
                if let Some((key, high)) = replica.reads.remove(request) {
                    read(sight, (&key, high), facts, broken);
                }
            }
            Observation::Input(_) | Observation::Output(_) | Observation::Started(_) => {}
        }
    }
}

impl Replica {
    fn inserted(&mut self, fact: &Envelope, broken: &mut Vec<String>) {
        let new = High::of(fact);
        if let Some(high) = self.high.insert(key_of(fact), new)
            && high.version >= new.version
        {
            let what = if high.tombstone && !new.tombstone { "resurrected" } else { "went back" };
            let (fact, before) = (named(fact), high.version.0);
            broken.push(format!("{what}: the {fact}, after {before:?}"));
        }
        self.unsynced.push((key_of(fact), new));
    }

    /// Starts over on what a disk holds.
    fn take(&mut self, held: Vec<Envelope>) {
        for fact in held {
            let new = High::of(&fact);
            let high = self.high.entry(key_of(&fact)).or_insert(new);
            if new.version > high.version {
                *high = new;
            }
        }
        self.durable = self.high.clone();
        self.unsynced.clear();
        self.reads.clear();
    }
}

fn read(
    sight: &Sight<'_>,
    (key, high): (&Bytes, Option<High>),
    facts: &[Envelope],
    broken: &mut Vec<String>,
) {
    for fact in facts {
        if !fact.is_live(sight.now().wall) {
            broken.push(format!("a reader was given a dead fact: the {}", named(fact)));
        }
        if let Some(high) = high.filter(|high| version(fact) < high.version) {
            let at = high.version.0;
            broken.push(format!("a reader of {} got the {} after {at:?}", text(key), named(fact)));
        }
    }
}
