//! The records of a large frame, compressed into one.
//!
//! LZ4 in its block form, for it is as fast as a stream: what text and JSON are spared is half, and what
//! cannot be compressed costs a glance. A relay compresses frames, never facts: what comes out is the
//! author's bytes.

use bytes::{BufMut as _, Bytes};
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::frame::DATA_HEADER_BYTES;
use super::record::{COMPRESSED, put_length, record_len, take_length};
use crate::fact::Why;

/// Fewer bytes of records are sent as they are: they are a packet or two in any case (text and JSON of so
/// many shrink to half for 5 µs).
const LEAST_BYTES: usize = 2_048;

/// What shrinks by less than one part of so many is sent as it is: it is not worth being read (a guess).
const SPARED: usize = 8;

/// A block says no more than so many bytes with one of its own: LZ4's longest match by bytes of 255.
const MOST_PER_BYTE: usize = 255;

/// A data frame whose records are compressed; `None` where that does not pay.
#[must_use]
pub fn compressed(frame: &[u8]) -> Option<Bytes> {
    let (header, records) = frame.split_at_checked(DATA_HEADER_BYTES)?;
    if records.len() < LEAST_BYTES {
        return None;
    }
    let mut length = Vec::new();
    put_length(&mut length, records.len());
    let mut block = vec![0; get_maximum_output_size(records.len())];
    let used = compress_into(records, &mut block).ok()?;
    block.truncate(used);
    let body = length.len() + block.len();
    if record_len(body) > records.len() - records.len() / SPARED {
        return None;
    }
    let mut frame = Vec::with_capacity(DATA_HEADER_BYTES + record_len(body));
    frame.extend_from_slice(header);
    frame.put_u8(COMPRESSED);
    put_length(&mut frame, body);
    frame.extend_from_slice(&length);
    frame.extend_from_slice(&block);
    Some(frame.into())
}

/// The records of an opened frame as they were before they were compressed, if they were; at most so
/// many bytes, of which none is made room for before that is certain.
///
/// # Errors
/// [`Why::TooLarge`], and [`Why::BadFrame`] if something stands beside the compressed records, or they
/// are not what was announced.
pub fn decompressed(records: Bytes, most: usize) -> Result<Bytes, Why> {
    let Some(mut rest) = records.strip_prefix(&[COMPRESSED]) else { return Ok(records) };
    if take_length(&mut rest)? != rest.len() {
        return Err(Why::BadFrame);
    }
    let announced = take_length(&mut rest)?;
    if announced > most {
        return Err(Why::TooLarge);
    }
    if announced > rest.len().saturating_mul(MOST_PER_BYTE) {
        return Err(Why::BadFrame);
    }
    let mut plain = vec![0; announced];
    match decompress_into(rest, &mut plain) {
        Ok(made) if made == announced => Ok(plain.into()),
        Ok(_) | Err(_) => Err(Why::BadFrame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::rng::Rng;
    use crate::wire::{Packer, Parcel, data_header};

    const MOST: usize = 1 << 20;

    /// A frame of facts with values of so many letters each.
    fn frame(facts: u8, letters: usize) -> Bytes {
        let mut packer = Packer::new(MOST);
        packer.begin(SessionId([1; 8]), MOST, MOST);
        for fact in 0..facts {
            let parcel = Parcel::Fact { bytes: vec![fact; letters].into(), feedback: false };
            assert!(packer.push(None, &parcel));
        }
        packer.take().next().unwrap()
    }

    fn records(frame: &Bytes) -> Bytes {
        frame.slice(DATA_HEADER_BYTES..)
    }

    /// A record of this body.
    fn record(announced: usize, block: &[u8]) -> Bytes {
        let mut body = Vec::new();
        put_length(&mut body, announced);
        body.extend_from_slice(block);
        let mut record = vec![COMPRESSED];
        put_length(&mut record, body.len());
        record.extend_from_slice(&body);
        record.into()
    }

    #[test]
    fn what_is_compressed_comes_out_as_it_was() {
        for (facts, letters) in [(1, 2_048), (20, 300), (2, 500_000)] {
            let frame = frame(facts, letters);
            let small = compressed(&frame).unwrap();
            assert!(small.len() < frame.len() / 8 && small.starts_with(&frame[..10]));
            assert_eq!(decompressed(records(&small), MOST), Ok(records(&frame)));
        }
    }

    #[test]
    fn what_does_not_pay_is_left_alone() {
        assert_eq!(compressed(&frame(1, 1_000)), None, "few bytes");
        let mut random = data_header(SessionId([1; 8])).to_vec();
        let rng = &mut Rng::from_number(1);
        random.extend((0..10_000).map(|_| rng.next_u64() as u8));
        assert_eq!(compressed(&random), None, "no structure");
        assert_eq!(compressed(&[1]), None, "no frame");
        let plain = records(&frame(3, 100));
        assert_eq!(decompressed(plain.clone(), 10), Ok(plain), "records as they are");
    }

    #[test]
    fn nobody_is_made_to_unpack_more_than_a_frame_holds() {
        let (large, small) = (frame(1, 500_000), compressed(&frame(1, 500_000)).unwrap());
        let bytes = records(&large).len();
        assert_eq!(decompressed(records(&small), bytes), Ok(records(&large)));
        assert_eq!(decompressed(records(&small), bytes - 1), Err(Why::TooLarge));
        // A lie about what is inside costs no memory either.
        assert_eq!(decompressed(record(MOST, &[0; 100]), MOST), Err(Why::BadFrame));
    }

    #[test]
    fn lies_are_refused() {
        let small = records(&compressed(&frame(20, 300)).unwrap());
        let bytes = records(&frame(20, 300)).len();
        for cut in 0..small.len() {
            let cut_short = decompressed(small.slice(..cut), MOST);
            assert!(cut == 0 || cut_short.is_err(), "cut short at {cut}");
        }
        let block = small.slice(small.len() - (small.len() - 5)..);
        assert_eq!(decompressed(record(bytes, &block), MOST), Ok(records(&frame(20, 300))));
        for announced in [0, 1, bytes - 1, bytes + 1] {
            let refused = decompressed(record(announced, &block), MOST);
            assert_eq!(refused, Err(Why::BadFrame), "{announced} of {bytes}");
        }
        assert_eq!(decompressed(record(0, &[]), MOST), Err(Why::BadFrame), "nothing at all");
        let more = [&small[..], &[0]].concat();
        assert_eq!(decompressed(more.into(), MOST), Err(Why::BadFrame), "something beside it");
    }
}
