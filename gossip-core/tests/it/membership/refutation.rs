//! Whoever is accused, or misquoted, says otherwise at once, and once.

use bytes::Bytes;
use gossip_core::fact::{Domain, Draft, Envelope, FactKind, SimKeys, Verified};
use gossip_core::id::{ChannelId, Endpoints, NodeId, TopicId};
use gossip_core::membership::{Accusation, Alive, Charge, Word};
use gossip_core::store::MemoryState;
use gossip_core::strategy::detector::{Swim, SwimConfig};
use gossip_core::testkit::lone::{LISTEN, Lone, Puppet, lone_id};
use gossip_core::time::{Hlc, Wall};
use gossip_core::transport::DATAGRAM_BYTES;
use gossip_core::wire::Parcel;

use super::*;

/// A statement of somebody about somebody in the view.
pub(super) fn says(
    lone: &Lone,
    by: SimKeys,
    at: Hlc,
    about: NodeId,
    kind: FactKind,
    value: Bytes,
) -> Verified<Envelope> {
    let key = Bytes::copy_from_slice(about.as_bytes());
    let draft = Draft {
        context: Vec::new(),
        expires_at: Wall::ZERO,
        hlc: at,
        key,
        kind,
        topic: TopicId(0),
        value: Some(value),
    };
    let cluster = lone.config().cluster();
    draft.sign(&by, &Domain::new(cluster, ChannelId::view(cluster))).unwrap()
}

/// A puppet brings facts of the view.
pub(super) fn brings(lone: &mut Lone, puppet: &Puppet, facts: &[Verified<Envelope>]) {
    let view = Some(lone.view());
    let parcel =
        |fact: &Verified<Envelope>| Parcel::Fact { bytes: fact.bytes().clone(), feedback: false };
    let records: Vec<_> = facts.iter().map(|fact| (view, parcel(fact))).collect();
    lone.frame(puppet.address, puppet.frame(&records));
}

/// A node alone with a puppet, and what the node said of itself last.
fn met() -> (Lone, Puppet, Alive, Word) {
    let mut lone = Lone::new(ConfigSpec::default(), 1);
    let puppet = Puppet::new(1, lone.config());
    assert!(puppet.greet(&mut lone));
    lone.pass(seconds(5));
    let (alive, word) = last_word(&mut lone);
    (lone, puppet, alive, word)
}

fn last_word(lone: &mut Lone) -> (Alive, Word) {
    let request = lone.command(Command::Members);
    let Some(Answer::Members { members: all, .. }) = lone.answers.remove(&request) else {
        panic!("no answer")
    };
    let us = all.into_iter().find(|member| member.id == lone_id()).unwrap();
    let hlc = Hlc::from_wall(us.said_at);
    (us.alive.clone(), Word { incarnation: us.alive.incarnation, hlc })
}

/// How many signatures the node has made for the view since: each word is one.
fn accuses(lone: &mut Lone, puppet: &Puppet, word: Word, charge: Charge) {
    let at = Hlc::from_wall(lone.now.wall);
    let value = Accusation { word, charge }.encode();
    let by = SimKeys::new(1_001);
    let accusation = says(lone, by, at, lone_id(), FactKind::ACCUSATION, value);
    brings(lone, puppet, &[accusation]);
}

#[test]
fn who_is_accused_of_its_last_word_says_another_at_once() {
    for charge in [Charge::Silent, Charge::Dead] {
        let (mut lone, puppet, alive, word) = met();
        // Of its very last word, whatever the counter in it is.
        let word = Word { hlc: Hlc::from_wall(word.hlc.wall() + Duration::from_millis(1)), ..word };
        accuses(&mut lone, &puppet, word, charge);
        let (after, refuted) = last_word(&mut lone);
        assert!(refuted.hlc.wall() > word.hlc.wall(), "{charge:?}");
        assert_eq!(after.incarnation, alive.incarnation, "{charge:?}: no disk was needed");
        // The same again costs nothing.
        lone.pass(seconds(1));
        accuses(&mut lone, &puppet, word, charge);
        assert_eq!(last_word(&mut lone).1, refuted, "{charge:?}");
    }
}

#[test]
fn an_old_accusation_moves_nobody() {
    let (mut lone, puppet, _, word) = met();
    let old = Word { hlc: Hlc::from_wall(word.hlc.wall() - seconds(10)), ..word };
    accuses(&mut lone, &puppet, old, Charge::Dead);
    let past = Word { incarnation: word.incarnation - 1, ..word };
    accuses(&mut lone, &puppet, past, Charge::Dead);
    assert_eq!(last_word(&mut lone).1, word);
}

/// A member whose clock is behind, or whose word was long on its way, has answered an accusation all the same.
#[test]
fn a_refutation_counts_whatever_its_date() {
    let detector = Box::new(Swim::new(SwimConfig::default()));
    let (payloads, endpoints) = (DATAGRAM_BYTES.into(), Endpoints::datagram(LISTEN));
    let store = MemoryState::new();
    let mut lone = Lone::watching(detector, payloads, endpoints, store, ConfigSpec::default(), 1);
    let [puppet, accused] = [1, 2].map(|number| Puppet::new(number, lone.config()));
    assert!(puppet.greet(&mut lone));
    let long_ago = |lone: &Lone, age| lone.now.wall - seconds(age);
    let first = accused.alive(long_ago(&lone, 90));
    let word = Word::of(&first).unwrap();
    brings(&mut lone, &puppet, &[first]);
    let at = Hlc::from_wall(long_ago(&lone, 80));
    let value = Accusation { word, charge: Charge::Silent }.encode();
    let by = SimKeys::new(1_001);
    let accusation = says(&lone, by, at, accused.id(), FactKind::ACCUSATION, value);
    brings(&mut lone, &puppet, &[accusation]);
    assert_eq!(lone.status().peers.suspect, 1);
    let answer = accused.alive(long_ago(&lone, 70));
    brings(&mut lone, &puppet, &[answer]);
    assert_eq!(lone.status().peers.suspect, 0);
}

/// Its store was put back: others know a later incarnation. It goes beyond that.
#[test]
fn an_accusation_of_a_later_incarnation_is_gone_beyond() {
    let (mut lone, puppet, _, word) = met();
    let later = Word { incarnation: word.incarnation + 7, ..word };
    accuses(&mut lone, &puppet, later, Charge::Silent);
    assert_eq!(last_word(&mut lone).0.incarnation, word.incarnation + 8);
}

/// Somebody says under this node's key what it has not said: with other properties, in its very incarnation. The
/// node says what is true with a higher one; whoever goes on so uses its key.
#[test]
fn whoever_is_misquoted_goes_beyond_and_gives_up_in_the_end() {
    let (mut lone, puppet, alive, _) = met();
    for jump in 1..=3 {
        lone.pass(seconds(1));
        let (now, _) = last_word(&mut lone);
        let misquoted = Alive {
            name: "somebody".to_owned(),
            boot: gossip_core::id::BootId(*b"foreign!"),
            ..now
        };
        let at = Hlc::from_wall(lone.now.wall);
        let value = misquoted.encode();
        let fact = says(&lone, SimKeys::new(0), at, lone_id(), FactKind::ALIVE, value);
        brings(&mut lone, &puppet, &[fact]);
        if jump < 3 {
            let (after, _) = last_word(&mut lone);
            assert_eq!((after.name.as_str(), after.incarnation), ("", alive.incarnation + jump));
        }
    }
    assert!(lone.events.iter().any(|event| matches!(event, Event::IdentityInUse)));
}
