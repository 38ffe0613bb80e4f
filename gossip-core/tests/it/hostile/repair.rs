//! Partners that abuse repair: what one datagram costs, and who is still served.

use std::collections::BTreeSet;
use std::time::Duration;

use gossip_core::fact::{HORIZON, Why};
use gossip_core::id::{BootId, ShardId};
use gossip_core::sim::{self, World};
use gossip_core::sketch::Symbol;
use gossip_core::state::{Item, Point, Set};
use gossip_core::store::{MemoryState, Merge, StoreOp};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::lone::{Held, Lone, Puppet};
use gossip_core::time::{Epoch, Hlc, Wall};
use gossip_core::transport::DATAGRAM_BYTES;
use gossip_core::wire::{
    Compare, Frame, Parcel, RangeContent, RangePart, Ranges, Receipt, Record, Same, Talk,
};

use super::{met, refuses, unpaced};

/// A node that holds `count` facts since before it started.
pub(super) fn holding(count: u64, puppets: u32) -> (Lone, Vec<Puppet>) {
    let probe = Lone::new(unpaced(), 1);
    let author = Puppet::new(99, probe.config()).author();
    let start = probe.now.wall.millis() - 3_600_000;
    let at = |n| Hlc::from_wall(Wall::from_millis(start + n));
    let mut store = MemoryState::new();
    let facts = (0..count).map(|n| author.put(format!("key-{n:06}"), "value", at(n))).collect();
    let merge = Merge {
        shard: ShardId { channel: probe.main(), topic: Default::default() },
        retain: std::sync::Arc::new(LastWrite::default()),
        facts,
        epoch: Epoch::of(probe.now.wall),
        floor: Epoch::ZERO,
    };
    store.apply(StoreOp::Merge(merge)).unwrap();
    let mut lone = Lone::on(store, unpaced(), 1);
    let puppets: Vec<_> = (1..=puppets).map(|n| Puppet::new(n, lone.config())).collect();
    puppets.iter().for_each(|puppet| assert!(puppet.greet(&mut lone)));
    lone.take_sent();
    (lone, puppets)
}

fn question(lone: &Lone, step: u32, parts: Vec<RangePart>) -> Ranges {
    Ranges {
        exchange: 7,
        step,
        answer: false,
        set: Set::Active(Epoch::of(lone.now.wall)),
        pull: true,
        push: true,
        from: Point::MIN,
        parts,
    }
}

fn whole(content: RangeContent) -> Vec<RangePart> {
    vec![RangePart { upto: Point::END, content }]
}

/// The whole order in stretches of so many of the facts that `holding` makes.
fn stretches(lone: &Lone, parts: u64, facts: u64, content: &RangeContent) -> Vec<RangePart> {
    let start = lone.now.wall.millis() - 1_000 - 3_600_000;
    let cut = |n| {
        let wall = Wall::from_millis(start + 1_000 + n * facts);
        Point { hlc: Hlc::from_wall(wall), id: [0; 16] }
    };
    let content = || content.clone();
    let ends = (1..parts).map(cut).chain([Point::END]);
    ends.map(|upto| RangePart { upto, content: content() }).collect()
}

fn compare(lone: &mut Lone, exchange: u32, receipt: bool) -> Compare {
    let fingerprint = lone.totals().sum.fingerprint();
    Compare {
        exchange,
        epoch: Epoch::of(lone.now.wall),
        fingerprint,
        floor: Epoch::ZERO,
        dormant: None,
        pull: true,
        push: true,
        receipt,
        glance: None,
    }
}

fn facts_for(puppet: &Puppet, lone: &Lone) -> usize {
    puppet.records(lone).filter(|record| matches!(record, Record::Fact { .. })).count()
}

#[test]
fn epochs_far_away_are_refused_before_the_store_hears_of_them() {
    let (mut lone, puppets) = holding(10, 1);
    lone.holding = true;
    let now = Epoch::of(lone.now.wall).number();
    let epoch = Epoch::from_number;
    let horizon = (HORIZON.as_secs() / 60) as u32;
    let dormant = |from, upto| Set::Dormant { from: epoch(from), upto: epoch(upto) };
    let bad = [
        Set::Active(epoch(0)),
        Set::Active(epoch(now - 11)),
        Set::Active(epoch(now + 2)),
        Set::Active(Epoch::NEVER),
        dormant(0, now + 2),
        dormant(now, now - 11),
        dormant(0, u32::MAX),
        dormant(u32::MAX, 0),
        dormant(now - 5, now - 6),
    ];
    for (step, set) in bad.into_iter().enumerate() {
        let fingerprint = whole(RangeContent::Fingerprint([1; 16]));
        let ranges = Ranges { set, ..question(&lone, step as u32 + 1, fingerprint) };
        puppets[0].say(&mut lone, Talk::Ranges(ranges));
        assert_eq!(lone.held(), 0, "{set:?}");
        assert_eq!(lone.rejected(Why::EpochsApart), step as u64 + 1, "{set:?}");
    }
    let good =
        [Set::Active(epoch(now)), Set::Active(epoch(now - 10)), dormant(now - horizon, now - 1)];
    for (n, set) in good.into_iter().enumerate() {
        let fingerprint = whole(RangeContent::Fingerprint([1; 16]));
        let ranges = Ranges { set, ..question(&lone, 50 + n as u32, fingerprint) };
        puppets[0].say(&mut lone, Talk::Ranges(ranges));
        assert_eq!(lone.held(), n + 1, "{set:?}");
    }
}

