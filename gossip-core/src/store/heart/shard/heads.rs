//! Which facts a key has: a map in key order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, RangeBounds};

use super::Facts;
use crate::store::catalogue::Slot;

/// The retained facts of every key, by the number that the key's first 8 bytes make.
///
/// Most numbers stand for one key with one fact, and then the key is read from the fact: a search
/// compares numbers that lie side by side, and no key is kept twice. Against a map of whole keys,
/// a million entries take 75 MB less, and merging new ones 0.1 µs of 1.0 less (measured).
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(BTreeMap<u64, Keys>);

/// The keys with one number: at least one.
#[derive(Clone, Debug)]
enum Keys {
    #[expect(clippy::box_collection, reason = "it is rare, and the map of numbers stays small")]
    Many(Box<BTreeMap<Box<[u8]>, Head>>),
    /// One key with one fact.
    One(Slot),
}

/// The retained facts of one key, the most important first.
#[derive(Clone, Debug)]
enum Head {
    Many(Box<[Slot]>),
    One(Slot),
}

impl Heads {
    /// The facts of a key; none if it has none.
    pub(super) fn slots(&self, key: &[u8], facts: &Facts) -> &[Slot] {
        self.0.get(&number_of(key)).map_or(&[], |keys| keys.slots(key, facts))
    }

    /// The facts of a key, to be looked at and replaced in one search.
    pub(super) fn head<'a>(&'a mut self, key: &'a [u8], facts: &'a Facts) -> HeadMut<'a> {
        HeadMut { facts, key, keys: self.0.entry(number_of(key)) }
    }

    /// The keys that begin with `prefix` and come after `after`, in order, with their facts.
    pub(super) fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        facts: &'a Facts,
    ) -> impl Iterator<Item = (&'a [u8], &'a [Slot])> {
        let (first, from) = match after {
            Some(after) if after >= prefix => (after, Bound::Excluded(after)),
            _ => (prefix, Bound::Included(prefix)),
        };
        let keys =
            self.0.range(number_of(first)..).flat_map(move |(_, keys)| keys.from(from, facts));
        keys.take_while(move |(key, _)| key.starts_with(prefix))
    }
}

impl Keys {
    fn slots(&self, key: &[u8], facts: &Facts) -> &[Slot] {
        match self {
            Self::Many(heads) => heads.get(key).map_or(&[], Head::slots),
            Self::One(slot) if key_of(*slot, facts) == key => std::slice::from_ref(slot),
            Self::One(_) => &[],
        }
    }

    /// The keys within a bound, in order, with their facts.
    fn from<'a>(
        &'a self,
        from: Bound<&'a [u8]>,
        facts: &'a Facts,
    ) -> impl Iterator<Item = (&'a [u8], &'a [Slot])> {
        let range = (from, Bound::Unbounded);
        let (many, one) = match self {
            Self::Many(heads) => (Some(heads.range::<[u8], _>(range)), None),
            Self::One(slot) => (None, Some((key_of(*slot, facts), std::slice::from_ref(slot)))),
        };
        let many = many.into_iter().flatten().map(|(key, head)| (&**key, head.slots()));
        many.chain(one.filter(|(key, _)| RangeBounds::<[u8]>::contains(&range, *key)))
    }

    /// What becomes of keys when these are the facts of one of them; `None` if no key is left.
    fn with(keys: Option<&mut Self>, key: &[u8], slots: &[Slot], facts: &Facts) -> Option<Self> {
        let mut heads = match keys {
            Some(Self::Many(heads)) => std::mem::take(&mut **heads),
            Some(Self::One(slot)) if key_of(*slot, facts) != key => {
                BTreeMap::from([(key_of(*slot, facts).into(), Head::One(*slot))])
            }
            Some(Self::One(_)) | None => BTreeMap::new(),
        };
        match slots {
            [] => drop(heads.remove(key)),
            [slot] if heads.is_empty() => return Some(Self::One(*slot)),
            [slot] => drop(heads.insert(key.into(), Head::One(*slot))),
            slots => drop(heads.insert(key.into(), Head::Many(slots.into()))),
        }
        match heads.first_key_value()? {
            (_, Head::One(slot)) if heads.len() == 1 => Some(Self::One(*slot)),
            _ => Some(Self::Many(Box::new(heads))),
        }
    }
}

impl Head {
    fn slots(&self) -> &[Slot] {
        match self {
            Self::Many(slots) => slots,
            Self::One(slot) => std::slice::from_ref(slot),
        }
    }
}

/// The place of a key.
#[derive(Debug)]
pub(super) struct HeadMut<'a> {
    facts: &'a Facts,
    key: &'a [u8],
    keys: Entry<'a, u64, Keys>,
}

