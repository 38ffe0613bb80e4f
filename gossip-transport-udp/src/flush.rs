//! The sending half: turns of the outlet become as few system calls as the kernel allows.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::transport::{Address, Parcel, TURN_BYTES};
use quinn_udp::Transmit;
use tokio::io::Interest;

use crate::counters::count;
use crate::transport::Shared;

/// Sends what is queued until the outlet is closed and empty.
pub(crate) async fn flush(shared: Arc<Shared>) {
    let mut joined = Vec::with_capacity(TURN_BYTES);
    while let Some(Parcel { address, frames, rooms }) = shared.outlet.next().await {
        if !rooms.is_empty() {
            shared.rooms.announce(rooms);
        }
        let Address::Socket(to) = address else { continue };
        let mut rest = frames.as_slice();
        while !rest.is_empty() {
            let (run, after) = rest.split_at(run_length(rest, shared.max_segments()));
            send_run(&shared, to, run, &mut joined).await;
            rest = after;
        }
    }
}

/// How many frames from the front go in one call: equal sizes, of which the last may be smaller.
fn run_length(frames: &[Bytes], max_segments: usize) -> usize {
    let Some(segment) = frames.first().map(Bytes::len).filter(|length| *length > 0) else {
        return 1.min(frames.len());
    };
    let most = max_segments.min(TURN_BYTES / segment).max(1);
    let equal = frames.iter().take(most).take_while(|frame| frame.len() == segment).count();
    let shorter = frames.get(equal).is_some_and(|frame| (1..segment).contains(&frame.len()));
    if shorter && equal < most { equal + 1 } else { equal }
}

/// Sends a run in one call. What the kernel refuses as one is tried frame by frame.
async fn send_run(shared: &Shared, to: SocketAddr, run: &[Bytes], joined: &mut Vec<u8>) {
    if let [_, _, ..] = run {
        joined.clear();
        run.iter().for_each(|frame| joined.extend_from_slice(frame));
        if send_call(shared, to, joined, run).await {
            return;
        }
    }
    for frame in run {
        if !send_call(shared, to, frame, std::slice::from_ref(frame)).await {
            count(&shared.counters.unsent_datagrams, 1);
        }
    }
}

/// One call for frames that lie behind each other in `contents`. False if the kernel refused.
///
/// No error of a sending call breaks the transport: it is about one peer, one route or the moment.
/// A broken socket shows in `recv`.
async fn send_call(shared: &Shared, to: SocketAddr, contents: &[u8], frames: &[Bytes]) -> bool {
    let segment_size = if let [first, _, ..] = frames { Some(first.len()) } else { None };
    let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
    let call = || {
        count(&shared.counters.sent_syscalls, 1);
        shared.state.try_send((&shared.socket).into(), &transmit)
    };
    match shared.socket.async_io(Interest::WRITABLE, call).await {
        Ok(()) => {
            count(&shared.counters.sent_datagrams, frames.len());
            count(&shared.counters.sent_bytes, contents.len());
            true
        }
        Err(error) => {
            absorb(shared, to, &error);
            false
        }
    }
}

fn absorb(shared: &Shared, to: SocketAddr, error: &io::Error) {
    count(&shared.counters.send_errors, 1);
    tracing::debug!(%to, %error, "not sent");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sizes: &[usize], max_segments: usize, expected: &[usize]) {
        let frames: Vec<_> = sizes.iter().map(|size| Bytes::from(vec![0; *size])).collect();
        let (mut rest, mut runs) = (frames.as_slice(), Vec::new());
        while !rest.is_empty() {
            let length = run_length(rest, max_segments);
            runs.push(length);
            rest = &rest[length..];
        }
        assert_eq!(runs, expected, "{sizes:?} in runs of at most {max_segments}");
    }

    #[test]
    fn runs_are_equal_sizes_and_one_shorter_end() {
        check(&[], 64, &[]);
        check(&[5], 64, &[1]);
        check(&[5, 5, 5], 64, &[3]);
        check(&[5, 5, 3, 5], 64, &[3, 1]);
        check(&[5, 5, 3, 3], 64, &[3, 1]);
        check(&[3, 5, 5], 64, &[1, 2]);
        check(&[0, 0, 5, 0], 64, &[1, 1, 1, 1]);
    }

    #[test]
    fn runs_keep_the_bounds_of_a_call() {
        check(&[5; 7], 3, &[3, 3, 1]);
        check(&[5, 5, 5, 3], 3, &[3, 1]);
        check(&[5, 5], 1, &[1, 1]);
        check(&[1_200; 60], 64, &[54, 6]);
    }
}
