//! In the end all replicas hold the same, and it is the newest of what there was.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Checker, Observation, Sight, inserted, key_of, named, shard_of, text, version};
use crate::fact::Envelope;
use crate::sim::World;

/// Replicas that had time to agree hold the same of every key: one of the facts that were ever
/// merged anywhere, or nothing, if the newest is dead and has left the compared set.
#[derive(Debug, Default)]
pub struct Agreement {
    /// The newest fact of each key that any store inserted.
    newest: BTreeMap<Bytes, Envelope>,
}

impl Checker for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn observe(&mut self, _: &Sight<'_>, what: &Observation<'_>, _: &mut Vec<String>) {
        if let Observation::Applied { op, reply } = what {
            for fact in inserted(op, reply) {
                let newest = self.newest.entry(key_of(fact)).or_insert_with(|| fact.clone());
                if version(newest) < version(fact) {
                    *newest = fact.clone();
                }
            }
        }
    }

    fn finish(&mut self, world: &World, broken: &mut Vec<(usize, String)>) {
        let running: Vec<_> = (0..world.len()).filter(|host| world.node(*host).is_some()).collect();
        let held = |host: usize| -> BTreeMap<Bytes, Envelope> {
            let all = world.held(host).all(shard_of(world, host));
            // Who has let go of the dead, and who has not yet, is no difference.
            let compared = all.into_iter().filter(|fact| fact.leaves_at() > world.epoch());
            compared.map(|fact| (key_of(&fact), fact)).collect()
        };
        let Some(first) = running.first().map(|host| held(*host)) else { return };
        for (key, fact) in &first {
            if self.newest.get(key).is_none_or(|newest| version(newest) < version(fact)) {
                broken.push((0, format!("nobody ever merged the {}", named(fact))));
            }
        }
        for host in running.into_iter().skip(1) {
            let other = held(host);
            let keys = first.keys().chain(other.keys());
            let differ = |key: &&Bytes| {
                first.get(*key).map(Envelope::id) != other.get(*key).map(Envelope::id)
            };
            if let Some(key) = keys.filter(differ).min() {
                let name =
                    |fact: Option<&Envelope>| fact.map_or_else(|| String::from("nothing"), named);
                let (ours, theirs) = (name(first.get(key)), name(other.get(key)));
                broken.push((host, format!("{}: {theirs} here, {ours} there", text(key))));
            }
        }
    }
}