#[test]
fn one_datagram_provokes_no_flood() {
    let (mut lone, puppets) = holding(10_000, 1);
    let nothing = RangeContent::Items(Vec::new());
    let parts = stretches(&lone, 40, 250, &nothing);
    let frame = puppets[0]
        .frame(&[(Some(lone.main()), Parcel::Talk(Talk::Ranges(question(&lone, 1, parts))))]);
    assert!(frame.len() <= DATAGRAM_BYTES, "{} bytes", frame.len());
    lone.frame(puppets[0].address, frame);
    let facts = facts_for(&puppets[0], &lone);
    assert!(facts <= 256, "{facts} facts for one datagram");
    let bytes: usize = lone.take_sent().iter().map(|transmit| transmit.bytes.len()).sum();
    assert!(bytes <= 256 * DATAGRAM_BYTES, "{bytes} bytes for one datagram");
}

#[test]
fn an_honest_question_about_much_that_differs_is_answered() {
    let (mut lone, puppets) = holding(16 * 24, 1);
    let parts = stretches(&lone, 16, 24, &RangeContent::Fingerprint([1; 16]));
    let ranges = question(&lone, 1, parts);
    puppets[0].say(&mut lone, Talk::Ranges(ranges));
    let answers: Vec<_> = puppets[0]
        .records(&lone)
        .filter_map(|record| {
            if let Record::Talk(Talk::Ranges(ranges)) = record { Some(ranges) } else { None }
        })
        .filter(|ranges| ranges.answer)
        .collect();
    assert_eq!(answers.len(), 1, "the answer fits a datagram");
    assert_eq!(answers[0].step, 1);
    let told = |part: &RangePart| part.content != RangeContent::Skip;
    assert!(answers[0].parts.iter().all(told), "no stretch that differs is passed over");
}

#[test]
fn replicas_that_differ_everywhere_become_equal() {
    let mut world = World::new(11);
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(5)));
    world.add_cluster(2, &Default::default());
    world.run_for(Duration::from_secs(3));
    world.clear_rules();
    world.rule(sim::cut(|host| host == 0));
    for n in 0..3_000 {
        world.write(n % 2, &format!("key-{n}"), Some("value"), None);
        world.run_for(Duration::from_millis(1));
    }
    // Rumors end meanwhile: what follows is repair alone.
    world.run_for(Duration::from_secs(60));
    world.clear_rules();
    world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(5)));
    let equal = world.run_until(Duration::from_secs(60), Duration::from_millis(100), |world| {
        world.converged() && world.totals(0, None).entries == 3_000
    });
    assert!(
        equal,
        "{} and {} of 3,000",
        world.totals(0, None).entries,
        world.totals(1, None).entries
    );
}

#[test]
fn wants_are_bounded_and_duplicates_in_them_are_sent_once() {
    let (mut lone, puppets) = holding(10, 1);
    let nothing = whole(RangeContent::Items(Vec::new()));
    let ranges = question(&lone, 1, nothing);
    puppets[0].say(&mut lone, Talk::Ranges(ranges));
    assert_eq!(facts_for(&puppets[0], &lone), 10);
    lone.take_sent();
    let author = Puppet::new(99, lone.config()).author();
    let start = lone.now.wall.millis() - 1_000 - 3_600_000;
    let at = Hlc::from_wall(Wall::from_millis(start + 1_003));
    let fact = author.put("key-000003", "value", at).into_inner();
    let symbols = vec![Symbol::of(&fact); 40];
    puppets[0].say(&mut lone, Talk::Want { exchange: 7, step: 2, symbols });
    assert!(facts_for(&puppets[0], &lone) <= 1);
    lone.take_sent();
    let symbols = vec![Symbol { hlc: 0, id: 0 }; 1_000];
    let parcel = Parcel::Talk(Talk::Want { exchange: 7, step: 3, symbols });
    let frame = puppets[0].frame(&[(Some(lone.main()), parcel)]);
    lone.frame(puppets[0].address, frame);
    assert_eq!(lone.rejected(Why::TooLarge), 1);
}

