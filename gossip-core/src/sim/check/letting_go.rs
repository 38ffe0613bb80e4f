//! No deletion is let go of while somebody still holds what it deleted.

use std::collections::BTreeSet;

use super::{
    Checker, Lane, Observation, PerHost, Sight, must_renew, named, overwrites, shard_of, version,
};
use crate::fact::Envelope;
use crate::io::{Event, Output};
use crate::store::{MemoryState, StoreOp};
use crate::time::Epoch;

/// When a store drops a dormant fact, no host that may come back with what it holds, or with what a
/// crash would leave of it, has an older fact in the same lane, or a sibling's value that only the
/// dropped one hid. Who left for good, or has lost state and must take it anew, is no such host.
#[derive(Debug, Default)]
pub struct LettingGo {
    floors: PerHost<Epoch>,
    /// Hosts with an older content of their disk, until they have forgotten it.
    put_back: BTreeSet<usize>,
}

impl Checker for LettingGo {
    fn name(&self) -> &'static str {
        "letting-go"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        match what {
            Observation::Output(Output::Store(_, StoreOp::Sweep { floor, .. })) => {
                let before = std::mem::replace(self.floors.of(sight.host()), *floor);
                if before != *floor {
                    self.dropping(sight, *floor, broken);
                }
            }
            Observation::Output(Output::Event(Event::Renewed { .. })) => {
                self.put_back.remove(&sight.host());
            }
            Observation::PutBack => {
                self.put_back.insert(sight.host());
            }
            Observation::Applied { .. }
            | Observation::Crashed
            | Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::Started(_) => {}
        }
    }
}

impl LettingGo {
    fn dropping(&self, sight: &Sight<'_>, floor: Epoch, broken: &mut Vec<String>) {
        let world = sight.world();
        let hosts: Vec<_> = (0..world.len())
            .filter(|host| !self.put_back.contains(host) && !must_renew(world, *host))
            .collect();
        let held = sight.held().all(sight.shard());
        for dropped in held.iter().filter(|fact| fact.leaves_at() < floor) {
            for host in &hosts {
                let lane = Lane::of(world, dropped);
                let older = |there: &MemoryState| {
                    let there = lane.head(world, *host, there);
                    there.is_some_and(|there| version(&there) < version(dropped))
                };
                let hidden = |there: &MemoryState| {
                    let there = there.head(shard_of(world, *host), dropped.key());
                    there.iter().any(|fact| bares(dropped, fact, &there, floor))
                };
                // A crash that undoes a merge here undoes the dropping too.
                let own = *host == sight.host();
                let held = world.held(*host);
                let durable = if own { held } else { world.durable(*host) };
                if older(held) || older(durable) {
                    let dropped = named(dropped);
                    broken.push(format!("lets go of the {dropped}; host {host} holds an older"));
                } else if hidden(held) || hidden(durable) {
                    let dropped = named(dropped);
                    broken.push(format!("lets go of the {dropped}; it hides a value at {host}"));
                }
            }
        }
    }
}

/// Whether a fact would be read again with the dropped one gone: nothing else that stays hides it.
fn bares(dropped: &Envelope, fact: &Envelope, siblings: &[Envelope], floor: Epoch) -> bool {
    let stays = |fact: &Envelope| fact.leaves_at() >= floor;
    let is_value = stays(fact) && !fact.is_tombstone();
    is_value
        && overwrites(dropped, fact)
        && !siblings.iter().any(|other| stays(other) && overwrites(other, fact))
}
