//! Fuzz targets as plain functions of bytes, and a mutator that feeds them on stable Rust.
//!
//! A target returns when the bytes did no harm and panics otherwise. `gossip-core/examples/fuzz.rs`
//! drives them, and so does `gossip-core/fuzz/` on machines with cargo-fuzz.

mod bounds;
mod mutate;
mod script;
mod storm;

use bytes::Bytes;

pub use self::bounds::check_bounds;
pub use self::mutate::{Mutator, corpus};
pub use self::script::inputs;
pub use self::storm::{StormReport, storm};
use crate::config::ConfigSpec;
use crate::fact::{Domain, Envelope};
use crate::id::ChannelId;
use crate::membership::{Accusation, Alive, Leave, admit};
use crate::transport::DATAGRAM_BYTES;
use crate::wire::{
    DATA_HEADER_BYTES, Frame, Packer, Parcel, Record, Records, compressed, decode_frame,
    decompressed,
};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets with their names.
pub const TARGETS: [(&str, Target); 2] = [("decode", decode), ("inputs", inputs)];

/// Most bytes of a frame's records.
const MOST: usize = 1 << 20;

/// Takes bytes for a frame, for records and for a fact.
///
/// # Panics
/// If anything decodes to what does not encode to the same again.
pub fn decode(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(frame) = decode_frame(&bytes) {
        let encoded = frame.encode();
        let again = decode_frame(&encoded).expect("what was encoded decodes");
        assert_eq!(again.encode(), encoded, "a frame encodes to what it was decoded from");
        match frame {
            Frame::Data { sealed, .. } => {
                assert_eq!(encoded, bytes, "a data frame has one form");
                decode_compressed(&bytes, sealed);
            }
            Frame::Hello(hello) => decode_fact(hello.alive),
            Frame::Refuse { .. } | Frame::Reset { .. } | Frame::Retry { .. } => {
                assert_eq!(encoded, bytes, "a short frame has one form");
            }
        }
    }
    decode_records(bytes.clone());
    decode_fact(bytes);
}

fn decode_compressed(frame: &[u8], body: Bytes) {
    if let Some(smaller) = compressed(frame) {
        let smaller = smaller.slice(DATA_HEADER_BYTES..);
        let again = decompressed(smaller, MOST);
        assert_eq!(again.as_ref(), Ok(&body), "what was compressed comes out as it was");
    }
    if let Ok(records) = decompressed(body, MOST) {
        assert!(records.len() <= MOST.max(frame.len()), "no more than was asked for");
        decode_records(records);
    }
}

fn decode_records(body: Bytes) {
    let mut channel = None;
    let records = Records::new(body.clone());
    let mut seen = 0;
    for record in records {
        seen += 1;
        assert!(seen <= body.len(), "every record takes a byte at least");
        match record {
            Ok(Record::Channel(tag)) => channel = Some(tag),
            Ok(Record::Fact { bytes, feedback }) => {
                decode_fact(bytes.clone());
                let parcel = Parcel::Fact { bytes, feedback };
                let Record::Fact { bytes, feedback } = packed(channel, &parcel) else {
                    panic!("a fact is packed as a fact");
                };
                let Parcel::Fact { bytes: before, feedback: wish } = parcel else { return };
                assert_eq!((bytes, feedback), (before, wish));
            }
            Ok(Record::Talk(talk)) => {
                let parcel = Parcel::Talk(talk);
                let Record::Talk(again) = packed(channel, &parcel) else {
                    panic!("talk is packed as talk");
                };
                let Parcel::Talk(talk) = parcel else { return };
                assert_eq!(again, talk);
            }
            Ok(Record::Unknown(_)) => {}
            Err(_) => return,
        }
    }
}

/// The record that a parcel travels as.
fn packed(channel: Option<crate::id::ChannelTag>, parcel: &Parcel) -> Record {
    let mut packer = Packer::new(1 << 20);
    assert!(packer.push(channel, parcel), "what fitted a frame fits a frame");
    let frames = packer.finish();
    let records = frames.into_iter().flat_map(Records::new);
    let record =
        records.filter_map(Result::ok).find(|record| !matches!(record, Record::Channel(_)));
    record.expect("what was packed is taken out")
}

fn decode_fact(bytes: Bytes) {
    let config = ConfigSpec::default().build(DATAGRAM_BYTES).expect("the default is valid");
    let cluster = config.cluster();
    for channel in [config.main_channel(), ChannelId::view(cluster)] {
        let domain = Domain::new(cluster, channel);
        let Ok(fact) = Envelope::decode(bytes.clone(), &domain) else { continue };
        assert_eq!(*fact.bytes(), bytes, "a fact keeps the author's bytes");
        let header = fact.header();
        assert!(header.is_sound());
        assert_eq!(header.key, fact.key());
        assert_eq!(fact.value().is_none(), fact.is_tombstone());
        let encoded = postcard::to_stdvec(&header).expect("a header encodes");
        assert_eq!(encoded, fact.header_bytes(), "a header has one form");
        assert_eq!(domain.fact_id(fact.kind(), &encoded), fact.id());
        if admit(&fact).is_ok() {
            let kinds = [
                Alive::decode(&fact).is_ok(),
                Leave::decode(&fact).is_ok(),
                Accusation::decode(&fact).is_ok(),
            ];
            let count = kinds.into_iter().filter(|is| *is).count();
            assert_eq!(count, 1, "a statement is of one kind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A short run of each target with its own mutations: the long ones are `cargo xtask fuzz`.
    fn fuzz(target: Target, seed: u64, executions: u32) {
        let mut mutator = Mutator::new(Rng::from_number(seed));
        for _ in 0..executions {
            target(&mutator.next_input());
        }
    }

    #[test]
    fn decoding_survives_a_short_fuzz() {
        fuzz(decode, 1, 100_000);
    }

    #[test]
    fn a_node_survives_a_short_fuzz() {
        fuzz(inputs, 2, 1_500);
    }
}