#[test]
fn thousands_of_questions_wait_within_bounds_and_others_are_served() {
    let (mut lone, puppets) = holding(1_000, 100);
    lone.holding = true;
    let fingerprint = whole(RangeContent::Fingerprint([1; 16]));
    let ask = |lone: &mut Lone, puppet: &Puppet, step: u32| {
        let ranges = question(lone, step, fingerprint.clone());
        puppet.say(lone, Talk::Ranges(ranges));
    };
    for step in 1..=5_000 {
        ask(&mut lone, &puppets[0], step);
    }
    assert_eq!(lone.held(), 64, "one partner's share");
    assert_eq!(lone.rejected(Why::PeerQueueFull), 5_000 - 64);
    for (step, puppet) in puppets.iter().enumerate().skip(2).flat_map(|p| (0..64).map(move |_| p)) {
        ask(&mut lone, puppet, step as u32);
    }
    assert!(lone.held() <= 4_096, "{} questions wait", lone.held());
    assert!(lone.rejected(Why::QueueFull) > 0);
    lone.release();
    lone.take_sent();
    ask(&mut lone, &puppets[1], 1);
    assert_eq!(puppets[1].records(&lone).count(), 2, "the honest one is answered");
}

#[test]
fn answers_that_nobody_asked_for_are_counted() {
    let (mut lone, puppets) = met(unpaced(), 1);
    let answer = Ranges { answer: true, ..question(&lone, 1, whole(RangeContent::Skip)) };
    let descending = vec![
        RangePart { upto: Point::END, content: RangeContent::Skip },
        RangePart { upto: Point::MIN, content: RangeContent::Skip },
    ];
    let receipt = Receipt { boot: BootId([1; 8]), exchange: 1, commit: 9, r: [0; 32], s: [0; 32] };
    let cases = [
        (Talk::Ranges(answer), Why::TooLate),
        (Talk::Ranges(question(&lone, 1, descending)), Why::BadRecord),
        (Talk::Same(Same { exchange: 9, floor: Epoch::ZERO, dormant: None }), Why::TooLate),
        (Talk::Done { exchange: 9, step: 1, rest: Vec::new() }, Why::TooLate),
        (Talk::Receipt(receipt), Why::Unasked),
        (Talk::Stale(receipt), Why::BadSignature),
        (Talk::Ack(3), Why::Unasked),
        (Talk::Ping(3), Why::Unasked),
    ];
    cases.into_iter().for_each(|(talk, why)| refuses(&mut lone, &puppets[0], talk, why));
}

#[test]
fn a_partner_that_never_ends_an_exchange_does_not_keep_the_node() {
    let (mut lone, puppets) = holding(1_000, 2);
    let main = lone.main();
    let [liar, honest] = &puppets[..] else { unreachable!("there are two") };
    let mut asked_honest = BTreeSet::new();
    for _ in 0..20 * 900 {
        lone.pass(Duration::from_millis(50));
        let questions: Vec<_> = liar.talk(&lone, main).collect();
        asked_honest.extend(honest.talk(&lone, main).filter_map(|talk| {
            if let Talk::Compare(compare) = talk { Some(compare.exchange) } else { None }
        }));
        for puppet in &puppets {
            let ping = puppet.frame(&[(None, Parcel::Talk(Talk::Ping(1)))]);
            lone.frame(puppet.address, ping);
        }
        lone.take_sent();
        for talk in questions {
            // Whatever it is asked: everything is different, always.
            let (exchange, step) = if let Talk::Compare(compare) = talk {
                (compare.exchange, 0)
            } else if let Talk::Ranges(ranges) = talk {
                (ranges.exchange, ranges.step)
            } else {
                continue;
            };
            let different = whole(RangeContent::Fingerprint([step as u8; 16]));
            let answer = Ranges { answer: true, exchange, ..question(&lone, step, different) };
            liar.say(&mut lone, Talk::Ranges(answer));
        }
    }
    // A quarter of an hour, every exchange with the liar a minute: some are with the honest one.
    let times = asked_honest.len();
    assert!(times >= 3, "the honest partner was asked {times} times");
}

