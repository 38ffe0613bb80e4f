//! What a world does with its nodes: the next thing happens, and what a node wants is carried out.

use std::time::Duration;

use bytes::Bytes;

use super::anomaly::Anomaly;
use super::check::Observation;
use super::host::{EVENTS, number_of};
use super::rule::Copy;
use super::{Disk, Packet, World};
use crate::io::{ExportError, Input, Output, Ticket};
use crate::store::StoreOp;
use crate::time::Mono;
use crate::transport::{Address, Inbound};

/// What is going to happen. Many of these wait at a time, so they are small.
pub(super) enum Happening {
    Deliver {
        from: u32,
        to: u32,
        bytes: Bytes,
    },
    Flush(u32),
    /// A node hears of what it asked for, unless the host has crashed since this start of it.
    Input(u32, u32, Box<Input>),
    Merge(u32, u32, Box<(Ticket, StoreOp)>),
    /// A pause of the host may be over.
    Resume(u32),
    /// An anomaly of the host begins.
    Suffer(u32, Anomaly, Duration),
    /// The host's network may be let through.
    Unblock(u32),
    /// The node's deadline may have come.
    Wake(u32),
}

/// More steps than this in one instant mean that something goes round in circles.
const STANDSTILL: u64 = 10_000_000;

impl World {
    /// Lets the next thing happen that is due until some instant; false when there is none.
    pub(super) fn step(&mut self, until: Mono) -> bool {
        let Some((due, happening)) = self.agenda.next(until) else { return false };
        self.standstill = if due > self.now { 0 } else { self.standstill + 1 };
        assert!(self.standstill < STANDSTILL, "time stands still at {:?}", self.now);
        self.now = self.now.max(due);
        match happening {
            Happening::Deliver { from, to, bytes } => {
                self.deliver(from, to as usize, bytes);
            }
            Happening::Flush(host) => self.flush(host as usize),
            Happening::Input(host, boot, input) => {
                if self.boot(host as usize) == boot {
                    self.input(host as usize, *input);
                }
            }
            Happening::Merge(host, boot, op) => {
                if self.boot(host as usize) == boot {
                    let (ticket, op) = *op;
                    self.store(host as usize, ticket, op);
                }
            }
            Happening::Resume(host) => self.resume(host as usize),
            Happening::Suffer(host, anomaly, time) => {
                self.suffer_now(host as usize, anomaly, time);
            }
            Happening::Unblock(host) => self.unblock(host as usize),
            Happening::Wake(host) => self.wake(host as usize),
        }
        true
    }

    fn resume(&mut self, number: usize) {
        let now = self.now;
        let host = self.host_mut(number);
        // A pause that was made longer ends later.
        if host.paused_until <= now {
            let waiting = std::mem::take(&mut host.waiting);
            host.waiting_bytes = 0;
            waiting.into_iter().for_each(|input| self.input(number, input));
        }
    }

    fn flush(&mut self, number: usize) {
        let answers = self.host_mut(number).disk.flush();
        if answers.iter().any(|(_, reply)| reply.is_ok()) {
            self.observe(number, &Observation::Flushed);
        }
        for (ticket, reply) in answers {
            self.input(number, Input::Stored(ticket, reply));
        }
    }

    fn wake(&mut self, number: usize) {
        let now = self.now;
        let host = self.host_mut(number);
        // The alarm was set to an earlier time since: this one is void.
        if host.alarm != Some(now) {
            return;
        }
        host.alarm = None;
        match host.wake {
            Some(due) if due <= now => {
                host.wake = None;
                self.input(number, Input::Wake);
            }
            later => self.set_alarm(number, later),
        }
    }

    /// A node wants to be woken. An alarm that goes off too early is set anew then, for most deadlines
    /// are put off again and again.
    fn set_alarm(&mut self, number: usize, due: Option<Mono>) {
        let now = self.now;
        let host = self.host_mut(number);
        host.wake = due;
        if let Some(due) = due.map(|due| due.max(now))
            && host.alarm.is_none_or(|alarm| due < alarm)
        {
            host.alarm = Some(due);
            self.agenda.plan(due, Happening::Wake(number as u32));
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
                Output::Event(_) if !self.keeps_events => {}
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
                    self.hear(latency, number, Input::Exported(ticket, result));
                }
                Output::Resolve(name) => {
                    let addresses = self.names.get(&name).cloned().unwrap_or_default();
                    let input = Input::Resolved { name, addresses };
                    self.input(number, input);
                    return;
                }
                Output::Store(ticket, op) => match (&op, self.cycle) {
                    (StoreOp::Merge(_), Some(period)) => {
                        let wait = until_end(self.now, period);
                        let merge = Happening::Merge(number as u32, boot, Box::new((ticket, op)));
                        self.at(wait, merge);
                    }
                    _ => self.store(number, ticket, op),
                },
                Output::Transmit(transmit) => self.send(number, &transmit.to, transmit.bytes),
                Output::Verify(ticket, job) => {
                    let verdicts = job.run(&self.verifier);
                    self.hear(Duration::ZERO, number, Input::Verified(ticket, verdicts));
                }
                Output::Wait(due) => return self.set_alarm(number, due),
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
                let delay = latency + self.below(jitter);
                self.hear(delay, number, Input::Stored(ticket, reply));
            }
            None => self.at(sync, Happening::Flush(number as u32)),
        }
    }

    /// A frame has come to a host.
    pub(super) fn deliver(&mut self, from: u32, to: usize, bytes: Bytes) {
        let now = self.now;
        if let Some(host) = self.hosts.get_mut(to)
            && (host.blocked_until > now || !host.inbound.is_empty())
        {
            return host.inbound.hold(from, bytes);
        }
        let from = Address::Socket(self.address(from as usize));
        self.input(to, Input::Network(Inbound::Frame { from, bytes }));
    }

    /// A node sends a frame.
    pub(super) fn send(&mut self, number: usize, to: &Address, bytes: Bytes) {
        let now = self.now;
        if let Some(host) = self.hosts.get_mut(number)
            && (host.blocked_until > now || !host.outbound.is_empty())
        {
            return host.outbound.hold(*to, bytes);
        }
        let Address::Socket(to) = *to else { return };
        // Where no host can be, nothing arrives.
        let stays = |number: &u32| self.address(*number as usize) == to;
        let to = self.moved.get(&to).copied().or_else(|| number_of(to).filter(stays));
        let Some(to) = to else { return };
        let from = number as u32;
        if self.rules.is_empty() {
            return self.at(Duration::ZERO, Happening::Deliver { from, to, bytes });
        }
        // Lent out, so that rules may draw from the world's generator.
        let mut rules = std::mem::take(&mut self.rules);
        let packet = Packet { from: number, to: to as usize, bytes: &[], now: self.now };
        let mut copies = Vec::new();
        let mut next = Some(Copy::new(bytes));
        while let Some(copy) = next {
            if let Some(Copy { bytes, delay, .. }) =
                copy.pass(&mut rules, &packet, &mut self.rng, &mut copies)
            {
                self.at(delay, Happening::Deliver { from, to, bytes });
            }
            next = copies.pop();
        }
        self.rules = rules;
    }

    /// This start of a host's node hears of something later.
    pub(super) fn hear(&mut self, delay: Duration, number: usize, input: Input) {
        let boot = self.boot(number);
        self.at(delay, Happening::Input(number as u32, boot, Box::new(input)));
    }

    fn at(&mut self, delay: Duration, happening: Happening) {
        self.agenda.plan(self.now + delay, happening);
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
