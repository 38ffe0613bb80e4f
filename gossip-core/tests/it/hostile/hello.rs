//! First contacts in floods, replayed, from elsewhere.

use std::time::Duration;

use gossip_core::config::{ConfigSpec, Limits};
use gossip_core::fact::Why;
use gossip_core::io::{Answer, Command};
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::wire::{Frame, Hello, Parcel, decode_frame};

use super::{met, unpaced};

fn encode(hello: Hello) -> bytes::Bytes {
    Frame::Hello(Box::new(hello)).encode()
}

#[test]
fn an_unproven_hello_gets_one_smaller_retry_and_leaves_no_trace() {
    let mut lone = Lone::new(unpaced(), 1);
    let before = lone.status().queues;
    for number in 0..10_000 {
        let puppet = Puppet::new(number, lone.config());
        let hello = encode(puppet.hello(lone.now.wall, None));
        let bytes = hello.len();
        lone.frame(puppet.address, hello);
        let sent = lone.take_sent();
        assert!(sent.len() == 1 && sent[0].bytes.len() < bytes);
        assert!(matches!(decode_frame(&sent[0].bytes), Ok(Frame::Retry { .. })));
    }
    assert_eq!(lone.status().queues, before);
    assert_eq!(lone.status().verify.checked, 0);
}

#[test]
fn a_cookie_proves_one_address_one_session_for_two_minutes() {
    let mut lone = Lone::new(unpaced(), 1);
    let puppet = Puppet::new(1, lone.config());
    let cookie = puppet.cookie(&mut lone).unwrap();
    let wall = lone.now.wall;
    lone.take_sent();
    let elsewhere = Puppet::new(2, lone.config());
    let other_session = puppet.in_session(5);
    lone.frame(elsewhere.address, encode(puppet.hello(wall, Some(cookie))));
    lone.frame(puppet.address, encode(other_session.hello(wall, Some(cookie))));
    lone.frame(puppet.address, encode(puppet.hello(wall, Some([7; 16]))));
    lone.pass(Duration::from_secs(121));
    lone.frame(puppet.address, encode(puppet.hello(wall, Some(cookie))));
    assert_eq!(lone.rejected(Why::BadCookie), 4);
    assert!(lone.take_sent().is_empty(), "a bad cookie gets no answer");
    assert_eq!((lone.status().queues["sessions"], lone.status().verify.checked), (0, 0));
}

#[test]
fn a_hello_replayed_a_thousand_times_is_verified_once() {
    let mut lone = Lone::new(unpaced(), 1);
    let puppet = Puppet::new(1, lone.config());
    let cookie = puppet.cookie(&mut lone);
    let hello = encode(puppet.hello(lone.now.wall, cookie));
    for _ in 0..1_000 {
        lone.frame(puppet.address, hello.clone());
    }
    assert_eq!(lone.status().queues["sessions"], 1);
    assert_eq!(lone.status().verify.checked, 1);
    let answers = puppet.frames(&lone).filter(|frame| matches!(frame, Frame::Hello(_)));
    assert_eq!(answers.count(), 1_000, "each copy may be the one whose answer was lost");
}

#[test]
fn strangers_are_refused_by_name() {
    let mut lone = Lone::new(unpaced(), 1);
    let build = |spec: ConfigSpec| spec.build(1_200).unwrap();
    let cluster = build(ConfigSpec { cluster: "other".into(), ..unpaced() });
    let limit = build(ConfigSpec { fact_bytes: Some(1_001), ..unpaced() });
    let ours = lone.config().clone();
    let cases = [
        (cluster, (1, 1), Why::OtherCluster),
        (limit, (1, 1), Why::OtherLimit),
        (ours.clone(), (1, 1), Why::OtherConstants),
        (ours, (9, 12), Why::NoCommonVersion),
    ];
    for (number, (config, versions, why)) in cases.into_iter().enumerate() {
        let puppet = Puppet::new(number as u32, &config);
        let cookie = puppet.cookie(&mut lone);
        assert!(cookie.is_some(), "whoever it is, its address comes first");
        lone.take_sent();
        let mut hello = Hello { versions, ..puppet.hello(lone.now.wall, cookie) };
        if why == Why::OtherConstants {
            hello.constants = [7; 16];
        }
        lone.frame(puppet.address, encode(hello));
        let told: Vec<_> = puppet.frames(&lone).collect();
        let [Frame::Refuse { session, why: told }] = told[..] else { panic!("{told:?}") };
        assert_eq!((session, told), (puppet.session, why));
        assert_eq!(lone.rejected(why), 1);
    }
    assert_eq!((lone.status().queues["sessions"], lone.status().verify.checked), (0, 0));
}

#[test]
fn ten_thousand_proven_hellos_stay_within_the_limit() {
    let mut lone = Lone::new(unpaced(), 1);
    lone.holding = true;
    for number in 0..10_000 {
        let puppet = Puppet::new(number, lone.config());
        let cookie = puppet.cookie(&mut lone);
        lone.frame(puppet.address, encode(puppet.hello(lone.now.wall, cookie)));
        lone.take_sent();
        assert!(lone.status().queues["hellos"] <= 256);
    }
    assert_eq!(lone.held(), 256);
    assert_eq!(lone.rejected(Why::TableFull), 10_000 - 256);
}

#[test]
fn made_up_members_fill_no_more_than_their_table() {
    let limits = Limits { members: 50, ..unpaced().limits };
    let (mut lone, puppets) = met(ConfigSpec { limits, ..unpaced() }, 10);
    let view = lone.view();
    // Half of them come themselves, half are only told of.
    for number in 100..300 {
        let stranger = Puppet::new(number, lone.config());
        if number % 2 == 0 {
            stranger.greet(&mut lone);
        } else {
            let bytes = stranger.alive(lone.now.wall).bytes().clone();
            let alive = Parcel::Fact { bytes, feedback: false };
            lone.frame(puppets[0].address, puppets[0].frame(&[(Some(view), alive)]));
        }
        lone.take_sent();
    }
    let status = lone.status();
    assert_eq!(status.peers.alive, 50);
    assert!(status.queues["sessions"] <= 50, "{:?}", status.queues);
    assert!(status.queues["dials"] <= 50, "{:?}", status.queues);
    assert_eq!(status.queues["view-facts"], 50);
    assert!(lone.rejected(Why::TableFull) >= 150);
    let request = lone.command(Command::Members);
    assert!(
        matches!(&lone.answers[&request], Answer::Members { members, .. } if members.len() == 50)
    );
    // Whoever is in the table is still heard, and its statements still renew it.
    lone.pass(Duration::from_secs(1));
    let before = lone.rejections();
    let bytes = puppets[3].alive(lone.now.wall).bytes().clone();
    let alive = Parcel::Fact { bytes, feedback: false };
    lone.frame(puppets[0].address, puppets[0].frame(&[(Some(view), alive)]));
    assert_eq!(lone.rejections(), before);
}

#[test]
fn sessions_of_members_that_never_enter_the_table_are_bounded_too() {
    let limits = Limits { members: 50, ..unpaced().limits };
    let mut lone = Lone::new(ConfigSpec { limits, ..unpaced() }, 1);
    // Statements from far ahead are no members, but their authors' keys are real.
    let later = lone.now.wall + Duration::from_secs(48 * 60 * 60);
    for number in 0..200 {
        let puppet = Puppet::new(number, lone.config());
        let cookie = puppet.cookie(&mut lone);
        lone.frame(puppet.address, encode(puppet.hello(later, cookie)));
        lone.take_sent();
        assert!(lone.status().queues["sessions"] <= 50);
    }
}
