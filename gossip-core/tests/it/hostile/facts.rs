//! Facts that come again and again, forged, altered, re-attributed and re-channelled.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::fact::{Domain, Envelope, Keys as _, SimKeys, Why};
use gossip_core::id::{ChannelId, ClusterId};
use gossip_core::testkit::facts::Author;
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::Hlc;
use gossip_core::wire::{Parcel, Talk};

use super::{contains, forged, met, unpaced};

fn now(lone: &Lone) -> Hlc {
    Hlc::from_wall(lone.now.wall)
}

#[test]
fn a_fact_delivered_a_thousand_times_is_verified_once() {
    let (mut lone, puppets) = met(unpaced(), 3);
    let fact = Puppet::new(9, lone.config()).author().put("key", "value", now(&lone)).into_inner();
    let before = lone.status().verify.checked;
    for turn in 0..1_000 {
        puppets[turn % 3].offer(&mut lone, std::slice::from_ref(&fact));
    }
    let status = lone.status();
    assert_eq!(status.verify.checked - before, 1);
    assert_eq!(status.verify.skipped_known, 999);
    assert_eq!(lone.totals().entries, 1);
}

#[test]
fn a_fact_delivered_a_thousand_times_while_it_is_pending_is_verified_once() {
    let (mut lone, puppets) = met(unpaced(), 3);
    let fact = puppets[0].author().put("key", "value", now(&lone)).into_inner();
    let before = lone.status().verify.checked;
    lone.holding = true;
    for turn in 0..500 {
        puppets[turn % 3].offer(&mut lone, std::slice::from_ref(&fact));
    }
    let unmerged = lone.status().queues["facts-unmerged"];
    assert_eq!(unmerged, 1, "only one copy waits");
    lone.release();
    for turn in 0..500 {
        puppets[turn % 3].offer(&mut lone, std::slice::from_ref(&fact));
    }
    assert_eq!(lone.status().verify.checked - before, 1);
    assert_eq!(lone.totals().entries, 1);
}

#[test]
fn a_forged_copy_hides_nothing_whenever_it_comes() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let author = puppets[0].author();
    let at = now(&lone);
    let mut merged = 0;
    for order in 0..3 {
        let fact = author.put(format!("key-{order}"), "value", at).into_inner();
        let false_copy = forged(&lone, &fact);
        let rejected = lone.rejected(Why::BadSignature);
        match order {
            0 => {
                puppets[1].offer(&mut lone, &[false_copy]);
                assert_eq!(lone.totals().entries, merged, "a forged copy is not merged");
                puppets[0].offer(&mut lone, std::slice::from_ref(&fact));
            }
            1 => {
                lone.holding = true;
                puppets[1].offer(&mut lone, &[false_copy.clone(), fact.clone(), false_copy]);
                lone.release();
            }
            _ => {
                puppets[0].offer(&mut lone, std::slice::from_ref(&fact));
                puppets[1].offer(&mut lone, &[false_copy]);
            }
        }
        merged += 1;
        assert_eq!(lone.totals().entries, merged, "order {order}");
        let counted = lone.rejected(Why::BadSignature) - rejected;
        // What comes after the true one is known by its id: nobody looks at its signature.
        assert_eq!(counted, u64::from(order != 2), "order {order}");
        lone.store.check();
    }
    assert_eq!(lone.status().verify.failed, 2);
}

#[test]
fn others_of_a_batch_with_a_forged_fact_are_merged_and_its_address_is_slowed() {
    let (mut lone, puppets) = met(Default::default(), 2);
    let at = now(&lone);
    let facts: Vec<_> = (0..3)
        .map(|n| puppets[0].author().put(format!("key-{n}"), "value", at).into_inner())
        .collect();
    let mut batch = facts.clone();
    batch.insert(1, forged(&lone, &puppets[0].author().put("other", "value", at)));
    puppets[1].offer(&mut lone, &batch);
    assert_eq!(lone.totals().entries, 3);
    assert_eq!(lone.rejected(Why::BadSignature), 1);
    for _ in 0..200 {
        puppets[1].offer(&mut lone, &facts);
        puppets[0].offer(&mut lone, &facts);
    }
    let slowed = lone.rejected(Why::Slowed);
    assert!((150..200).contains(&slowed), "{slowed} of 200 frames of the liar were not heard");
}

