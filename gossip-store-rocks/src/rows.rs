//! What rows hold: the author's bytes, split and joined but never encoded again.

use bytes::Bytes;
use gossip_core::fact::Envelope;
use gossip_core::id::FactId;
use gossip_core::store::catalogue::Record;
use gossip_core::time::{Hlc, Wall};

use crate::error::Damage;

/// Values longer than this stand apart from their heads (house decision), so that whoever looks
/// for a key's facts reads no more than their headers.
pub(crate) const INLINE_VALUE: usize = 1024;

/// One fact of a `heads` row.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Whole, or without its value if that stands apart.
    pub(crate) fact: Envelope,
    pub(crate) apart: bool,
}

impl Held {
    /// A fact that a merge brings.
    pub(crate) fn new(fact: Envelope) -> Self {
        let apart = fact.value().is_some_and(|value| value.len() > INLINE_VALUE);
        Self { fact, apart }
    }

    /// Appends it to a row: id, whether the value stands apart, length, the author's bytes.
    pub(crate) fn write(&self, row: &mut Vec<u8>) {
        let bytes = if self.apart { self.fact.head_bytes() } else { self.fact.bytes() };
        row.extend_from_slice(self.fact.id().as_bytes());
        row.push(u8::from(self.apart));
        row.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        row.extend_from_slice(bytes);
    }
}

/// Reads a `heads` row; its order is that of the retain rule.
pub(crate) fn read_head(row: &[u8]) -> Result<Vec<Held>, Damage> {
    let mut held = Vec::with_capacity(1);
    let mut rest = row;
    while !rest.is_empty() {
        let (one, after) = split_held(rest).ok_or(Damage::Row("heads"))?;
        held.push(one);
        rest = after;
    }
    Ok(held)
}

fn split_held(row: &[u8]) -> Option<(Held, &[u8])> {
    let (id, rest) = row.split_first_chunk::<32>()?;
    let ([apart], rest) = rest.split_first_chunk::<1>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let (id, bytes) = (FactId::from_bytes(*id), Bytes::copy_from_slice(bytes));
    let fact = match apart {
        0 => Envelope::restore(bytes, id).ok()?,
        1 => Envelope::restore_head(bytes, id).ok()?,
        _ => return None,
    };
    Some((Held { fact, apart: *apart == 1 }, rest))
}

/// Joins what stands apart.
pub(crate) fn join(head: &Envelope, value: &[u8]) -> Result<Envelope, Damage> {
    let bytes = [head.bytes(), value].concat();
    Envelope::restore(bytes.into(), head.id()).map_err(|_| Damage::Row("values"))
}

/// Writes an `ids` row: what opening needs to know of a fact, and its key. Replaces `row`.
pub(crate) fn write_id(fact: &Envelope, row: &mut Vec<u8>) {
    row.clear();
    if fact.is_tombstone() {
        row.push(TOMBSTONE);
    } else if fact.expires_at() == Wall::ZERO {
        row.push(LIVES);
    } else {
        row.push(EXPIRES);
        row.extend_from_slice(&fact.expires_at().millis().to_be_bytes());
    }
    row.extend_from_slice(fact.key());
}

/// Reads an `ids` row: the record, and the key.
pub(crate) fn read_id(hlc: Hlc, id: FactId, row: &[u8]) -> Result<(Record, &[u8]), Damage> {
    let (form, rest) = row.split_first().ok_or(Damage::Row("ids"))?;
    let (tombstone, expires_at, key) = match *form {
        LIVES => (false, Wall::ZERO, rest),
        TOMBSTONE => (true, Wall::ZERO, rest),
        EXPIRES => {
            let (at, key) = rest.split_first_chunk::<8>().ok_or(Damage::Row("ids"))?;
            (false, Wall::from_millis(u64::from_be_bytes(*at)), key)
        }
        _ => return Err(Damage::Row("ids")),
    };
    Ok((Record::new(hlc, id, tombstone, expires_at), key))
}

const LIVES: u8 = 0;
const TOMBSTONE: u8 = 1;
const EXPIRES: u8 = 2;

#[cfg(test)]
mod tests {
    use gossip_core::testkit::facts::{Author, at_minute, domain, minute};

    use super::*;

    fn facts() -> Vec<Envelope> {
        let author = Author::simulated(1, &domain());
        let facts = [
            author.put("k", [1; INLINE_VALUE], at_minute(1)),
            author.put("k", [2; INLINE_VALUE + 1], at_minute(2)),
            author.put("", "", at_minute(3)),
            author.expiring("k", "v", at_minute(4), minute(9)),
            author.expiring("k", [3; 70_000], at_minute(4), minute(9)),
            author.delete("k", at_minute(5)),
        ];
        facts.into_iter().map(|fact| fact.into_inner()).collect()
    }

    #[test]
    fn bytes_come_back_as_the_author_made_them() {
        for fact in facts() {
            let held = Held::new(fact.clone());
            assert_eq!(held.apart, fact.value().is_some_and(|value| value.len() > 1_024));
            let mut row = Vec::new();
            held.write(&mut row);
            held.write(&mut row);
            let read = read_head(&row).unwrap();
            assert_eq!(read.len(), 2);
            for Held { fact: found, apart } in read {
                let whole = match fact.value().filter(|_| apart) {
                    None => found,
                    Some(value) => join(&found, value).unwrap(),
                };
                assert_eq!(whole, fact);
            }
        }
    }

    #[test]
    fn damaged_heads_are_noticed() {
        let mut row = Vec::new();
        Held::new(facts().remove(3)).write(&mut row);
        for end in 1..row.len() {
            assert!(read_head(&row[..end]).is_err(), "cut at {end}");
        }
        *row.get_mut(32).unwrap() = 2;
        assert!(read_head(&row).is_err(), "an unknown place of the value");
    }

    #[test]
    fn records_are_those_of_the_facts() {
        for fact in facts() {
            let mut row = Vec::new();
            write_id(&fact, &mut row);
            let (record, key) = read_id(fact.hlc(), fact.id(), &row).unwrap();
            assert_eq!((record, key), (Record::of(&fact, 0), fact.key()));
        }
        let id = FactId::from_bytes([1; 32]);
        for row in [&[][..], &[3], &[EXPIRES, 1, 2, 3, 4, 5, 6, 7]] {
            assert!(read_id(Hlc::ZERO, id, row).is_err(), "{row:?}");
        }
    }
}
