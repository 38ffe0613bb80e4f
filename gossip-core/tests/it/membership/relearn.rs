//! Who was forgotten, or never became a member although it talks, is learned as soon as it says a word.

use gossip_core::fact::WORD_LIFE;
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::wire::{Frame, Talk};

use super::refutation::brings;
use super::*;

/// A node that has forgotten a puppet, which does not know.
fn forgotten() -> (Lone, Puppet) {
    let mut lone = Lone::new(ConfigSpec::default(), 1);
    let puppet = Puppet::new(1, lone.config());
    assert!(puppet.greet(&mut lone));
    lone.pass(seconds(120));
    lone.now.mono = lone.now.mono + WORD_LIFE + seconds(300);
    lone.now.wall = lone.now.wall + WORD_LIFE + seconds(300);
    lone.pass(seconds(120));
    assert_eq!((lone.status().peers.alive, lone.status().peers.dead), (1, 0));
    assert!(lone.events.iter().any(|event| matches!(event, Event::Forgotten { .. })));
    lone.take_sent();
    lone.events.clear();
    (lone, puppet)
}

/// It goes on in its session, as after a purge that came while it was on its way back: it is told that there is
/// none, says hello, and is a member.
#[test]
fn who_goes_on_after_it_was_forgotten_is_told_to_begin_anew() {
    let (mut lone, puppet) = forgotten();
    puppet.say(&mut lone, Talk::Ping(7));
    assert!(puppet.frames(&lone).any(|frame| matches!(frame, Frame::Reset { .. })));
    assert!(puppet.in_session(9).greet(&mut lone));
    assert_eq!(lone.status().peers.alive, 2);
    let new = |event: &Event| matches!(event, Event::Member { before: None, .. });
    assert_eq!(lone.events.iter().filter(|event| new(event)).count(), 1);
}

/// A word of it that somebody else brings does so as well, if it is not an old one.
#[test]
fn a_new_word_brings_the_forgotten_back_and_an_old_one_does_not() {
    let (mut lone, puppet) = forgotten();
    let other = Puppet::new(2, lone.config());
    assert!(other.greet(&mut lone));
    let checked = lone.status().verify.checked;
    for age in [WORD_LIFE + seconds(180), WORD_LIFE + seconds(300)] {
        let old = puppet.alive(lone.now.wall - age);
        brings(&mut lone, &other, &[old]);
    }
    assert_eq!(lone.status().peers.alive, 2, "the other one and the node itself");
    assert_eq!(lone.status().verify.checked, checked, "what is old costs no signature check");
    let new = puppet.alive(lone.now.wall - seconds(60));
    brings(&mut lone, &other, &[new]);
    assert_eq!(lone.status().peers.alive, 3);
}
