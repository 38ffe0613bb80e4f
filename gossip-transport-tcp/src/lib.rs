//! TCP transport: one link per pair of nodes, bounded queues, and an honest word about what was
//! dropped.
//!
//! # A connection
//!
//! ```text
//!  who dials                                  who listens
//!     │ connect ────────────────────────────────▶ │  half-open: bounded in number and time
//!     │ preamble: nonce d, its own addresses ───▶ │  one of us: Up(link)
//!  Up(link) │ ◀────── preamble: nonce a, its own addresses
//!     │ ◀═════════════ frames, both ways ═══════▶ │
//!     │ Ping after a third of `silence` ────────▶ │
//!     │ Bye after the last frame, then FIN ─────▶ │  sends what it has
//!     │ ◀───────────────────────────── Bye, FIN   │
//!  Down(link)                                 Down(link)
//! ```
//! The bytes are in `docs/wire.md`, "Streams". Frames over a link that we dialled come from
//! [`Address::Stream`](gossip_core::transport::Address), and nobody else's do; over one that we
//! accepted from `Address::Link`, whatever its peer announces. Both lead back along it.
//!
//! # Twins
//!
//! Two nodes that dial each other have two connections. The announced addresses say so, and prove
//! nothing. Both sides keep the one with the lower pair of nonces, (dialler's, listener's):
//!
//! ```text
//!       A at X                                  B at Y
//!       │ dials Y ── nonces d, a ──────────────▶ │     stays, if (d, a) is the lower pair
//!       │ ◀────────── nonces e, b ── dials X     │     goes
//!       │ Twin(e) over the first ──────────────▶ │  who accepted `e` at X holds the first:
//!       │                                        │  the first leads to X from now on
//!       │ ◀──────── rest of its frames, then Bye │
//!       │ Bye ─────────────────────────────────▶ │
//! ```
//! Only who accepts at X learns `e`, and A tells it over a connection to Y alone, which B announced.
//! So nobody takes X over by announcing it, and a lie costs its author a nonce that opens nothing.
//! No frame is lost: both connections are drained. Frames over the one may overtake those over the
//! other while it ends.
//!
//! # Order
//!
//! Frames of one class come in the order in which they went along one link, by whatever name. Those
//! of gossip go before those of bulk: talk waits for the one frame of bulk that is under way, and for
//! what the kernel took already.
//!
//! # Limits
//!
//! | What | Default | Beyond it |
//! |---|---|---|
//! | a frame | 1 MiB + 16 KiB (house decision) | not sent: `oversize`; announced by a peer: the link ends |
//! | queued for one link | 4 MiB (guess) | dropped, told, `Room` once half empty |
//! | queued in all | 64 MiB (guess), and one frame per link; a link's bound shrinks with what is left | the same |
//! | received and not taken | 4 MiB (guess) | links wait in turn, TCP slows their senders |
//! | links | 512 (half the usual descriptors) | the one unused for longest says goodbye |
//! | links of one host that others made | 128 (guess) | refused |
//! | half-open connections | 64 (guess), 5 s | the oldest goes |
//! | dials at a time | 64 of addresses that never failed, 64 of others (guess) | frames are dropped and told |
//! | a failed address rests | 250 ms to 30 s, less up to half (guess) | frames are dropped and told, `Room` after it |
//! | nothing was heard for | 30 s (guess) | the link ends: the peer is gone or stopped |
//! | 64 KiB, or the rest of a turn, take | 30 s each way (guess) | the link ends: the peer is stuck |
//! | no frame for | 2 min (guess) | goodbye |
//! | what comes after a goodbye | 64 KiB each 30 s, however much it is | the link ends, as the oldest that says goodbye does when its place is needed |
//!
//! All are fields of [`TcpLimits`] and [`TcpTimes`]; the dials are an eighth of the links. A peer that stops
//! reading fills its own queue and nobody else's; one that sends a byte a second holds one link and
//! one unfinished frame. [`TcpStats`] counts each end by its reason.

mod accept;
mod back_off;
mod bind;
mod config;
mod counters;
mod dial;
mod framing;
#[cfg(test)]
mod golden;
mod inbox;
mod intake;
mod link;
mod outgoing;
mod pace;
mod pool;
mod preamble;
mod queue;
mod shared;
mod transport;

pub use bind::BindError;
pub use config::{TcpConfig, TcpLimits, TcpTimes};
pub use counters::TcpStats;
pub use transport::TcpTransport;
