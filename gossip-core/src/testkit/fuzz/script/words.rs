//! What members say in a script: every kind of talk, mostly about what there is.

use bytes::Bytes;

use super::Script;
use crate::id::BootId;
use crate::sketch::{Cell, Code, Sketch, Symbol};
use crate::state::{Item, Point, Set, Totals};
use crate::time::Epoch;
use crate::wire::{
    AskChunks, CHUNK_BYTES, Cells, Chunk, Compare, Glance, Large, More, RangeContent, RangePart,
    Ranges, Receipt, Same, Take, Taken, Talk,
};

impl Script<'_> {
    pub(super) fn talk(&mut self) -> Talk {
        let (exchange, step) = (u32::from(self.byte()), u32::from(self.byte()));
        match self.byte() % 24 {
            0 => Talk::Ack(exchange),
            1 => Talk::Compare(self.compare(exchange)),
            2 => Talk::Done { exchange, step, rest: Vec::new() },
            3 => Talk::Feedback { known: self.shorts(), new: self.shorts() },
            4 => Talk::Ping(exchange),
            5 => Talk::Pull(self.shorts()),
            6 => Talk::Ranges(self.ranges(exchange, step)),
            7 => Talk::Receipt(self.receipt(exchange)),
            8 => {
                let same =
                    Same { exchange, floor: self.epoch(), dormant: Some(self.fingerprint()) };
                Talk::Same(same)
            }
            9 => Talk::Stale(self.receipt(exchange)),
            10 => Talk::Ask(self.shorts()),
            11 => Talk::Busy(exchange),
            12 => Talk::Call,
            13 => {
                let rumors = self.shorts().into_iter().map(|key| (key, step)).collect();
                Talk::Offer { rumors, feedback: self.one_in(2) }
            }
            14 => Talk::Welcome,
            15 => Talk::Cells(self.cells(exchange)),
            16 => Talk::More(self.more(exchange)),
            17 => Talk::Given { exchange, step },
            18 => {
                let (symbol, bytes) = self.large();
                Talk::Large(Large { symbol, bytes, feedback: self.one_in(2) })
            }
            19 => {
                let (symbol, bytes) = self.large();
                let chunks = (0..self.below(70)).map(|_| u32::from(self.byte() % 5)).collect();
                Talk::AskChunks(AskChunks { symbol, bytes, chunks })
            }
            20 => {
                let (symbol, bytes) = self.large();
                Talk::Chunk(self.chunk(symbol, bytes, step % 4))
            }
            21 => Talk::Take(self.take(exchange, step)),
            22 => Talk::Taken(self.taken(exchange, step)),
            _ => {
                let count = self.below(80);
                let symbols = (0..count).map(|_| Symbol::at(&self.point())).collect();
                Talk::Want { exchange, step, symbols }
            }
        }
    }

    /// A fact that was made, or none; its length, or another one.
    pub(super) fn large(&mut self) -> (Symbol, u32) {
        let at = usize::from(self.byte());
        let fact = self.facts.get(at % self.facts.len().max(1));
        let bytes = fact.map_or(0, |fact| fact.bytes().len() as u32);
        let symbol = fact.map_or(Symbol { hlc: 1, id: 2 }, Symbol::of);
        let bytes = if self.one_in(2) { bytes } else { u32::from(self.byte()) << 6 };
        (symbol, bytes)
    }

    /// A chunk of a fact that was made, or of nothing, as long as it must be or not.
    pub(super) fn chunk(&mut self, symbol: Symbol, bytes: u32, place: u32) -> Chunk {
        let fact = self.facts.iter().find(|fact| Symbol::of(fact) == symbol);
        let true_bytes = fact.filter(|_| place == 0).map(|fact| fact.bytes().clone());
        let length = (bytes as usize).saturating_sub(place as usize * CHUNK_BYTES);
        let bytes = match self.byte() % 4 {
            0 => Bytes::copy_from_slice(self.stretch()),
            1 => vec![0; length.min(CHUNK_BYTES)].into(),
            _ => true_bytes.unwrap_or_default(),
        };
        Chunk { symbol, place, bytes }
    }

    pub(super) fn epoch(&mut self) -> Epoch {
        let now = Epoch::of(self.lone.now.wall).number();
        match self.byte() % 6 {
            0 => Epoch::from_number(u32::from_be_bytes(self.array())),
            1 => Epoch::NEVER,
            2 => Epoch::ZERO,
            3 => Epoch::from_number(now.saturating_sub(u32::from(self.byte()))),
            _ => Epoch::from_number(now),
        }
    }

    pub(super) fn fingerprint(&mut self) -> [u8; 16] {
        match self.byte() % 3 {
            0 => self.array(),
            1 => self.lone.totals().sum.fingerprint(),
            _ => Totals::default().sum.fingerprint(),
        }
    }

    pub(super) fn point(&mut self) -> Point {
        match self.byte() % 5 {
            0 => Point::MIN,
            1 => Point::END,
            2 => Point { hlc: self.hlc(), id: [self.byte(); 16] },
            _ => {
                let at = usize::from(self.byte());
                self.facts.get(at % self.facts.len().max(1)).map_or(Point::MIN, Point::of)
            }
        }
    }

    pub(super) fn shorts(&mut self) -> Vec<[u8; 8]> {
        let count = self.below(20);
        let short = |script: &mut Self| {
            let point = script.point();
            let (head, _) = point.id.split_at(8);
            head.try_into().unwrap_or_default()
        };
        (0..count).map(|_| short(self)).collect()
    }

    fn compare(&mut self, exchange: u32) -> Compare {
        Compare {
            exchange,
            epoch: self.epoch(),
            fingerprint: self.fingerprint(),
            floor: self.epoch(),
            dormant: (self.below(2) == 0).then(|| self.fingerprint()),
            pull: self.one_in(2),
            push: self.one_in(2),
            receipt: self.one_in(2),
            glance: self.one_in(2).then(|| self.glance()),
        }
    }

    fn glance(&mut self) -> Glance {
        let entries = u64::from(self.byte());
        let counter = [self.byte() % 8, 0];
        let key = u64::from(self.byte() % 4);
        Glance { entries, counters: [counter; Glance::COUNTERS], cell: self.cell(), key }
    }

    /// Of nothing, of one fact, or of nobody knows what.
    fn cell(&mut self) -> Cell {
        let mut sketch = Sketch::new(Code::Irregular, 0, 1);
        match self.byte() % 3 {
            0 => return Cell::from_bytes(self.array()),
            1 => sketch.add(Symbol::at(&self.point())),
            _ => {}
        }
        sketch.into_cells().pop().unwrap_or_default()
    }

    pub(super) fn cells(&mut self, exchange: u32) -> Cells {
        let count = self.below(70);
        let [from, more, likely] = self.array();
        let from = u32::from(from % 4) * 14;
        // Mostly all that is sent at once, so that reading begins.
        let more = if more % 4 == 0 { u32::from(more) << 8 } else { 0 };
        Cells {
            exchange,
            mark: [self.byte() % 2; 4],
            push: self.one_in(2),
            from,
            upto: from + count as u32 + more,
            likely: u32::from(likely),
            cells: (0..count).map(|_| self.cell()).collect(),
        }
    }

    fn take(&mut self, exchange: u32, step: u32) -> Take {
        let set = self.set();
        let (from, upto) = (self.point(), self.point());
        Take { exchange, step, set, from, upto, bytes: u32::from(self.byte()) * 1_024 }
    }

    pub(super) fn taken(&mut self, exchange: u32, step: u32) -> Taken {
        let (upto, facts) = (self.point(), u32::from(self.byte() % 4));
        let left = if self.one_in(8) { u64::MAX } else { u64::from(self.byte()) };
        Taken { exchange, step, facts, upto, left }
    }

    fn more(&mut self, exchange: u32) -> More {
        let [from, count, shift] = self.array();
        let from = u32::from(from) << (shift % 16);
        let upto = from.saturating_add(u32::from(count) << (shift / 16));
        More {
            exchange,
            epoch: self.epoch(),
            mark: [from as u8; 4],
            from,
            upto,
            key: u64::from(shift % 3),
        }
    }

    fn receipt(&mut self, exchange: u32) -> Receipt {
        let boot = BootId(self.array());
        Receipt { boot, exchange, commit: u64::from(self.byte()), r: [1; 32], s: [2; 32] }
    }

    pub(super) fn set(&mut self) -> Set {
        if self.one_in(3) {
            Set::Dormant { from: self.epoch(), upto: self.epoch() }
        } else {
            Set::Active(self.epoch())
        }
    }

    pub(super) fn ranges(&mut self, exchange: u32, step: u32) -> Ranges {
        let count = 1 + self.below(20);
        let mut parts: Vec<_> =
            (0..count).map(|_| RangePart { upto: self.point(), content: self.content() }).collect();
        // Mostly in order, so that more than the first check is reached.
        if !self.one_in(8) {
            parts.sort_by_key(|part| part.upto);
            parts.dedup_by_key(|part| part.upto);
        }
        let flags = self.byte();
        Ranges {
            exchange,
            step,
            answer: flags & 1 != 0,
            set: self.set(),
            pull: flags & 2 != 0,
            push: flags & 4 != 0,
            from: if flags & 8 == 0 { Point::MIN } else { self.point() },
            parts,
        }
    }

    fn content(&mut self) -> RangeContent {
        match self.byte() % 3 {
            0 => RangeContent::Skip,
            1 => RangeContent::Fingerprint(self.fingerprint()),
            _ => {
                let count = self.below(8);
                let item = |script: &mut Self| Item {
                    point: script.point(),
                    rival: [script.byte() % 2; 8],
                };
                RangeContent::Items((0..count).map(|_| item(self)).collect())
            }
        }
    }
}
