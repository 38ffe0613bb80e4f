//! The receiving half of a link: bytes as they come, frames as they are complete.

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::framing::{Broken, Control, HEAD_BYTES, Head};

/// Bytes of one read at most, unless a large frame is under way.
const READ_BYTES: usize = 64 << 10;

/// Frames up to here are copied out of the read buffer, which a slice would keep alive for their
/// sake; larger ones are read into memory of their own.
const LARGE_BYTES: usize = 16 << 10;

/// What the peer said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Control(Control),
    Frame(Bytes),
    /// A control frame of a kind that this version does not know.
    Unknown,
}

/// The bytes that came and are not yet a frame.
#[derive(Debug)]
pub(crate) struct Intake {
    buffer: BytesMut,
    frame_bytes: usize,
    large: Option<Large>,
}

/// A large frame under way: its memory grows as bytes arrive, so that an announcement costs
/// nothing.
#[derive(Debug)]
struct Large {
    bytes: Vec<u8>,
    length: usize,
}

impl Intake {
    pub(crate) fn new(frame_bytes: usize) -> Self {
        Self { buffer: BytesMut::new(), frame_bytes, large: None }
    }

    /// Whether a frame has begun and is not complete. True only between calls of [`Self::next`]
    /// that gave `None`.
    pub(crate) fn is_amid(&self) -> bool {
        self.large.is_some() || !self.buffer.is_empty()
    }

    /// Waits for bytes; 0 at the end of the stream. Cancel-safe.
    pub(crate) async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        match &mut self.large {
            Some(large) => {
                let rest = large.rest();
                if large.bytes.len() == large.bytes.capacity() {
                    large.bytes.reserve_exact(rest.min(large.bytes.len().max(READ_BYTES)));
                }
                let most = rest.min(large.bytes.capacity() - large.bytes.len());
                from.read_buf(&mut (&mut large.bytes).limit(most)).await
            }
            None => {
                self.buffer.reserve(READ_BYTES - self.buffer.len().min(READ_BYTES));
                from.read_buf(&mut self.buffer).await
            }
        }
    }

    /// The next thing that is complete.
    ///
    /// # Errors
    /// The peer broke the protocol: there is nothing more to understand.
    pub(crate) fn next(&mut self) -> Result<Option<Heard>, Broken> {
        if let Some(large) = self.large.take_if(|large| large.rest() == 0) {
            return Ok(Some(Heard::Frame(large.bytes.into())));
        }
        let Some((head, rest)) = self.buffer.split_first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        match Head::decode(*head, self.frame_bytes)? {
            Head::Control(length) => {
                let Some(body) = rest.get(..length) else { return Ok(None) };
                let heard = Control::decode(body)?.map_or(Heard::Unknown, Heard::Control);
                self.buffer.advance(HEAD_BYTES + length);
                Ok(Some(heard))
            }
            Head::Frame(length) => {
                if let Some(body) = rest.get(..length) {
                    let frame = Bytes::copy_from_slice(body);
                    self.buffer.advance(HEAD_BYTES + length);
                    return Ok(Some(Heard::Frame(frame)));
                }
                if length > LARGE_BYTES {
                    self.large = Some(Large { bytes: rest.to_vec(), length });
                    self.buffer.clear();
                }
                Ok(None)
            }
        }
    }
}

impl Large {
    fn rest(&self) -> usize {
        self.length - self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::Outgoing;

    const SIZES: [usize; 9] = [0, 1, 2, 1_000, 16_384, 16_385, 70_000, 1 << 20, 3];

    /// Frames and controls, taken apart from a stream that comes in pieces of this size.
    async fn check(piece: usize) {
        let frames = SIZES.map(|size| Bytes::from(vec![size as u8; size]));
        let mut outgoing = Outgoing::default();
        for frame in &frames {
            outgoing.control(Control::Ping);
            outgoing.frame(frame.clone());
        }
        let sent = outgoing.concatenated();
        let mut intake = Intake::new(1 << 20);
        let mut heard = Vec::new();
        for mut bytes in sent.chunks(piece) {
            while !bytes.is_empty() {
                assert!(intake.fill(&mut bytes).await.unwrap() > 0);
                while let Some(one) = intake.next().unwrap() {
                    heard.push(one);
                }
            }
        }
        assert!(!intake.is_amid());
        let expected = frames.map(|frame| [Heard::Control(Control::Ping), Heard::Frame(frame)]);
        assert!(heard == expected.into_iter().flatten().collect::<Vec<_>>(), "pieces of {piece}");
    }

    #[tokio::test]
    async fn frames_are_whole_however_their_bytes_come() {
        for piece in [1, 2, 3, 5, 1_000, 4_099, 65_536, 2 << 20] {
            check(piece).await;
        }
    }

    #[tokio::test]
    async fn memory_grows_with_what_arrives() {
        let mut intake = Intake::new(1 << 20);
        let mut announcement = Head::Frame(1 << 20).encode().to_vec();
        announcement.push(7);
        intake.fill(&mut announcement.as_slice()).await.unwrap();
        assert_eq!(intake.next(), Ok(None));
        assert!(intake.is_amid());
        for _ in 0..5 {
            let before = intake.large.as_ref().unwrap().bytes.len();
            intake.fill(&mut [7; 10_000].as_slice()).await.unwrap();
            let bytes = &intake.large.as_ref().unwrap().bytes;
            assert!(bytes.len() > before && bytes.capacity() <= 2 * bytes.len().max(READ_BYTES));
        }
    }

    #[tokio::test]
    async fn what_breaks_the_protocol_is_refused_at_its_head() {
        let check = async |bytes: &[u8], expected| {
            let mut intake = Intake::new(1_000);
            intake.fill(&mut &*bytes).await.unwrap();
            assert_eq!(intake.next(), Err(expected), "{bytes:?}");
        };
        check(&Head::Frame(1_001).encode(), Broken::Oversize).await;
        check(b"GET / HTTP/1.1", Broken::Oversize).await;
        check(&[0x80, 0, 0, 65], Broken::Malformed).await;
        check(&[0x80, 0, 0, 0], Broken::Malformed).await;
    }
}
