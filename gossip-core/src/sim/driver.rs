//! What a world does with its nodes: the next thing happens, and what a node wants is carried out.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::check::Observation;
use super::host::{EVENTS, address_of, number_of};
use super::rule::Copy;
use super::{Disk, Packet, World};
use crate::fact::Job;
use crate::io::{ExportError, Input, Output, Ticket};
use crate::store::{StoreError, StoreOp, StoreReply};
use crate::time::Mono;
use crate::transport::{Address, Inbound};

/// What is going to happen.
pub(super) enum Happening {
    Deliver {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Bytes,
    },
    Exported(usize, u64, Ticket, Result<(), ExportError>),
    Flush(usize),
    /// What came while the host was paused.
    Input(usize, u64, Input),
    Merge(usize, u64, Ticket, StoreOp),
    Stored(usize, u64, Ticket, Result<StoreReply, StoreError>),
    Verified(usize, u64, Ticket, Job),
    Wake(usize, u64),
}

/// More steps than this in one instant mean that something goes round in circles.
const STANDSTILL: u64 = 10_000_000;

impl World {
    pub(super) fn step(&mut self) {
        let Some(((due, _), happening)) = self.agenda.pop_first() else { return };
        self.standstill = if due > self.now { 0 } else { self.standstill + 1 };
        assert!(self.standstill < STANDSTILL, "time stands still at {:?}", self.now);
        self.now = self.now.max(due);
        match happening {
            Happening::Deliver { from, to, bytes } => {
                let number = self.hosts.iter().position(|host| host.address == to);
                let from = Address::Socket(from);
                if let Some(number) = number {
                    self.input(number, Input::Network(Inbound::Frame { from, bytes }));
                }
            }
            Happening::Exported(number, boot, ticket, result) => {
                if self.boot(number) == boot {
                    self.input(number, Input::Exported(ticket, result));
                }
            }
            Happening::Flush(number) => {
                let answers = self.host_mut(number).disk.flush();
                if answers.iter().any(|(_, reply)| reply.is_ok()) {
                    self.observe(number, &Observation::Flushed);
                }
                for (ticket, reply) in answers {
                    self.input(number, Input::Stored(ticket, reply));
                }
            }
            Happening::Input(number, boot, input) => {
                if self.boot(number) == boot {
                    self.input(number, input);
                }
            }
            Happening::Merge(number, boot, ticket, op) => {
                if self.boot(number) == boot {
                    self.store(number, ticket, op);
                }
            }
            Happening::Stored(number, boot, ticket, reply) => {
                if self.boot(number) == boot {
                    self.input(number, Input::Stored(ticket, reply));
                }
            }
            Happening::Verified(number, boot, ticket, job) => {
                if self.boot(number) == boot {
                    let verdicts = job.run(&self.verifier);
                    self.input(number, Input::Verified(ticket, verdicts));
                }
            }
            Happening::Wake(number, boot) => {
                let due = self.host_mut(number).wake;
                if self.boot(number) == boot && due.is_some_and(|due| due <= self.now) {
                    self.host_mut(number).wake = None;
                    self.input(number, Input::Wake);
                }
            }
        }
    }

    pub(super) fn drain(&mut self, number: usize) {
        let boot = self.boot(number);
        loop {
            let Some(node) = &mut self.host_mut(number).node else { return };
            let output = node.poll_output();
            self.observe(number, &Observation::Output(&output));
            if let Some(trace) = &mut self.trace {
                trace.update(format!("{number} {:?} {output:?}", self.now).as_bytes());
            }
            match output {
                Output::Answer(request, answer) => {
                    self.host_mut(number).answers.insert(request, answer);
                }
                Output::Event(event) => {
                    let events = &mut self.host_mut(number).events;
                    if events.len() >= EVENTS {
                        events.pop_front();
                    }
                    events.push_back(event);
                }
                Output::Export(ticket, export) => {
                    let host = self.host_mut(number);
                    let reason = String::from("no space left on device");
                    let result = if host.exports_fail {
                        host.failed_exports += 1;
                        Err(ExportError { reason })
                    } else {
                        host.exports.extend(export.facts);
                        Ok(())
                    };
                    let latency = host.disk.latency;
                    self.at(latency, Happening::Exported(number, boot, ticket, result));
                }
                Output::Resolve(name) => {
                    let input = Input::Resolved { name, addresses: Vec::new() };
                    self.input(number, input);
                    return;
                }
                Output::Store(ticket, op) => match (&op, self.cycle) {
                    (StoreOp::Merge(_), Some(period)) => {
                        let wait = until_end(self.now, period);
                        self.at(wait, Happening::Merge(number, boot, ticket, op));
                    }
                    _ => self.store(number, ticket, op),
                },
                Output::Transmit(transmit) => self.send(number, &transmit.to, transmit.bytes),
                Output::Verify(ticket, job) => {
                    self.at(Duration::ZERO, Happening::Verified(number, boot, ticket, job));
                }
                Output::Wait(due) => {
                    let host = self.host_mut(number);
                    host.wake = due;
                    if let Some(due) = due {
                        let wait = due.since(self.now);
                        self.at(wait, Happening::Wake(number, boot));
                    }
                    return;
                }
            }
        }
    }

    fn store(&mut self, number: usize, ticket: Ticket, op: StoreOp) {
        let seen = (self.is_watched() && Disk::changes(&op)).then(|| op.clone());
        let disk = &mut self.host_mut(number).disk;
        let (latency, jitter, sync) = (disk.latency, disk.jitter, disk.sync_interval);
        match disk.run(ticket, op) {
            Some(reply) => {
                if let Some(op) = &seen {
                    self.observe(number, &Observation::Applied { op, reply: &reply });
                }
                let (delay, boot) = (latency + self.below(jitter), self.boot(number));
                self.at(delay, Happening::Stored(number, boot, ticket, reply));
            }
            None => self.at(sync, Happening::Flush(number)),
        }
    }

    fn send(&mut self, number: usize, to: &Address, bytes: Bytes) {
        let Address::Socket(to) = *to else { return };
        let from = address_of(number);
        if self.rules.is_empty() {
            return self.at(Duration::ZERO, Happening::Deliver { from, to, bytes });
        }
        // Lent out, so that rules may draw from the world's generator.
        let mut rules = std::mem::take(&mut self.rules);
        let sent = bytes.clone();
        let packet = Packet { from: number, to: number_of(to), bytes: &sent, now: self.now };
        let mut copies = vec![Copy::new(bytes)];
        while let Some(copy) = copies.pop() {
            if let Some(Copy { bytes, delay, .. }) =
                copy.pass(&mut rules, &packet, &mut self.rng, &mut copies)
            {
                self.at(delay, Happening::Deliver { from, to, bytes });
            }
        }
        self.rules = rules;
    }

    pub(super) fn at(&mut self, delay: Duration, happening: Happening) {
        self.sequence += 1;
        self.agenda.insert((self.now + delay, self.sequence), happening);
    }

    /// A time below a limit, none drawn if that is zero.
    fn below(&mut self, limit: Duration) -> Duration {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if nanos == 0 { 0 } else { self.rng.below(nanos) })
    }
}

/// How long it is until the merges of the present cycle are answered: half a period after each
/// beginning, so that all rounds are over and none has begun.
fn until_end(now: Mono, period: Duration) -> Duration {
    let period = period.as_nanos().max(1);
    let past = now.since(Mono::ZERO).as_nanos() % period;
    let wait = (period / 2 + period - past) % period;
    Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
}