#[test]
fn a_node_asks_no_endless_questions_of_its_own() {
    let (mut lone, puppets) = holding(1_000, 1);
    let mut most = 0;
    for _ in 0..20 * 20 {
        lone.pass(Duration::from_millis(50));
        let questions: Vec<_> = puppets[0].records(&lone).collect();
        lone.take_sent();
        most = most.max(questions.len());
        for record in questions {
            let Record::Talk(Talk::Ranges(Ranges { exchange, step, .. })) = record else {
                continue;
            };
            let items = (0..30).map(|n| Item {
                point: Point { hlc: Hlc::from_bits(n + 1), id: [step as u8; 16] },
                rival: [0; 8],
            });
            let content = RangeContent::Items(items.collect());
            let answer = Ranges { answer: true, exchange, ..question(&lone, step, whole(content)) };
            puppets[0].say(&mut lone, Talk::Ranges(answer));
        }
    }
    assert!(most <= 100, "{most} records at once");
}

#[test]
fn pulls_are_answered_a_few_times_per_round() {
    let (mut lone, puppets) = met(unpaced(), 2);
    for n in 0..200 {
        let hlc = Hlc::from_wall(lone.now.wall);
        let fact = puppets[0].author().put(format!("key-{n}"), vec![7; 900], hlc).into_inner();
        puppets[0].offer(&mut lone, &[fact]);
    }
    lone.take_sent();
    let main = Some(lone.main());
    let pull = || (main, Parcel::Talk(Talk::Pull(Vec::new())));
    let pulls: Vec<_> = (0..300).map(|_| pull()).collect();
    lone.frame(puppets[1].address, puppets[1].frame(&pulls));
    assert!(lone.rejected(Why::PeerQueueFull) >= 290);
    assert!(facts_for(&puppets[1], &lone) <= 200, "nothing twice");
    lone.take_sent();
    lone.pass(Duration::from_secs(2));
    let before = lone.rejections();
    puppets[1].say(&mut lone, Talk::Pull(Vec::new()));
    assert_eq!(lone.rejections(), before, "the next round is another one");
}

#[test]
fn wishes_for_receipts_are_gathered() {
    let (mut lone, puppets) = holding(10, 1);
    let mut syncs = 0;
    for exchange in 0..200 {
        let compare = compare(&mut lone, exchange, true);
        lone.holding = true;
        puppets[0].say(&mut lone, Talk::Compare(compare));
        // Totals are answered at once; a slow disk keeps all wishes for durability waiting.
        let mut at = syncs;
        while at < lone.held() {
            match lone.take_held(at) {
                Some(Held::Store(ticket, op)) => {
                    if matches!(op, StoreOp::Sync { .. }) {
                        lone.put_back(at, Held::Store(ticket, op));
                        syncs += 1;
                        at += 1;
                    } else {
                        lone.answer(Held::Store(ticket, op));
                    }
                }
                held => panic!("{held:?}"),
            }
        }
    }
    assert!(syncs <= 1, "{syncs} wait for one member");
    lone.release();
    let receipts = puppets[0]
        .records(&lone)
        .filter(|record| matches!(record, Record::Talk(Talk::Receipt(_))))
        .count();
    assert_eq!(receipts, 1);
}

#[test]
fn our_own_receipt_of_this_life_does_not_make_us_forget() {
    let (mut lone, puppets) = holding(10, 1);
    for n in 0..5 {
        let hlc = Hlc::from_wall(lone.now.wall);
        let fact = puppets[0].author().put(format!("new-{n}"), "value", hlc).into_inner();
        puppets[0].offer(&mut lone, &[fact]);
    }
    let compare = compare(&mut lone, 1, true);
    lone.take_sent();
    puppets[0].say(&mut lone, Talk::Compare(compare));
    let receipt = puppets[0].records(&lone).find_map(|record| {
        if let Record::Talk(Talk::Receipt(receipt)) = record { Some(receipt) } else { None }
    });
    let receipt = receipt.expect("equal partners get a receipt");
    puppets[0].say(&mut lone, Talk::Stale(receipt));
    assert_eq!(lone.totals().entries, 15, "nothing was lost, so nothing is forgotten");
}

#[test]
fn what_a_former_partner_agreed_to_is_forgotten_with_its_session() {
    let (mut lone, _) = holding(10, 0);
    for number in 1..=100 {
        let puppet = Puppet::new(number, lone.config());
        assert!(puppet.greet(&mut lone));
        let theirs = puppet.frames(&lone).find_map(|frame| {
            if let Frame::Hello(hello) = frame { Some(hello.session) } else { None }
        });
        let compare = compare(&mut lone, 1, false);
        puppet.say(&mut lone, Talk::Compare(compare));
        lone.frame(puppet.address, Frame::Reset { session: theirs.unwrap() }.encode());
        lone.take_sent();
    }
    assert_eq!(lone.status().queues["sessions"], 0);
    assert_eq!(lone.status().queues["agreements"], 0);
}
