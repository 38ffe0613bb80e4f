//! Records: what a data frame's body is made of.

use bytes::{Buf, Bytes};

use super::talk::Talk;
use crate::fact::Why;
use crate::id::ChannelTag;

/// The records that follow belong to this channel.
pub(super) const CHANNEL: u8 = 1;
/// A fact's bytes.
pub(super) const FACT: u8 = 2;
/// A fact's bytes, with the wish to hear whether it was new.
pub(super) const RUMOR: u8 = 3;
/// Kinds from here on are [`Talk`].
pub(super) const FIRST_TALK: u8 = 16;

/// All records of a frame, compressed; in no other place.
pub(super) const COMPRESSED: u8 = 40;

/// Bytes that a record of this body length takes.
#[must_use]
pub const fn record_len(body: usize) -> usize {
    let length = if body < 1 << 7 {
        1
    } else if body < 1 << 14 {
        2
    } else {
        3
    };
    1 + length + body
}

/// The kinds of the records of an opened frame, undecoded; ends at the first that is cut short.
pub fn record_kinds(records: &[u8]) -> impl Iterator<Item = u8> {
    raw_records(records).map(|(kind, ..)| kind)
}

/// The records of an opened frame, undecoded: kind, body, and the bytes that the whole record takes;
/// ends at the first that is cut short.
pub fn raw_records(mut records: &[u8]) -> impl Iterator<Item = (u8, &[u8], usize)> {
    std::iter::from_fn(move || {
        let before = records.len();
        let kind = records.try_get_u8().ok()?;
        let length = take_length(&mut records).ok()?;
        let (body, rest) = records.split_at_checked(length)?;
        records = rest;
        Some((kind, body, before - rest.len()))
    })
}

/// A kind's stable name, kebab-case; `None` if this version does not know it.
#[must_use]
pub fn record_name(kind: u8) -> Option<&'static str> {
    match kind {
        CHANNEL => Some("channel"),
        FACT => Some("fact"),
        RUMOR => Some("rumor"),
        COMPRESSED => Some("compressed"),
        talk => {
            let name = Talk::NAMES.get(usize::from(talk.checked_sub(FIRST_TALK)?)).copied();
            name.filter(|name| !name.is_empty())
        }
    }
}

/// One record.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever reads records must consider each form")]
pub enum Record {
    /// The records that follow belong to this channel.
    Channel(ChannelTag),
    /// A fact, still undecoded.
    Fact {
        /// The record body.
        bytes: Bytes,
        /// Whether the sender wants to hear if it was new.
        feedback: bool,
    },
    /// Talk about the channel, or about the session before any channel is named.
    Talk(Talk),
    /// A kind that this version does not know: skipped.
    Unknown(u8),
}

/// Takes records off a frame one by one; ends at the first that does not decode.
#[derive(Clone, Debug)]
pub struct Records(Bytes);

impl Records {
    /// The records of an opened frame.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    fn take(&mut self) -> Result<Record, Why> {
        let kind = self.0.try_get_u8().map_err(|_| Why::BadFrame)?;
        let length = take_length(&mut self.0)?;
        let body = self.0.get(..length).ok_or(Why::BadFrame)?;
        let record = match kind {
            FACT | RUMOR => {
                let bytes = self.0.split_to(length);
                return Ok(Record::Fact { bytes, feedback: kind == RUMOR });
            }
            CHANNEL => {
                let tag = body.try_into().map_err(|_| Why::BadRecord)?;
                Record::Channel(ChannelTag(tag))
            }
            // Where it may stand it was opened before.
            COMPRESSED => return Err(Why::BadRecord),
            kind if kind < FIRST_TALK => Record::Unknown(kind),
            kind => Talk::decode(kind, body)?.map_or(Record::Unknown(kind), Record::Talk),
        };
        self.0.advance(length);
        Ok(record)
    }
}

impl Iterator for Records {
    type Item = Result<Record, Why>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.take();
        if record.is_err() {
            self.0.clear();
        }
        Some(record)
    }
}

/// A length of at most 21 bits, seven in each byte, the lowest first.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// At most 21 bits: more than any frame.
pub(super) fn take_length(records: &mut impl Buf) -> Result<usize, Why> {
    let mut length = 0;
    for shift in [0, 7, 14] {
        let byte = records.try_get_u8().map_err(|_| Why::BadFrame)?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(length);
        }
    }
    Err(Why::BadFrame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::wire::{DATA_HEADER_BYTES, Packer, Parcel};

    #[test]
    fn kinds_have_the_names_of_their_forms() {
        let all = [
            Talk::Ack(1),
            Talk::Ask(vec![[1; 8]; 60]),
            Talk::Busy(Talk::NO_EXCHANGE),
            Talk::Call,
            Talk::Feedback { known: Vec::new(), new: Vec::new() },
            Talk::Ping(1),
            Talk::Pull(Vec::new()),
            Talk::Offer { rumors: vec![([1; 8], 3)], feedback: true },
            Talk::Welcome,
        ];
        let mut packer = Packer::new(1_200);
        packer.begin(SessionId([1; 8]), 1_200, 1_200);
        all.iter().for_each(|talk| assert!(packer.push(None, &Parcel::Talk(talk.clone()))));
        let frames: Vec<_> = packer.take().collect();
        let records = frames.iter().filter_map(|frame| frame.get(DATA_HEADER_BYTES..));
        let names: Vec<_> = records.flat_map(record_kinds).map(record_name).collect();
        let name =
            |talk: &Talk| format!("{talk:?}").split(['(', ' ']).next().map(str::to_lowercase);
        let expected: Vec<_> = all.iter().map(name).collect();
        assert_eq!(names.iter().map(|name| name.map(String::from)).collect::<Vec<_>>(), expected);
        assert_eq!(record_kinds(&[16, 5, 0]).count(), 0, "cut short");
        assert_eq!(record_name(200), None);
    }
}