impl HeadMut<'_> {
    /// The facts of the key; none if it has none.
    pub(super) fn slots(&self) -> &[Slot] {
        match &self.keys {
            Entry::Occupied(keys) => keys.get().slots(self.key, self.facts),
            Entry::Vacant(_) => &[],
        }
    }

    /// Replaces the facts; no facts remove the key. Until they are held, nobody may ask.
    pub(super) fn set(self, slots: &[Slot]) {
        let Self { facts, key, keys } = self;
        match keys {
            Entry::Occupied(mut place) => {
                match Keys::with(Some(place.get_mut()), key, slots, facts) {
                    Some(keys) => *place.get_mut() = keys,
                    None => drop(place.remove()),
                }
            }
            Entry::Vacant(place) => {
                if let Some(keys) = Keys::with(None, key, slots, facts) {
                    place.insert(keys);
                }
            }
        }
    }
}

/// The first 8 bytes, padded with zeros: where two numbers differ, their order is that of the keys.
fn number_of(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(first)
}

/// The key of a fact that is held.
fn key_of(slot: Slot, facts: &Facts) -> &[u8] {
    facts.get(slot as usize).map(|fact| fact.key()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Domain, Draft, FactKind, SigningKeys};
    use crate::id::{ChannelId, ClusterId, TopicId};
    use crate::time::{Hlc, Wall};

    const KEYS: [&[u8]; 13] = [
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

    /// Two facts of each key: that of the key at `at` are in the slots `2 * at` and one more.
    fn facts(keys: &[&'static [u8]]) -> Facts {
        let author = SigningKeys::new([1; 32], [2; 32]);
        let domain = Domain::new(ClusterId::from_bytes([3; 32]), ChannelId::from_bytes([4; 32]));
        let fact = |at: usize| {
            let draft = Draft {
                context: Vec::new(),
                expires_at: Wall::ZERO,
                hlc: Hlc::from_bits(at as u64),
                key: keys[at / 2].into(),
                kind: FactKind::ENTRY,
                topic: TopicId::default(),
                value: None,
            };
            draft.sign(&author, &domain).unwrap().into_inner()
        };
        (0..2 * keys.len()).map(|at| (at, fact(at))).collect()
    }

    #[test]
    fn order_is_byte_order() {
        let facts = facts(&KEYS);
        let mut heads = Heads::default();
        for (at, key) in KEYS.iter().enumerate().rev() {
            heads.head(key, &facts).set(&[2 * at as Slot]);
        }
        assert!(KEYS.is_sorted());
        assert!(heads.scan(b"", None, &facts).map(|(key, _)| key).eq(KEYS));
    }

    #[test]
    fn keys_with_the_same_number_come_and_go() {
        let facts = facts(&KEYS);
        let mut heads = Heads::default();
        let mut truth = BTreeMap::<&[u8], Vec<Slot>>::new();
        // Every key goes through no fact, its first, its second, and both, in shuffled turns.
        for turn in 0..4_000 {
            let draw = blake3::hash(&u32::to_le_bytes(turn)).as_bytes()[0] as usize;
            let (at, form) = (draw % KEYS.len(), turn / 7 % 4);
            let (key, slot) = (KEYS[at], 2 * at as Slot);
            let slots = match form {
                0 => vec![],
                1 => vec![slot],
                2 => vec![slot + 1],
                _ => vec![slot + 1, slot],
            };
            let head = heads.head(key, &facts);
            assert_eq!(head.slots(), truth.get(key).map_or(&[][..], |slots| slots));
            head.set(&slots);
            if slots.is_empty() {
                truth.remove(key)
            } else {
                truth.insert(key, slots)
            };
            assert!(
                heads.scan(b"", None, &facts).eq(truth.iter().map(|(key, all)| (*key, &**all)))
            );
            for key in KEYS {
                assert_eq!(heads.slots(key, &facts), truth.get(key).map_or(&[][..], |all| all));
            }
            let of_one = |keys: &Keys| matches!(keys, Keys::Many(heads) if heads.is_empty());
            assert!(!heads.0.values().any(of_one), "no number stands for nothing");
        }
    }

    #[test]
    fn scans_stay_within_a_prefix() {
        let facts = facts(&[b"a", b"ab", b"abc", b"abcdefgh1", b"abcdefgh2", b"b"]);
        let mut heads = Heads::default();
        for (slot, fact) in facts.iter().filter(|(slot, _)| slot % 2 == 0) {
            heads.head(fact.key(), &facts).set(&[slot as Slot]);
        }
        let scan = |prefix: &str, after: Option<&str>| -> Vec<Slot> {
            let after = after.map(str::as_bytes);
            heads.scan(prefix.as_bytes(), after, &facts).map(|(_, slots)| slots[0] / 2).collect()
        };
        assert_eq!(scan("", None), [0, 1, 2, 3, 4, 5]);
        assert_eq!(scan("ab", None), [1, 2, 3, 4]);
        assert_eq!(scan("ab", Some("ab")), [2, 3, 4]);
        assert_eq!(scan("ab", Some("a")), [1, 2, 3, 4]);
        assert_eq!(scan("ab", Some("b")), Vec::<Slot>::new());
        assert_eq!(scan("abcdefgh", Some("abcdefgh1")), [4]);
        assert_eq!(scan("abcdefgh1", None), [3]);
        assert_eq!(scan("abcdefgh", Some("abcdefgh")), [3, 4]);
    }
}
