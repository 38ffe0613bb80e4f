//! A sketch and its census in bytes: all that they know, for whoever keeps them.

use super::{Cell, Census, Code, Sketch};

/// What a cell takes: both sums, the check and the count.
const CELL: usize = 24;

/// Adds the bytes of a census and of a sketch that begins at the first cell; numbers are big-endian.
pub(crate) fn write(census: &Census, sketch: &Sketch, bytes: &mut Vec<u8>) {
    debug_assert_eq!(sketch.first, 0, "a row is kept from its first cell on");
    bytes.extend(census.counters().iter().flat_map(|counter| counter.to_be_bytes()));
    for Cell { hlc, id, check, count } in &sketch.cells {
        bytes.extend([*hlc, *id].into_iter().flat_map(u64::to_be_bytes));
        bytes.extend([*check, *count].into_iter().flat_map(u32::to_be_bytes));
    }
}

/// The census and the sketch with these bytes; `None` if they end within either.
pub(crate) fn read(code: Code, key: u64, bytes: &[u8]) -> Option<(Census, Sketch)> {
    let (counters, bytes) = bytes.split_at_checked(2 * Census::COUNTERS)?;
    let (counters, _) = counters.as_chunks();
    let mut numbers = [0; Census::COUNTERS];
    for (number, counter) in numbers.iter_mut().zip(counters) {
        *number = i16::from_be_bytes(*counter);
    }
    let (cells, rest) = bytes.as_chunks::<CELL>();
    let cells = cells.iter().map(read_cell).collect::<Option<_>>()?;
    let sketch = Sketch { code, key, first: 0, cells };
    rest.is_empty().then(|| (Census::from_counters(numbers), sketch))
}

fn read_cell(bytes: &[u8; CELL]) -> Option<Cell> {
    let (hlc, rest) = bytes.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (check, count) = rest.split_first_chunk()?;
    Some(Cell {
        hlc: u64::from_be_bytes(*hlc),
        id: u64::from_be_bytes(*id),
        check: u32::from_be_bytes(*check),
        count: u32::from_be_bytes(count.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Symbol;
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn what_is_written_is_read() {
        let rng = &mut Rng::from_number(1);
        let (mut census, mut sketch) = (Census::default(), Sketch::new(Code::Irregular, 5, 100));
        for _ in 0..300 {
            let symbol = Symbol { hlc: rng.next_u64(), id: rng.next_u64() };
            census.add(symbol, 5);
            sketch.add(symbol);
        }
        let mut bytes = Vec::new();
        write(&census, &sketch, &mut bytes);
        let (census_read, sketch_read) = read(Code::Irregular, 5, &bytes).unwrap();
        assert_eq!((census_read, sketch_read.cells()), (census, sketch.cells()));
        for end in [0, 63, bytes.len() - 1] {
            assert!(read(Code::Irregular, 5, &bytes[..end]).is_none(), "{end}");
        }
    }
}
