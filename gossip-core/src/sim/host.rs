//! One machine of a world: a disk, a clock, and perhaps a node that runs.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use super::anomaly::{Inbound, Outbound, SOCKET_BYTES};
use super::{Disk, START};
use crate::config::{Config, Strategies};
use crate::fact::{Envelope, SimKeys};
use crate::io::{Answer, Event, Input, RequestId};
use crate::membership::Directory;
use crate::node::Node;
use crate::time::{Mono, Wall};
use crate::transport::Inbound as Received;

/// Makes a node's slots; called at every start of the node.
pub type MakeStrategies = Box<dyn Fn(SimKeys) -> Strategies>;

/// One machine: a disk and a clock, and perhaps a node that runs.
pub(super) struct Host {
    /// Where its next node listens.
    pub(super) address: SocketAddr,
    /// When its node is woken next: at its deadline or before.
    pub(super) alarm: Option<Mono>,
    pub(super) answers: BTreeMap<RequestId, Answer>,
    /// Until when nothing leaves or comes.
    pub(super) blocked_until: Mono,
    pub(super) boots: u32,
    pub(super) config: Config,
    pub(super) directory: Option<Arc<Directory>>,
    pub(super) disk: Disk,
    pub(super) events: VecDeque<Event>,
    /// What its nodes exported, as in a file: crashes do not touch it.
    pub(super) exports: Vec<Envelope>,
    /// Whether there is no room for exports.
    pub(super) exports_fail: bool,
    /// What comes while the network is blocked.
    pub(super) inbound: Inbound,
    pub(super) keys: SimKeys,
    pub(super) node: Option<Node>,
    /// What is sent while the network is blocked.
    pub(super) outbound: Outbound,
    pub(super) requests: u64,
    pub(super) seed: [u8; 32],
    pub(super) clock: HostClock,
    /// How many inputs waited for the end of a pause.
    pub(super) deferred: u64,
    /// How many exports found no room.
    pub(super) failed_exports: u64,
    /// Until when it hears, answers and does nothing.
    pub(super) paused_until: Mono,
    pub(super) strategies: Rc<dyn Fn(SimKeys) -> Strategies>,
    /// What came during a pause, in order; a crash takes it.
    pub(super) waiting: VecDeque<Input>,
    /// Bytes of the frames among it.
    pub(super) waiting_bytes: usize,
    /// Its node's deadline.
    pub(super) wake: Option<Mono>,
}

impl Host {
    /// Keeps what comes during a pause for its end; of frames as many as a socket holds.
    pub(super) fn defer(&mut self, input: Input) {
        if let Input::Network(Received::Frame { bytes, .. }) = &input {
            if self.waiting_bytes + bytes.len() > SOCKET_BYTES {
                self.inbound.shed += 1;
                return;
            }
            self.waiting_bytes += bytes.len();
        }
        self.deferred += 1;
        self.waiting.push_back(input);
    }
}

/// A wall clock that is set wrong and runs wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HostClock {
    /// How far it was ahead at `since`, in milliseconds; negative: behind.
    skew_ms: i64,
    /// By how many millionths it runs too fast since then; negative: too slow.
    drift_ppm: i64,
    since: Mono,
}

impl HostClock {
    /// What it shows when it is this true time.
    pub(super) fn wall(&self, now: Mono) -> Wall {
        let truth = START + now.since(Mono::ZERO);
        Wall::from_millis(truth.millis().saturating_add_signed(self.ahead(now)))
    }

    /// Sets it ahead by so many milliseconds.
    pub(super) fn set(&mut self, now: Mono, skew_ms: i64) {
        *self = Self { skew_ms, since: now, ..*self };
    }

    /// From now on it runs too fast by so many millionths.
    pub(super) fn drift(&mut self, now: Mono, drift_ppm: i64) {
        *self = Self { skew_ms: self.ahead(now), drift_ppm, since: now };
    }

    /// How far it is ahead, in milliseconds.
    pub(super) fn ahead(&self, now: Mono) -> i64 {
        let elapsed = i64::try_from(now.since(self.since).as_millis()).unwrap_or(i64::MAX);
        self.skew_ms + elapsed.saturating_mul(self.drift_ppm) / 1_000_000
    }
}

/// Most events that a host keeps for the script; older ones are dropped.
pub(super) const EVENTS: usize = 100_000;

pub(super) fn address_of(host: usize) -> SocketAddr {
    let [_, a, b, c] = (host as u32).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, a, b, c)), 7946)
}

/// The host with this address, should there be so many.
pub(super) fn number_of(address: SocketAddr) -> Option<u32> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    let number = u32::from_be_bytes(ip.octets()) & 0x00ff_ffff;
    (address_of(number as usize) == address).then_some(number)
}
