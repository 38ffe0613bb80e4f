//! First contact and sessions, seen by a node alone among puppets.

use std::net::SocketAddr;
use std::time::Duration;

use gossip_core::config::ConfigSpec;
use gossip_core::fact::Why;
use gossip_core::id::SessionId;
use gossip_core::io::{Command, Event, Seed};
use gossip_core::sim::World;
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::transport::Address;
use gossip_core::wire::{Frame, Hello, decode_frame};

const SECOND: Duration = Duration::from_secs(1);

/// The Hellos sent to an address since the last call.
fn hellos(lone: &mut Lone, to: impl Into<Address>) -> Vec<Hello> {
    let to = to.into();
    let sent = lone.take_sent().into_iter().filter(|frame| frame.to == to);
    let hello = |frame| if let Frame::Hello(hello) = frame { Some(*hello) } else { None };
    sent.filter_map(|frame| decode_frame(&frame.bytes).ok().and_then(hello)).collect()
}

fn alone() -> Lone {
    Lone::new(ConfigSpec::default(), 1)
}

#[test]
fn a_hello_names_the_commit_of_what_is_kept() {
    let mut lone = alone();
    let puppet = Puppet::new(1, lone.config());
    assert!(puppet.greet(&mut lone));
    // The view has merged facts by now, but it is in memory only.
    assert_eq!(hellos(&mut lone, puppet.address)[0].commit, 0);
}

#[test]
fn a_seed_that_is_ourselves_is_dialled_once() {
    let own = SocketAddr::from(([10, 0, 0, 0], 7946));
    let seeds = vec![Seed::Address(own)];
    let mut lone = Lone::new(ConfigSpec { seeds, ..ConfigSpec::default() }, 1);
    lone.pass(SECOND / 10);
    for _ in 0..4 {
        for frame in lone.take_sent() {
            lone.frame(own, frame.bytes);
        }
    }
    assert_eq!(lone.status().queues["dials"], 0);
    lone.pass(SECOND * 60);
    assert!(hellos(&mut lone, own).is_empty());
}

#[test]
fn a_seed_whose_member_stands_elsewhere_is_not_dialled_on() {
    let behind = SocketAddr::from(([192, 168, 0, 1], 7946));
    let seeds = vec![Seed::Address(behind)];
    // Who has yet to learn what its cluster carries goes on asking.
    let spec = ConfigSpec { seeds, fact_bytes: Some(1_100), ..ConfigSpec::default() };
    let mut lone = Lone::new(spec, 1);
    let puppet = Puppet::new(1, lone.config());
    assert!(puppet.greet(&mut lone));
    lone.pass(SECOND / 10);
    let dialled = hellos(&mut lone, behind)[0].session;
    let answer = Hello {
        answers: Some(dialled),
        session: SessionId([7; 8]),
        ..puppet.hello(lone.now.wall, None)
    };
    lone.frame(behind, Frame::Hello(Box::new(answer)).encode());
    assert_eq!(lone.rejected(Why::NotTheSubject), 1, "the announced address goes first");
    lone.pass(SECOND * 5);
    assert!(hellos(&mut lone, behind).is_empty());
}

#[test]
fn a_repeated_hello_of_the_session_before_changes_nothing() {
    let mut lone = alone();
    let first = Puppet::new(1, lone.config());
    let cookie = first.cookie(&mut lone);
    let hello = Frame::Hello(Box::new(first.hello(lone.now.wall, cookie))).encode();
    lone.frame(first.address, hello.clone());
    assert!(first.in_session(9).greet(&mut lone));
    let second = hellos(&mut lone, first.address).last().unwrap().session;
    lone.frame(first.address, hello);
    assert_eq!(hellos(&mut lone, first.address)[0].session, second);
}

#[test]
fn a_clock_set_right_is_believed_soon() {
    let mut lone = alone();
    let puppets = [1, 2].map(|number| Puppet::new(number, lone.config()));
    lone.now.wall = lone.now.wall + SECOND * 20;
    for puppet in &puppets {
        let cookie = puppet.cookie(&mut lone);
        let late = puppet.hello(gossip_core::sim::START, cookie);
        lone.frame(puppet.address, Frame::Hello(Box::new(late)).encode());
    }
    let told = |lone: &mut Lone| {
        let told = lone.events.drain(..).filter_map(|event| {
            if let Event::ClockDisagrees(disagrees) = event { Some(disagrees) } else { None }
        });
        told.last()
    };
    assert_eq!(told(&mut lone), Some(true));
    // As long as a session lasts that says so.
    lone.pass(SECOND * 16);
    let dialled = hellos(&mut lone, puppets[0].address).last().unwrap().session;
    let answer = Hello {
        answers: Some(dialled),
        session: SessionId([7; 8]),
        ..puppets[0].hello(lone.now.wall, None)
    };
    lone.frame(puppets[0].address, Frame::Hello(Box::new(answer)).encode());
    assert_eq!(told(&mut lone), Some(false));
}

#[test]
fn the_session_of_who_left_ends() {
    let mut world = World::new(5);
    world.add_cluster(3, &ConfigSpec::default());
    world.run_for(SECOND * 10);
    world.command(2, Command::Leave);
    world.run_for(SECOND);
    world.crash(2);
    world.run_for(SECOND * 30);
    for host in 0..2 {
        assert_eq!(world.node(host).unwrap().status().queues["sessions"], 1, "host {host}");
    }
}

#[test]
fn who_leaves_before_it_is_known_stays_unknown() {
    let mut world = World::new(6);
    let host = world.add(ConfigSpec::default());
    world.command(host, Command::Leave);
    world.run_for(SECOND * 60);
    assert_eq!(world.node(host).unwrap().status().peers.alive, 0);
}
