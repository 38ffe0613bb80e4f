//! The sketch of a catalogue in bytes, so that a store that is opened again need not make it anew.
//!
//! One byte that names the form, the catalogue's epoch (4), the fingerprint of the set (16), census and
//! cells, and the first half of the blake3 hash of all that (16).

use super::Catalogue;
use super::sketched::Sketched;

/// The form that is written.
const FORM: u8 = 1;

const CHECK: usize = 16;

impl Catalogue {
    /// The bytes of the sketch of what is active; `None` while nobody has asked for one.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let sketched = self.sketched.as_ref()?;
        let mut bytes = self.checkpoint_head();
        sketched.write(&mut bytes);
        let check = check_of(&bytes);
        bytes.extend(check);
        Some(bytes)
    }

    /// Takes the sketch from a checkpoint, if it is one of exactly what is held, in this epoch; whether
    /// it is. Whatever else the bytes are changes nothing: the sketch is made when it is asked for.
    pub fn take_checkpoint(&mut self, bytes: &[u8]) -> bool {
        let sketched = self.read_checkpoint(bytes);
        let is_taken = sketched.is_some();
        self.sketched = sketched.map(Box::new).or_else(|| self.sketched.take());
        is_taken
    }

    fn read_checkpoint(&self, bytes: &[u8]) -> Option<Sketched> {
        let (bytes, check) = bytes.split_last_chunk::<CHECK>()?;
        if *check != check_of(bytes) {
            return None;
        }
        Sketched::read(bytes.strip_prefix(self.checkpoint_head().as_slice())?)
    }

    /// What names the form and the set.
    fn checkpoint_head(&self) -> Vec<u8> {
        let epoch = self.epoch.number().to_be_bytes();
        [&[FORM][..], &epoch, &self.active.index.total().fingerprint()].concat()
    }
}

fn check_of(bytes: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(blake3::hash(bytes).as_bytes().split_at(CHECK).0);
    check
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Record};
    use super::*;
    use crate::id::FactId;
    use crate::time::{Epoch, Hlc, Wall};

    fn record(number: u64, leaves_at: Epoch) -> Record {
        let id = FactId::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes());
        let entry = Entry { hlc: Hlc::from_bits(number), id, slot: number as u32, leaves_at };
        Record { entry, expires_at: Wall::ZERO, tombstone: false }
    }

    /// The catalogue of these facts, and of one that has left.
    fn catalogue(numbers: std::ops::Range<u64>) -> Catalogue {
        let mut catalogue = Catalogue::resume(Epoch::from_number(7), 0);
        catalogue.insert(&record(1_000_000, Epoch::from_number(6)), false);
        for number in numbers {
            catalogue.insert(&record(number, Epoch::from_number(8 + number as u32 % 3)), false);
        }
        catalogue
    }

    #[test]
    fn a_checkpoint_is_taken_where_it_is_of_what_is_held() {
        let mut before = catalogue(0..500);
        assert_eq!(before.checkpoint(), None, "nobody has asked for a sketch");
        let asked = before.sketch(Epoch::from_number(9), 0..300, 0);
        let bytes = before.checkpoint().unwrap();
        let mut after = catalogue(0..500);
        assert!(after.take_checkpoint(&bytes));
        assert_eq!(after.checkpoint(), Some(bytes.clone()), "it is there before anybody asks");
        assert_eq!(after.sketch(Epoch::from_number(9), 0..300, 0), asked);
        for (number, is_insertion) in [(500, true), (3, false)] {
            let record = record(number, Epoch::from_number(8 + number as u32 % 3));
            let change = |catalogue: &mut Catalogue| match is_insertion {
                true => catalogue.insert(&record, false),
                false => catalogue.remove(&record),
            };
            [&mut before, &mut after].into_iter().for_each(change);
            assert_eq!(after.checkpoint(), before.checkpoint(), "it is kept true");
        }
    }

    #[test]
    fn any_other_checkpoint_changes_nothing() {
        let mut before = catalogue(0..100);
        before.sketch(before.epoch(), 0..64, 0);
        let bytes = before.checkpoint().unwrap();
        let mut later = catalogue(0..100);
        later.raise(Epoch::from_number(8));
        for other in [catalogue(0..101), catalogue(1..100), later] {
            assert!(!{ other }.take_checkpoint(&bytes), "other facts, or another epoch");
        }
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            let mut catalogue = catalogue(0..100);
            assert!(!catalogue.take_checkpoint(&damaged), "byte {place}");
            assert!(!catalogue.take_checkpoint(&bytes[..place]), "{place} bytes");
            assert_eq!(catalogue.checkpoint(), None);
        }
    }
}
