//! What a TCP transport counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters once: atomic inside, plain numbers outside.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a transport did since it was bound.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct TcpStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> TcpStats {
                TcpStats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Errors of accepting that were absorbed, each with a pause.
    accept_errors,
    /// Connections accepted, strangers included.
    accepted,
    /// Dials that failed: refused, late, or no preamble of ours.
    dial_failures,
    /// Dials begun.
    dials,
    /// Links ended because the peer closed without a goodbye.
    ended_closed,
    /// Links that said goodbye for long and were ended because others needed the place.
    ended_cut,
    /// Links ended by an error of the connection.
    ended_failed,
    /// Links closed in good order: both sides had said all.
    ended_in_order,
    /// Links ended because the peer broke the protocol after its preamble.
    ended_malformed,
    /// Links ended because the peer announced a frame beyond the limit.
    ended_oversize,
    /// Links ended because no byte came for too long.
    ended_silent,
    /// Links ended because the peer took or sent what was begun too slowly.
    ended_stalled,
    /// Links closed because others needed the place.
    evicted,
    /// Connections dropped because they did not begin as a link does.
    foreign,
    /// Half-open connections dropped because younger ones needed the place.
    half_open_dropped,
    /// Connections dropped because their preamble came late.
    handshakes_late,
    /// Links closed because they were idle.
    idle_closed,
    /// Links that stood.
    links,
    /// Frames that were accepted and not sent when their link ended, or no link came to stand.
    lost_frames,
    /// Frames dropped because a send queue was full, or their address is not to be dialled yet.
    queue_full,
    /// Bytes of the frames received.
    received_bytes,
    /// Frames received.
    received_frames,
    /// Calls that received.
    received_syscalls,
    /// Connections refused because their host has too many.
    refused_host,
    /// Connections refused because the pool was full of links in use.
    refused_pool,
    /// Bytes of the frames that the kernel took.
    sent_bytes,
    /// Frames that the kernel took.
    sent_frames,
    /// Calls that sent.
    sent_syscalls,
    /// Second connections to one peer that were recognised and closed.
    twins,
    /// Proofs of being a twin that proved nothing.
    twins_refused,
    /// Control frames of an unknown kind, skipped.
    unknown_controls,
}

/// Adds to a counter; each stands alone, so no order is asked for.
pub(crate) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}
