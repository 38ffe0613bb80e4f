//! What a UDP transport counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters once: atomic inside, plain numbers outside.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a transport did since it was bound.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct UdpStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> UdpStats {
                UdpStats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Frames dropped because a send queue was full.
    queue_full,
    /// Bytes of the frames received.
    received_bytes,
    /// Frames received.
    received_datagrams,
    /// Calls that received.
    received_syscalls,
    /// Errors of receiving calls that were absorbed.
    receive_errors,
    /// Datagrams received and dropped: empty, or larger than a frame may be.
    refused_datagrams,
    /// Errors of sending calls that were absorbed.
    send_errors,
    /// Bytes of the frames that the kernel took.
    sent_bytes,
    /// Frames that the kernel took.
    sent_datagrams,
    /// Calls that sent.
    sent_syscalls,
    /// Frames that the kernel refused to send: lost.
    unsent_datagrams,
}

/// Adds to a counter; each stands alone, so no order is asked for.
pub(crate) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}
