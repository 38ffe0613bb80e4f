//! What was acknowledged is durable, newer than all before it, and never lost.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, Lane, Observation, PerHost, Sight, Version, must_renew, text, version};
use crate::fact::Envelope;
use crate::id::{FactId, NodeId};
use crate::io::{Answer, Event, Output};
use crate::sim::World;
use crate::store::StoreOp;
use crate::time::{Epoch, Hlc};

/// An acknowledged write is durable at its author, has a higher version than all that the author
/// wrote before, and is found at the end wherever nothing newer displaced it, under siblings nothing
/// newer of the same author; but for what was only on a disk that went back to an older content, or
/// beside it on disks of hosts that left for good, and for what only its host held as it was exported.
#[derive(Debug, Default)]
pub struct Acknowledged {
    authors: PerHost<Author>,
    /// The newest acknowledged write of each lane.
    newest: BTreeMap<Lane, Written>,
    /// Authors whose disks went back to an older content: others keep what they wrote.
    put_back: BTreeSet<NodeId>,
    /// Hosts that have handed out what they hold, until they have forgotten it.
    leaving: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Author {
    /// Own facts that are on their way through the store.
    facts: BTreeMap<FactId, Written>,
    last: Hlc,
}

#[derive(Clone, Debug)]
struct Written {
    lane: Lane,
    leaves_at: Epoch,
    version: Version,
}

impl Written {
    fn of(world: &World, fact: &Envelope) -> Self {
        let lane = Lane::of(world, fact);
        Self { lane, leaves_at: fact.leaves_at(), version: version(fact) }
    }
}

impl Checker for Acknowledged {
    fn name(&self) -> &'static str {
        "acknowledged"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        match what {
            Observation::Applied { op: StoreOp::Merge(merge), .. } => {
                let me = sight.me();
                let author = self.authors.of(sight.host());
                for fact in merge.facts.iter().filter(|fact| fact.author() == me) {
                    author.facts.insert(fact.id(), Written::of(sight.world(), fact));
                }
            }
            Observation::Output(Output::Answer(_, Answer::Written(results))) => {
                for written in results.iter().flatten() {
                    self.acknowledged(sight, written.id, broken);
                }
            }
            Observation::Output(Output::Export(_, export)) => {
                self.leaving.insert(sight.host());
                let exported: BTreeSet<_> = export.facts.iter().map(Envelope::id).collect();
                self.excuse(sight.world(), |written| exported.contains(&written.version.2));
            }
            // Who forgets everything hands out its own alone; what others wrote they have, unless
            // their disks went back.
            Observation::Applied { op: StoreOp::Wipe { .. }, .. } => {
                let put_back = self.put_back.clone();
                self.excuse(sight.world(), |written| put_back.contains(&written.version.1));
            }
            Observation::Output(Output::Event(Event::Renewed { .. })) => {
                self.leaving.remove(&sight.host());
            }
            // A backup takes its host's clock of versions back with it, and a new life is another
            // author to all intents.
            Observation::PutBack => {
                *self.authors.of(sight.host()) = Author::default();
                self.put_back.insert(sight.me());
                self.excuse(sight.world(), |_| true);
            }
            Observation::Applied { .. }
            | Observation::Crashed
            | Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::Started(_) => {}
        }
    }

    fn finish(&mut self, world: &World, broken: &mut Vec<(usize, String)>) {
        for written in self.newest.values() {
            for host in (0..world.len()).filter(|host| world.node(*host).is_some()) {
                let held = written.lane.head(world, host, world.held(host));
                // What has left the compared set may be gone for good, and of two deletions that have
                // one is as good as the other.
                let has_left = |leaves_at: Epoch| leaves_at <= world.epoch();
                let dead = held.as_ref().is_none_or(|held| has_left(held.leaves_at()));
                let held = held.as_ref().map(version);
                if !(dead && has_left(written.leaves_at)) && held < Some(written.version) {
                    let (key, at) = (text(&written.lane.key), written.version.0);
                    broken.push((host, format!("lost: {key} at {at:?}; held is {held:?}")));
                }
            }
        }
    }
}

impl Acknowledged {
    /// Of these, what no disk holds that is not about to be forgotten, nobody has to bring back.
    fn excuse(&mut self, world: &World, which: impl Fn(&Written) -> bool) {
        let leaving = &self.leaving;
        let stays = |host: &usize| !leaving.contains(host) && !must_renew(world, *host);
        self.newest.retain(|lane, written| {
            let holds = |host: usize| {
                let held = lane.head(world, host, world.durable(host));
                held.is_some_and(|held| version(&held) >= written.version)
            };
            !which(written) || (0..world.len()).filter(stays).any(holds)
        });
    }

    fn acknowledged(&mut self, sight: &Sight<'_>, id: FactId, broken: &mut Vec<String>) {
        let author = self.authors.of(sight.host());
        let Some(written) = author.facts.remove(&id) else {
            return broken.push(format!("{id:?} was acknowledged and never merged"));
        };
        let (key, version) = (text(&written.lane.key), written.version);
        if version.0 <= author.last {
            let last = author.last;
            broken.push(format!("{key} was written at {:?}, after {last:?}", version.0));
        }
        author.last = author.last.max(version.0);
        let durable = written.lane.head(sight.world(), sight.host(), sight.durable());
        if durable.as_ref().map(super::version) < Some(version) {
            broken.push(format!("{key} at {:?} was acknowledged before it was durable", version.0));
        }
        let newest = self.newest.entry(written.lane.clone()).or_insert_with(|| written.clone());
        if newest.version < version {
            *newest = written;
        }
    }
}
