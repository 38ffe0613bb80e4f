//! Filling datagrams: records for one peer, in order, as few frames as they fit into.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::frame::DATA_HEADER_BYTES;
use super::record::{CHANNEL, FACT, RUMOR, record_len};
use super::talk::Talk;
use crate::id::ChannelTag;

/// One record on its way, before it has a frame.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the packer must consider each form")]
pub enum Parcel {
    /// A fact. The bytes are its author's, shared by all frames.
    Fact {
        /// The record body.
        bytes: Bytes,
        /// Whether we want to hear if it was new.
        feedback: bool,
    },
    /// Talk.
    Talk(Talk),
}

/// Packs parcels for one peer into the bodies of data frames.
#[derive(Debug)]
pub struct Packer {
    body: BytesMut,
    channel: Option<ChannelTag>,
    frames: Vec<Bytes>,
    most_bytes: usize,
    payload_bytes: usize,
}

impl Packer {
    /// Bytes that a frame needs besides one record: its header and the channel's name.
    pub const OVERHEAD: usize = DATA_HEADER_BYTES + record_len(8);

    /// A packer for frames of at most so many bytes, header included.
    #[must_use]
    pub fn new(payload_bytes: usize) -> Self {
        Self {
            body: BytesMut::new(),
            channel: None,
            frames: Vec::new(),
            most_bytes: payload_bytes,
            payload_bytes,
        }
    }

    /// The same, but a record that alone exceeds a frame has one of its own, of at most so many
    /// bytes.
    #[must_use]
    pub fn up_to(self, most_bytes: usize) -> Self {
        Self { most_bytes, ..self }
    }

    /// Adds a record; `None` names the session itself. A record that fits no frame is dropped and
    /// told by `false`.
    pub fn push(&mut self, channel: Option<ChannelTag>, parcel: &Parcel) -> bool {
        match parcel {
            Parcel::Fact { bytes, feedback } => {
                self.put(channel, if *feedback { RUMOR } else { FACT }, bytes)
            }
            Parcel::Talk(talk) => {
                let (kind, body) = talk.encode();
                self.put(channel, kind, &body)
            }
        }
    }

    /// The bodies, in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Bytes> {
        self.close_frame();
        self.frames
    }

    fn put(&mut self, channel: Option<ChannelTag>, kind: u8, body: &[u8]) -> bool {
        let room = self.payload_bytes.saturating_sub(DATA_HEADER_BYTES);
        let named = |known: Option<ChannelTag>| if known == channel { 0 } else { record_len(8) };
        let alone = record_len(body.len()) + named(None);
        if alone > self.most_bytes.saturating_sub(DATA_HEADER_BYTES) {
            return false;
        }
        // A session's own record must not stand behind a channel's name.
        let misplaced = channel.is_none() && self.channel.is_some();
        let needed = named(self.channel) + record_len(body.len());
        if misplaced || self.body.len() + needed > room {
            self.close_frame();
        }
        if self.body.is_empty() {
            self.body.reserve(room.max(alone));
        }
        if let (Some(tag), true) = (channel, channel != self.channel) {
            #[expect(clippy::expect_used, reason = "encoding into memory that grows cannot fail")]
            let tag = postcard::to_stdvec(&tag).expect("a tag encodes");
            self.put_record(CHANNEL, &tag);
            self.channel = channel;
        }
        self.put_record(kind, body);
        true
    }

    fn put_record(&mut self, kind: u8, body: &[u8]) {
        self.body.put_u8(kind);
        let mut rest = body.len();
        while rest >= 0x80 {
            self.body.put_u8((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.body.put_u8(rest as u8);
        self.body.put_slice(body);
    }

    fn close_frame(&mut self) {
        if !self.body.is_empty() {
            self.frames.push(self.body.split().freeze());
        }
        self.channel = None;
    }
}
