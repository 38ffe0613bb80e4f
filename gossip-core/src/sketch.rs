//! Sketches of sets: from two of them the difference is read, at the price of the difference.
//!
//! A set of [`Symbol`]s is summed up in an endless row of [`Cell`]s, of which a prefix is kept
//! ([`Sketch`]). Where two sets agree their cells agree, so the difference of two rows is the row
//! of the sets' difference, and some first part of it, about as long as the difference is large,
//! gives it away ([`Peeler`]). How large it may be, [`Census`] says beforehand in a few bytes.
//!
//! Papers: Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation", SIGCOMM 2024, and its
//! irregular form ([`Code`]). Everything here is a function of the symbols alone, on every platform:
//! floating point is used for additions, multiplications and square roots, which are exact to the bit.

pub(crate) mod bytes;
mod census;
mod peel;
mod places;
pub mod plan;

use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::census::Census;
pub use self::peel::{Estimate, Found, Peeler};
use self::places::Places;
use crate::fact::Envelope;
use crate::id::FactId;
use crate::state::Point;
use crate::time::Hlc;

/// A fact as sketches know it: enough for whoever has it to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "its layout is frozen inside sketch messages")]
pub struct Symbol {
    /// The version's 64 bits.
    pub hlc: u64,
    /// The first 8 bytes of the id.
    pub id: u64,
}

impl Symbol {
    /// The symbol of the fact with this version and id.
    #[must_use]
    pub fn new(hlc: Hlc, id: &FactId) -> Self {
        Self { hlc: hlc.bits(), id: word(id.as_bytes()) }
    }

    /// The symbol of a fact.
    #[must_use]
    pub fn of(fact: &Envelope) -> Self {
        Self::new(fact.hlc(), &fact.id())
    }

    /// The symbol of what stands at a point.
    #[must_use]
    pub fn at(point: &Point) -> Self {
        Self { hlc: point.hlc.bits(), id: word(&point.id) }
    }

    /// The version and the first bytes of the id.
    #[must_use]
    pub const fn parts(&self) -> (Hlc, [u8; 8]) {
        (Hlc::from_bits(self.hlc), self.id.to_be_bytes())
    }

    /// A number that looks random: from it comes everything else about the symbol.
    const fn hash(self, key: u64) -> u64 {
        let first = fold(self.hlc ^ 0xa076_1d64_78bd_642f ^ key, self.id ^ 0xe703_7ed1_a0b4_28db);
        fold(first ^ self.id, 0x8ebc_6af0_9c88_c6e3 ^ key)
    }
}

/// Version and id, 8 bytes each; the highest byte first.
impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.hlc.to_be_bytes(), self.id.to_be_bytes()].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [hlc, id] = <[[u8; 8]; 2]>::deserialize(deserializer)?.map(u64::from_be_bytes);
        Ok(Self { hlc, id })
    }
}

/// The number that the first 8 bytes are, the highest first.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Both halves of the product: each bit of the result depends on all of them.
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    (product >> 64) as u64 ^ product as u64
}

/// Which cells symbols are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "both sides must know the same ones")]
pub enum Code {
    /// All symbols alike: cell i holds one of 1 + i/2. A difference of d takes 1.72 d cells for
    /// d = 4, 1.45 d for 100, 1.375 d for 1,000 and 1.36 d from 10,000 on (Yang et al. 2024).
    Regular,
    /// Three kinds of symbols, of which some are in many cells and most in few: 1.16 d cells for
    /// d = 1,000 and 1.11 d from 10,000 on, the median for 10 is the same (measured; weights and
    /// exponents are those of the paper's code, rounded to sixteenths).
    Irregular,
}

/// A sum of symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    hlc: u64,
    id: u64,
    /// The upper half of their hashes.
    check: u32,
    /// How many, modulo 2^32.
    count: u32,
}

impl Cell {
    /// What a cell takes on the wire.
    pub const BYTES: usize = 20;

