//! Filling datagrams: records for one peer, in order, as few frames as they fit into.

use bytes::Bytes;

use super::frame::{DATA_HEADER_BYTES, data_header};
use super::record::{CHANNEL, FACT, RUMOR, put_length, record_len};
use super::talk::Talk;
use crate::id::{ChannelTag, SessionId};

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

/// Packs parcels for one peer into data frames, or into their bodies.
#[derive(Debug)]
pub struct Packer {
    channel: Option<ChannelTag>,
    /// The frame that is being filled; empty where none is.
    frame: Vec<u8>,
    frames: Vec<Bytes>,
    most_bytes: usize,
    payload_bytes: usize,
    /// Whose frames these are; `None`: bodies alone.
    session: Option<SessionId>,
    /// A body of talk on its way into a frame.
    talk: Vec<u8>,
}

impl Packer {
    /// Bytes that a frame needs besides one record: its header and the channel's name.
    pub const OVERHEAD: usize = DATA_HEADER_BYTES + record_len(8);

    /// A packer for the bodies of frames of at most so many bytes, header included.
    #[must_use]
    pub const fn new(payload_bytes: usize) -> Self {
        Self {
            channel: None,
            frame: Vec::new(),
            frames: Vec::new(),
            most_bytes: payload_bytes,
            payload_bytes,
            session: None,
            talk: Vec::new(),
        }
    }

    /// From now on frames are whole: they begin with the header of this session, and have at most
    /// so many bytes, or the second number where a record alone takes more.
    pub(crate) const fn begin(&mut self, session: SessionId, payload_bytes: usize, most: usize) {
        (self.session, self.payload_bytes, self.most_bytes) = (Some(session), payload_bytes, most);
    }

    /// Adds a record; `None` names the session itself. A record that fits no frame is dropped and
    /// told by `false`.
    pub fn push(&mut self, channel: Option<ChannelTag>, parcel: &Parcel) -> bool {
        match parcel {
            Parcel::Fact { bytes, feedback } => {
                self.put(channel, if *feedback { RUMOR } else { FACT }, bytes)
            }
            Parcel::Talk(talk) => {
                let mut body = std::mem::take(&mut self.talk);
                let kind = talk.encode(&mut body);
                let fits = self.put(channel, kind, &body);
                self.talk = body;
                fits
            }
        }
    }

    /// The frames or their bodies, in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Bytes> {
        self.take().collect()
    }

    /// The same, and the packer is empty again.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Bytes> {
        self.close_frame();
        self.frames.drain(..)
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
        let header = if self.session.is_some() { DATA_HEADER_BYTES } else { 0 };
        if misplaced || self.frame.len() + needed > room + header {
            self.close_frame();
        }
        if self.frame.is_empty() {
            // Most frames hold one record.
            self.frame.reserve_exact(header + alone);
            if let Some(session) = self.session {
                self.frame.extend_from_slice(&data_header(session));
            }
        }
        if let (Some(ChannelTag(tag)), true) = (channel, channel != self.channel) {
            self.put_record(CHANNEL, &tag);
            self.channel = channel;
        }
        self.put_record(kind, body);
        true
    }

    fn put_record(&mut self, kind: u8, body: &[u8]) {
        self.frame.push(kind);
        put_length(&mut self.frame, body.len());
        self.frame.extend_from_slice(body);
    }

    fn close_frame(&mut self) {
        if !self.frame.is_empty() {
            self.frames.push(std::mem::take(&mut self.frame).into());
        }
        self.channel = None;
    }
}
