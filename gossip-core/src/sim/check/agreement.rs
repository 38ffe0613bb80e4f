//! In the end all replicas hold the same, and nothing that nobody merged.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, Lane, Observation, Sight, inserted, named, shard_of, text};
use crate::fact::Envelope;
use crate::id::FactId;
use crate::sim::World;

/// Replicas that had time to agree hold the same of every lane: one of the facts that were ever
/// merged anywhere, or nothing but what has left the compared set. Looked at once, in the end; that
/// it is nothing older than what was acknowledged is what [`Acknowledged`](super::Acknowledged)
/// says.
#[derive(Debug, Default)]
pub struct Agreement {
    /// All that any store inserted.
    merged: BTreeSet<FactId>,
}

impl Checker for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn observe(&mut self, _: &Sight<'_>, what: &Observation<'_>, _: &mut Vec<String>) {
        if let Observation::Applied { op, reply } = what {
            self.merged.extend(inserted(op, reply).map(Envelope::id));
        }
    }

    fn finish(&mut self, world: &World, broken: &mut Vec<(usize, String)>) {
        let running: Vec<_> = (0..world.len()).filter(|host| world.node(*host).is_some()).collect();
        let held = |host: usize| -> BTreeMap<Lane, Envelope> {
            let all = world.held(host).all(shard_of(world, host));
            // Who has let go of the dead, and who has not yet, is no difference.
            let compared = all.into_iter().filter(|fact| fact.leaves_at() > world.epoch());
            compared.map(|fact| (Lane::of(world, &fact), fact)).collect()
        };
        let Some(first) = running.first().map(|host| held(*host)) else { return };
        for fact in first.values().filter(|fact| !self.merged.contains(&fact.id())) {
            broken.push((0, format!("nobody ever merged the {}", named(fact))));
        }
        for host in running.into_iter().skip(1) {
            let other = held(host);
            let lanes = first.keys().chain(other.keys());
            let differ = |lane: &&Lane| {
                first.get(*lane).map(Envelope::id) != other.get(*lane).map(Envelope::id)
            };
            if let Some(lane) = lanes.filter(differ).min() {
                let name =
                    |fact: Option<&Envelope>| fact.map_or_else(|| String::from("nothing"), named);
                let (ours, theirs) = (name(first.get(lane)), name(other.get(lane)));
                broken.push((host, format!("{}: {theirs} here, {ours} there", text(&lane.key))));
            }
        }
    }
}
