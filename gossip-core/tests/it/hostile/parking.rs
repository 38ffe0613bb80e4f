//! Facts from the future.

use std::time::Duration;

use gossip_core::config::{ConfigSpec, Limits, SKEW};
use gossip_core::fact::Why;
use gossip_core::io::{Answer, Command, Input};
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::Hlc;

use super::{forged, met, unpaced};

fn ahead(lone: &Lone, by: Duration) -> Hlc {
    Hlc::from_wall(lone.now.wall + by)
}

fn parked(lone: &Lone) -> usize {
    lone.status().queues["facts-parked"]
}

#[test]
fn an_early_fact_is_parked_and_merged_when_its_time_comes() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let minute = Duration::from_secs(60);
    let at = ahead(&lone, SKEW + minute);
    let fact = puppets[0].author().put("key", "value", at).into_inner();
    let before = lone.status().verify.checked;
    let false_copy = forged(&lone, &fact);
    puppets[1].offer(&mut lone, &[false_copy]);
    assert_eq!((parked(&lone), lone.rejected(Why::BadSignature)), (0, 1), "only truth is parked");
    for turn in 0..100 {
        puppets[turn % 2].offer(&mut lone, std::slice::from_ref(&fact));
    }
    let status = lone.status();
    assert_eq!((status.parked, parked(&lone)), (1, 1));
    assert_eq!(status.verify.checked - before, 2, "the forged copy and the fact, once each");
    assert_eq!(lone.totals().entries, 0);
    let channel = lone.main();
    let request = lone.command(Command::Get { channel, key: "key".into() });
    assert!(matches!(lone.answers.get(&request), Some(Answer::Facts(facts)) if facts.is_empty()));

    lone.pass(minute - Duration::from_millis(10));
    assert_eq!(lone.totals().entries, 0, "not before its time");
    lone.pass(Duration::from_millis(20));
    assert_eq!((lone.totals().entries, parked(&lone)), (1, 0));
    assert_eq!(lone.status().verify.checked - before, 2, "and not verified again");
}

#[test]
fn a_clock_set_forward_brings_its_time_at_once() {
    let (mut lone, puppets) = met(unpaced(), 1);
    let hour = Duration::from_secs(3_600);
    let at = ahead(&lone, hour);
    puppets[0].offer(&mut lone, &[puppets[0].author().put("key", "value", at).into_inner()]);
    assert_eq!((parked(&lone), lone.totals().entries), (1, 0));
    lone.pass(Duration::from_secs(30));
    assert_eq!((parked(&lone), lone.totals().entries), (1, 0));
    lone.now.wall = lone.now.wall + hour;
    // Nothing but the next step of the node tells it, whatever that is about.
    lone.input(Input::Wake);
    lone.pass(Duration::from_millis(2));
    assert_eq!((parked(&lone), lone.totals().entries), (0, 1));
}

#[test]
fn the_table_is_bounded_and_nobody_fills_it_for_others() {
    let limits = Limits { parked: 64, ..unpaced().limits };
    let (mut lone, puppets) = met(ConfigSpec { limits, ..unpaced() }, 1);
    let at = ahead(&lone, SKEW + Duration::from_secs(60));
    let mut offer = |author: u32, key: String| {
        let author = Puppet::new(author, lone.config()).author();
        puppets[0].offer(&mut lone, &[author.put(key, "value", at).into_inner()]);
        (parked(&lone), lone.rejected(Why::FarAhead))
    };
    for n in 0..20 {
        offer(10, format!("key-{n}"));
    }
    assert_eq!(offer(10, "one more".into()), (8, 13), "an eighth is one author's share");
    for author in 11..30 {
        for n in 0..8 {
            assert!(offer(author, format!("key-{author}-{n}")).0 <= 64);
        }
    }
    assert_eq!(parked(&lone), 64);
    lone.pass(Duration::from_secs(61));
    assert_eq!((parked(&lone), lone.totals().entries), (0, 64));
}

#[test]
fn what_is_far_ahead_costs_no_verification() {
    let (mut lone, puppets) = met(unpaced(), 1);
    let before = lone.status().verify.checked;
    let at = ahead(&lone, Duration::from_secs(25 * 60 * 60));
    let fact = puppets[0].author().put("key", "value", at).into_inner();
    for _ in 0..100 {
        puppets[0].offer(&mut lone, std::slice::from_ref(&fact));
    }
    assert_eq!((parked(&lone), lone.rejected(Why::FarAhead)), (0, 100));
    assert_eq!(lone.status().verify.checked, before);
    // Nothing is held against it: once its time is near, it is taken.
    lone.pass(Duration::from_secs(25 * 60 * 60));
    assert!(puppets[0].greet(&mut lone));
    puppets[0].offer(&mut lone, &[fact]);
    assert_eq!(lone.totals().entries, 1);
}
