//! Millions of bent frames into one node, each accounted for.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::bounds::check_bounds;
use super::mutate::{Mutator, corpus};
use crate::config::{ConfigSpec, Limits};
use crate::fact::Why;
use crate::io::Event;
use crate::rng::Rng;
use crate::testkit::lone::{Lone, Puppet};
use crate::time::Hlc;
use crate::transport::Address;
use crate::wire::{DATA_HEADER_BYTES, Frame, Records, data_header, decode_frame};

/// How often bounds are looked at, time passes and lost sessions are made anew, in frames.
const LOOK: u64 = 1_000;

/// What a storm did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StormReport {
    /// Frames delivered.
    pub frames: u64,
    /// Frames that led to at least one rejection.
    pub rejected: u64,
    /// Rejections by reason.
    pub reasons: std::collections::BTreeMap<Why, u64>,
}

/// Sends so many random and bent frames to a node.
///
/// # Panics
/// If a queue exceeds its bound, a frame that must be rejected is not counted, or the node does
/// not work afterwards.
#[must_use]
pub fn storm(frames: u64, seed: u64) -> StormReport {
    let limits = Limits { members: 64, slowed_frames: u32::MAX, ..Limits::default() };
    let mut lone = Lone::new(ConfigSpec { limits, ..ConfigSpec::default() }, seed);
    let puppets: Vec<_> = (1..=4).map(|number| Puppet::new(number, lone.config())).collect();
    let mut weather = Weather::new(seed, puppets);
    let mut report = StormReport::default();
    for number in 0..frames {
        if number % LOOK == 0 {
            weather.calm(&mut lone);
        }
        let (from, bytes) = weather.next();
        lone.events.clear();
        lone.sent.clear();
        lone.frame(from, bytes.clone());
        let rejections = lone.events.iter().filter(|e| matches!(e, Event::Rejected { .. })).count();
        report.frames += 1;
        report.rejected += u64::from(rejections > 0);
        if weather.must_reject(from, &bytes) {
            assert!(rejections > 0, "frame {number} from {from:?} is not counted: {bytes:?}");
        }
    }
    report.reasons = lone.status().rejected;
    assert_eq!(lone.status().wire.received_frames, weather.greetings + frames);
    works(&mut lone);
    report
}

/// A correct write of a correct peer is merged.
fn works(lone: &mut Lone) {
    lone.pass(Duration::from_secs(60));
    let puppet = Puppet::new(3, lone.config()).in_session(0xf00d);
    assert!(puppet.greet(lone), "the node still meets its members");
    let before = lone.totals().entries;
    let fact = puppet.author().put("after the storm", "calm", Hlc::from_wall(lone.now.wall));
    puppet.offer(lone, &[fact.into_inner()]);
    assert_eq!(lone.totals().entries, before + 1, "the node still takes the truth");
    lone.store.check();
}

struct Weather {
    bodies: Vec<Bytes>,
    frames: Vec<Bytes>,
    greetings: u64,
    mutator: Mutator,
    puppets: Vec<Puppet>,
    rng: Rng,
    sessions: u64,
}

impl Weather {
    fn new(seed: u64, puppets: Vec<Puppet>) -> Self {
        let mut rng = Rng::from_number(seed);
        let mutator = Mutator::new(rng.fork("mutator"));
        let frames = corpus();
        let body = |frame: &Bytes| match decode_frame(frame) {
            Ok(Frame::Data { sealed, .. }) => Some(sealed),
            _ => None,
        };
        let bodies = frames.iter().filter_map(body).collect();
        Self { bodies, frames, greetings: 0, mutator, puppets, rng, sessions: 0 }
    }

    /// Between gusts: bounds are checked, time passes, and whoever lost its session returns.
    fn calm(&mut self, lone: &mut Lone) {
        check_bounds(lone.config(), &lone.status());
        lone.pass(Duration::from_millis(10));
        let before = lone.status().wire.received_frames;
        for puppet in &mut self.puppets {
            let ping =
                puppet.frame(&[(None, crate::wire::Parcel::Talk(crate::wire::Talk::Ping(1)))]);
            lone.sent.clear();
            lone.frame(puppet.address, ping);
            if puppet.records(lone).next().is_none() {
                self.sessions += 1;
                *puppet = puppet.in_session(0xb000_0000 + self.sessions);
                puppet.greet(lone);
            }
        }
        self.greetings += lone.status().wire.received_frames - before;
    }

    fn next(&mut self) -> (Address, Bytes) {
        let at = self.rng.index(self.puppets.len());
        let puppet = self.puppets.get(at).cloned().expect("there are puppets");
        let anywhere = Address::Socket(SocketAddr::from((self.rng.bytes::<4>(), 7946)));
        match self.rng.below(20) {
            // Records in a session that stands: as they were, bent, or noise.
            0..=11 => (puppet.address, puppet.raw(&self.body())),
            // The session of somebody else.
            12 => (anywhere, puppet.raw(&self.body())),
            // Any session.
            13 => {
                let mut frame = BytesMut::with_capacity(DATA_HEADER_BYTES + 64);
                frame.put_slice(&data_header(crate::id::SessionId(self.rng.bytes())));
                frame.put_slice(&self.body());
                (anywhere, frame.freeze())
            }
            // Whole frames: first contacts, retries, resets, refusals.
            14..=16 => (puppet.address, self.whole()),
            17 => (anywhere, self.whole()),
            18 => {
                let len = self.rng.index(1_300);
                (anywhere, (0..len).map(|_| self.rng.next_u64() as u8).collect())
            }
            _ => (puppet.address, Bytes::from(self.mutator.next_input())),
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let at = self.rng.index(self.bodies.len());
        let mut body = self.bodies.get(at).map(|body| body.to_vec()).unwrap_or_default();
        if self.rng.chance(0.9) {
            self.mutator.bend(&mut body);
        }
        body
    }

    fn whole(&mut self) -> Bytes {
        let at = self.rng.index(self.frames.len());
        let mut frame = self.frames.get(at).map(|frame| frame.to_vec()).unwrap_or_default();
        if self.rng.chance(0.8) {
            self.mutator.bend(&mut frame);
        }
        Bytes::from(frame)
    }

    /// Whether no correct node takes this frame, as far as that can be told from outside.
    fn must_reject(&self, from: Address, bytes: &Bytes) -> bool {
        if bytes.len() > crate::transport::DATAGRAM_BYTES {
            return true;
        }
        match decode_frame(bytes) {
            Err(_) => true,
            Ok(Frame::Data { session, sealed }) => {
                let stands = |puppet: &Puppet| puppet.session == session && puppet.address == from;
                if !self.puppets.iter().any(stands) {
                    // An earlier session of a puppet may still be known.
                    return !self.puppets.iter().any(|puppet| puppet.address == from);
                }
                Records::new(sealed).any(|record| record.is_err())
            }
            // Without a cookie a Retry is owed, and nothing is wrong yet; nobody has a good one.
            Ok(Frame::Hello(hello)) => hello.answers.is_some() || hello.cookie.is_some(),
            // Sessions that the node chose are secrets here.
            Ok(Frame::Refuse { .. } | Frame::Reset { .. } | Frame::Retry { .. }) => true,
        }
    }
}
