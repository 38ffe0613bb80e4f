//! Members that abuse large facts: what they occupy, and what comes of their lies.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::fact::{Envelope, Why};
use gossip_core::sketch::Symbol;
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::Hlc;
use gossip_core::wire::{AskChunks, CHUNK_BYTES, Chunk, Large, Parcel, Talk};

use super::{contains, met, refuses, unpaced};

const SECOND: Duration = Duration::from_secs(1);

fn fact(puppet: &Puppet, lone: &Lone, bytes: usize) -> Envelope {
    let value: Vec<_> = (0..bytes).map(|n| (n / 7) as u8).collect();
    puppet.author().put("large", value, Hlc::from_wall(lone.now.wall)).into_inner()
}

fn notice(fact: &Envelope) -> Talk {
    let bytes = fact.bytes().len() as u32;
    Talk::Large(Large { symbol: Symbol::of(fact), bytes, feedback: true })
}

fn chunk(fact: &Envelope, place: u32) -> Talk {
    let from = place as usize * CHUNK_BYTES;
    let bytes = fact.bytes().slice(from..fact.bytes().len().min(from + CHUNK_BYTES));
    Talk::Chunk(Chunk { symbol: Symbol::of(fact), place, bytes })
}

/// What the node asks a puppet for.
fn takes(lone: &Lone, puppet: &Puppet) -> Vec<AskChunks> {
    let takes = puppet.talk(lone, lone.main()).filter_map(|talk| match talk {
        Talk::AskChunks(take) => Some(take),
        _ => None,
    });
    takes.collect()
}

/// A puppet gives what it is asked for, as long as it is asked; how many chunks that were.
fn serve(lone: &mut Lone, puppet: &Puppet, fact: &Envelope) -> usize {
    let mut served = 0;
    loop {
        let asked: Vec<_> = takes(lone, puppet).into_iter().flat_map(|take| take.chunks).collect();
        lone.take_sent();
        if asked.is_empty() {
            return served;
        }
        served += asked.len();
        asked.iter().for_each(|place| puppet.say(lone, chunk(fact, *place)));
    }
}

fn fabricated(number: u64) -> Talk {
    let symbol = Symbol { hlc: number, id: number << 32 | 1 };
    Talk::Large(Large { symbol, bytes: 1 << 20, feedback: true })
}

#[test]
fn a_large_fact_is_taken_in_chunks_and_told_on_as_one() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let fact = fact(&puppets[0], &lone, 500_000);
    puppets[0].say(&mut lone, notice(&fact));
    let chunks = fact.bytes().len().div_ceil(CHUNK_BYTES);
    assert_eq!(serve(&mut lone, &puppets[0], &fact), chunks, "each once");
    assert_eq!((lone.totals().entries, lone.rejections()), (1, 0));
    assert_eq!(lone.status().queues["large-facts"], 0);
    // Known now: nobody is asked again.
    puppets[1].say(&mut lone, notice(&fact));
    assert_eq!(takes(&lone, &puppets[1]), []);
    let known = |talk: Talk| matches!(talk, Talk::Feedback { known, .. } if known.len() == 1);
    assert!(puppets[1].talk(&lone, lone.main()).any(known));
    // A newcomer is told of it, and given what it asks for.
    let newcomer = Puppet::new(9, lone.config());
    assert!(newcomer.greet(&mut lone));
    lone.take_sent();
    let bytes = fact.bytes().len() as u32;
    let take = |chunks| Talk::AskChunks(AskChunks { symbol: Symbol::of(&fact), bytes, chunks });
    newcomer.say(&mut lone, take(vec![0, 433]));
    let given: Vec<_> = newcomer.talk(&lone, lone.main()).collect();
    assert_eq!(given, [chunk(&fact, 0), chunk(&fact, 433)]);
    assert!(lone.take_sent().iter().all(|transmit| transmit.bytes.len() <= 1_200));
    refuses(&mut lone, &newcomer, take(vec![434 + 1]), Why::BadRecord);
    refuses(&mut lone, &newcomer, take(vec![0; 65]), Why::TooLarge);
}

#[test]
fn a_thousand_notices_take_no_memory_and_few_questions() {
    let (mut lone, puppets) = met(unpaced(), 12);
    for (index, puppet) in puppets.iter().enumerate() {
        (0..1_000).for_each(|n| puppet.say(&mut lone, fabricated((index as u64) << 20 | n)));
    }
    let queues = lone.status().queues;
    assert!(queues["large-facts"] <= 1_024, "{queues:?}");
    assert_eq!(queues["large-facts-bytes"], 0, "what is announced takes no room");
    let asked: usize = puppets.iter().map(|puppet| takes(&lone, puppet).len()).sum();
    assert_eq!(asked, 8, "one of each of eight");
    // An honest member has its turn all the same.
    let honest = Puppet::new(99, lone.config());
    assert!(honest.greet(&mut lone));
    let fact = fact(&honest, &lone, 100_000);
    lone.take_sent();
    honest.say(&mut lone, notice(&fact));
    for _ in 0..30 {
        lone.pass(SECOND);
        // Who says something is alive.
        puppets.iter().chain([&honest]).for_each(|puppet| puppet.offer(&mut lone, &[]));
        serve(&mut lone, &honest, &fact);
    }
    assert_eq!(lone.totals().entries, 1);
}

