//! Partners that abuse sketches: cells of nothing, cells without end, questions without measure.

use std::time::Duration;

use gossip_core::fact::Why;
use gossip_core::sketch::{Cell, Symbol};
use gossip_core::store::{KEPT, MAX_ROW, StoreOp};
use gossip_core::testkit::lone::{Held, Lone, Puppet};
use gossip_core::time::Epoch;
use gossip_core::wire::{Cells, Compare, Glance, More, Talk};

use super::refuses;
use super::repair::holding;

/// The next thing of a kind that the node says to a puppet.
pub(super) fn hear<T>(lone: &mut Lone, puppet: &Puppet, kind: impl Fn(Talk) -> Option<T>) -> T {
    for _ in 0..20 * 60 {
        let main = lone.main();
        let heard: Vec<_> = puppet.talk(lone, main).filter_map(&kind).collect();
        if let Some(heard) = heard.into_iter().next() {
            return heard;
        }
        lone.take_sent();
        lone.pass(Duration::from_millis(50));
        let ping = puppet.frame(&[(None, gossip_core::wire::Parcel::Talk(Talk::Ping(1)))]);
        lone.frame(puppet.address, ping);
    }
    panic!("it never says so");
}

fn compare(talk: Talk) -> Option<Compare> {
    if let Talk::Compare(compare) = talk { Some(compare) } else { None }
}

/// Cells from a place on, as part of those up to another.
fn part(exchange: u32, from: usize, upto: usize, cells: &[Cell]) -> Cells {
    Cells {
        exchange,
        mark: [9; 4],
        push: true,
        from: from as u32,
        upto: upto as u32,
        likely: 0,
        cells: cells.to_vec(),
    }
}

/// Cells in which nobody has summed up anything.
fn noise(place: usize) -> Cell {
    let mut bytes = [0; Cell::BYTES];
    let hash = blake3::hash(&place.to_le_bytes());
    bytes.copy_from_slice(&hash.as_bytes()[..Cell::BYTES]);
    Cell::from_bytes(bytes)
}

#[test]
fn cells_of_nothing_end_in_ranges() {
    let (mut lone, puppets) = holding(1_000, 1);
    let exchange = hear(&mut lone, &puppets[0], compare).exchange;
    lone.take_sent();
    let (mut sent, mut upto) = (0, 56);
    loop {
        while sent < upto {
            let end = upto.min(sent + 56);
            let cells: Vec<_> = (sent..end).map(noise).collect();
            puppets[0].say(&mut lone, Talk::Cells(part(exchange, sent, upto, &cells)));
            sent = end;
        }
        let main = lone.main();
        let answers: Vec<_> = puppets[0].talk(&lone, main).collect();
        lone.take_sent();
        let asks =
            |talk: &Talk| matches!(talk, Talk::Ranges(ranges) if ranges.exchange == exchange);
        if answers.iter().any(asks) {
            break;
        }
        let more = answers.iter().filter_map(|talk| match talk {
            Talk::More(more) => Some(more.upto as usize),
            _ => None,
        });
        upto = more.max().expect("it asks for more cells, or for ranges");
    }
    assert!(sent <= MAX_ROW, "{sent} cells were read");
}

/// As if facts had been crafted whose symbols cancel out: the fingerprint differs, and no cell does.
#[test]
fn a_difference_that_cells_hide_is_found_by_ranges() {
    let (mut lone, puppets) = holding(1_000, 1);
    let main = lone.main();
    let epoch = Epoch::of(lone.now.wall);
    let more = More { exchange: 3, epoch, mark: [0; 4], from: 0, upto: 56, key: 0 };
    puppets[0].say(&mut lone, Talk::More(more));
    let cells = puppets[0].talk(&lone, main).find_map(|talk| match talk {
        Talk::Cells(cells) => Some(cells.cells),
        _ => None,
    });
    let cells = cells.expect("whoever asks is told");
    lone.take_sent();
    let exchange = hear(&mut lone, &puppets[0], compare).exchange;
    lone.take_sent();
    puppets[0].say(&mut lone, Talk::Cells(part(exchange, 0, 56, &cells)));
    let asks = |talk: Talk| matches!(talk, Talk::Ranges(ranges) if ranges.exchange == exchange);
    assert!(puppets[0].talk(&lone, main).any(asks));
}

#[test]
fn cells_and_questions_out_of_measure_are_refused_by_name() {
    let (mut lone, puppets) = holding(10, 1);
    let exchange = hear(&mut lone, &puppets[0], compare).exchange;
    let epoch = Epoch::of(lone.now.wall);
    let past = Epoch::from_number(epoch.number() - 100);
    let cells: Vec<_> = (0..57).map(noise).collect();
    let more = More { exchange: 3, epoch, mark: [0; 4], from: 0, upto: 56, key: 0 };
    let top = MAX_ROW as u32;
    let cases = [
        (Talk::Cells(part(exchange + 1, 0, 10, &cells[..10])), Why::TooLate),
        (Talk::Cells(part(exchange, 0, 100, &cells)), Why::TooLarge),
        (Talk::Cells(part(exchange, 0, MAX_ROW + 1, &cells[..10])), Why::TooLarge),
        (Talk::Cells(part(exchange, 0, 9, &cells[..10])), Why::BadRecord),
        (Talk::Cells(part(exchange, 0, 9, &[])), Why::BadRecord),
        (Talk::More(More { upto: 8_193, ..more }), Why::TooLarge),
        (Talk::More(More { from: top - 1, upto: top + 1, ..more }), Why::TooLarge),
        (Talk::More(More { from: 56, ..more }), Why::BadRecord),
        (Talk::More(More { from: 57, ..more }), Why::BadRecord),
        (Talk::More(More { epoch: past, ..more }), Why::EpochsApart),
    ];
    cases.into_iter().for_each(|(talk, why)| refuses(&mut lone, &puppets[0], talk, why));
}

