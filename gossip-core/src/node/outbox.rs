//! What is to be sent when a call ends: records per member, packed into as few frames as fit.

use std::collections::BTreeMap;

use bytes::{BufMut as _, BytesMut};

use crate::fact::Keys;
use crate::id::{ChannelTag, NodeId, SessionId};
use crate::peering::Route;
use crate::status::Status;
use crate::transport::{Address, Class, Payloads, Transmit};
use crate::wire::{DATA_HEADER_BYTES, Packer, Parcel, data_header};

/// What frames over a stream are filled to: far above what a call costs, far below what a peer's
/// queue holds (guess). A larger record has a frame of its own.
const STREAM_FRAME_BYTES: usize = 64 * 1024;

/// Bulk of no more than this goes as datagrams where they lead to the member: a handful is not
/// worth a connection, and repair finds again what is lost (guess).
const FEW_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Outbox {
    /// The largest fact that goes as a datagram.
    fits_datagram: usize,
    parcels: BTreeMap<NodeId, Queue>,
    payloads: Payloads,
}

/// What one member is sent.
#[derive(Debug, Default)]
struct Queue {
    bulk: Vec<Labelled>,
    gossip: Vec<Labelled>,
}

/// A record and its channel; `None` names the session itself.
type Labelled = (Option<ChannelTag>, Parcel);

impl Outbox {
    pub(super) const fn new(payloads: Payloads, fits_datagram: usize) -> Self {
        Self { fits_datagram, parcels: BTreeMap::new(), payloads }
    }

    /// Queues a record; `None` names the session itself.
    pub(super) fn push(
        &mut self,
        to: NodeId,
        channel: Option<ChannelTag>,
        class: Class,
        parcel: Parcel,
    ) {
        let queue = self.parcels.entry(to).or_default();
        match class {
            Class::Gossip if fact_bytes(&parcel) <= self.fits_datagram => {
                queue.gossip.push((channel, parcel))
            }
            Class::Gossip | Class::Bulk => queue.bulk.push((channel, parcel)),
        }
    }

    /// Packs everything queued. A member without a session gets nothing: repair makes up for it.
    pub(super) fn flush(
        &mut self,
        keys: &dyn Keys,
        mut route: impl FnMut(&NodeId, bool) -> Option<Route>,
        status: &mut Status,
        mut send: impl FnMut(Transmit),
    ) {
        for (member, queue) in std::mem::take(&mut self.parcels) {
            let worth_a_stream = !self.is_little(&queue.bulk);
            let Some(Route { session, gossip, bulk }) = route(&member, worth_a_stream) else {
                continue;
            };
            let mut pack = |class, to, parcels: Vec<Labelled>| {
                let mut packer = self.packer(to);
                for (channel, parcel) in parcels {
                    if !packer.push(channel, &parcel) {
                        status.unsendable_records += 1;
                    }
                }
                for records in packer.finish() {
                    let bytes = sealed(keys, session, records);
                    status.wire.sent_frames += 1;
                    status.wire.sent_bytes += bytes.len() as u64;
                    send(Transmit { to, class, bytes });
                }
            };
            let datagrams_only = gossip == bulk && matches!(bulk, Address::Socket(_));
            if datagrams_only || !worth_a_stream {
                pack(Class::Gossip, gossip, [queue.gossip, queue.bulk].concat());
            } else {
                pack(Class::Gossip, gossip, queue.gossip);
                pack(Class::Bulk, bulk, queue.bulk);
            }
        }
    }

    fn packer(&self, to: Address) -> Packer {
        let Payloads { gossip, bulk } = self.payloads;
        match to {
            Address::Socket(_) => Packer::new(gossip),
            Address::Stream(_) | Address::Link(_) => {
                Packer::new(STREAM_FRAME_BYTES.min(bulk)).up_to(bulk)
            }
        }
    }

    fn is_little(&self, bulk: &[Labelled]) -> bool {
        let lengths = || bulk.iter().map(|(_, parcel)| fact_bytes(parcel));
        lengths().sum::<usize>() <= FEW_BYTES
            && lengths().all(|length| length <= self.fits_datagram)
    }
}

/// What a fact takes. Talk counts as nothing: all of it is made to fit a datagram.
fn fact_bytes(parcel: &Parcel) -> usize {
    match parcel {
        Parcel::Fact { bytes, .. } => bytes.len(),
        Parcel::Talk(_) => 0,
    }
}

/// A data frame.
fn sealed(keys: &dyn Keys, session: SessionId, records: bytes::Bytes) -> bytes::Bytes {
    let sealed = keys.seal(session, records);
    let mut frame = BytesMut::with_capacity(DATA_HEADER_BYTES + sealed.len());
    frame.put_slice(&data_header(session));
    frame.put_slice(&sealed);
    frame.freeze()
}
