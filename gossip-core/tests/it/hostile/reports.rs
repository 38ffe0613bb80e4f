//! Questions about the cluster without end, and reports that nobody asked for.

use std::time::Duration;

use gossip_core::fact::Why;
use gossip_core::io::{Answer, Command};
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::transport::DATAGRAM_BYTES;
use gossip_core::wire::{Parcel, Query, Record, Report, SIGHTINGS, Sighting, Talk};

use super::{met, unpaced};

fn say(lone: &mut Lone, puppet: &Puppet, talk: Talk) {
    let frame = puppet.frame(&[(None, Parcel::Talk(talk))]);
    lone.frame(puppet.address, frame);
}

fn reports(lone: &Lone, puppet: &Puppet) -> Vec<Report> {
    let report = |record| match record {
        Record::Talk(Talk::Report(report)) => Some(report),
        _ => None,
    };
    puppet.records(lone).filter_map(report).collect()
}

/// The number of the last question that a puppet was asked.
fn asked(lone: &Lone, puppet: &Puppet) -> Option<u32> {
    let query = |record| match record {
        Record::Talk(Talk::Query(query)) => Some(query.nonce),
        _ => None,
    };
    puppet.records(lone).filter_map(query).last()
}

#[test]
fn who_asks_without_end_is_answered_ten_times_a_second_by_datagrams() {
    let (mut lone, puppets) = met(unpaced(), 100);
    let mut answers = Vec::new();
    for nonce in 0..1_000 {
        say(&mut lone, &puppets[0], Talk::Query(Query { nonce, full: true }));
        answers.extend(reports(&lone, &puppets[0]));
        assert!(lone.take_sent().iter().all(|sent| sent.bytes.len() <= DATAGRAM_BYTES));
        lone.pass(Duration::from_millis(1));
    }
    assert!((9..=11).contains(&answers.len()), "{}", answers.len());
    assert!(
        answers.iter().all(|report| report.sightings.len() == SIGHTINGS),
        "no stream leads there"
    );
    assert_eq!(answers[0].counts[0], 101);
}

#[test]
fn a_report_answers_one_question_and_is_bounded() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let [honest, liar] = &puppets[..] else { unreachable!("there are two") };
    // Nobody has asked anybody: it is dropped.
    say(&mut lone, liar, Talk::Report(Report::default()));
    let request = lone.command(Command::Reports { of: None, full: false });
    let (nonce, theirs) = (asked(&lone, honest).unwrap(), asked(&lone, liar).unwrap());
    let before = lone.rejections();
    say(
        &mut lone,
        liar,
        Talk::Report(Report { nonce: theirs.wrapping_add(7), ..Report::default() }),
    );
    assert_eq!((lone.rejections(), lone.rejected(Why::Unasked)), (before + 1, 1));
    let sighting = Sighting {
        rtt_ms: None,
        member: [7; 8],
        status: 99,
        link: 99,
        loss: Some(255),
        incarnation: u64::MAX,
        heard_ms: None,
        answered_ms: None,
    };
    let program = "x".repeat(64);
    say(&mut lone, liar, Talk::Report(Report { nonce: theirs, program, ..Report::default() }));
    assert_eq!(lone.rejected(Why::TooLarge), 1);
    say(&mut lone, honest, Talk::Report(Report { nonce, ..Report::default() }));
    assert!(!lone.answers.contains_key(&request), "one is waited for");
    let strange = Report { nonce: theirs, sightings: vec![sighting], ..Report::default() };
    say(&mut lone, liar, Talk::Report(strange.clone()));
    let Some(Answer::Reports(reports)) = lone.answers.get(&request).cloned() else {
        panic!("{:?}", lone.answers.get(&request))
    };
    let by: Vec<_> = reports.iter().map(|report| report.by).collect();
    assert_eq!(by[1..], [honest.id(), liar.id()]);
    // What it says of nobody, in words that nobody knows, leads to no conclusion.
    let found = gossip_core::membership::diagnose(&[], &reports);
    assert!(found.iter().all(|it| !it.nodes.is_empty()), "{found:?}");
    say(&mut lone, liar, Talk::Report(strange));
    assert_eq!(lone.rejections(), before + 2, "what comes after the answer is dropped");
}
