//! Which facts a key has: a map in key order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use super::super::index::Slot;

/// A key that usually compares without following a pointer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The first 8 bytes, padded with zeros: numeric order is byte order, ties go to `bytes`.
    prefix: u64,
    bytes: Box<[u8]>,
}

impl Key {
    fn new(bytes: &[u8]) -> Self {
        let mut prefix = [0; 8];
        prefix.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self { prefix: u64::from_be_bytes(prefix), bytes: bytes.into() }
    }
}

/// The retained facts of one key, the most important first.
#[derive(Clone, Debug)]
enum Head {
    One(Slot),
    Many(Box<[Slot]>),
}

impl Head {
    fn slots(&self) -> &[Slot] {
        match self {
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Many(slots) => slots,
        }
    }
}

/// The retained facts of every key.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(BTreeMap<Key, Head>);

impl Heads {
    /// The facts of a key; none if it has none.
    pub(super) fn slots(&self, key: &[u8]) -> &[Slot] {
        self.0.get(&Key::new(key)).map_or(&[], Head::slots)
    }

    /// The facts of a key, to be looked at and replaced in one search.
    pub(super) fn head(&mut self, key: &[u8]) -> HeadMut<'_> {
        HeadMut(self.0.entry(Key::new(key)))
    }

    /// The facts of the keys that begin with `prefix` and come after `after`, in key order.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = &[Slot]> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(Key::new(after)),
            _ => Bound::Included(Key::new(prefix)),
        };
        self.0
            .range((from, Bound::Unbounded))
            .take_while(move |(key, _)| key.bytes.starts_with(prefix))
            .map(|(_, head)| head.slots())
    }

    /// Every key with its facts, in key order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[Slot])> {
        self.0.iter().map(|(key, head)| (&*key.bytes, head.slots()))
    }
}

/// The place of a key.
#[derive(Debug)]
pub(super) struct HeadMut<'a>(Entry<'a, Key, Head>);

impl HeadMut<'_> {
    /// The facts of the key; none if it has none.
    pub(super) fn slots(&self) -> &[Slot] {
        match &self.0 {
            Entry::Occupied(head) => head.get().slots(),
            Entry::Vacant(_) => &[],
        }
    }

    /// Replaces the facts; no facts remove the key.
    pub(super) fn set(self, slots: &[Slot]) {
        let head = match slots {
            [] => None,
            [slot] => Some(Head::One(*slot)),
            slots => Some(Head::Many(slots.into())),
        };
        match (self.0, head) {
            (Entry::Occupied(mut place), Some(head)) => drop(place.insert(head)),
            (Entry::Occupied(place), None) => drop(place.remove()),
            (Entry::Vacant(place), Some(head)) => _ = place.insert(head),
            (Entry::Vacant(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_byte_order() {
        let mut keys: Vec<&[u8]> = vec![
            b"",
            b"\0",
            b"\0\0",
            b"a",
            b"a\0",
            b"a\0\0\0\0\0\0\0",
            b"a\0\0\0\0\0\0\0\0",
            b"aa",
            b"abcdefgh",
            b"abcdefgh\0",
            b"abcdefghi",
            b"b",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ];
        let mut heads = Heads::default();
        keys.iter().rev().for_each(|key| heads.head(key).set(&[1]));
        keys.sort_unstable();
        assert!(heads.iter().map(|(key, _)| key).eq(keys));
    }

    #[test]
    fn scans_stay_within_a_prefix() {
        let mut heads = Heads::default();
        for (slot, key) in ["a", "ab", "abc", "b"].into_iter().enumerate() {
            heads.head(key.as_bytes()).set(&[slot as Slot]);
        }
        let scan = |prefix: &str, after: Option<&str>| -> Vec<Slot> {
            let after = after.map(str::as_bytes);
            heads.scan(prefix.as_bytes(), after).flatten().copied().collect()
        };
        assert_eq!(scan("", None), [0, 1, 2, 3]);
        assert_eq!(scan("ab", None), [1, 2]);
        assert_eq!(scan("ab", Some("ab")), [2]);
        assert_eq!(scan("ab", Some("a")), [1, 2]);
        assert_eq!(scan("ab", Some("b")), Vec::<Slot>::new());
    }
}