/// Everything false that can be made of a true fact without its author's key.
fn falsehoods(lone: &Lone, fact: &Envelope, other: &Puppet) -> Vec<Bytes> {
    let mut all = Vec::new();
    for place in 0..fact.bytes().len() {
        for bit in [0, 3, 7] {
            let mut bytes = fact.bytes().to_vec();
            bytes[place] ^= 1 << bit;
            all.push(Bytes::from(bytes));
        }
        all.push(fact.bytes().slice(..place));
    }
    let mut longer = fact.bytes().to_vec();
    longer.push(0);
    all.push(Bytes::from(longer));
    // Another author's statement under this author's signature, and the other way round.
    let theirs = other.author().put(fact.key(), fact.value().unwrap(), fact.hlc()).into_inner();
    for (body, signature) in [(fact, &theirs), (&theirs, fact)] {
        let mut bytes = body.bytes().to_vec();
        bytes[2..66].copy_from_slice(signature.signature().as_bytes());
        all.push(Bytes::from(bytes));
    }
    // True words, said elsewhere: in another channel, in the view, in another cluster.
    let cluster = lone.config().cluster();
    let elsewhere = ClusterId::from_name("elsewhere");
    for domain in [
        Domain::new(cluster, ChannelId::derived(cluster, "other")),
        Domain::new(cluster, lone.view()),
        Domain::new(elsewhere, ChannelId::derived(elsewhere, ChannelId::MAIN)),
        Domain::new(elsewhere, lone.main()),
    ] {
        let keys = SimKeys::new(1_001);
        assert_eq!(keys.id(), fact.author());
        let said = Author::new(Box::new(keys), &domain).put("key", "value", fact.hlc());
        all.push(said.bytes().clone());
    }
    all
}

#[test]
fn nothing_false_is_stored_or_relayed_and_all_of_it_is_counted() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let [author, listener] = &puppets[..] else { unreachable!("there are two") };
    let fact = author.author().put("key", "value", now(&lone)).into_inner();
    let falsehoods = falsehoods(&lone, &fact, listener);
    let main = lone.main();
    let mut relayed = Vec::new();
    for (number, bytes) in falsehoods.iter().enumerate() {
        let before = lone.rejections();
        let parcel = Parcel::Fact { bytes: bytes.clone(), feedback: number % 2 == 0 };
        lone.frame(author.address, author.frame(&[(Some(main), parcel)]));
        assert_eq!(lone.rejections(), before + 1, "falsehood {number} is counted: {bytes:?}");
        if number % 50 == 0 {
            listener.say(&mut lone, Talk::Pull(Vec::new()));
            lone.pass(Duration::from_secs(1));
        }
        relayed.append(&mut lone.sent);
    }
    let totals = lone.totals();
    assert_eq!((totals.entries, totals.tombstones), (0, 0));
    author.offer(&mut lone, std::slice::from_ref(&fact));
    assert_eq!(lone.totals().entries, 1, "the truth still gets in");
    for _ in 0..10 {
        listener.say(&mut lone, Talk::Pull(Vec::new()));
        lone.pass(Duration::from_secs(1));
    }
    relayed.append(&mut lone.sent);
    assert!(relayed.iter().any(|sent| contains(&sent.bytes, fact.bytes())), "the truth is relayed");
    // A piece of the truth is no falsehood once the truth is out.
    let false_as_a_whole = |bytes: &&Bytes| !fact.bytes().starts_with(bytes);
    for bytes in falsehoods.iter().filter(false_as_a_whole) {
        let told = relayed.iter().any(|sent| contains(&sent.bytes, bytes));
        assert!(!told, "a falsehood was relayed: {bytes:?}");
    }
}

#[test]
fn a_fact_larger_than_the_cluster_carries_is_refused() {
    let spec = gossip_core::config::ConfigSpec { fact_bytes: Some(1_000), ..unpaced() };
    let (mut lone, puppets) = met(spec, 1);
    let at = now(&lone);
    let large = puppets[0].author().put("large", vec![7; 1_000], at).into_inner();
    puppets[0].offer(&mut lone, &[large]);
    assert_eq!((lone.totals().entries, lone.rejected(Why::TooLarge)), (0, 1));
}

#[test]
fn records_of_an_unknown_channel_hold_nothing_up() {
    let (mut lone, puppets) = met(unpaced(), 1);
    let (main, view) = (lone.main(), lone.view());
    let at = now(&lone);
    let fact = |key: &str| Parcel::Fact {
        bytes: puppets[0].author().put(key, "value", at).bytes().clone(),
        feedback: false,
    };
    let other = ChannelId::derived(lone.config().cluster(), "other");
    let alive = Puppet::new(8, lone.config()).alive(lone.now.wall);
    let alive = Parcel::Fact { bytes: alive.bytes().clone(), feedback: false };
    let frame = puppets[0].frame(&[
        (Some(main), fact("before")),
        (Some(other), fact("of another channel")),
        (Some(view), alive),
        (Some(main), fact("after")),
    ]);
    lone.frame(puppets[0].address, frame);
    assert_eq!(lone.rejected(Why::UnknownChannel), 1);
    assert_eq!(lone.totals().entries, 2, "what the node can read, it reads at once");
    assert_eq!(lone.status().peers.alive, 3, "in every channel");
}
