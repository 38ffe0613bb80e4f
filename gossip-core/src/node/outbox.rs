//! What is to be sent when a call ends: records per member, packed into as few frames as fit.

use bytes::Bytes;

use super::FEW;
use crate::fact::{Keys, Protection};
use crate::id::{ChannelTag, NodeId, SessionId};
use crate::peering::Route;
use crate::sketch::Cell;
use crate::status::Status;
use crate::transport::{Address, Class, Payloads, Transmit};
use crate::wire::{
    DATA_HEADER_BYTES, Packer, Parcel, SIGHTING_BYTES, Talk, compressed, data_header,
};

/// What frames over a stream are filled to: far above what a call costs, far below what a peer's
/// queue holds (guess). A larger record has a frame of its own.
const STREAM_FRAME_BYTES: usize = 64 * 1024;

/// Bulk of no more than this goes as datagrams where they lead to the member: a handful is not
/// worth a connection, and repair finds again what is lost (guess).
const FEW_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Outbox {
    /// Whether frames over streams are compressed where that pays.
    compresses: bool,
    /// The largest fact that goes as a datagram.
    fits_datagram: usize,
    packer: Packer,
    payloads: Payloads,
    records: Vec<Queued>,
}

/// A record for a member.
#[derive(Debug)]
struct Queued {
    to: NodeId,
    /// Its channel; `None` names the session itself.
    channel: Option<ChannelTag>,
    class: Class,
    parcel: Parcel,
}

impl Outbox {
    pub(super) const fn new(payloads: Payloads, fits_datagram: usize, compresses: bool) -> Self {
        let packer = Packer::new(payloads.gossip);
        Self { compresses, fits_datagram, packer, payloads, records: Vec::new() }
    }

    /// Queues a record; `None` names the session itself.
    pub(super) fn push(
        &mut self,
        to: NodeId,
        channel: Option<ChannelTag>,
        class: Class,
        parcel: Parcel,
    ) {
        let class = if fact_bytes(&parcel) > self.fits_datagram { Class::Bulk } else { class };
        self.records.push(Queued { to, channel, class, parcel });
    }

    /// Packs everything queued. A member without a session gets nothing: repair makes up for it.
    pub(super) fn flush(
        &mut self,
        keys: &dyn Keys,
        mut route: impl FnMut(&NodeId, bool) -> Option<Route>,
        status: &mut Status,
        mut send: impl FnMut(Transmit),
    ) {
        let mut records = std::mem::take(&mut self.records);
        let Self { compresses, fits_datagram, packer, payloads, .. } = self;
        records.sort_by_key(|record| (record.to, rank(record, *fits_datagram)));
        for records in records.chunk_by(|a, b| a.to == b.to) {
            let Some(to) = records.first().map(|record| record.to) else { continue };
            let of = |class| records.iter().filter(move |record| record.class == class);
            let worth_a_stream = !is_little(of(Class::Bulk), *fits_datagram);
            let Some(Route { session, compress, gossip, bulk }) = route(&to, worth_a_stream) else {
                continue;
            };
            let compress = compress && *compresses;
            let mut pack = |class, to, records: &mut dyn Iterator<Item = &Queued>| {
                let (payload_bytes, most) = frame_bytes(*payloads, to);
                packer.begin(session, payload_bytes, most);
                for Queued { channel, parcel, .. } in records {
                    if !packer.push(*channel, parcel) {
                        status.unsendable_records += 1;
                    }
                }
                let is_bulk = class == Class::Bulk && !matches!(to, Address::Socket(_));
                for mut frame in packer.take() {
                    if let Some(smaller) =
                        (is_bulk && compress).then(|| compressed(&frame)).flatten()
                    {
                        status.wire.spared_bytes += (frame.len() - smaller.len()) as u64;
                        frame = smaller;
                    }
                    let bytes = sealed(keys, session, frame);
                    status.wire.sent_frames += 1;
                    status.wire.sent_bytes += bytes.len() as u64;
                    send(Transmit { to, class, bytes });
                }
            };
            let datagrams_only = gossip == bulk && matches!(bulk, Address::Socket(_));
            if datagrams_only || !worth_a_stream {
                pack(Class::Gossip, gossip, &mut of(Class::Gossip).chain(of(Class::Bulk)));
            } else {
                pack(Class::Gossip, gossip, &mut of(Class::Gossip));
                pack(Class::Bulk, bulk, &mut of(Class::Bulk));
            }
        }
        if records.capacity() <= FEW {
            records.clear();
            self.records = records;
        }
    }
}

/// How many bytes frames to this address have, and how many with a record that is larger.
fn frame_bytes(payloads: Payloads, to: Address) -> (usize, usize) {
    let Payloads { gossip, bulk } = payloads;
    match to {
        Address::Socket(_) => (gossip, gossip),
        Address::Stream(_) | Address::Link(_) => (STREAM_FRAME_BYTES.min(bulk), bulk),
    }
}

