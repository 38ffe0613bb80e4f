//! Time passes over a shard: expiry is announced, and the long dormant are dropped.

use std::collections::BTreeMap;

use gossip_core::fact::Envelope;
use gossip_core::id::{FactId, ShardId};
use gossip_core::store::catalogue::{Catalogue, Entry};
use gossip_core::store::room::Room;
use gossip_core::store::{DROP_LIMIT, SWEEP_BYTES, SWEEP_LIMIT};
use gossip_core::time::{Epoch, Wall};

use crate::batch::Batch;
use crate::error::Damage;
use crate::keys;
use crate::view::View;

/// What a sweep announces and drops.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) due: Vec<(Wall, Entry)>,
    pub(crate) expired: Vec<Envelope>,
    pub(crate) dropped: usize,
}

/// Puts into the batch what a sweep changes; the catalogue has been raised.
pub(crate) fn sweep(
    view: &View<'_>,
    batch: &mut Batch<'_>,
    catalogue: &Catalogue,
    shard: ShardId,
    wall: Wall,
    floor: Epoch,
) -> Result<Sweep, Damage> {
    let (mut due, mut expired) = (Vec::new(), Vec::new());
    let mut room = Room::new(SWEEP_LIMIT, SWEEP_BYTES);
    for (at, entry) in catalogue.due(wall) {
        let fact = view.whole(shard, &view.find(shard, &entry)?)?;
        if !room.take(1, fact.bytes().len()) {
            break;
        }
        batch.announce(shard, at, &entry);
        due.push((at, entry));
        expired.push(fact);
    }
    // By key, for siblings may be dropped together.
    let mut dropped = BTreeMap::<Vec<u8>, Vec<FactId>>::new();
    let mut count = 0;
    for entry in catalogue.before(floor).take(DROP_LIMIT) {
        let mut row = Vec::new();
        keys::head(shard, &view.key(shard, entry)?, &mut row);
        dropped.entry(row).or_default().push(entry.id());
        count += 1;
    }
    for (row, ids) in dropped {
        let is_dropped = |id: FactId| ids.contains(&id);
        let (gone, kept): (Vec<_>, Vec<_>) =
            view.head(&row)?.into_iter().partition(|held| is_dropped(held.fact.id()));
        if gone.len() != ids.len() {
            return Err(Damage::Missing("heads"));
        }
        gone.iter().for_each(|held| batch.remove(shard, held));
        batch.rewrite_head(&row, &kept);
    }
    Ok(Sweep { due, expired, dropped: count })
}
