//! What is to be sent when a call ends: records per member, packed into as few frames as fit.

use std::collections::BTreeMap;

use bytes::{BufMut as _, BytesMut};

use crate::fact::Keys;
use crate::id::{ChannelTag, NodeId, SessionId};
use crate::status::Status;
use crate::transport::{Address, Class, Transmit};
use crate::wire::{DATA_HEADER_BYTES, Packer, Parcel, data_header};

#[derive(Debug)]
pub(super) struct Outbox {
    frame_bytes: usize,
    parcels: BTreeMap<NodeId, Vec<(Option<ChannelTag>, Parcel)>>,
}

impl Outbox {
    pub(super) const fn new(frame_bytes: usize) -> Self {
        Self { frame_bytes, parcels: BTreeMap::new() }
    }

    /// Queues a record; `None` names the session itself.
    pub(super) fn push(&mut self, to: NodeId, channel: Option<ChannelTag>, parcel: Parcel) {
        self.parcels.entry(to).or_default().push((channel, parcel));
    }

    /// Packs everything queued. A member without a session gets nothing: repair makes up for it.
    pub(super) fn flush(
        &mut self,
        keys: &dyn Keys,
        route: impl Fn(&NodeId) -> Option<(SessionId, Address)>,
        status: &mut Status,
        mut send: impl FnMut(Transmit),
    ) {
        for (member, parcels) in std::mem::take(&mut self.parcels) {
            let Some((session, to)) = route(&member) else { continue };
            let mut packer = Packer::new(self.frame_bytes);
            for (channel, parcel) in parcels {
                if !packer.push(channel, &parcel) {
                    status.unsendable_records += 1;
                }
            }
            for records in packer.finish() {
                let sealed = keys.seal(session, records);
                let mut frame = BytesMut::with_capacity(DATA_HEADER_BYTES + sealed.len());
                frame.put_slice(&data_header(session));
                frame.put_slice(&sealed);
                status.wire.sent_frames += 1;
                status.wire.sent_bytes += frame.len() as u64;
                send(Transmit { to, class: Class::Gossip, bytes: frame.freeze() });
            }
        }
    }
}