/// What goes first to a member: gossip, then small facts before large ones, and what is said of them
/// after them all; chunks last, for whoever takes them has patience.
fn rank(Queued { class, parcel, .. }: &Queued, fits_datagram: usize) -> u8 {
    match (class, parcel) {
        (_, Parcel::Talk(Talk::Chunk(_))) => 4,
        (Class::Gossip, _) => 0,
        (Class::Bulk, Parcel::Fact { bytes, .. }) if bytes.len() <= fits_datagram => 1,
        (Class::Bulk, Parcel::Fact { .. } | Parcel::Talk(Talk::Large(_))) => 2,
        (Class::Bulk, Parcel::Talk(_)) => 3,
    }
}

/// Whether bulk is no more than a few datagrams take, and nothing that asks whether a stream leads there.
fn is_little<'a>(mut bulk: impl Iterator<Item = &'a Queued> + Clone, fits_datagram: usize) -> bool {
    let probes = |parcel: &Parcel| matches!(parcel, Parcel::Talk(Talk::Ping(_) | Talk::Ack(_)));
    let lengths = bulk.clone().map(|record| fact_bytes(&record.parcel));
    lengths.sum::<usize>() <= FEW_BYTES
        && bulk.all(|it| fact_bytes(&it.parcel) <= fits_datagram && !probes(&it.parcel))
}

/// What a fact takes, or cells or a report do. Other talk counts as nothing: all of it is made to fit a datagram.
fn fact_bytes(parcel: &Parcel) -> usize {
    match parcel {
        Parcel::Fact { bytes, .. } => bytes.len(),
        Parcel::Talk(Talk::Cells(cells)) => cells.cells.len() * Cell::BYTES,
        Parcel::Talk(Talk::Report(report)) => report.sightings.len() * SIGHTING_BYTES,
        Parcel::Talk(_) => 0,
    }
}

/// A data frame whose records are protected.
fn sealed(keys: &dyn Keys, session: SessionId, frame: Bytes) -> Bytes {
    match keys.protection() {
        Protection::Clear => frame,
        Protection::Sealed => {
            let sealed = keys.seal(session, frame.slice(DATA_HEADER_BYTES..));
            [&data_header(session), &*sealed].concat().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::SigningKeys;
    use crate::sketch::Symbol;
    use crate::wire::{CHUNK_BYTES, Chunk, Frame, Record, Records, decode_frame, decompressed};

    fn fact(bytes: usize) -> Parcel {
        Parcel::Fact { bytes: vec![7; bytes].into(), feedback: false }
    }

    /// What leaves for a member, in order.
    fn sent(bulk: Address) -> Vec<String> {
        let payloads = Payloads { gossip: 1_200, bulk: 2 << 20 };
        let mut outbox = Outbox::new(payloads, 1_177, true);
        let (to, tag) = (NodeId::from_bytes([1; 32]), Some(ChannelTag([2; 8])));
        let symbol = Symbol { hlc: 1, id: 2 };
        let chunk = Chunk { symbol, place: 0, bytes: vec![7; CHUNK_BYTES].into() };
        let done = Talk::Done { exchange: 1, step: 2, rest: Vec::new() };
        for (class, parcel) in [
            (Class::Bulk, Parcel::Talk(Talk::Chunk(chunk))),
            (Class::Bulk, fact(1_000_000)),
            (Class::Bulk, fact(100)),
            (Class::Bulk, Parcel::Talk(done)),
            (Class::Bulk, fact(9_000)),
            (Class::Gossip, fact(8_000)),
            (Class::Gossip, fact(10)),
            (Class::Gossip, Parcel::Talk(Talk::Ping(3))),
        ] {
            outbox.push(to, tag, class, parcel);
        }
        let gossip = Address::Socket(([127, 0, 0, 1], 1).into());
        let route = Route { session: SessionId([3; 8]), compress: true, gossip, bulk };
        let mut names = Vec::new();
        let keys = SigningKeys::new([1; 32], [1; 32]);
        let send = |transmit: Transmit| {
            let Ok(Frame::Data { sealed, .. }) = decode_frame(&transmit.bytes) else { return };
            let records = decompressed(sealed, payloads.bulk).unwrap();
            names.extend(Records::new(records).filter_map(|record| match record {
                Ok(Record::Fact { bytes, .. }) => Some(bytes.len().to_string()),
                Ok(Record::Talk(talk)) => {
                    Some(format!("{talk:?}").split(['(', ' ']).next()?.to_owned())
                }
                _ => None,
            }));
        };
        outbox.flush(&keys, |_, _| Some(route), &mut Status::default(), send);
        names
    }

    #[test]
    fn what_is_small_goes_before_what_is_large() {
        let stream = sent(Address::Stream(([127, 0, 0, 1], 2).into()));
        let order = ["10", "Ping", "100", "1000000", "9000", "8000", "Done", "Chunk"];
        assert_eq!(stream, order, "and what is said of facts after them");
        let datagrams = sent(Address::Socket(([127, 0, 0, 1], 1).into()));
        assert_eq!(datagrams, ["10", "Ping", "100", "Done", "Chunk"]);
    }
}
