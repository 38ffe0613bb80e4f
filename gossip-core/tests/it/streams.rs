//! Streams beside datagrams, seen by a node alone among puppets: routes, links, what is large, and
//! who may join.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::ConfigSpec;
use gossip_core::fact::Why;
use gossip_core::id::Endpoints;
use gossip_core::io::{Answer, Command, Event, Seed, Write, WriteError};
use gossip_core::sketch::Symbol;
use gossip_core::store::MemoryState;
use gossip_core::testkit::lone::{BULK_BYTES, LISTEN, Lone, Puppet};
use gossip_core::time::Hlc;
use gossip_core::transport::{Address, Class, DATAGRAM_BYTES, Inbound, LinkId, Payloads};
use gossip_core::wire::{
    DATA_HEADER_BYTES, FactLimit, Frame, Hello, Parcel, Record, Records, Talk, compressed,
    decode_frame, decompressed,
};

const SECOND: Duration = Duration::from_secs(1);

fn both() -> Endpoints {
    Endpoints { datagram: vec![LISTEN], stream: vec![LISTEN] }
}

fn streams() -> Endpoints {
    Endpoints { datagram: Vec::new(), stream: vec![LISTEN] }
}

fn lone(endpoints: Endpoints) -> Lone {
    Lone::over(endpoints, MemoryState::new(), ConfigSpec::default(), 1)
}

/// A puppet that takes datagrams and streams at its address.
fn versatile(number: u32, lone: &Lone) -> (Puppet, SocketAddr) {
    let mut puppet = Puppet::new(number, lone.config());
    let at = puppet.endpoints.datagram[0];
    puppet.endpoints.stream = vec![at];
    (puppet, at)
}

fn up(lone: &mut Lone, link: u64, peer: SocketAddr) -> Address {
    lone.input(gossip_core::io::Input::Network(Inbound::Up(LinkId(link), peer)));
    Address::Link(LinkId(link))
}

fn down(lone: &mut Lone, link: u64) {
    lone.input(gossip_core::io::Input::Network(Inbound::Down(LinkId(link))));
}

fn put(lone: &mut Lone, key: &str, bytes: usize) -> Result<(), WriteError> {
    let write = Write { key: key.to_owned().into(), value: Some(vec![7; bytes].into()), ttl: None };
    let channel = lone.main();
    let request = lone.command(Command::Write { channel, writes: vec![write] });
    match &lone.answers[&request] {
        Answer::Written(results) => results[0].map(|_| ()),
        other => panic!("{other:?}"),
    }
}

/// Where facts were sent, with the class and size of their frames.
fn facts(lone: &mut Lone) -> Vec<(Address, Class, usize)> {
    let mut found = Vec::new();
    for transmit in lone.take_sent() {
        let Ok(Frame::Data { sealed, .. }) = decode_frame(&transmit.bytes) else { continue };
        let records = Records::new(sealed).filter_map(Result::ok);
        let of_main = records.skip_while(
            |record| !matches!(record, Record::Channel(tag) if *tag == lone.main().tag()),
        );
        if of_main.into_iter().any(|record| matches!(record, Record::Fact { .. })) {
            found.push((transmit.to, transmit.class, transmit.bytes.len()));
        }
    }
    found
}

/// Asks for these facts.
fn want(lone: &mut Lone, puppet: &Puppet, symbols: Vec<Symbol>) {
    puppet.say(lone, Talk::Want { exchange: 9, step: 1, symbols });
}

