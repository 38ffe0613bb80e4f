//! The sending half of a link: frames with their heads, as few calls as possible.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::framing::{Control, Head};

/// Frames up to here are copied next to their heads: one more piece of a vectored write costs
/// about as much (guess). Larger ones are sent from where they lie.
const COPIED_BYTES: usize = 4 << 10;

/// Pieces of one vectored write; a turn of the queue has at most 64 frames.
const PIECES: usize = 64;

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Heads, controls and small frames that follow `pieces`.
    joined: BytesMut,
    pieces: VecDeque<Bytes>,
}

impl Outgoing {
    pub(crate) fn control(&mut self, control: Control) {
        control.encode(&mut self.joined);
    }

    pub(crate) fn frame(&mut self, frame: Bytes) {
        self.joined.extend_from_slice(&Head::Frame(frame.len()).encode());
        if frame.len() <= COPIED_BYTES {
            self.joined.extend_from_slice(&frame);
        } else {
            self.finish_piece();
            self.pieces.push_back(frame);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.joined.is_empty()
    }

    /// Writes some of it; 0 only once the stream takes no more. Cancel-safe.
    pub(crate) async fn write(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<usize> {
        self.finish_piece();
        let mut slices = [IoSlice::new(&[]); PIECES];
        let mut used = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            used += 1;
        }
        let written = to.write_vectored(slices.get(..used).unwrap_or(&[])).await?;
        self.advance(written);
        Ok(written)
    }

    fn finish_piece(&mut self) {
        if !self.joined.is_empty() {
            self.pieces.push_back(self.joined.split().freeze());
        }
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }

    #[cfg(test)]
    pub(crate) fn concatenated(mut self) -> Vec<u8> {
        self.finish_piece();
        self.pieces.iter().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_lost_when_little_is_taken_at_a_time() {
        let mut outgoing = Outgoing::default();
        for size in [1, 5_000, 0, 4_096, 4_097, 100_000, 7] {
            outgoing.frame(Bytes::from(vec![size as u8; size]));
        }
        outgoing.control(Control::Bye);
        let mut expected = Vec::new();
        for size in [1, 5_000, 0, 4_096, 4_097, 100_000, 7] {
            expected.extend((size as u32).to_be_bytes());
            expected.extend(vec![size as u8; size]);
        }
        expected.extend([0x80, 0, 0, 1, 1]);
        // A duplex pipe takes what fits into it, like a socket.
        let (mut near, mut far) = tokio::io::duplex(999);
        let writing = async {
            while !outgoing.is_empty() {
                assert!(outgoing.write(&mut near).await.unwrap() > 0);
            }
            drop(near);
        };
        let mut received = Vec::new();
        let reading = tokio::io::AsyncReadExt::read_to_end(&mut far, &mut received);
        let ((), read) = tokio::join!(writing, reading);
        read.unwrap();
        assert!(received == expected);
    }
}