/// A cell that names a fact which nobody has: the node asks for it once, and goes on.
#[test]
fn a_difference_of_one_that_is_a_lie_costs_one_question() {
    let (mut lone, puppets) = holding(100, 1);
    let main = lone.main();
    let epoch = Epoch::of(lone.now.wall);
    let (from, upto, mark) = (0, 1, [0; 4]);
    puppets[0].say(&mut lone, Talk::More(More { exchange: 3, epoch, mark, from, upto, key: 0 }));
    let first = puppets[0].talk(&lone, main).find_map(|talk| match talk {
        Talk::Cells(cells) => cells.cells.first().copied(),
        _ => None,
    });
    let mut sketch = gossip_core::sketch::Sketch::new(gossip_core::sketch::Code::Irregular, 0, 1);
    let lie = Symbol { hlc: 7, id: 8 };
    sketch.add(lie);
    // Their cell plus a symbol: sums of exclusive ors take it away as they add it.
    let theirs = first.unwrap().minus(&Cell::default());
    let added = sketch.into_cells()[0];
    let cell = theirs.minus(&Cell::default().minus(&added));
    lone.take_sent();
    let glance = Glance { entries: 101, counters: [[0; 2]; Glance::COUNTERS], cell, key: 0 };
    let compare = Compare {
        exchange: 5,
        epoch,
        fingerprint: [1; 16],
        floor: Epoch::ZERO,
        dormant: None,
        pull: true,
        push: true,
        receipt: false,
        glance: Some(glance),
    };
    puppets[0].say(&mut lone, Talk::Compare(compare));
    let said: Vec<_> = puppets[0].talk(&lone, main).collect();
    assert!(
        said.iter().any(|talk| matches!(talk, Talk::Want { symbols, .. } if *symbols == [lie]))
    );
    assert!(said.iter().any(|talk| matches!(talk, Talk::Done { exchange: 5, step: 0, .. })));
    assert!(!said.iter().any(|talk| matches!(talk, Talk::Cells(_))));
}

/// Cells beyond those that are kept take a look at all facts.
#[test]
fn one_scan_at_a_time_and_for_one_partner() {
    let (mut lone, puppets) = holding(100, 2);
    let (main, epoch) = (lone.main(), Epoch::of(lone.now.wall));
    let ask = |lone: &mut Lone, puppet: usize, exchange, from: usize| {
        let (from, upto) = (from as u32, from as u32 + 8_192);
        let more = More { exchange, epoch, mark: [0; 4], from, upto, key: 0 };
        puppets[puppet].say(lone, Talk::More(more));
    };
    lone.take_sent();
    lone.holding = true;
    let questions: Vec<_> = (KEPT..MAX_ROW).step_by(8_192).collect();
    questions.iter().for_each(|from| ask(&mut lone, 0, 3, *from));
    ask(&mut lone, 1, 4, KEPT);
    assert!(puppets[1].talk(&lone, main).any(|talk| matches!(talk, Talk::Busy(4))));
    ask(&mut lone, 1, 5, 0);
    let mut rows = Vec::new();
    while let Some(held) = lone.take_held(0) {
        if let Held::Store(_, StoreOp::Sketch { cells, .. }) = &held {
            rows.push(cells.clone());
        }
        lone.answer(held);
    }
    // The first question is answered at once, all that have come meanwhile by one look.
    let (first, rest) = (KEPT..KEPT + 8_192, KEPT + 8_192..MAX_ROW);
    rows.retain(|cells| cells.end > 8_192 || cells.start > 0 || cells.len() == 8_192);
    assert_eq!(rows, [first, 0..8_192, rest]);
    for (puppet, exchange, places) in [(0, 3, KEPT..MAX_ROW), (1, 5, 0..8_192)] {
        let said = puppets[puppet].talk(&lone, main).filter_map(|talk| match talk {
            Talk::Cells(cells) if cells.exchange == exchange => Some(cells),
            _ => None,
        });
        let mut parts: Vec<_> =
            said.map(|cells| (cells.from as usize, cells.cells.len())).collect();
        parts.sort_unstable();
        let end = parts.into_iter().fold(places.start, |end, (from, len)| {
            assert_eq!(from, end, "no gap");
            end + len
        });
        assert_eq!(end, places.end);
    }
    lone.holding = false;
    lone.take_sent();
    ask(&mut lone, 1, 6, KEPT);
    assert!(puppets[1].talk(&lone, main).any(|talk| matches!(talk, Talk::Cells(_))));
}
