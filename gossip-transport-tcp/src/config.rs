//! What a TCP transport is told: where to listen, how much it may hold, how long it waits.

use std::net::SocketAddr;
use std::time::Duration;

use gossip_core::transport::OutletLimits;

/// Where and how to listen.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "users build it on top of `TcpConfig::new`")]
pub struct TcpConfig {
    /// The address that others reach this node at. Default: `listen`; needed where that is
    /// unspecified (`0.0.0.0`, `::`). Port 0 stands for the bound port.
    pub advertise: Option<SocketAddr>,
    /// How much is held.
    pub limits: TcpLimits,
    /// The address to bind. Port 0 lets the system choose. Its family is the only one served, and
    /// dials come from it too, unless it is unspecified.
    pub listen: SocketAddr,
    /// How long is waited.
    pub times: TcpTimes,
}

impl TcpConfig {
    /// Listens on this address, defaults otherwise.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self { advertise: None, limits: TcpLimits::default(), listen, times: TcpTimes::default() }
    }
}

/// How much a transport holds.
///
/// Memory is bounded by `outlet.total_bytes` and one frame per link for what leaves, `inbox_bytes` and one turn for what
/// came, and for each link its unfinished frame (at most `frame_bytes`, and never more than twice
/// what has arrived) and a read buffer of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "users build it on top of the default")]
pub struct TcpLimits {
    /// Most links from one IPv4 address or IPv6 /64, half-open ones included, among those that
    /// others made. Default 128, a quarter of `links` (guess). Below the number of nodes behind
    /// one address they lock each other out; above, one stranger takes the pool.
    pub accepted_per_host: usize,
    /// Most bytes of one frame. Default 1 MiB and 16 KiB: the largest fact of a cluster with
    /// streams (house decision), and what a frame needs besides. All nodes of a cluster need the
    /// same: a longer frame ends the link that it is announced on.
    pub frame_bytes: usize,
    /// Most connections that others began and that have not said their preamble. Default 64
    /// (guess: a round trip each, so thousands pass per second). One more ends the oldest.
    pub half_open: usize,
    /// Most bytes received and not yet taken by `recv`, every frame with its overhead. Default
    /// 4 MiB (guess: four of the largest frames, 4 ms at the measured 1 GB/s). Once full, links
    /// wait in turn and TCP slows their senders.
    pub inbox_bytes: usize,
    /// Most links that stand. Default 512: half of the 1,024 descriptors that a process usually may
    /// have; with those that are being made (at most a quarter of it) or say goodbye there are at
    /// most twice as many. Beyond it, the one unused for longest is closed, once another has
    /// connected.
    pub links: usize,
    /// The bounds of the send queues: for one link, of all links, and of how many addresses is
    /// remembered that they are told of room, or not to be dialled yet. Default 4 MiB (guess:
    /// four of the largest frames), 64 MiB, 4,096. As all fills up, a link's
    /// bound shrinks in proportion to what is left, so that those that take nothing never starve
    /// others; one frame it always has room for.
    pub outlet: OutletLimits,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            accepted_per_host: 128,
            frame_bytes: (1 << 20) + (16 << 10),
            half_open: 64,
            inbox_bytes: 4 << 20,
            links: 512,
            outlet: OutletLimits { peer_bytes: 4 << 20, peers: 4_096, total_bytes: 64 << 20 },
        }
    }
}

/// How long a transport waits. Less than a millisecond counts as one, more than a year as a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "users build it on top of the default")]
pub struct TcpTimes {
    /// The longest pause before an address is dialled again. Default 30 s (guess). Below, dead
    /// members cost packets; above, who returns is noticed late.
    pub back_off_max: Duration,
    /// The pause after the first failure; it doubles with each, and jitter takes up to half of
    /// it. Default 250 ms (guess: a restart takes about as long).
    pub back_off_min: Duration,
    /// How long [`close`](gossip_core::transport::Transport::close) waits until the peers have what
    /// is queued. Default 1 s, as over UDP.
    pub close: Duration,
    /// How long connecting and both preambles may take together. Default 5 s (guess: a lost SYN
    /// comes again after 1 s and after 3 s).
    pub handshake: Duration,
    /// A link without frames for so long is closed. Default 2 min (guess). Below the time between
    /// two exchanges with one partner, each costs a handshake; above, links lie about.
    pub idle: Duration,
    /// A link on which no byte came for so long is ended; each side says something three times
    /// within it. Default 30 s (guess: as a heartbeat detector's patience). Below the pauses of a
    /// busy machine healthy links end; above, a peer that is gone is noticed late.
    pub silence: Duration,
    /// In so long, 64 KiB or the rest of what was begun must pass, in each direction; otherwise
    /// the link is ended; after a goodbye that holds for all that still comes. Default 30 s (guess: lines down to 2 KiB/s serve). Time in which our
    /// own node takes nothing does not count.
    pub stall: Duration,
}

impl TcpTimes {
    /// Times that neither spin nor overflow a clock.
    pub(crate) fn clamped(self) -> Self {
        let clamped = |time: Duration| time.clamp(SHORTEST, LONGEST);
        let Self { back_off_max, back_off_min, close, handshake, idle, silence, stall } = self;
        Self {
            back_off_max: clamped(back_off_max),
            back_off_min: clamped(back_off_min),
            close: clamped(close),
            handshake: clamped(handshake),
            idle: clamped(idle),
            silence: clamped(silence),
            stall: clamped(stall),
        }
    }
}

const SHORTEST: Duration = Duration::from_millis(1);

const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Default for TcpTimes {
    fn default() -> Self {
        Self {
            back_off_max: Duration::from_secs(30),
            back_off_min: Duration::from_millis(250),
            close: Duration::from_secs(1),
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(120),
            silence: Duration::from_secs(30),
            stall: Duration::from_secs(30),
        }
    }
}
