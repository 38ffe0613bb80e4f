//! No bytes from the network crash, exhaust or fool a node.

mod audits;
mod facts;
mod hello;
mod large;
mod parking;
mod repair;
mod reports;
mod rumors;
mod sketches;
mod spoofing;
mod storm;
mod transfer;

use bytes::Bytes;
use gossip_core::config::{ConfigSpec, Limits};
use gossip_core::fact::{Envelope, Why};
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::wire::Talk;

/// A node that hears everybody at full pace, so that a test reaches what lies behind the pace.
fn unpaced() -> ConfigSpec {
    let limits = Limits { slowed_frames: u32::MAX, ..Limits::default() };
    ConfigSpec { limits, ..ConfigSpec::default() }
}

/// A node and puppets with sessions.
fn met(spec: ConfigSpec, count: u32) -> (Lone, Vec<Puppet>) {
    let mut lone = Lone::new(spec, 1);
    let puppets: Vec<_> = (1..=count).map(|number| Puppet::new(number, lone.config())).collect();
    for puppet in &puppets {
        assert!(puppet.greet(&mut lone), "the handshake succeeds");
    }
    lone.take_sent();
    (lone, puppets)
}

/// What a puppet says is refused for this reason and no other.
fn refuses(lone: &mut Lone, puppet: &Puppet, talk: Talk, why: Why) {
    let before = (lone.rejections(), lone.rejected(why));
    puppet.say(lone, talk.clone());
    let after = (lone.rejections(), lone.rejected(why));
    assert_eq!(after, (before.0 + 1, before.1 + 1), "{talk:?}");
}

/// The fact with its signature changed: same id.
fn forged(lone: &Lone, fact: &Envelope) -> Envelope {
    let mut bytes = fact.bytes().to_vec();
    bytes[10] ^= 1;
    let domain = gossip_core::fact::Domain::new(lone.config().cluster(), lone.main());
    let copy = Envelope::decode(Bytes::from(bytes), &domain).unwrap();
    assert_eq!(copy.id(), fact.id());
    copy
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
