//! Where rows stand: big-endian keys, so that byte order is the order that is asked for.

use gossip_core::id::{ChannelId, FactId, ShardId, TopicId};
use gossip_core::time::{Hlc, Wall};

/// Bytes of a shard's name: channel, topic.
pub(crate) const SHARD_BYTES: usize = 32 + 1;

/// The first bytes of every row of a shard in `heads`, `values` and `ids`.
pub(crate) fn shard(shard: ShardId) -> [u8; SHARD_BYTES] {
    let mut bytes = [0; SHARD_BYTES];
    let (channel, topic) = bytes.split_at_mut(32);
    channel.copy_from_slice(shard.channel.as_bytes());
    topic.fill(shard.topic.0);
    bytes
}

/// In `heads`: channel, topic, key. Replaces `row`.
pub(crate) fn head(shard_id: ShardId, key: &[u8], row: &mut Vec<u8>) {
    row.clear();
    row.extend_from_slice(&shard(shard_id));
    row.extend_from_slice(key);
}

/// In `values`: channel, topic, id.
pub(crate) fn value(shard_id: ShardId, id: FactId) -> [u8; SHARD_BYTES + 32] {
    joined([&shard(shard_id), id.as_bytes()])
}

/// In `ids`: channel, topic, version, id.
pub(crate) fn id(shard_id: ShardId, hlc: Hlc, id: FactId) -> [u8; SHARD_BYTES + 8 + 32] {
    joined([&shard(shard_id), &hlc.bits().to_be_bytes(), id.as_bytes()])
}

/// In `expiry`: instant, channel, topic, version, id. Siblings share a key and may share the
/// instant too, so that the place in time order stands for the key.
pub(crate) fn expiry(
    at: Wall,
    shard_id: ShardId,
    hlc: Hlc,
    id: FactId,
) -> [u8; 8 + SHARD_BYTES + 8 + 32] {
    let (at, hlc) = (at.millis().to_be_bytes(), hlc.bits().to_be_bytes());
    joined([&at, &shard(shard_id), &hlc, id.as_bytes()])
}

/// Reads a shard's name.
pub(crate) fn read_shard(bytes: &[u8]) -> Option<ShardId> {
    let (channel, rest) = bytes.split_first_chunk::<32>()?;
    let [topic] = rest else { return None };
    Some(ShardId { channel: ChannelId::from_bytes(*channel), topic: TopicId(*topic) })
}

/// Reads the key of an `ids` row.
pub(crate) fn read_id(row: &[u8]) -> Option<(ShardId, Hlc, FactId)> {
    let (shard, rest) = row.split_at_checked(SHARD_BYTES)?;
    let (hlc, rest) = rest.split_first_chunk::<8>()?;
    let id = FactId::from_bytes(rest.try_into().ok()?);
    Some((read_shard(shard)?, Hlc::from_bits(u64::from_be_bytes(*hlc)), id))
}

/// Reads the key of an `expiry` row.
pub(crate) fn read_expiry(row: &[u8]) -> Option<(Wall, ShardId, Hlc, FactId)> {
    let (at, rest) = row.split_first_chunk::<8>()?;
    let (shard, hlc, id) = read_id(rest)?;
    Some((Wall::from_millis(u64::from_be_bytes(*at)), shard, hlc, id))
}

/// The first key after all that begin so; `None` if there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut after: Vec<u8> = prefix.get(..=last)?.to_vec();
    *after.last_mut()? += 1;
    Some(after)
}

fn joined<const N: usize, const M: usize>(parts: [&[u8]; N]) -> [u8; M] {
    let mut bytes = [0; M];
    let mut rest = &mut bytes[..];
    for part in parts {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    assert!(rest.is_empty(), "the parts fill the key");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId { channel: ChannelId::from_bytes([1; 32]), topic: TopicId(2) };

    #[test]
    fn keys_are_read_back() {
        let (hlc, fact) = (Hlc::from_bits(0x0304), FactId::from_bytes([5; 32]));
        assert_eq!(read_id(&id(SHARD, hlc, fact)), Some((SHARD, hlc, fact)));
        let at = Wall::from_millis(6);
        assert_eq!(read_expiry(&expiry(at, SHARD, hlc, fact)), Some((at, SHARD, hlc, fact)));
        assert_eq!(read_id(&id(SHARD, hlc, fact)[1..]), None);
        assert_eq!(read_expiry(&expiry(at, SHARD, hlc, fact)[1..]), None);
    }

    #[test]
    fn byte_order_is_time_order() {
        let row = |hlc: u64, byte| id(SHARD, Hlc::from_bits(hlc), FactId::from_bytes([byte; 32]));
        let rows = [row(1, 9), row(255, 0), row(256, 0), row(256, 1), row(u64::MAX, 0)];
        assert!(rows.is_sorted());
    }

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(after_prefix(b"a"), Some(b"b".to_vec()));
        assert_eq!(after_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(after_prefix(b"\xff\xff"), None);
        assert_eq!(after_prefix(b""), None);
    }
}