fn symbols(lone: &mut Lone) -> Vec<Symbol> {
    use gossip_core::id::{ShardId, TopicId};
    use gossip_core::store::{StoreOp, StoreReply};
    let shard = ShardId { channel: lone.main(), topic: TopicId(0) };
    let (prefix, limit, bytes) = (Bytes::new(), usize::MAX, usize::MAX);
    let op = StoreOp::Scan { shard, prefix, after: None, limit, bytes, lease: None };
    match lone.store.apply(op) {
        Ok(StoreReply::Facts(facts)) => facts.iter().map(Symbol::of).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_proves_its_address_by_itself() {
    let mut lone = lone(streams());
    let mut puppet = Puppet::new(1, lone.config());
    puppet.endpoints = Endpoints { datagram: Vec::new(), stream: puppet.endpoints.datagram };
    let link = up(&mut lone, 1, "172.0.0.1:50000".parse().unwrap());
    let puppet = puppet.at(link);
    assert!(puppet.greet(&mut lone), "no Retry comes between");
    assert_eq!(lone.status().queues["sessions"], 1);
    // What is said to it goes back along the connection.
    put(&mut lone, "k", 10).unwrap();
    lone.pass(3 * SECOND);
    assert!(facts(&mut lone).iter().any(|(to, ..)| *to == link));
}

#[test]
fn what_fits_a_datagram_is_gossip_and_what_does_not_is_bulk() {
    let mut lone = lone(both());
    let (puppet, at) = versatile(1, &lone);
    assert!(puppet.greet(&mut lone));
    put(&mut lone, "small", 500).unwrap();
    lone.pass(3 * SECOND);
    let sent = facts(&mut lone);
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|sent| (sent.0, sent.1) == (Address::Socket(at), Class::Gossip)));
    put(&mut lone, "larger", 5_000).unwrap();
    lone.pass(3 * SECOND);
    let sent = facts(&mut lone);
    assert!(!sent.is_empty());
    for (to, class, bytes) in sent {
        assert_eq!((to, class), (Address::Stream(at), Class::Bulk));
        assert!(bytes > 5_000, "one fact, one frame");
    }
    // What is larger still is offered first, and sent to who asks.
    up(&mut lone, 1, at);
    put(&mut lone, "large", 200_000).unwrap();
    lone.pass(SECOND / 2);
    let offered = puppet.talk(&lone, lone.main()).find_map(|talk| match talk {
        Talk::Offer { rumors, .. } => rumors.first().map(|(key, _)| *key),
        _ => None,
    });
    assert_eq!(facts(&mut lone), []);
    let asked = offered.expect("it is offered");
    puppet.say(&mut lone, Talk::Ask(vec![asked]));
    let sent = facts(&mut lone);
    let [(to, Class::Bulk, bytes)] = sent[..] else { panic!("{sent:?}") };
    assert!(to == Address::Stream(at) && bytes > 200_000);
}

#[test]
fn what_no_stream_carries_goes_in_chunks() {
    // To a member without streams, and to one whose stream does not come to stand.
    let mut lone = lone(both());
    let plain = Puppet::new(1, lone.config());
    let (versatile, _) = versatile(2, &lone);
    assert!(plain.greet(&mut lone) && versatile.greet(&mut lone));
    put(&mut lone, "large", 100_000).unwrap();
    let points = symbols(&mut lone);
    let told = |lone: &mut Lone, puppet: &Puppet| {
        lone.take_sent();
        want(lone, puppet, points.clone());
        let is_large = |talk: &Talk| matches!(talk, Talk::Large(large) if large.bytes > 100_000);
        puppet.talk(lone, lone.main()).any(|talk| is_large(&talk))
    };
    assert!(told(&mut lone, &plain));
    assert!(!told(&mut lone, &versatile), "it may stand soon");
    lone.pass(6 * SECOND);
    assert!(told(&mut lone, &versatile), "it did not");
}

#[test]
fn answers_to_wants_go_over_a_stream_if_they_are_worth_one() {
    let mut lone = lone(both());
    let (puppet, at) = versatile(1, &lone);
    for number in 0..30 {
        put(&mut lone, &format!("{number}"), 900).unwrap();
    }
    assert!(puppet.greet(&mut lone));
    let points = symbols(&mut lone);
    lone.take_sent();
    want(&mut lone, &puppet, points[..3].to_vec());
    let sent = facts(&mut lone);
    assert!(sent.iter().all(|(to, ..)| *to == Address::Socket(at)) && sent.len() == 3, "{sent:?}");
    want(&mut lone, &puppet, points);
    let sent = facts(&mut lone);
    assert!(matches!(sent[..], [(to, Class::Bulk, _)] if to == Address::Stream(at)), "{sent:?}");
}