    /// How many of a cell's check bits travel; the rest of those 32 bits is the count modulo 4.
    const CHECK_BITS: u32 = 30;

    const NOTHING: Self = Self { hlc: 0, id: 0, check: 0, count: 0 };

    /// Adds a symbol with this hash, or takes it away: the sums are the same, the count is not.
    const fn toggle(&mut self, symbol: Symbol, hash: u64, add: bool) {
        self.hlc ^= symbol.hlc;
        self.id ^= symbol.id;
        self.check ^= (hash >> 32) as u32;
        self.count = if add { self.count.wrapping_add(1) } else { self.count.wrapping_sub(1) };
    }

    /// What is in this one and not in the other, less what is only in the other.
    #[must_use]
    pub const fn minus(&self, other: &Self) -> Self {
        Self {
            hlc: self.hlc ^ other.hlc,
            id: self.id ^ other.id,
            check: self.check ^ other.check,
            count: self.count.wrapping_sub(other.count),
        }
    }

    /// Its bytes on the wire: both sums, then the check with the count's last two bits below it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let shift = u32::BITS - Self::CHECK_BITS;
        let last = (self.check >> shift << shift) | (self.count & ((1 << shift) - 1));
        let mut bytes = [0; Self::BYTES];
        let words = self.hlc.to_be_bytes().into_iter().chain(self.id.to_be_bytes());
        for (byte, value) in bytes.iter_mut().zip(words.chain(last.to_be_bytes())) {
            *byte = value;
        }
        bytes
    }

    /// The cell with these bytes, as far as they tell it.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let shift = u32::BITS - Self::CHECK_BITS;
        let (hlc, rest) = bytes.split_at(8);
        let (id, last) = rest.split_at(8);
        let last = word(last) as u32;
        Self {
            hlc: word(hlc),
            id: word(id),
            check: last >> shift << shift,
            count: last & ((1 << shift) - 1),
        }
    }

    /// The symbol in it, if it is the difference of two sets under a key and looks as if it held one
    /// alone; and whether that is in the first set.
    #[must_use]
    pub fn single(&self, key: u64) -> Option<Found> {
        self.alone(key).map(|(symbol, _, ours)| Found { symbol, ours })
    }

    /// The symbol in it, if it looks as if it held one alone: with its hash, and whether it is one
    /// that was added rather than taken away.
    fn alone(&self, key: u64) -> Option<(Symbol, u64, bool)> {
        let added = match self.count & 3 {
            1 => true,
            3 => false,
            _ => return None,
        };
        let symbol = Symbol { hlc: self.hlc, id: self.id };
        let hash = symbol.hash(key);
        let differ = self.check ^ (hash >> 32) as u32;
        (differ >> (u32::BITS - Self::CHECK_BITS) == 0).then_some((symbol, hash, added))
    }

    /// Whether it looks as if nothing were in it.
    const fn is_empty(&self) -> bool {
        self.hlc == 0
            && self.id == 0
            && self.check >> (u32::BITS - Self::CHECK_BITS) == 0
            && self.count & 3 == 0
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <[u8; Self::BYTES]>::deserialize(deserializer).map(Self::from_bytes)
    }
}

/// Some of the cells of a set, kept up to date as symbols come and go.
#[derive(Clone, Debug)]
pub struct Sketch {
    code: Code,
    key: u64,
    /// The place of the first of them.
    first: usize,
    cells: Vec<Cell>,
}

impl Sketch {
    /// The sketch of nothing, of the first so many cells. Sketches compare only under the same key.
    #[must_use]
    pub fn new(code: Code, key: u64, cells: usize) -> Self {
        Self::within(code, key, 0..cells)
    }

    /// The sketch of nothing, of the cells at these places.
    #[must_use]
    pub fn within(code: Code, key: u64, cells: Range<usize>) -> Self {
        Self { code, key, first: cells.start, cells: vec![Cell::NOTHING; cells.len()] }
    }