#[test]
fn who_announces_and_gives_nothing_is_given_up_for_another() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let fact = fact(&puppets[1], &lone, 300_000);
    for puppet in &puppets {
        puppet.say(&mut lone, notice(&fact));
    }
    assert_eq!(takes(&lone, &puppets[0]).len(), 1);
    assert_eq!(takes(&lone, &puppets[1]), [], "one holder at a time");
    lone.pass(5 * SECOND);
    assert!(serve(&mut lone, &puppets[1], &fact) > 0);
    assert_eq!(lone.totals().entries, 1);
    // Who does not hold it any more says so, and that is quick.
    let other = puppets[0].author().put("other", vec![1; 50_000], Hlc::from_wall(lone.now.wall));
    puppets.iter().for_each(|puppet| puppet.say(&mut lone, notice(&other)));
    let gone = Chunk { symbol: Symbol::of(&other), place: 0, bytes: Bytes::new() };
    puppets[0].say(&mut lone, Talk::Chunk(gone));
    serve(&mut lone, &puppets[1], &other);
    assert_eq!(lone.totals().entries, 2);
}

#[test]
fn a_lying_chunk_makes_the_copy_fail_and_another_is_taken() {
    for lie in [0_u32, 3, 86] {
        let (mut lone, puppets) = met(unpaced(), 2);
        let fact = fact(&puppets[1], &lone, 99_000);
        let mut bytes = fact.bytes().to_vec();
        bytes[lie as usize * CHUNK_BYTES + 20] ^= 1;
        puppets.iter().for_each(|puppet| puppet.say(&mut lone, notice(&fact)));
        let asked = |lone: &mut Lone| {
            let takes = takes(lone, &puppets[0]);
            lone.take_sent();
            takes.into_iter().flat_map(|take| take.chunks).collect::<Vec<_>>()
        };
        loop {
            let places = asked(&mut lone);
            if places.is_empty() {
                break;
            }
            for place in places {
                let from = place as usize * CHUNK_BYTES;
                let part = bytes[from..bytes.len().min(from + CHUNK_BYTES)].to_vec();
                let lie = Chunk { symbol: Symbol::of(&fact), place, bytes: part.into() };
                // The last of them leads to the other holder at once.
                puppets[0].say(&mut lone, Talk::Chunk(lie));
                if lone.rejections() > 0 {
                    break;
                }
            }
            if lone.rejections() > 0 {
                break;
            }
        }
        let refused = lone.rejected(Why::BadValue) + lone.rejected(Why::BadSignature);
        assert_eq!((refused, lone.rejections(), lone.totals().entries), (1, 1, 0), "lie in {lie}");
        assert!(serve(&mut lone, &puppets[1], &fact) > 0);
        assert_eq!(lone.totals().entries, 1);
    }
}

#[test]
fn chunks_that_nobody_asked_for_are_not_kept() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let fact = fact(&puppets[0], &lone, 100_000);
    refuses(&mut lone, &puppets[0], chunk(&fact, 0), Why::TooLate);
    puppets[0].say(&mut lone, notice(&fact));
    refuses(&mut lone, &puppets[1], chunk(&fact, 0), Why::TooLate);
    refuses(&mut lone, &puppets[0], chunk(&fact, 50), Why::TooLate);
    let short = Chunk { symbol: Symbol::of(&fact), place: 1, bytes: Bytes::from_static(b"short") };
    refuses(&mut lone, &puppets[0], Talk::Chunk(short), Why::BadRecord);
    assert_eq!(lone.status().queues["large-facts-bytes"], 0);
    refuses(&mut lone, &puppets[0], fabricated_bytes(0), Why::BadRecord);
    refuses(&mut lone, &puppets[0], fabricated_bytes((1 << 20) + 1), Why::TooLarge);
}

fn fabricated_bytes(bytes: u32) -> Talk {
    Talk::Large(Large { symbol: Symbol { hlc: 1, id: 1 }, bytes, feedback: false })
}

#[test]
fn one_datagram_of_questions_provokes_no_flood() {
    let (mut lone, puppets) = met(unpaced(), 1);
    let fact = fact(&puppets[0], &lone, 900_000);
    puppets[0].say(&mut lone, notice(&fact));
    serve(&mut lone, &puppets[0], &fact);
    let (symbol, bytes) = (Symbol::of(&fact), fact.bytes().len() as u32);
    let take = AskChunks { symbol, bytes, chunks: (0..64).collect() };
    let main = Some(lone.main());
    let records = vec![(main, Parcel::Talk(Talk::AskChunks(take))); 13];
    let frame = puppets[0].frame(&records);
    assert!(frame.len() > 1_000 && frame.len() <= 1_200, "{}", frame.len());
    lone.frame(puppets[0].address, frame);
    assert_eq!(lone.take_sent().len(), 128);
    // What is not held is looked for once, and who asks for it is told.
    for n in 0..20 {
        let symbol = Symbol { hlc: 1, id: n };
        puppets[0].say(&mut lone, Talk::AskChunks(AskChunks { symbol, bytes: 5, chunks: vec![0] }));
    }
    assert_eq!(puppets[0].frames(&lone).count(), 20);
    lone.holding = true;
    for n in 0..20 {
        let symbol = Symbol { hlc: 1, id: n };
        puppets[0].say(&mut lone, Talk::AskChunks(AskChunks { symbol, bytes: 5, chunks: vec![0] }));
    }
    assert_eq!((lone.held(), lone.status().queues["large-facts-asked"]), (8, 8));
    assert!(lone.rejected(Why::PeerQueueFull) >= 12, "notices and questions alike");
    assert!(!lone.take_sent().iter().any(|sent| contains(&sent.bytes, fact.value().unwrap())));
}