#[test]
fn an_answer_has_a_bound_and_says_what_is_left() {
    let mut lone = lone(both());
    let (puppet, _) = versatile(1, &lone);
    for number in 0..10 {
        put(&mut lone, &format!("{number}"), 100_000).unwrap();
    }
    assert!(puppet.greet(&mut lone));
    let mut left = symbols(&mut lone);
    let mut answers = 0;
    let mut received = 0;
    while !left.is_empty() {
        lone.take_sent();
        let asked = left.len();
        want(&mut lone, &puppet, left);
        let streamed = puppet.at(Address::Stream(puppet.endpoints.stream[0]));
        let main = lone.main();
        let mut done = None;
        for talk in streamed.talk(&lone, main) {
            if let Talk::Done { rest, .. } = talk {
                done = Some(rest);
            }
        }
        left = done.expect("every answer ends");
        let bytes: usize = facts(&mut lone).iter().map(|(.., bytes)| bytes).sum();
        assert!(bytes < 400_000 && left.len() < asked);
        received += bytes;
        answers += 1;
    }
    assert_eq!(answers, 5, "two of 100,000 bytes stay below 256 KiB");
    assert!(received > 1_000_000);
}

#[test]
fn what_a_member_uses_is_used_and_its_end_ends_no_session() {
    let mut lone = lone(both());
    let (puppet, at) = versatile(1, &lone);
    assert!(puppet.greet(&mut lone));
    let link = up(&mut lone, 5, SocketAddr::new(at.ip(), 50_000));
    let streamed = puppet.at(link);
    streamed.offer(&mut lone, &[]);
    assert_eq!(lone.rejections(), 0, "the session's id is enough from the member's host");
    let large = |lone: &mut Lone, key: &str| {
        put(lone, key, 5_000).unwrap();
        lone.pass(3 * SECOND);
        facts(lone).iter().map(|(to, ..)| *to).collect::<Vec<_>>()
    };
    assert!(large(&mut lone, "one").iter().all(|to| *to == link));
    down(&mut lone, 5);
    assert_eq!(lone.status().queues["sessions"], 1);
    assert!(large(&mut lone, "two").iter().all(|to| *to == Address::Stream(at)));
    // An end that is told twice, or of something unknown, changes nothing.
    down(&mut lone, 5);
    down(&mut lone, 77);
    assert_eq!(lone.status().queues["sessions"], 1);
}

#[test]
fn a_known_session_from_a_foreign_host_is_not_heard() {
    let mut lone = lone(both());
    let (puppet, _) = versatile(1, &lone);
    assert!(puppet.greet(&mut lone));
    let link = up(&mut lone, 5, "203.0.113.9:50000".parse().unwrap());
    puppet.at(link).offer(&mut lone, &[]);
    puppet.at(Address::Link(LinkId(6))).offer(&mut lone, &[]);
    puppet.at(Address::Stream("203.0.113.9:7946".parse().unwrap())).offer(&mut lone, &[]);
    assert_eq!(lone.rejected(Why::UnknownSession), 3);
    put(&mut lone, "large", 5_000).unwrap();
    lone.pass(3 * SECOND);
    assert!(facts(&mut lone).iter().all(|(to, ..)| *to != link));
}

#[test]
fn a_node_on_streams_alone_survives_the_end_of_its_connection() {
    let mut lone = lone(streams());
    let (mut puppet, at) = versatile(1, &lone);
    puppet.endpoints.datagram.clear();
    let link = up(&mut lone, 1, SocketAddr::new(at.ip(), 50_000));
    assert!(puppet.at(link).greet(&mut lone));
    down(&mut lone, 1);
    assert_eq!(lone.status().queues["sessions"], 1, "the next frame makes another connection");
    put(&mut lone, "k", 10).unwrap();
    lone.pass(3 * SECOND);
    assert!(facts(&mut lone).iter().all(|(to, ..)| *to == Address::Stream(at)));
    // Who takes no connections itself is lost with its own.
    let (mut hidden, at) = versatile(2, &lone);
    hidden.endpoints = Endpoints::default();
    let link = up(&mut lone, 2, SocketAddr::new(at.ip(), 50_000));
    hidden.endpoints.stream = vec![at];
    let hidden = hidden.at(link);
    assert!(hidden.greet(&mut lone));
    assert_eq!(lone.status().queues["sessions"], 2);
    down(&mut lone, 2);
    assert_eq!(lone.status().queues["sessions"], 2, "it takes connections too");
}