    /// Adds a symbol that is not in the set.
    pub fn add(&mut self, symbol: Symbol) {
        self.toggle(symbol, self.first, true);
    }

    /// Takes away a symbol that is in the set.
    pub fn remove(&mut self, symbol: Symbol) {
        self.toggle(symbol, self.first, false);
    }

    /// Makes it reach to this place; `set` is everything that was added and not taken away.
    pub fn grow(&mut self, upto: usize, set: impl Iterator<Item = Symbol>) {
        let from = self.end();
        if upto > from {
            self.cells.resize(upto - self.first, Cell::NOTHING);
            set.for_each(|symbol| self.toggle(symbol, from, true));
        }
    }

    /// Makes it end before this place: a first part of a row is a row.
    pub fn shorten(&mut self, end: usize) {
        self.cells.truncate(end.saturating_sub(self.first));
        self.cells.shrink_to_fit();
    }

    /// A copy of the cells at some places; `set` is everything that was added and not taken away, and
    /// looked at only for cells beyond its own.
    ///
    /// # Panics
    /// If the places begin before its own.
    #[must_use]
    pub fn part(&self, places: Range<usize>, set: impl Iterator<Item = Symbol>) -> Self {
        assert!(places.start >= self.first, "what comes before is not there");
        let from = places.start.min(self.end());
        let held = self.cells.get(from - self.first..places.end.min(self.end()) - self.first);
        let mut part = Self { cells: held.unwrap_or_default().to_vec(), first: from, ..*self };
        if places.end > part.end() {
            if part.cells.is_empty() {
                part.first = places.start;
            }
            part.grow(places.end, set);
        }
        part
    }

    /// Its cells.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Its cells alone.
    #[must_use]
    pub fn into_cells(self) -> Vec<Cell> {
        self.cells
    }

    const fn end(&self) -> usize {
        self.first + self.cells.len()
    }

    fn toggle(&mut self, symbol: Symbol, from: usize, add: bool) {
        let hash = symbol.hash(self.key);
        for place in Places::of(self.code, hash, self.end()).skip_while(|place| *place < from) {
            if let Some(cell) = self.cells.get_mut(place - self.first) {
                cell.toggle(symbol, hash, add);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Cells at any places are those of one long row, however many of them are kept.
    #[test]
    fn parts_are_parts_of_the_whole() {
        let rng = &mut Rng::from_number(1);
        let set: Vec<_> =
            (0..500).map(|_| Symbol { hlc: rng.next_u64(), id: rng.next_u64() }).collect();
        for code in [Code::Regular, Code::Irregular] {
            let sketch = |cells| {
                let mut sketch = Sketch::new(code, 3, cells);
                set.iter().for_each(|symbol| sketch.add(*symbol));
                sketch
            };
            let (whole, kept) = (sketch(1_000), sketch(64));
            for places in [0..0, 0..1, 3..64, 10..100, 64..64, 64..500, 70..90, 500..1_000] {
                let part = kept.part(places.clone(), set.iter().copied());
                assert_eq!(part.cells(), &whole.cells()[places.clone()], "{places:?}");
            }
        }
    }

    #[test]
    fn cells_travel_with_all_that_is_needed() {
        let rng = &mut Rng::from_number(2);
        let mut cell = Cell::default();
        for _ in 0..100 {
            let symbol = Symbol { hlc: rng.next_u64(), id: rng.next_u64() };
            let hash = symbol.hash(0);
            cell.toggle(symbol, hash, true);
            let there = Cell::from_bytes(cell.to_bytes());
            assert_eq!(there.to_bytes(), cell.to_bytes());
            assert!(cell.minus(&there).is_empty());
            let mut less = there;
            less.toggle(symbol, hash, false);
            assert_eq!(cell.minus(&less).alone(0), Some((symbol, hash, true)));
            assert_eq!(less.minus(&cell).alone(0), Some((symbol, hash, false)));
        }
    }
}
