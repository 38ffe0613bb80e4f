//! Machines that are too slow: their network blocks, or they do not run at all.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::World;
use super::driver::Happening;
use crate::io::Input;
use crate::time::Mono;
use crate::transport::Address;

/// What a socket holds of frames while nobody takes them, in each direction: 2 MiB, as memberlist asks
/// its system for. What comes beyond that is lost.
pub const SOCKET_BYTES: usize = 2 << 20;

/// What leaves in the end of a node whose senders wait: one frame for each of the tasks that send in
/// memberlist beside its prober, for gossip, answers and whole states.
pub const STUCK_FRAMES: usize = 3;

/// What is wrong with a machine for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "scripts choose one")]
pub enum Anomaly {
    /// Its network blocks, as in Lifeguard's experiments (arXiv:1707.00788): the node goes on and its
    /// timers run, but what it sends and what comes is held, in order, and let through in the end.
    Blocked,
    /// It stands still, as a stopped process or a machine without a processor does: nothing of the
    /// node runs, and what comes is handled in the end, late deadlines too.
    Paused,
    /// As [blocked](Self::Blocked), but senders wait, and say nothing else meanwhile: of what the node says
    /// in a spell only the first [three](STUCK_FRAMES) frames leave in the end.
    Stuck,
}

/// An anomaly that comes once, or again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "scripts build it literally")]
pub struct Spells {
    /// What is wrong.
    pub anomaly: Anomaly,
    /// How long a spell lasts.
    pub lasts: Duration,
    /// How long all is well between two spells; `None`: there is one.
    pub apart: Option<Duration>,
}

impl World {
    /// Lets some hosts suffer from now on, all of them at the same times: once, or in whole cycles until
    /// at least this time has passed. Returns when it is over.
    pub fn suffer(&mut self, hosts: &[usize], spells: &Spells, least: Duration) -> Mono {
        let Spells { anomaly, lasts, apart } = *spells;
        let (mut begin, end) = (self.now, self.now + least);
        loop {
            for host in hosts {
                let happening = Happening::Suffer(*host as u32, anomaly, lasts);
                self.agenda.plan(begin, happening);
            }
            let Some(cycle) = apart.map(|apart| lasts + apart).filter(|cycle| !cycle.is_zero())
            else {
                return begin + lasts;
            };
            begin = begin + cycle;
            if begin >= end {
                return begin;
            }
        }
    }

    /// Stops a host for some time, as a suspended machine: time passes, and nothing is handled.
    /// What came meanwhile is handled afterwards, in order; of frames as many as a
    /// [socket](SOCKET_BYTES) holds.
    pub fn pause(&mut self, host: usize, time: Duration) {
        let until = self.now + time;
        let paused_until = &mut self.host_mut(host).paused_until;
        if *paused_until < until {
            *paused_until = until;
            self.agenda.plan(until, Happening::Resume(host as u32));
        }
    }

    /// Blocks a host's network for some time, in both directions; its node goes on. Afterwards what it
    /// sent leaves, in order, and then it hears what came; each as far as a [socket](SOCKET_BYTES)
    /// held it.
    pub fn block(&mut self, host: usize, time: Duration) {
        self.block_beyond(host, time, usize::MAX);
    }

    /// The same; of what the host sends at most so many frames are held.
    fn block_beyond(&mut self, number: usize, time: Duration, most_frames: usize) {
        let until = self.now + time;
        let host = self.host_mut(number);
        host.outbound.most_frames = most_frames;
        if host.blocked_until < until {
            host.blocked_until = until;
            self.agenda.plan(until, Happening::Unblock(number as u32));
        }
    }

    /// When the last anomaly of a host ends or ended; the beginning of time where there was none since
    /// its last start.
    #[must_use]
    pub fn suffers_until(&self, host: usize) -> Mono {
        let until = |host: &super::host::Host| host.paused_until.max(host.blocked_until);
        self.hosts.get(host).map_or(Mono::ZERO, until)
    }

    /// How many frames were lost because a socket of a host was full.
    #[must_use]
    pub fn shed_frames(&self, host: usize) -> u64 {
        self.hosts.get(host).map_or(0, |host| host.outbound.shed + host.inbound.shed)
    }

