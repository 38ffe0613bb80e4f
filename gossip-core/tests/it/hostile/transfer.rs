//! Partners that abuse transfers: answers that lead nowhere, and questions without measure.

use gossip_core::fact::Why;
use gossip_core::sketch::{Cell, Census};
use gossip_core::state::{Point, Set};
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::{Epoch, Hlc};
use gossip_core::wire::{
    Compare, Glance, RangeContent, RangePart, Ranges, Record, Take, Taken, Talk,
};

use super::repair::holding;
use super::sketches::hear;
use super::{met, refuses, unpaced};

fn cut(number: u64) -> Point {
    Point { hlc: Hlc::from_bits(number << 20), id: [0; 16] }
}

fn asked(talk: Talk) -> Option<Take> {
    if let Talk::Take(take) = talk { Some(take) } else { None }
}

/// An empty node to which a puppet pretends to have so many stretches; the first question.
fn lured(stretches: u64) -> (Lone, Puppet, Take) {
    let (mut lone, mut puppets) = met(unpaced(), 1);
    let puppet = puppets.remove(0);
    let compare = hear(&mut lone, &puppet, |talk| match talk {
        Talk::Compare(compare) => Some(compare),
        _ => None,
    });
    lone.take_sent();
    let part = |number| {
        let upto = if number == stretches { Point::END } else { cut(number) };
        RangePart { upto, content: RangeContent::Fingerprint([number as u8; 16]) }
    };
    let ranges = Ranges {
        exchange: compare.exchange,
        step: 0,
        answer: true,
        set: Set::Active(compare.epoch),
        pull: true,
        push: true,
        from: Point::MIN,
        parts: (1..=stretches).map(part).collect(),
    };
    puppet.say(&mut lone, Talk::Ranges(ranges));
    let main = lone.main();
    let take = puppet.talk(&lone, main).find_map(asked).expect("it takes what it has nothing of");
    (lone, puppet, take)
}

fn takes(lone: &mut Lone, puppet: &Puppet) -> Vec<Take> {
    let main = lone.main();
    let takes = puppet.talk(lone, main).filter_map(asked).collect();
    lone.take_sent();
    takes
}

#[test]
fn an_answer_that_leads_nowhere_ends_the_transfer_with_its_giver() {
    let lies = [
        |take: &Take| (take.from, 1),
        |take: &Take| (Point { hlc: Hlc::ZERO, id: [0; 16] }, take.step),
        |take: &Take| (Point { id: [1; 16], ..take.upto }, 1),
        |take: &Take| (Point { id: [9; 16], ..take.from }, 0),
    ];
    for lie in lies {
        let (mut lone, puppet, take) = lured(6);
        let (upto, facts) = lie(&take);
        let Take { exchange, step, .. } = take;
        lone.take_sent();
        let taken = Taken { exchange, step, facts, upto, left: u64::MAX };
        refuses(&mut lone, &puppet, Talk::Taken(taken), Why::BadRecord);
        assert!(takes(&mut lone, &puppet).is_empty(), "nobody is asked on and on");
        refuses(&mut lone, &puppet, Talk::Taken(taken), Why::TooLate);
    }
}

/// Whoever always has more left is asked as long as it gives something, no faster than it answers,
/// and what it says of itself is added up without harm.
#[test]
fn what_never_ends_costs_a_question_for_each_answer() {
    let (mut lone, puppet, first) = lured(2);
    let mut next = first;
    lone.take_sent();
    for number in 1..500 {
        let upto = Point { hlc: next.from.hlc, id: [(number % 250) as u8 + 1; 16] };
        let upto = if upto > next.from && upto < next.upto { upto } else { next.upto };
        let Take { exchange, step, .. } = next;
        let taken = Taken { exchange, step, facts: u32::MAX, upto, left: u64::MAX };
        puppet.say(&mut lone, Talk::Taken(taken));
        let asked = takes(&mut lone, &puppet);
        assert!(asked.len() <= 1, "{asked:?}");
        let _ = lone.status();
        let Some(take) = asked.first() else { return };
        next = *take;
    }
}

/// Nothing of a thousand questions in a row but a few is looked up.
#[test]
fn a_thousand_questions_are_answered_a_few_at_a_time() {
    let (mut lone, puppets) = holding(1_000, 6);
    lone.holding = true;
    let take = Take {
        exchange: 7,
        step: 1,
        set: Set::Active(Epoch::of(lone.now.wall)),
        from: Point::MIN,
        upto: Point::END,
        bytes: u32::MAX,
    };
    for step in 0..1_000 {
        puppets[0].say(&mut lone, Talk::Take(Take { step, ..take }));
    }
    assert_eq!(lone.held(), 4);
    assert_eq!(lone.rejected(Why::PeerQueueFull), 996);
    for puppet in &puppets {
        (0..10).for_each(|step| puppet.say(&mut lone, Talk::Take(Take { step, ..take })));
    }
    assert_eq!(lone.held(), 16);
    let main = lone.main();
    let busy = |talk: Talk| matches!(talk, Talk::Busy(7));
    assert!(puppets[5].talk(&lone, main).any(busy), "others are asked instead");
    lone.take_sent();
    lone.holding = false;
    lone.release();
    for puppet in puppets.iter().take(4) {
        let facts = puppet.records(&lone).filter(|it| matches!(it, Record::Fact { .. })).count();
        let told = puppet.talk(&lone, main).filter(|talk| matches!(talk, Talk::Taken(_))).count();
        assert!(
            (4 * 500..4 * 1_000).contains(&facts) && told == 4,
            "{facts} facts, {told} answers"
        );
    }
}

#[test]
fn questions_out_of_measure_are_refused_by_name() {
    let (mut lone, puppets) = holding(10, 1);
    let epoch = Epoch::of(lone.now.wall);
    let past = Epoch::from_number(epoch.number() - 100);
    let (set, from, upto) = (Set::Active(epoch), cut(1), cut(2));
    let take = Take { exchange: 7, step: 1, set, from, upto, bytes: 100 };
    let cases = [
        (Talk::Take(Take { upto: from, ..take }), Why::BadRecord),
        (Talk::Take(Take { from: upto, upto: from, ..take }), Why::BadRecord),
        (Talk::Take(Take { set: Set::Active(past), ..take }), Why::EpochsApart),
        (Talk::Taken(Taken { exchange: 7, step: 1, facts: 0, upto, left: 0 }), Why::TooLate),
    ];
    cases.into_iter().for_each(|(talk, why)| refuses(&mut lone, &puppets[0], talk, why));
}

/// Rumors come to a newcomer before its first comparison: with next to nothing it still takes. Who holds
/// much more is compared with, whatever partners say they have.
#[test]
fn who_holds_next_to_nothing_takes_and_others_compare() {
    for (held, claimed, takes) in [
        (0, 1_024, true),
        (0, 1_023, false),
        (100, 1_600, true),
        (100, 1_599, false),
        (1_023, u64::MAX, true),
        (1_024, u64::MAX, false),
    ] {
        let (mut lone, puppets) = holding(held, 1);
        let main = lone.main();
        let compare = Compare {
            exchange: 7,
            epoch: Epoch::of(lone.now.wall),
            fingerprint: [7; 16],
            floor: Epoch::ZERO,
            dormant: None,
            pull: true,
            push: true,
            receipt: false,
            glance: Some(Glance::new(claimed, &Census::default(), Cell::default())),
        };
        puppets[0].say(&mut lone, Talk::Compare(compare));
        let said = puppets[0].talk(&lone, main).any(|talk| talk == Talk::Busy(7));
        assert_eq!(said, takes, "{held} of {claimed}");
    }
}
