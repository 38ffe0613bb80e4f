//! Frames and control frames as bytes of a stream.
//!
//! ```text
//! 0 | length (31 bits)       | frame               the node's
//! 1 | length (31 bits)       | kind (1) | body     between the transports
//!      kind 0: Ping, no body      says that somebody is here
//!      kind 1: Bye, no body       the sender sends nothing more
//!      kind 2: Twin, nonce (16)   the sender's proof that it holds another link too
//! ```
//! Lengths are big-endian. A control frame of an unknown kind is skipped.

use bytes::{BufMut as _, BytesMut};

use crate::preamble::Nonce;

/// Bytes before each frame.
pub(crate) const HEAD_BYTES: usize = 4;

/// Set in the head of control frames.
const CONTROL: u32 = 1 << 31;

/// Most bytes of a control frame: three times what any needs, for later kinds.
const CONTROL_BYTES: usize = 64;

/// Most bytes of a frame that a configuration may permit: what the head has room for would be
/// twice as much, and no queue is made for it.
pub(crate) const MAX_FRAME_BYTES: usize = 1 << 30;

/// What comes after a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Control(usize),
    Frame(usize),
}

/// What transports tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Bye,
    Ping,
    Twin(Nonce),
}

/// The peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Malformed,
    Oversize,
}

impl Head {
    pub(crate) fn decode(bytes: [u8; HEAD_BYTES], frame_bytes: usize) -> Result<Self, Broken> {
        let head = u32::from_be_bytes(bytes);
        let length = (head & !CONTROL) as usize;
        match head & CONTROL != 0 {
            true if length > CONTROL_BYTES => Err(Broken::Malformed),
            true => Ok(Self::Control(length)),
            false if length > frame_bytes => Err(Broken::Oversize),
            false => Ok(Self::Frame(length)),
        }
    }

    pub(crate) fn encode(self) -> [u8; HEAD_BYTES] {
        let head = match self {
            Self::Control(length) => CONTROL | length as u32,
            Self::Frame(length) => length as u32,
        };
        head.to_be_bytes()
    }
}

impl Control {
    /// `None`: of an unknown kind.
    pub(crate) fn decode(body: &[u8]) -> Result<Option<Self>, Broken> {
        match body {
            [0] => Ok(Some(Self::Ping)),
            [1] => Ok(Some(Self::Bye)),
            [2, nonce @ ..] => {
                let nonce = nonce.try_into().map_err(|_| Broken::Malformed)?;
                Ok(Some(Self::Twin(nonce)))
            }
            [] | [0 | 1, ..] => Err(Broken::Malformed),
            [_, ..] => Ok(None),
        }
    }

    /// Appends the whole frame, head included.
    pub(crate) fn encode(self, into: &mut BytesMut) {
        let (kind, nonce) = match &self {
            Self::Ping => (0, [].as_slice()),
            Self::Bye => (1, [].as_slice()),
            Self::Twin(nonce) => (2, nonce.as_slice()),
        };
        into.put_slice(&Head::Control(1 + nonce.len()).encode());
        into.put_u8(kind);
        into.put_slice(nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_round_trip_within_their_limits() {
        for head in [Head::Frame(0), Head::Frame(1_000), Head::Control(1), Head::Control(64)] {
            assert_eq!(Head::decode(head.encode(), 1_000), Ok(head));
        }
        assert_eq!(Head::decode(Head::Frame(1_001).encode(), 1_000), Err(Broken::Oversize));
        assert_eq!(Head::decode(Head::Control(65).encode(), 1_000), Err(Broken::Malformed));
        assert_eq!(Head::decode([0xff; 4], MAX_FRAME_BYTES), Err(Broken::Malformed));
        assert_eq!(Head::decode([0x7f, 0xff, 0xff, 0xff], MAX_FRAME_BYTES), Err(Broken::Oversize));
    }

    #[test]
    fn controls_round_trip_and_later_kinds_are_skipped() {
        for control in [Control::Bye, Control::Ping, Control::Twin([7; 16])] {
            let mut bytes = BytesMut::new();
            control.encode(&mut bytes);
            let (head, body) = bytes.split_first_chunk().unwrap();
            assert_eq!(Head::decode(*head, 0), Ok(Head::Control(body.len())));
            assert_eq!(Control::decode(body), Ok(Some(control)));
        }
        assert_eq!(Control::decode(&[3]), Ok(None));
        assert_eq!(Control::decode(&[255, 1, 2, 3]), Ok(None));
        for body in [&[] as &[u8], &[0, 0], &[1, 0], &[2], &[2; 16], &[2; 18]] {
            assert_eq!(Control::decode(body), Err(Broken::Malformed), "{body:?}");
        }
    }
}
