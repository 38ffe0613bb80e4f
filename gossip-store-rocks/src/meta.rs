//! Small rows: what the store knows of itself, beside what the node asks it to remember.
//!
//! A name of the node's begins with a capital letter ([`MetaName::to_bytes`]), the store's own
//! with a small one.

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_core::id::ShardId;
use gossip_core::store::MetaName;
use gossip_core::store::catalogue::Catalogue;
use gossip_core::time::Epoch;

use crate::error::Damage;
use crate::keys;

/// The last commit, in 8 bytes.
pub(crate) const COMMIT: &[u8] = b"c";

const TIME: u8 = b't';

/// How far a shard's time has come: the epoch that says what is dormant, and how many facts became
/// so since the last sweep.
pub(crate) type Time = (Epoch, usize);

/// Where a catalogue stands.
pub(crate) fn time_of(catalogue: &Catalogue) -> Time {
    (catalogue.epoch(), catalogue.left())
}

/// The name of a shard's time.
pub(crate) fn time_name(shard: ShardId) -> Vec<u8> {
    [&[TIME][..], &keys::shard(shard)].concat()
}

/// The row of a shard's time.
pub(crate) fn write_time((epoch, left): Time) -> [u8; 12] {
    let mut row = [0; 12];
    let (first, last) = row.split_at_mut(4);
    first.copy_from_slice(&epoch.number().to_be_bytes());
    last.copy_from_slice(&(left as u64).to_be_bytes());
    row
}

/// All small rows.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    pub(crate) commit: u64,
    pub(crate) names: BTreeMap<MetaName, Bytes>,
    pub(crate) times: BTreeMap<ShardId, Time>,
}

impl Meta {
    /// Reads one row.
    pub(crate) fn read(&mut self, name: &[u8], row: &[u8]) -> Result<(), Damage> {
        let damaged = || Damage::Row("meta");
        if name == COMMIT {
            self.commit = u64::from_be_bytes(row.try_into().map_err(|_| damaged())?);
        } else if let [TIME, shard @ ..] = name {
            let shard = keys::read_shard(shard).ok_or_else(damaged)?;
            let (epoch, left) = row.split_first_chunk::<4>().ok_or_else(damaged)?;
            let left = u64::from_be_bytes(left.try_into().map_err(|_| damaged())?);
            let epoch = Epoch::from_number(u32::from_be_bytes(*epoch));
            self.times.insert(shard, (epoch, left as usize));
        } else {
            // RocksDB vouches for the bytes, so whoever wrote them knew what they mean.
            let name = MetaName::from_bytes(name).ok_or_else(|| Damage::Name(name.to_vec()))?;
            self.names.insert(name, Bytes::copy_from_slice(row));
        }
        Ok(())
    }
}
