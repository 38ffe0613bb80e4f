//! The view's retain rule obeys the laws of its slot, and keeps who was refuted out.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{MAX_ACCUSERS, ViewRetain, admit};
use crate::fact::{Draft, Envelope, FactKind};
use crate::id::{BootId, Endpoints, NodeId};
use crate::membership::{Accusation, Alive, Charge, Eviction, Leave, Word};
use crate::rng::Rng;
use crate::strategy::Retain as _;
use crate::testkit::facts::{Author, domain};
use crate::testkit::retain_laws_among;
use crate::time::{Hlc, Wall};

/// What is said about author 0, by whom it is and by others.
fn facts(rng: &mut Rng) -> Vec<Envelope> {
    let subject = Author::simulated(0, &domain());
    let mut facts = Vec::new();
    for _ in 0..rng.below(40) {
        let said = hlc(110 + rng.below(100));
        let word = Word { incarnation: 1 + rng.below(3), hlc: hlc(90 + rng.below(20)) };
        let fact = match rng.below(9) {
            0 => leaves(&subject, said, word.incarnation),
            1 | 2 => lives(&subject, said, word.incarnation),
            8 => {
                let by = Author::simulated(1 + rng.below(19), &domain());
                evicts(&by, said, subject.id(), word.incarnation)
            }
            _ => {
                let accuser = Author::simulated(1 + rng.below(19), &domain());
                let charge = if rng.below(3) == 0 { Charge::Dead } else { Charge::Silent };
                accuses(&accuser, said, subject.id(), Accusation { word, charge })
            }
        };
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts
}

fn hlc(bits: u64) -> Hlc {
    Hlc::from_bits(bits)
}

fn lives(author: &Author, said: Hlc, incarnation: u64) -> Envelope {
    let alive = Alive {
        incarnation,
        boot: BootId(*b"one boot"),
        box_key: [0; 32],
        endpoints: Endpoints::datagram(SocketAddr::from(([127, 0, 0, 1], 7946))),
        name: String::new(),
        tags: std::collections::BTreeMap::new(),
        versions: Alive::VERSIONS,
        capabilities: 0,
        program: String::new(),
    };
    states(author, said, author.id(), FactKind::ALIVE, alive.encode())
}

fn leaves(author: &Author, said: Hlc, incarnation: u64) -> Envelope {
    let leave = Leave { incarnation, returning: true };
    states(author, said, author.id(), FactKind::LEAVE, leave.encode())
}

fn accuses(author: &Author, said: Hlc, about: NodeId, accusation: Accusation) -> Envelope {
    states(author, said, about, FactKind::ACCUSATION, accusation.encode())
}

fn evicts(author: &Author, said: Hlc, about: NodeId, incarnation: u64) -> Envelope {
    states(author, said, about, FactKind::EVICTION, Eviction { incarnation }.encode())
}

fn states(author: &Author, said: Hlc, about: NodeId, kind: FactKind, value: Bytes) -> Envelope {
    let draft = Draft { kind, value: Some(value), ..author.draft(about.as_bytes(), said) };
    let fact = author.sign(&draft).into_inner();
    admit(&fact).expect("it may stand in the view");
    fact
}

#[test]
fn what_is_kept_of_a_member_depends_on_no_order() {
    retain_laws_among(&ViewRetain::default(), 0..2_000, facts);
}

#[test]
fn a_newer_word_ends_all_accusations_and_an_older_one_none() {
    let subject = Author::simulated(0, &domain());
    let accusation =
        Accusation { word: Word { incarnation: 2, hlc: hlc(100) }, charge: Charge::Silent };
    let accusers: Vec<_> = (1..10)
        .map(|number| Author::simulated(number, &domain()))
        .map(|accuser| accuses(&accuser, hlc(120), subject.id(), accusation))
        .collect();
    let kept = |word: &Envelope| {
        let mut facts: Vec<_> = accusers.iter().chain([word]).collect();
        ViewRetain::default().retain(&mut facts);
        facts.iter().filter(|fact| fact.kind() == FactKind::ACCUSATION).count()
    };
    assert_eq!(kept(&lives(&subject, hlc(100), 2)), MAX_ACCUSERS);
    assert_eq!(kept(&lives(&subject, hlc(101), 1)), MAX_ACCUSERS, "of an incarnation before");
    assert_eq!(kept(&lives(&subject, hlc(101), 2)), 0);
    assert_eq!(kept(&lives(&subject, hlc(99), 3)), 0);
    assert_eq!(kept(&leaves(&subject, hlc(100), 2)), 0, "who has left answers nobody");
}

#[test]
fn an_eviction_stands_until_a_later_incarnation_speaks() {
    let subject = Author::simulated(0, &domain());
    let by = Author::simulated(1, &domain());
    let accusation =
        Accusation { word: Word { incarnation: 2, hlc: hlc(100) }, charge: Charge::Silent };
    let evicted = evicts(&by, hlc(120), subject.id(), 2);
    let accused = accuses(&by, hlc(120), subject.id(), accusation);
    let kept = |word: &Envelope| {
        let mut facts: Vec<_> = vec![&evicted, &accused, word];
        ViewRetain::default().retain(&mut facts);
        facts.iter().filter(|fact| **fact != word).map(|fact| fact.kind()).collect::<Vec<_>>()
    };
    assert_eq!(kept(&lives(&subject, hlc(150), 1)), [FactKind::EVICTION]);
    assert_eq!(kept(&lives(&subject, hlc(150), 2)), [FactKind::EVICTION]);
    assert_eq!(kept(&lives(&subject, hlc(100), 3)), []);
}

#[test]
fn nobody_evicts_itself_or_for_ever() {
    let author = Author::simulated(1, &domain());
    let subject = Author::simulated(0, &domain()).id();
    let refused = |about: NodeId, incarnation: u64| {
        let value = Eviction { incarnation }.encode();
        let draft = author.draft(about.as_bytes(), hlc(100));
        let draft = Draft { kind: FactKind::EVICTION, value: Some(value), ..draft };
        admit(&author.sign(&draft)).is_err()
    };
    assert!(refused(author.id(), 1));
    assert!(refused(subject, u64::MAX));
    assert!(!refused(subject, 1));
}

#[test]
fn nobody_accuses_itself_or_of_what_was_not_said_yet_or_cannot_be() {
    let author = Author::simulated(1, &domain());
    let subject = Author::simulated(0, &domain()).id();
    let refused_of = |about: NodeId, incarnation: u64, word: u64| {
        let word = Word { incarnation, hlc: hlc(word) };
        let value = Accusation { word, charge: Charge::Silent }.encode();
        let draft = author.draft(about.as_bytes(), hlc(100));
        let draft = Draft { kind: FactKind::ACCUSATION, value: Some(value), ..draft };
        admit(&author.sign(&draft)).is_err()
    };
    let refused = |about: NodeId, word: u64| refused_of(about, 1, word);
    assert!(refused(author.id(), 50));
    assert!(refused(subject, 101));
    assert!(!refused(subject, 100));
    // Nobody could go beyond it.
    assert!(refused_of(subject, u64::MAX, 100));
}

/// What an author says of itself over two days, in order, and what others say of it meanwhile; the author's words
/// come first.
fn life(rng: &mut Rng) -> (Vec<Envelope>, Vec<Envelope>) {
    let subject = Author::simulated(0, &domain());
    let minute =
        |number: u64| Hlc::from_wall(Wall::from_millis(1_800_000_000_000 + number * 60_000));
    let (mut words, mut others, mut now) = (Vec::new(), Vec::new(), 0);
    for incarnation in 1..=1 + rng.below(3) {
        for _ in 0..1 + rng.below(4) {
            now += 1 + rng.below(360);
            words.push(lives(&subject, minute(now), incarnation));
            let word = Word { incarnation, hlc: minute(now) };
            for number in 0..rng.below(3) {
                let by = Author::simulated(1 + number, &domain());
                let said = minute(now + rng.below(60));
                others.push(if rng.below(4) == 0 {
                    evicts(&by, said, subject.id(), incarnation)
                } else {
                    accuses(&by, said, subject.id(), Accusation { word, charge: Charge::Silent })
                });
            }
        }
        if rng.below(3) == 0 {
            now += 1;
            words.push(leaves(&subject, minute(now), incarnation));
        }
    }
    (words, others)
}

/// The member's last word among what the rule keeps of these facts.
fn last_word<'a>(facts: impl Iterator<Item = &'a Envelope>) -> Option<&'a Envelope> {
    let mut kept: Vec<_> = facts.collect();
    ViewRetain::default().retain(&mut kept);
    kept.into_iter().find(|fact| matches!(fact.kind(), FactKind::ALIVE | FactKind::LEAVE))
}