#[test]
fn a_stream_that_never_stands_holds_nothing_up() {
    let mut lone = lone(both());
    let (puppet, at) = versatile(1, &lone);
    for number in 0..30 {
        put(&mut lone, &format!("{number}"), 900).unwrap();
    }
    assert!(puppet.greet(&mut lone));
    let points = symbols(&mut lone);
    let ways = |lone: &mut Lone| {
        lone.take_sent();
        want(lone, &puppet, points.clone());
        let sent = facts(lone);
        assert!(!sent.is_empty());
        sent.iter().all(|(to, ..)| *to == Address::Stream(at))
    };
    assert!(ways(&mut lone), "it may stand soon");
    lone.pass(6 * SECOND);
    assert!(!ways(&mut lone), "it did not: what fits goes as datagrams");
    up(&mut lone, 1, at);
    assert!(ways(&mut lone), "now it stands");
}

#[test]
fn a_stream_hello_does_not_end_datagrams() {
    let mut lone = lone(both());
    let (puppet, at) = versatile(1, &lone);
    assert!(puppet.greet(&mut lone));
    let over = puppet.in_session(99).at(Address::Stream(at));
    up(&mut lone, 1, at);
    assert!(over.greet(&mut lone));
    put(&mut lone, "small", 10).unwrap();
    lone.pass(3 * SECOND);
    assert!(facts(&mut lone).iter().all(|(to, ..)| *to == Address::Socket(at)));
}

#[test]
fn who_is_reached_by_no_datagram_is_dialled_by_stream() {
    let seed: SocketAddr = "192.0.2.1:7946".parse().unwrap();
    let spec = ConfigSpec { seeds: vec![Seed::Address(seed)], ..ConfigSpec::default() };
    let mut lone = Lone::over(both(), MemoryState::new(), spec, 1);
    lone.pass(2 * SECOND);
    let to: Vec<_> = lone.take_sent().iter().map(|transmit| transmit.to).collect();
    let (datagram, stream) = (Address::Socket(seed), Address::Stream(seed));
    assert_eq!(to[..3], [datagram, datagram, stream], "a slow answer is waited for");
    lone.pass(20 * SECOND);
    let silent =
        |event: &&Event| matches!(event, Event::SeedSilent(Seed::Address(at)) if *at == seed);
    assert_eq!(lone.events.iter().filter(silent).count(), 1);
}

fn refusal(lone: &mut Lone, puppet: &Puppet) -> Option<Why> {
    puppet.greet(lone);
    puppet.frames(lone).find_map(|frame| match frame {
        Frame::Refuse { why, .. } => Some(why),
        _ => None,
    })
}

#[test]
fn who_has_no_streams_joins_and_who_was_founded_otherwise_is_refused() {
    let mut lone = lone(both());
    assert_eq!(lone.config().fact_limit(), FactLimit { bytes: 1 << 20, founded: true });
    // Who has no streams takes large facts in chunks.
    let joins = ConfigSpec { seeds: vec![Seed::Address(LISTEN)], ..ConfigSpec::default() };
    let puppet = Puppet::new(1, &joins.build(DATAGRAM_BYTES).unwrap());
    assert_eq!(refusal(&mut lone, &puppet), None);
    // Founded with another limit.
    let spec = ConfigSpec { fact_bytes: Some(5_000), ..ConfigSpec::default() };
    let payloads = Payloads { gossip: DATAGRAM_BYTES, bulk: BULK_BYTES };
    let mut other = Puppet::new(2, &spec.build(payloads).unwrap());
    other.endpoints.stream.clone_from(&other.endpoints.datagram);
    assert_eq!(refusal(&mut lone, &other), Some(Why::OtherLimit));
}

#[test]
fn small_datagrams_carry_no_chunks() {
    let founder: SocketAddr = "172.0.0.1:7946".parse().unwrap();
    let spec = ConfigSpec { seeds: vec![Seed::Address(founder)], ..ConfigSpec::default() };
    let (small, endpoints) = (Payloads::from(1_100), Endpoints::datagram(LISTEN));
    let mut lone = Lone::carrying(small, endpoints, MemoryState::new(), spec, 1);
    let puppet = Puppet::new(1, &ConfigSpec::default().build(DATAGRAM_BYTES).unwrap());
    lone.pass(SECOND / 10);
    let dialled = puppet.frames(&lone).find_map(|frame| match frame {
        Frame::Hello(hello) => Some(hello.session),
        _ => None,
    });
    let answer = Hello { answers: dialled, ..puppet.hello(lone.now.wall, None) };
    lone.frame(puppet.address, Frame::Hello(Box::new(answer)).encode());
    assert_eq!((lone.rejected(Why::CannotCarry), lone.rejections()), (1, 1));
    assert_eq!(lone.status().queues["sessions"], 0);
}

