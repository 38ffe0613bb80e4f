//! The sending half: turns of the outlet become as few system calls as the kernel allows.

use std::io;
use std::net::SocketAddr;
use std::slice;
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

/// Sends a run in one call. What the kernel refuses as one is tried frame by frame: if it takes
/// them like that, it cannot segment on this route, and is not asked again.
async fn send_run(shared: &Shared, to: SocketAddr, run: &[Bytes], joined: &mut Vec<u8>) {
    let mut segmentation_refused = false;
    if let [_, _, ..] = run {
        joined.clear();
        run.iter().for_each(|frame| joined.extend_from_slice(frame));
        match send_call(shared, to, joined, run).await {
            Ok(()) => return,
            Err(error) => segmentation_refused = may_be_about_segmentation(&error),
        }
    }
    for frame in run {
        match send_call(shared, to, frame, slice::from_ref(frame)).await {
            Ok(()) if segmentation_refused => shared.stop_segmentation(),
            Ok(()) => {}
            Err(_) => count(&shared.counters.unsent_datagrams, 1),
        }
    }
}

/// One call for frames that lie behind each other in `contents`.
///
/// No error of a sending call breaks the transport: it is about one peer, one route or the moment.
/// A broken socket shows in `recv`.
async fn send_call(
    shared: &Shared,
    to: SocketAddr,
    contents: &[u8],
    frames: &[Bytes],
) -> io::Result<()> {
    let segment_size = if let [first, _, ..] = frames { Some(first.len()) } else { None };
    let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
    let call = || {
        count(&shared.counters.sent_syscalls, 1);
        shared.state.try_send((&shared.socket).into(), &transmit)
    };
    let sent = shared.socket.async_io(Interest::WRITABLE, call).await;
    match &sent {
        Ok(()) => {
            count(&shared.counters.sent_datagrams, frames.len());
            count(&shared.counters.sent_bytes, contents.len());
        }
        Err(error) => {
            count(&shared.counters.send_errors, 1);
            tracing::debug!(%to, %error, "not sent");
        }
    }
    sent
}

/// Linux answers EIO or EINVAL where a device cannot segment, and EINVAL for other reasons too.
fn may_be_about_segmentation(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.kind() == io::ErrorKind::InvalidInput || error.raw_os_error() == Some(EIO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bind::UdpConfig;

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

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_refused_run_goes_frame_by_frame_and_ends_segmentation() {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let shared = Shared::new(&UdpConfig::new("127.0.0.1:0".parse().unwrap())).unwrap();
        if shared.max_segments() == 1 {
            return;
        }
        // No kernel takes as many segments in one call.
        let run = vec![Bytes::from_static(b"7"); 1_000];
        send_run(&shared, to, &run, &mut Vec::new()).await;
        let stats = shared.counters.read();
        assert_eq!((stats.send_errors, stats.sent_datagrams), (1, 1_000));
        assert_eq!(shared.max_segments(), 1);
        let mut buffer = [0; 10];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 1);
    }
}