/// A word's date is its tombstone: as time takes facts away, from the oldest on, nothing that the last word had
/// displaced comes back, whatever of it some carrier still has.
#[test]
fn no_carrier_brings_an_old_word_back_as_facts_pass_their_life() {
    for seed in 0..300 {
        let mut rng = Rng::from_number(seed);
        let (words, others) = life(&mut rng);
        let last = last_word(words.iter().chain(&others));
        let mut epochs: Vec<_> = words.iter().chain(&others).map(Envelope::leaves_at).collect();
        epochs.sort_unstable();
        for epoch in epochs {
            let stands = |fact: &&Envelope| fact.leaves_at() > epoch;
            let held = last_word(words.iter().chain(&others)).filter(stands);
            // Any part of what was ever said.
            let carried: Vec<_> = words.iter().filter(|_| rng.below(2) == 0).collect();
            let offered = carried.into_iter().filter(stands);
            let then =
                last_word(held.into_iter().chain(offered).chain(others.iter().filter(stands)));
            assert!(then.is_none() || then == last, "seed {seed}");
            assert_eq!(then, held, "seed {seed}");
        }
    }
}

/// Whoever is accused, or has said goodbye, does not outlive that: no copy of its word is younger.
#[test]
fn what_is_said_against_a_word_lives_as_long_as_the_word() {
    for seed in 0..300 {
        let (words, others) = life(&mut Rng::from_number(seed));
        for fact in &others {
            let Ok(accusation) = Accusation::decode(fact) else { continue };
            let accused = words.iter().find(|word| Word::of(word) == Ok(accusation.word)).unwrap();
            assert!(fact.leaves_at() >= accused.leaves_at(), "seed {seed}");
        }
        for leave in words.iter().filter(|word| word.kind() == FactKind::LEAVE) {
            let of = |word: &&Envelope| {
                super::alive::incarnation(word) == super::alive::incarnation(leave)
            };
            assert!(words.iter().filter(of).all(|word| leave.leaves_at() >= word.leaves_at()));
        }
    }
}