    pub(super) fn suffer_now(&mut self, host: usize, anomaly: Anomaly, time: Duration) {
        match anomaly {
            Anomaly::Blocked => self.block(host, time),
            Anomaly::Paused => self.pause(host, time),
            Anomaly::Stuck => {
                self.block_beyond(host, time, STUCK_FRAMES);
                self.input(host, Input::Held(true));
            }
        }
    }

    pub(super) fn unblock(&mut self, number: usize) {
        let now = self.now;
        let host = self.host_mut(number);
        // A block that was made longer ends later.
        if host.blocked_until > now {
            return;
        }
        let (outbound, inbound) = (host.outbound.take(), host.inbound.take());
        outbound.into_iter().for_each(|(to, bytes)| self.send(number, &to, bytes));
        self.input(number, Input::Held(false));
        inbound.into_iter().for_each(|(from, bytes)| self.deliver(from, number, bytes));
    }
}

/// A buffer of frames, each with where it goes or comes from.
pub(super) struct Socket<T> {
    frames: VecDeque<(T, Bytes)>,
    bytes: usize,
    most_frames: usize,
    /// How many frames found no room.
    pub(super) shed: u64,
}

/// Frames on their way out, and in.
pub(super) type Outbound = Socket<Address>;
pub(super) type Inbound = Socket<u32>;

impl<T> Default for Socket<T> {
    fn default() -> Self {
        Self { frames: VecDeque::new(), bytes: 0, most_frames: usize::MAX, shed: 0 }
    }
}

impl<T> Socket<T> {
    /// Keeps a frame, if there is room.
    pub(super) fn hold(&mut self, peer: T, bytes: Bytes) {
        if self.bytes + bytes.len() > SOCKET_BYTES || self.frames.len() >= self.most_frames {
            self.shed += 1;
            return;
        }
        self.bytes += bytes.len();
        self.frames.push_back((peer, bytes));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// All frames, in order; there is room again.
    pub(super) fn take(&mut self) -> VecDeque<(T, Bytes)> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::config::ConfigSpec;
    use crate::rng::Rng;
    use crate::sim::{Packet, Verdict};
    use crate::transport::Inbound as Received;

    const SECOND: Duration = Duration::from_secs(1);

    /// Who sends when.
    type Log = Rc<RefCell<Vec<(Mono, usize)>>>;

    /// Three nodes that know one another.
    fn world() -> (World, Log) {
        let mut world = World::new(1);
        world.add_cluster(3, &ConfigSpec::default());
        world.run_for(SECOND * 10);
        let sent = Log::default();
        let log = sent.clone();
        world.rule(move |packet: &Packet<'_>, _: &mut Rng| {
            log.borrow_mut().push((packet.now, packet.from));
            Verdict::Pass
        });
        (world, sent)
    }

    fn received(world: &World, host: usize) -> u64 {
        world.node(host).map_or(0, |node| node.counters().wire.received_frames)
    }

    fn sent(world: &World, host: usize) -> u64 {
        world.node(host).map_or(0, |node| node.counters().wire.sent_frames)
    }

    #[test]
    fn what_is_blocked_is_let_through_in_the_end() {
        let (mut world, log) = world();
        let (begin, heard, said) = (world.now(), received(&world, 2), sent(&world, 2));
        world.block(2, SECOND * 5);
        world.run_for(SECOND * 4);
        assert!(log.borrow().iter().all(|(_, from)| *from != 2), "nothing leaves");
        assert!(log.borrow().len() > 3, "the others go on");
        assert_eq!(received(&world, 2), heard, "nothing comes");
        let meanwhile = sent(&world, 2) - said;
        assert!(meanwhile > 3, "its timers run on");
        world.run_for(SECOND);
        let end = begin + SECOND * 5;
        let burst = log.borrow().iter().filter(|at| **at == (end, 2)).count() as u64;
        assert!(burst >= meanwhile, "what it sent leaves at once: {burst} of {meanwhile}");
        assert!(received(&world, 2) >= heard + 3, "and what came is heard");
        assert_eq!(world.suffers_until(2), end);
        world.run_for(SECOND * 4);
        assert!(log.borrow().iter().any(|(at, from)| *at > end && *from == 2), "it is over");
    }

