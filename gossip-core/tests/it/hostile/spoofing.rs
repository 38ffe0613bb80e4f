//! Forged source addresses and borrowed names.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::fact::Why;
use gossip_core::id::Endpoints;
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::Hlc;
use gossip_core::wire::{Frame, Parcel, Record, Talk};

use super::met;

fn is_heard(lone: &mut Lone, puppet: &Puppet, key: &str) -> bool {
    let before = lone.totals().entries;
    let fact = puppet.author().put(key, "value", Hlc::from_wall(lone.now.wall)).into_inner();
    puppet.offer(lone, &[fact]);
    lone.totals().entries == before + 1
}

fn socket(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

#[test]
fn a_known_session_from_another_address_is_refused_and_hurts_nobody() {
    let (mut lone, puppets) = met(Default::default(), 2);
    let owner = &puppets[0];
    let thief = owner.at(socket("192.0.2.1:1"));
    for n in 0..100 {
        assert!(!is_heard(&mut lone, &thief, &format!("stolen-{n}")));
    }
    assert_eq!(lone.rejected(Why::UnknownSession) + lone.rejected(Why::Slowed), 100);
    for n in 0..500 {
        assert!(is_heard(&mut lone, owner, &format!("own-{n}")), "the owner is served, fact {n}");
    }
    assert_eq!(lone.rejected(Why::Slowed), 0, "an unknown session is no offence");
}

#[test]
fn garbage_under_a_forged_address_does_not_slow_the_session_there() {
    let (mut lone, puppets) = met(Default::default(), 1);
    for _ in 0..200 {
        lone.frame(puppets[0].address, Bytes::from_static(b"\x01\x09garbage of anybody"));
    }
    assert!(lone.rejected(Why::Slowed) > 100, "without a session the address is slowed");
    let slowed = lone.rejected(Why::Slowed);
    for n in 0..500 {
        assert!(is_heard(&mut lone, &puppets[0], &format!("key-{n}")));
    }
    assert_eq!(lone.rejected(Why::Slowed), slowed);
}

#[test]
fn blame_follows_the_address_and_not_the_member() {
    let (mut lone, puppets) = met(Default::default(), 1);
    let member = &puppets[0];
    for _ in 0..200 {
        lone.frame(member.address, member.raw(b"\x02\x7f cut off"));
    }
    assert!(lone.rejected(Why::BadFrame) > 0 && lone.rejected(Why::Slowed) > 0);
    // The member moves: it says so in a statement of its own, from its new address.
    let mut moved = member.in_session(77).at(socket("172.99.0.1:7946"));
    moved.endpoints = Endpoints::datagram(socket("172.99.0.1:7946"));
    lone.pass(Duration::from_millis(10));
    assert!(moved.greet(&mut lone));
    let slowed = lone.rejected(Why::Slowed);
    for n in 0..500 {
        assert!(is_heard(&mut lone, &moved, &format!("key-{n}")));
    }
    assert_eq!(lone.rejected(Why::Slowed), slowed);
}

#[test]
fn a_borrowed_alive_fact_does_not_take_over_a_session() {
    let (mut lone, puppets) = met(Default::default(), 1);
    let owner = &puppets[0];
    // Anybody has the alive fact, and can receive at an address of its own.
    let thief = owner.in_session(666).at(socket("192.0.2.1:1"));
    thief.greet(&mut lone);
    lone.take_sent();
    assert!(is_heard(&mut lone, owner, "own"), "the owner still has its session");
    let main = lone.main();
    let ping = owner.frame(&[(None, Parcel::Talk(Talk::Ping(7)))]);
    lone.frame(owner.address, ping);
    let to: Vec<_> = lone.take_sent().into_iter().map(|transmit| transmit.to).collect();
    assert_eq!(to, [owner.address], "and gets the answers, in {main}");
}

/// Whoever has a member's word may say Hello with it for as long as it likes: it is dialled once the member has not
/// answered for long where it listens, and not before.
#[test]
fn a_borrowed_alive_fact_is_followed_only_while_its_owner_is_silent() {
    let (mut lone, puppets) = met(Default::default(), 1);
    let owner = &puppets[0];
    let thief = owner.in_session(666).at(socket("192.0.2.1:1"));
    let is_dialled = |lone: &Lone| thief.frames(lone).any(|frame| matches!(frame, Frame::Hello(_)));
    for tenth in 0..600 {
        lone.pass(Duration::from_millis(100));
        let asked: Vec<_> = owner.records(&lone).collect();
        assert!(!is_dialled(&lone), "after {tenth} tenths of a second");
        lone.take_sent();
        for record in asked {
            if let Record::Talk(Talk::Ping(number)) = record {
                let ack = owner.frame(&[(None, Parcel::Talk(Talk::Ack(number)))]);
                lone.frame(owner.address, ack);
            }
        }
        if tenth % 20 == 0 {
            assert!(!thief.greet(&mut lone));
            lone.take_sent();
        }
    }
    let dialled = (0..100).any(|tenth| {
        if tenth % 20 == 0 {
            thief.greet(&mut lone);
        }
        lone.take_sent();
        lone.pass(Duration::from_millis(100));
        is_dialled(&lone)
    });
    assert!(dialled, "its owner may have moved");
}

#[test]
fn resets_retries_and_refusals_that_answer_nothing_are_counted() {
    let (mut lone, puppets) = met(Default::default(), 1);
    let session = puppets[0].session;
    let before = lone.rejected(Why::Unasked);
    let refuse = Frame::Refuse { session, why: Why::OtherCluster };
    let retry = Frame::Retry { session, cookie: [1; 16] };
    for frame in [Frame::Reset { session }, retry, refuse] {
        lone.frame(puppets[0].address, frame.encode());
    }
    assert_eq!(lone.rejected(Why::Unasked) - before, 3);
    assert!(is_heard(&mut lone, &puppets[0], "key"), "and end no session");
}