#[test]
fn who_misses_a_member_is_refused() {
    // Founded on datagrams alone, by a node that has streams too.
    let spec = ConfigSpec { fact_bytes: Some(1_100), ..ConfigSpec::default() };
    let mut lone = Lone::over(both(), MemoryState::new(), spec, 1);
    let old = Puppet::new(1, lone.config());
    assert!(old.greet(&mut lone));
    let mut streams_only = Puppet::new(2, lone.config());
    streams_only.endpoints =
        Endpoints { datagram: Vec::new(), stream: streams_only.endpoints.datagram };
    let link = up(&mut lone, 1, "172.0.0.2:50000".parse().unwrap());
    assert_eq!(refusal(&mut lone, &streams_only.at(link)), Some(Why::NoCommonTransport));
    let (versatile, _) = versatile(3, &lone);
    assert_eq!(refusal(&mut lone, &versatile), None);
}

#[test]
fn who_joins_takes_over_the_largest_fact() {
    let founder: SocketAddr = "172.0.0.1:7946".parse().unwrap();
    let spec = ConfigSpec { seeds: vec![Seed::Address(founder)], ..ConfigSpec::default() };
    let mut lone = Lone::over(both(), MemoryState::new(), spec.clone(), 1);
    let small = ConfigSpec { fact_bytes: Some(1_177), ..ConfigSpec::default() };
    let datagrams = small.build(DATAGRAM_BYTES).unwrap();
    let puppet = Puppet::new(1, &datagrams);
    lone.pass(SECOND / 10);
    let dialled = puppet.frames(&lone).find_map(|frame| match frame {
        Frame::Hello(hello) => Some(hello),
        _ => None,
    });
    let dialled = dialled.expect("the seed is dialled");
    assert!(!dialled.fact_limit.founded);
    let answer = Hello { answers: Some(dialled.session), ..puppet.hello(lone.now.wall, None) };
    lone.frame(puppet.address, Frame::Hello(Box::new(answer)).encode());
    assert_eq!(lone.status().queues["sessions"], 1);
    let limit = datagrams.fact_limit().bytes as usize;
    let refused = put(&mut lone, "large", 5_000);
    assert!(matches!(refused, Err(WriteError::TooLarge { limit: told, .. }) if told == limit));
    // And keeps it: a later start asks nobody.
    let store = std::mem::take(&mut lone.store);
    let again = Lone::over(both(), store, spec, 2);
    assert_eq!(again.config().fact_limit(), FactLimit { bytes: limit as u32, founded: true });
    // A stranger that dials changes nothing.
    let mut fresh = Lone::over(
        both(),
        MemoryState::new(),
        ConfigSpec { seeds: vec![Seed::Address(founder)], ..ConfigSpec::default() },
        3,
    );
    assert_eq!(refusal(&mut fresh, &Puppet::new(5, &datagrams)), Some(Why::OtherLimit));
    // Until its cluster is met, what fits a datagram is written.
    put(&mut fresh, "small", 1_000).unwrap();
    assert!(matches!(put(&mut fresh, "large", 5_000), Err(WriteError::Unsettled { .. })));
    assert!(matches!(put(&mut fresh, "huge", 2 << 20), Err(WriteError::TooLarge { .. })));
    // It dials also who has dialled it, until somebody has told it.
    let (seeded, at) = versatile(6, &fresh);
    assert!(seeded.greet(&mut fresh));
    fresh.take_sent();
    fresh.pass(5 * SECOND);
    let hello = |frame: &Frame| matches!(frame, Frame::Hello(hello) if hello.answers.is_none());
    assert!(seeded.frames(&fresh).any(|frame| hello(&frame)), "{at}");
}