    #[test]
    fn senders_that_wait_say_little_in_the_end() {
        let (mut world, log) = world();
        let (begin, said) = (world.now(), sent(&world, 2));
        world.suffer_now(2, Anomaly::Stuck, SECOND * 5);
        world.run_for(SECOND * 5 - Duration::from_nanos(1));
        let meanwhile = sent(&world, 2) - said;
        assert!(meanwhile > 3 && log.borrow().iter().all(|(_, from)| *from != 2));
        assert_eq!(world.shed_frames(2), meanwhile - STUCK_FRAMES as u64);
        world.run_for(SECOND);
        assert!(log.borrow().contains(&(begin + SECOND * 5, 2)), "what was held leaves");
        world.block(2, SECOND * 5);
        world.run_for(SECOND * 6);
        assert_eq!(world.shed_frames(2), meanwhile - STUCK_FRAMES as u64, "this block holds all");
    }

    #[test]
    fn who_is_paused_does_nothing() {
        let (mut world, log) = world();
        let (begin, heard, said) = (world.now(), received(&world, 2), sent(&world, 2));
        world.pause(2, SECOND * 5);
        world.run_for(SECOND * 5 - Duration::from_nanos(1));
        assert_eq!((received(&world, 2), sent(&world, 2)), (heard, said));
        world.run_for(SECOND);
        assert!(received(&world, 2) >= heard + 3, "what came is heard in the end");
        let first = log.borrow().iter().find(|(_, from)| *from == 2).map(|(at, _)| *at);
        assert_eq!(first, Some(begin + SECOND * 5), "late deadlines too");
    }

    #[test]
    fn sockets_are_bounded() {
        const BYTES: usize = 60_000;
        const FIT: u64 = (SOCKET_BYTES / BYTES) as u64;
        for anomaly in [Anomaly::Blocked, Anomaly::Paused] {
            let (mut world, _) = world();
            // What a host takes that stands alone is all that comes.
            (0..2).for_each(|host| world.crash(host));
            world.suffer_now(2, anomaly, SECOND);
            for _ in 0..FIT + 7 {
                world.deliver(0, 2, Bytes::from_static(&[0; BYTES]));
            }
            assert_eq!(world.shed_frames(2), 7, "{anomaly:?}");
            let heard = received(&world, 2);
            world.run_for(SECOND * 2);
            assert_eq!(received(&world, 2) - heard, FIT, "{anomaly:?}");
            world.deliver(0, 2, Bytes::from_static(&[0; BYTES]));
            assert_eq!(received(&world, 2) - heard, FIT + 1, "there is room again");
        }
    }

    #[test]
    fn a_crash_takes_what_its_sockets_hold() {
        let (mut world, _) = world();
        world.block(2, SECOND * 5);
        world.run_for(SECOND * 2);
        world.crash(2);
        world.start(2);
        assert!(world.hosts[2].outbound.is_empty() && world.hosts[2].inbound.is_empty());
        assert_eq!(world.suffers_until(2), Mono::ZERO, "a new machine is well");
        let frame =
            Received::Frame { from: Address::Socket(world.address(0)), bytes: Bytes::new() };
        let heard = received(&world, 2);
        world.input(2, Input::Network(frame));
        assert_eq!(received(&world, 2), heard + 1);
    }

    #[test]
    fn spells_come_in_lock_step_and_in_whole_cycles() {
        let (mut world, _) = world();
        let spells = Spells { anomaly: Anomaly::Blocked, lasts: SECOND * 2, apart: Some(SECOND) };
        let begin = world.now();
        assert_eq!(world.suffer(&[1, 2], &spells, SECOND * 10), begin + SECOND * 12);
        for half in 0..30 {
            world.run_for(SECOND / 4);
            let suffers = |host| world.suffers_until(host) > world.now();
            let expected = half < 24 && (half / 2) % 3 < 2;
            assert_eq!([0, 1, 2].map(suffers), [false, expected, expected], "half {half}");
            world.run_for(SECOND / 4);
        }
        let once = Spells { apart: None, ..spells };
        let begin = world.now();
        assert_eq!(world.suffer(&[0], &once, SECOND * 10), begin + SECOND * 2);
        world.run_for(SECOND);
        assert_eq!(world.suffers_until(0), begin + SECOND * 2);
    }
}
