//! Old traffic, played again: what would change nothing costs no signature check.

use bytes::Bytes;
use gossip_core::fact::{FactKind, SimKeys};
use gossip_core::membership::{Accusation, Charge, Leave, Word};
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::Hlc;
use gossip_core::transport::Address;
use gossip_core::wire::{Frame, Parcel};

use super::refutation::{brings, says};
use super::*;

/// What three members said in a lifetime, as one of them sent it: alive facts, a death, a goodbye.
fn traffic(lone: &mut Lone) -> (Puppet, Vec<(Address, Bytes)>) {
    let [first, second, third] = [1, 2, 3].map(|number| Puppet::new(number, lone.config()));
    let wall = lone.now.wall;
    let cookie = first.cookie(lone);
    let hello = Frame::Hello(Box::new(first.hello(wall, cookie))).encode();
    let word = Word { incarnation: 1, hlc: Hlc::from_wall(wall) };
    let accusation = Accusation { word, charge: Charge::Dead }.encode();
    let leave = Leave { incarnation: 1, returning: false }.encode();
    let at = Hlc::from_wall(wall + seconds(1));
    let facts = [
        second.alive(wall),
        third.alive(wall),
        says(lone, SimKeys::new(1_001), at, second.id(), FactKind::ACCUSATION, accusation),
        says(lone, SimKeys::new(1_003), at, third.id(), FactKind::LEAVE, leave),
    ];
    let view = Some(lone.view());
    let frame = |fact: &gossip_core::fact::Envelope| {
        let parcel = Parcel::Fact { bytes: fact.bytes().clone(), feedback: false };
        (first.address, first.frame(&[(view, parcel)]))
    };
    let frames = facts.iter().map(|fact| frame(fact));
    let traffic = [(first.address, hello)].into_iter().chain(frames).collect();
    (first, traffic)
}

#[test]
fn each_word_is_verified_once_however_often_it_is_played() {
    let mut lone = Lone::new(ConfigSpec::default(), 1);
    let (_, traffic) = traffic(&mut lone);
    for _ in 0..100 {
        for (from, bytes) in &traffic {
            lone.frame(*from, bytes.clone());
        }
    }
    // The Hello's, two alive, the accusation, the goodbye.
    assert_eq!(lone.status().verify.checked, 5);
    assert_eq!((lone.status().peers.left, lone.status().peers.alive), (1, 3));
}

/// Another node, which these frames were not meant for: they are of no session of its.
#[test]
fn traffic_of_others_costs_a_fresh_node_nothing() {
    let mut lone = Lone::new(ConfigSpec::default(), 1);
    let (_, traffic) = traffic(&mut lone);
    let mut fresh = Lone::new(ConfigSpec::default(), 2);
    for _ in 0..100 {
        for (from, bytes) in &traffic {
            fresh.frame(*from, bytes.clone());
        }
    }
    assert_eq!(fresh.status().verify.checked, 0);
    assert_eq!(fresh.status().queues["sessions"], 0);
}

/// Words that a later one has displaced would not enter: nobody looks at their signatures.
#[test]
fn displaced_words_cost_nothing() {
    let mut lone = Lone::new(ConfigSpec::default(), 1);
    let first = Puppet::new(1, lone.config());
    assert!(first.greet(&mut lone));
    let other = Puppet::new(2, lone.config());
    let wall = lone.now.wall;
    let words: Vec<_> = (0..50).map(|age| other.alive(wall - seconds(age))).collect();
    brings(&mut lone, &first, &words[..1]);
    let checked = lone.status().verify.checked;
    for word in &words {
        brings(&mut lone, &first, std::slice::from_ref(word));
    }
    assert_eq!(lone.status().verify.checked, checked);
    assert_eq!(lone.status().peers.alive, 3);
}
