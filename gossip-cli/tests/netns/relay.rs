//! The relay: carries IPv4 packets between the TUN devices of hosts, as their lines permit.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout_at;
use tokio_tun::Tun;

use crate::lines::{Counts, Host, Lines, Quality};

/// No IPv4 packet is longer.
const PACKET_BYTES: usize = 65_535;

/// A relay at work, with a thread of its own. It ends with its handle, and so do its devices.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Dropped with the relay: its tasks own the devices.
    _runtime: Runtime,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// A packet set out: the next one may be due earlier.
    departed: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    hosts: BTreeMap<Ipv4Addr, Host>,
    lines: Lines,
    strays: Strays,
}

/// Packets that met no line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strays {
    /// Not IPv4.
    pub(crate) foreign: u64,
    /// From an address that is not their sender's.
    pub(crate) forged: u64,
    /// Their receiver's device was down when they arrived.
    pub(crate) refused: u64,
    /// To an address that no host has.
    pub(crate) unroutable: u64,
}

impl Relay {
    /// A relay between new TUN devices with these names, of hosts 1, 2, 3 and so on.
    ///
    /// A device stays with the relay wherever it is moved: the descriptor outlives the move into
    /// another namespace.
    pub(crate) fn start(lines: Lines, devices: &[String]) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let state = State { hosts: BTreeMap::new(), lines, strays: Strays::default() };
        let shared = Arc::new(Shared { departed: Notify::new(), state: Mutex::new(state) });
        let mut tuns = BTreeMap::new();
        for (host, name) in (1..).zip(devices) {
            // Devices register themselves with the runtime that is entered.
            let _entered = runtime.enter();
            let built = Tun::builder().name(name).build().map_err(io::Error::other)?;
            tuns.extend(built.into_iter().map(|tun| (host, Arc::new(tun))));
        }
        for (host, tun) in &tuns {
            runtime.spawn(depart(Arc::clone(&shared), *host, Arc::clone(tun)));
        }
        runtime.spawn(arrive(Arc::clone(&shared), tuns));
        Ok(Self { _runtime: runtime, shared })
    }

    /// From now on this address is this host's, and none else.
    pub(crate) fn assign(&self, address: Ipv4Addr, host: Host) {
        let mut state = self.shared.lock();
        state.hosts.retain(|_, other| *other != host);
        state.hosts.insert(address, host);
    }

    /// Cuts or mends one direction.
    pub(crate) fn cut(&self, from: Host, to: Host, cut: bool) {
        self.shared.lock().lines.cut(from, to, cut);
    }

    /// All lines are of this quality from now on.
    pub(crate) fn become_so(&self, quality: Quality) {
        self.shared.lock().lines.become_so(quality);
    }

    /// What one direction did so far.
    pub(crate) fn counts(&self, from: Host, to: Host) -> Counts {
        self.shared.lock().lines.counts(from, to)
    }

    /// What all lines did so far.
    pub(crate) fn total(&self) -> Counts {
        self.shared.lock().lines.total()
    }

    /// What met no line so far.
    pub(crate) fn strays(&self) -> Strays {
        self.shared.lock().strays
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed with the lock held must not hide behind the failures of others.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, from: Host, packet: &[u8]) {
        let Some((source, destination)) = addresses(packet) else {
            self.strays.foreign += 1;
            return;
        };
        if self.hosts.get(&source) != Some(&from) {
            self.strays.forged += 1;
            return;
        }
        match self.hosts.get(&destination) {
            Some(to) if *to != from => self.lines.send(Instant::now(), from, *to, packet),
            _ => self.strays.unroutable += 1,
        }
    }
}

/// Takes in what a host sends.
async fn depart(shared: Arc<Shared>, host: Host, tun: Arc<Tun>) {
    let mut packet = vec![0; PACKET_BYTES];
    // An error means that the device is gone, and with it the host.
    while let Ok(bytes) = tun.recv(&mut packet).await {
        shared.lock().send(host, &packet[..bytes]);
        shared.departed.notify_one();
    }
}

/// Hands over what is due, for ever.
async fn arrive(shared: Arc<Shared>, tuns: BTreeMap<Host, Arc<Tun>>) {
    loop {
        let (flight, deadline) = {
            let lines = &mut shared.lock().lines;
            (lines.arrive(Instant::now()), lines.deadline())
        };
        match (flight, deadline) {
            (Some(flight), _) => {
                if tuns[&flight.to].send(&flight.packet).await.is_err() {
                    shared.lock().strays.refused += 1;
                }
            }
            (None, Some(due)) => {
                // Either is a reason to look again.
                let _ = timeout_at(due.into(), shared.departed.notified()).await;
            }
            (None, None) => shared.departed.notified().await,
        }
    }
}

/// Where an IPv4 packet comes from and goes to.
fn addresses(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let header = packet.first_chunk::<20>().filter(|header| header[0] >> 4 == 4)?;
    let at = |start: usize| {
        Ipv4Addr::new(header[start], header[start + 1], header[start + 2], header[start + 3])
    };
    Some((at(12), at(16)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let mut packet = vec![0; 28];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&source.octets());
        packet[16..20].copy_from_slice(&destination.octets());
        packet
    }

    #[test]
    fn packets_find_their_line_or_are_counted() {
        let [one, two, three] = [1, 2, 3].map(|last| Ipv4Addr::new(10, 0, 0, last));
        let mut state = State {
            hosts: BTreeMap::from([(one, 1), (two, 2)]),
            lines: Lines::new(1, 2, Quality::LOCAL),
            strays: Strays::default(),
        };
        state.send(1, &packet(one, two));
        assert_eq!(state.lines.counts(1, 2).carried, 1);
        state.send(1, &packet(one, three));
        state.send(1, &packet(one, one));
        state.send(2, &packet(one, two));
        state.send(1, &[0x60; 40]);
        state.send(1, &packet(one, two)[..19]);
        let Strays { foreign, forged, refused, unroutable } = state.strays;
        assert_eq!((foreign, forged, refused, unroutable), (2, 1, 0, 2));
        assert_eq!(state.lines.total().carried, 1);
    }
}
