//! The receiving half: one system call, many datagrams.

use std::io::{self, ErrorKind, IoSliceMut};

use bytes::Bytes;
use gossip_core::transport::{Address, DATAGRAM_BYTES, Inbound};
use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::io::Interest;

use crate::counters::count;
use crate::transport::Shared;

/// Bytes of one receive buffer: the largest datagram, or as many joined ones as the kernel gives.
const BUFFER_BYTES: usize = 1 << 16;

/// Unknown errors in a row, with no datagram between, after which the socket counts as broken
/// (guess: a passing error is not met as often, a broken socket answers at once each time).
const BROKEN_AFTER: u32 = 32;

/// Buffers for one batch, reused.
#[derive(Debug)]
pub(crate) struct Intake {
    buffers: Vec<u8>,
    patience: Patience,
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self { buffers: vec![0; BATCH_SIZE * BUFFER_BYTES], patience: Patience::default() }
    }

    /// Takes what has arrived, without waiting: perhaps nothing.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) fn receive(&mut self, shared: &Shared) -> io::Result<Vec<Inbound>> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<_> =
            self.buffers.chunks_exact_mut(BUFFER_BYTES).map(IoSliceMut::new).collect();
        let received = shared.socket.try_io(Interest::READABLE, || {
            count(&shared.counters.received_syscalls, 1);
            shared.state.recv((&shared.socket).into(), &mut slices, &mut metas)
        });
        drop(slices);
        match received {
            Ok(filled) => {
                self.patience = Patience::default();
                Ok(self.frames(shared, metas.get(..filled).unwrap_or(&[])))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(error) => {
                count(&shared.counters.receive_errors, 1);
                tracing::debug!(%error, "not received");
                self.patience.absorb(error).map(|()| Vec::new())
            }
        }
    }

    /// Copies the frames out: a slice would keep 64 KiB alive for the sake of a few bytes.
    fn frames(&self, shared: &Shared, metas: &[RecvMeta]) -> Vec<Inbound> {
        let mut inbound = Vec::new();
        for (meta, buffer) in metas.iter().zip(self.buffers.chunks_exact(BUFFER_BYTES)) {
            let from = Address::Socket(meta.addr);
            let joined = buffer.get(..meta.len).unwrap_or(buffer);
            if joined.is_empty() || meta.stride > DATAGRAM_BYTES {
                let datagrams = joined.len().div_ceil(meta.stride.max(1)).max(1);
                count(&shared.counters.refused_datagrams, datagrams);
                continue;
            }
            count(&shared.counters.received_bytes, joined.len());
            inbound.extend(
                joined
                    .chunks(meta.stride.max(1))
                    .map(|frame| Inbound::Frame { from, bytes: Bytes::copy_from_slice(frame) }),
            );
        }
        count(&shared.counters.received_datagrams, inbound.len());
        inbound
    }
}

/// Tells passing errors from a broken socket.
#[derive(Debug, Default)]
struct Patience {
    unknown_in_a_row: u32,
}

impl Patience {
    fn absorb(&mut self, error: io::Error) -> io::Result<()> {
        self.unknown_in_a_row = if passes(&error) { 0 } else { self.unknown_in_a_row + 1 };
        if self.unknown_in_a_row < BROKEN_AFTER { Ok(()) } else { Err(error) }
    }
}

/// Errors that are known to be about a peer, a route or the moment.
fn passes(error: &io::Error) -> bool {
    quinn_udp::is_msg_size_err(error)
        || matches!(
            error.kind(),
            ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::HostUnreachable
                | ErrorKind::Interrupted
                | ErrorKind::NetworkDown
                | ErrorKind::NetworkUnreachable
                | ErrorKind::OutOfMemory
                | ErrorKind::PermissionDenied
                | ErrorKind::TimedOut
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_errors_are_absorbed_for_ever_and_unknown_ones_for_a_while() {
        let mut patience = Patience::default();
        for _ in 0..10 * BROKEN_AFTER {
            patience.absorb(ErrorKind::ConnectionRefused.into()).unwrap();
            patience.absorb(ErrorKind::Interrupted.into()).unwrap();
            patience.absorb(ErrorKind::NotConnected.into()).unwrap();
        }
        for _ in 1..BROKEN_AFTER - 1 {
            patience.absorb(ErrorKind::NotConnected.into()).unwrap();
        }
        let error = patience.absorb(ErrorKind::NotConnected.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    }
}