#[test]
fn frames_are_bounded_by_the_way_they_come() {
    let mut lone = lone(both());
    let (puppet, at) = versatile(1, &lone);
    assert!(puppet.greet(&mut lone));
    let long = puppet.raw(&vec![0; 5_000]);
    lone.frame(puppet.address, long.clone());
    assert_eq!(lone.rejected(Why::TooLarge), 1);
    lone.frame(Address::Stream(at), long);
    assert_eq!(lone.rejected(Why::TooLarge), 1, "a stream carries it");
    lone.frame(Address::Stream(at), puppet.raw(&vec![0; BULK_BYTES]));
    assert_eq!(lone.rejected(Why::TooLarge), 2);
    let refused = |event: &&Event| matches!(event, Event::Rejected { why: Why::TooLarge, .. });
    assert_eq!(lone.events.iter().filter(refused).count(), 2);
}

/// One node writes what shrinks, over a stream to a member that does or does not take it compressed.
#[test]
fn bulk_is_compressed_for_who_takes_it_so() {
    for (takes, compress) in [(true, true), (false, true), (true, false)] {
        let spec = ConfigSpec { compress, ..ConfigSpec::default() };
        let mut lone = Lone::over(both(), MemoryState::new(), spec, 1);
        let (mut puppet, _) = versatile(1, &lone);
        puppet.capabilities = if takes { Hello::COMPRESSION } else { 0 };
        assert!(puppet.greet(&mut lone));
        put(&mut lone, "large", 20_000).unwrap();
        let points = symbols(&mut lone);
        lone.take_sent();
        want(&mut lone, &puppet, points);
        let sent = lone.take_sent();
        let bulk: Vec<_> = sent.iter().filter(|it| it.class == Class::Bulk).collect();
        let [frame] = bulk[..] else { panic!("one frame of bulk: {bulk:?}") };
        let is_small = frame.bytes.len() < 2_000;
        assert_eq!(is_small, takes && compress, "{} bytes", frame.bytes.len());
        assert_eq!(lone.status().wire.spared_bytes > 15_000, is_small);
        // It is the author's fact in any case.
        let records = decompressed(frame.bytes.slice(DATA_HEADER_BYTES..), BULK_BYTES).unwrap();
        let facts = Records::new(records).filter(
            |record| matches!(record, Ok(Record::Fact { bytes, .. }) if bytes.len() > 20_000),
        );
        assert_eq!(facts.count(), 1);
    }
}

#[test]
fn what_comes_compressed_is_read_if_it_would_have_come_without() {
    let mut lone = lone(both());
    let (puppet, at) = versatile(1, &lone);
    assert!(puppet.greet(&mut lone));
    let value = vec![7; 20_000];
    let fact = puppet.author().put(b"large", &value, Hlc::from_wall(lone.now.wall));
    let parcel = Parcel::Fact { bytes: fact.bytes().clone(), feedback: false };
    let frame = puppet.frame(&[(Some(lone.main()), parcel)]);
    let small = compressed(&frame).unwrap();
    assert!(small.len() < DATAGRAM_BYTES);
    lone.frame(puppet.address, small.clone());
    assert_eq!(lone.rejected(Why::TooLarge), 1, "no datagram holds that much");
    lone.frame(Address::Stream(at), small.clone());
    lone.pass(SECOND);
    assert_eq!((lone.rejected(Why::TooLarge), lone.totals().sum.count()), (1, 1));
    // A bomb: 2 MiB of which the frame says that they are inside.
    let bomb = [&[40, 0x83, 0x40, 0xff, 0xff, 0x7f], &[0xff; 8_192][..]].concat();
    lone.frame(Address::Stream(at), puppet.raw(&bomb));
    assert_eq!(lone.rejected(Why::TooLarge), 2);
    lone.frame(Address::Stream(at), small.slice(..small.len() - 1));
    assert_eq!(lone.rejected(Why::BadFrame), 1, "cut short");
    let twice = puppet.raw(&[&small[DATA_HEADER_BYTES..], &small[DATA_HEADER_BYTES..]].concat());
    lone.frame(Address::Stream(at), twice);
    assert_eq!(lone.rejected(Why::BadFrame), 2, "beside another record");
    let behind = [&[2, 0], &small[DATA_HEADER_BYTES..]].concat();
    lone.frame(Address::Stream(at), puppet.raw(&behind));
    assert_eq!(lone.rejected(Why::BadRecord), 2, "a fact of no channel, and what stands behind it");
}
