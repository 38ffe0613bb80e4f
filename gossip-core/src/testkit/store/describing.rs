//! Ranges of sets in summary.

use super::subject::{Subject, author};
use crate::fact::{Envelope, Verified};
use crate::rng::Rng;
use crate::sketch::Symbol;
use crate::state::{Point, Set, Span};
use crate::store::{Ask, Description, MAX_ROW, Store, StoreOp};
use crate::testkit::facts::{Author, at_minute, minute};
use crate::time::{Epoch, Hlc, Wall};

pub(super) async fn parts_are_about_equal(mut subject: Subject<impl Store>) {
    let author = author(1);
    let rng = &mut Rng::from_number(1);
    // Most come in order, some between, and some of them die in few or many epochs.
    let facts = (0..5_000_u64).map(|number| {
        let hlc = Hlc::from_bits(at_minute(1 + number / 100).bits() + rng.below(100));
        match number % 4 {
            0 => author.delete(number.to_be_bytes(), hlc),
            1 => author.expiring(number.to_be_bytes(), "v", hlc, minute(60 + rng.below(10))),
            _ => author.put(number.to_be_bytes(), "v", hlc),
        }
    });
    subject.merge(&facts.collect::<Vec<_>>()).await;
    let middle = Epoch::from_number(1_441 + 62);
    subject.sweep(Wall::ZERO, middle, Epoch::ZERO).await;
    let half = Span { from: Point { hlc: at_minute(9), id: [7; 16] }, upto: Point::END };
    for set in [Set::Active(middle), Set::Dormant { from: Epoch::ZERO, upto: middle }] {
        for (span, ways) in [(Span::ALL, 2), (Span::ALL, 16), (half, 7)] {
            let ask = Ask { span, unless: None, leaf: 10, ways };
            let described = subject.describe(set, vec![ask]).await;
            let Some(Description::Parts(parts)) = described.first() else {
                panic!("{described:?}")
            };
            let total: u64 = parts.iter().map(|part| part.count).sum();
            let most = 2 * total / ways as u64;
            let even = parts.iter().all(|part| part.count > 0 && part.count <= most);
            assert!(parts.len() == ways && even, "{set:?} {span:?}: {parts:?}");
        }
    }
}

pub(super) async fn few_facts_make_few_parts(mut subject: Subject<impl Store>) {
    let facts = [1, 2, 3].map(|minute| author(1).put([minute as u8], "v", at_minute(minute)));
    subject.merge(&facts).await;
    let ask = Ask { span: Span::ALL, unless: None, leaf: 2, ways: 16 };
    let described = subject.describe(Set::Active(Epoch::ZERO), vec![ask]).await;
    let Some(Description::Parts(parts)) = described.first() else { panic!("{described:?}") };
    assert!(parts.len() == 3 && parts.iter().all(|part| part.count == 1), "{parts:?}");
}

/// Cells of any epoch about the store's own, kept or not, under any key, whatever came and went before.
pub(super) async fn cells_sum_up_what_is_held(mut subject: Subject<impl Store>) {
    let author = author(1);
    let rng = &mut Rng::from_number(3);
    let symbol = |fact: &Verified<Envelope>| Symbol::new(fact.hlc(), &fact.id());
    let mut held = Vec::new();
    for batch in 0..10_u64 {
        let facts = mixed(&author, rng, 60, 200);
        subject.merge(&facts).await;
        held.extend(facts.iter().map(symbol));
        let swept = 1_441 + 4 * batch as u32;
        let floor = Epoch::from_number(1_440 + batch as u32);
        subject.sweep(minute(4 * batch), Epoch::from_number(swept), floor).await;
        for (epoch, cells) in [(swept, 0..16), (swept - 3, 10..90), (swept + 2, 60..300)] {
            subject.sketch(Epoch::from_number(epoch), cells.clone(), 0).await;
            subject.sketch(Epoch::from_number(epoch), cells, 1 + batch).await;
        }
        subject.sketch(Epoch::from_number(swept), 65_500..65_600, 0).await;
        subject.sketch(Epoch::from_number(swept), 65_500..65_600, 1 + batch).await;
        subject.fetch(held.clone(), usize::MAX).await;
        let unknown = [Symbol { hlc: 1, id: batch }];
        subject.fetch(unknown.into_iter().chain(held.first().copied()).collect(), 1).await;
    }
    let (shard, epoch) = (subject.shard, Epoch::ZERO);
    subject.expect_refusal(StoreOp::Sketch { shard, epoch, cells: 0..MAX_ROW + 1, key: 0 }).await;
}

pub(super) async fn any_span_of_any_set_is_described(mut subject: Subject<impl Store>) {
    let author = author(1);
    let rng = &mut Rng::from_number(2);
    for batch in 0..8_u64 {
        let facts = mixed(&author, rng, 80, 300);
        subject.merge(&facts).await;
        let swept = Epoch::from_number(1_441 + 4 * batch as u32);
        subject.sweep(minute(4 * batch), swept, Epoch::from_number(1_440 + batch as u32)).await;
        for number in 1_440..1_480 {
            let set = match rng.below(2) {
                0 => Set::Active(Epoch::from_number(number)),
                _ => Set::Dormant {
                    from: Epoch::from_number(1_460),
                    upto: Epoch::from_number(number),
                },
            };
            let mut point = || Point { hlc: at_minute(rng.below(31)), id: rng.bytes() };
            let span = Span { from: point(), upto: point() };
            let ask = |span, leaf| Ask { span, unless: None, leaf, ways: 2 + leaf % 4 };
            subject
                .describe(set, vec![ask(span, 4), ask(span, usize::MAX), ask(Span::ALL, 15)])
                .await;
        }
    }
}

/// Everything of a set, answer by answer, whatever their size.
pub(super) async fn any_stretch_is_taken(mut subject: Subject<impl Store>) {
    let author = author(1);
    let rng = &mut Rng::from_number(4);
    let facts = mixed(&author, rng, 2_500, 1_000_000);
    subject.merge(&facts).await;
    let middle = Epoch::from_number(1_441 + 20);
    subject.sweep(minute(20), middle, Epoch::ZERO).await;
    let past = Epoch::from_number(1_441 + 10);
    for (set, bytes) in [
        (Set::Active(middle), usize::MAX),
        (Set::Active(past), 20_000),
        (Set::Dormant { from: Epoch::ZERO, upto: middle }, 2_000),
        (Set::Active(middle.next()), 0),
    ] {
        let mut span = Span { from: Point { hlc: at_minute(3), id: [7; 16] }, upto: Point::END };
        for answers in 0.. {
            let (facts, upto, left) = subject.take(set, span, bytes).await;
            assert!(answers == 0 || !facts.is_empty(), "an answer brings something");
            if left == 0 {
                assert_eq!(upto, span.upto, "the end is told");
                break;
            }
            span.from = upto;
            if bytes == 0 && answers == 20 {
                break;
            }
        }
    }
    let nothing = Span { from: Point::END, upto: Point::MIN };
    assert!(subject.take(Set::Active(middle), nothing, 100).await.0.is_empty());
}

/// Values, expiring values and deletions of half an hour, of so many keys.
fn mixed(author: &Author, rng: &mut Rng, count: usize, keys: u64) -> Vec<Verified<Envelope>> {
    let fact = |_| {
        let (key, hlc) = (rng.below(keys).to_be_bytes(), at_minute(rng.below(30)));
        match rng.below(3) {
            0 => author.delete(key, hlc),
            1 => author.expiring(key, "v", hlc, minute(rng.below(40))),
            _ => author.put(key, "v", hlc),
        }
    };
    (0..count).map(fact).collect()
}
