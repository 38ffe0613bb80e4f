//! How much one answer of a store holds.

/// Room for so many facts and so many bytes, and for the first piece however large it is.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    bytes: usize,
    facts: usize,
    is_empty: bool,
}

impl Room {
    /// Room for at most so many facts, which are so many bytes together.
    #[must_use]
    pub const fn new(facts: usize, bytes: usize) -> Self {
        Self { bytes, facts, is_empty: true }
    }

    /// Takes up room for a piece; false if it does not fit, and then the answer ends before it.
    pub const fn take(&mut self, facts: usize, bytes: usize) -> bool {
        let fits = facts <= self.facts && bytes <= self.bytes;
        if !fits && !self.is_empty {
            return false;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.facts = self.facts.saturating_sub(facts);
        self.is_empty = false;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_piece_always_fits_and_the_others_within_both_bounds() {
        let mut room = Room::new(3, 100);
        assert!(room.take(2, 90) && !room.take(2, 1) && !room.take(1, 11) && room.take(1, 10));
        assert!(room.take(0, 0) && !room.take(1, 0) && !room.take(0, 1));
        let mut room = Room::new(3, 100);
        assert!(room.take(9, 900) && !room.take(1, 0) && !room.take(0, 1));
    }
}
