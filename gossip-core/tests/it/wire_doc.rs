//! The wire format to the byte: `docs/wire.md` is the golden file of these tests.
//!
//! Its blocks that begin with ```` ```hex name ```` hold real messages field by field; what follows
//! a `#` is said to the reader. Its table of sizes holds what these messages take.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::config::ConfigSpec;
use gossip_core::fact::{
    Domain, Dot, Draft, Envelope, FactKind, Job, Keys, SigningKeys, Verdict, Verified, Verifier,
    Why,
};
use gossip_core::id::{BootId, ChannelId, ClusterId, Endpoints, NodeId, SessionId, TopicId};
use gossip_core::membership::{
    Accusation, Alive, Charge, Eviction, Leave, Link, MemberStatus, Word,
};
use gossip_core::sketch::{Census, Code, Sketch, Symbol};
use gossip_core::state::{Item, Point, Set, Sum};
use gossip_core::strategy::Retain;
use gossip_core::strategy::retain::{KeepSiblings, LastWrite};
use gossip_core::time::{Epoch, Hlc, Wall};
use gossip_core::transport::DATAGRAM_BYTES;
use gossip_core::wire::{
    AskChunks, Astray, CHUNK_BYTES, COOKIE_BYTES, Cells, Chunk, Compare, Constants,
    DATA_HEADER_BYTES, FactLimit, Frame, Glance, Hello, Large, More, Packer, Parcel, PingReq,
    Query, RangeContent, RangePart, Ranges, Receipt, Record, Records, Report, Same, Sighting, Take,
    Taken, Talk, compressed, data_header, decode_frame, decompressed, session_of,
};

const DOCUMENT: &str = include_str!("../../../docs/wire.md");

const ADVICE: &str = "layouts that nodes have spoken are frozen: leave the old one as it is, and \
                      give the new one a kind, a context string or a wire version of its own \
                      (docs/wire.md, \"How it may change\")";

const WALL: Wall = Wall::from_millis(1_800_000_000_000);
const SESSION: SessionId = SessionId(*b"session1");

#[test]
fn the_document_shows_the_bytes_that_are_sent() {
    let shown = blocks();
    for (name, bytes) in samples() {
        let golden = shown.get(name).unwrap_or_else(|| panic!("no block `{name}` in the document"));
        let first = golden.iter().zip(&bytes).position(|(golden, sent)| golden != sent);
        let at = first.unwrap_or_else(|| golden.len().min(bytes.len()));
        assert_eq!(hex(golden), hex(&bytes), "`{name}` differs from byte {at} on: {ADVICE}");
    }
    // Encoders of LZ4 may make other blocks of the same bytes.
    let known = |name: &str| name == "compressed" || samples().iter().any(|(it, _)| *it == name);
    let unknown = shown.keys().find(|name| !known(name));
    assert_eq!(unknown, None, "a block that nothing checks");
}

#[test]
fn what_the_document_shows_is_understood() {
    let shown = blocks();
    for (name, talk) in talks() {
        let frame = decode_frame(&Bytes::from(shown[name].clone())).unwrap();
        let Frame::Data { session, sealed } = frame else { panic!("{name} is a data frame") };
        assert_eq!(session, SESSION);
        let records: Vec<_> = Records::new(sealed).map(Result::unwrap).collect();
        assert!(matches!(records.last(), Some(Record::Talk(heard)) if *heard == talk), "{name}");
    }
    let letters = [&[2, 0x80, 0x10], &[b'a'; 2_048][..]].concat();
    for frame in [
        Bytes::from(shown["compressed"].clone()),
        compressed(&[&data_header(SESSION)[..], &letters].concat()).unwrap(),
    ] {
        assert!(frame.len() < 40 && session_of(&frame) == Some(SESSION));
        let records = decompressed(frame.slice(DATA_HEADER_BYTES..), 1 << 20);
        assert_eq!(records.as_deref(), Ok(&letters[..]), "{}", hex(&frame));
    }
    for name in ["hello", "retry", "reset", "refuse"] {
        let frame = decode_frame(&Bytes::from(shown[name].clone())).unwrap();
        assert_eq!(hex(&frame.encode()), hex(&shown[name]));
    }
    for (name, domain) in [("entry", main()), ("tombstone", main()), ("alive", view())] {
        let fact = Envelope::decode(Bytes::from(shown[name].clone()), &domain).unwrap();
        let verdicts = Job::new(domain, vec![fact]).run(&Verifier::new());
        assert!(verdicts.into_iter().all(|verdict| matches!(verdict, Verdict::Good(_))), "{name}");
    }
}

#[test]
fn the_document_states_the_sizes() {
    for (name, bytes) in sizes().into_iter().chain(sizes_of_large()) {
        let row = format!("| {name} | {bytes} |");
        assert!(DOCUMENT.contains(&row), "the table of sizes lacks the row `{row}`");
    }
}

#[test]
fn the_document_names_every_reason() {
    for why in Why::ALL {
        let name = format!("`{why}`");
        assert!(DOCUMENT.contains(&name), "the table of reasons lacks {name}");
    }
}

/// Everything whose bytes the document shows.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let mut samples = vec![
        ("hello", Frame::Hello(Box::new(hello())).encode().to_vec()),
        ("retry", Frame::Retry { session: SESSION, cookie: [7; COOKIE_BYTES] }.encode().to_vec()),
        ("reset", Frame::Reset { session: SESSION }.encode().to_vec()),
        ("refuse", Frame::Refuse { session: SESSION, why: Why::OtherCluster }.encode().to_vec()),
        ("entry", entry().bytes().to_vec()),
        ("tombstone", tombstone().bytes().to_vec()),
        ("siblings", siblings().bytes().to_vec()),
        ("alive", alive().bytes().to_vec()),
        ("leave", leave().bytes().to_vec()),
        ("accusation", accusation().bytes().to_vec()),
        ("eviction", eviction().bytes().to_vec()),
        ("rumor", data(true, &rumor())),
        ("cluster-id", cluster().as_bytes().to_vec()),
        ("main-id", main().channel().as_bytes().to_vec()),
        ("view-id", view().channel().as_bytes().to_vec()),
        ("entry-id", entry().id().as_bytes().to_vec()),
        ("entry-signed", signed_bytes(&entry(), &main())),
        ("constants", constants().hash().to_vec()),
        ("fingerprint-empty", Sum::default().fingerprint().to_vec()),
        ("fingerprint-entry", sum().fingerprint().to_vec()),
        ("rival-last-write", LastWrite::default().rival(&entry()).to_vec()),
        ("rival-keep-siblings", KeepSiblings::default().rival(&entry()).to_vec()),
    ];
    samples.extend(talks().into_iter().map(|(name, talk)| {
        let of_session = matches!(
            talk,
            Talk::Ack(_)
                | Talk::Nack(_)
                | Talk::Ping(_)
                | Talk::PingReq(_)
                | Talk::Query(_)
                | Talk::Report(_)
        );
        (name, data(!of_session, &Parcel::Talk(talk)))
    }));
    samples
}

/// One of each kind of talk, with a number of more than one byte where one is usual.
fn talks() -> Vec<(&'static str, Talk)> {
    let epoch = Epoch::of(WALL);
    let (exchange, step) = (300, 2);
    let point = Point::of(&entry());
    let items = vec![Item { point, rival: LastWrite::default().rival(&entry()) }];
    let receipt =
        Receipt { boot: BootId(*b"boot-idx"), exchange, commit: 1_000, r: [8; 32], s: [9; 32] };
    let parts = vec![
        RangePart { upto: point, content: RangeContent::Skip },
        RangePart { upto: after(point), content: RangeContent::Items(items) },
        RangePart { upto: Point::END, content: RangeContent::Fingerprint([6; 16]) },
    ];
    let ranges = Ranges {
        exchange,
        step,
        answer: true,
        set: Set::Active(epoch),
        pull: true,
        push: false,
        from: Point::MIN,
        parts,
    };
    let dormant = Ranges { set: Set::Dormant { from: Epoch::ZERO, upto: epoch }, ..ranges.clone() };
    let about = NodeId::from_bytes([9; 32]);
    let asked = PingReq { nonce: 0xdead_beef, about, patience_ms: 500 };
    vec![
        ("ack", Talk::Ack(0xdead_beef)),
        ("ask", Talk::Ask(vec![*b"8 bytes!"])),
        ("cells", Talk::Cells(cells(1))),
        ("chunk", Talk::Chunk(chunk(&point, b"some"))),
        ("busy", Talk::Busy(exchange)),
        ("call", Talk::Call),
        ("compare", Talk::Compare(compare())),
        ("compare-glance", Talk::Compare(glancing())),
        ("done", Talk::Done { exchange, step, rest: Vec::new() }),
        ("feedback", Talk::Feedback { known: vec![*b"8 known!"], new: vec![*b"8 fresh!"] }),
        ("given", Talk::Given { exchange, step }),
        (
            "large",
            Talk::Large(Large { symbol: Symbol::at(&point), bytes: 1_000_000, feedback: true }),
        ),
        ("more", Talk::More(More { exchange, epoch, mark: [6; 4], from: 77, upto: 300, key: 0 })),
        ("offer", Talk::Offer { rumors: vec![(*b"8 bytes!", 2)], feedback: true }),
        ("nack", Talk::Nack(0xdead_beef)),
        ("ping", Talk::Ping(0xdead_beef)),
        ("ping-req", Talk::PingReq(asked)),
        ("pull", Talk::Pull(vec![*b"8 bytes!"])),
        ("query", Talk::Query(Query { nonce: 0xdead_beef, full: true })),
        ("ranges", Talk::Ranges(ranges)),
        ("ranges-dormant", Talk::Ranges(Ranges { parts: Vec::new(), ..dormant })),
        ("receipt", Talk::Receipt(receipt)),
        ("report", Talk::Report(report())),
        ("same", Talk::Same(same())),
        ("stale", Talk::Stale(receipt)),
        (
            "ask-chunks",
            Talk::AskChunks(AskChunks {
                symbol: Symbol::at(&point),
                bytes: 1_000_000,
                chunks: vec![0, 300],
            }),
        ),
        ("take", Talk::Take(take(point))),
        ("taken", Talk::Taken(taken(point))),
        ("want", Talk::Want { exchange, step, symbols: vec![Symbol::at(&point)] }),
        ("welcome", Talk::Welcome),
    ]
}

fn take(from: Point) -> Take {
    let (set, upto) = (Set::Active(Epoch::of(WALL)), Point::END);
    Take { exchange: 300, step: 2, set, from, upto, bytes: 32_768 }
}

fn taken(upto: Point) -> Taken {
    Taken { exchange: 300, step: 2, facts: 94, upto, left: 1_000 }
}

/// Whole datagrams, and facts as they travel.
fn sizes() -> Vec<(&'static str, usize)> {
    let talk = |talk| data(true, &Parcel::Talk(talk)).len();
    let offer = |count| talk(Talk::Offer { rumors: vec![([7; 8], 2); count], feedback: true });
    let session_talk = |talk| data(false, &Parcel::Talk(talk)).len();
    let frame = |frame: Frame| frame.encode().len();
    let plain = sign(draft(&[b'k'; 32], Some(&[b'v'; 200])), &main());
    let deletion = sign(draft(&[b'k'; 32], None), &main());
    let cookie = Some([7; COOKIE_BYTES]);
    let hello = |hello| frame(Frame::Hello(Box::new(hello)));
    let item = Item { point: Point::of(&plain), rival: [1; 8] };
    let list = |items| {
        let content = RangeContent::Items(vec![item; items]);
        let parts = vec![RangePart { upto: Point::END, content }];
        talk(Talk::Ranges(Ranges { parts, ..ranges_of(0) }))
    };
    vec![
        ("Hello, first, one IPv4 address, no name", hello(hello_plain())),
        ("Hello with cookie", hello(Hello { cookie, ..hello_plain() })),
        ("Hello that answers", hello(Hello { answers: Some(SESSION), ..hello_plain() })),
        ("Retry", frame(Frame::Retry { session: SESSION, cookie: [7; COOKIE_BYTES] })),
        ("Reset", frame(Frame::Reset { session: SESSION })),
        ("Ping, Ack", session_talk(Talk::Ping(0xdead_beef))),
        ("Compare", talk(Talk::Compare(compare()))),
        ("Compare with a glance", talk(Talk::Compare(glancing()))),
        ("Cells, 20 of them", talk(Talk::Cells(cells(20)))),
        ("Cells, 56 of them", talk(Talk::Cells(cells(56)))),
        (
            "More",
            talk(Talk::More(More {
                exchange: 300,
                epoch: Epoch::of(WALL),
                mark: [6; 4],
                from: 77,
                upto: 300,
                key: 0,
            })),
        ),
        ("Given", talk(Talk::Given { exchange: 300, step: 2 })),
        ("Take", talk(Talk::Take(take(item.point)))),
        ("Taken", talk(Talk::Taken(taken(item.point)))),
        ("Same", talk(Talk::Same(same()))),
        (
            "Receipt, Stale",
            talk(Talk::Receipt(Receipt {
                boot: BootId(*b"boot-idx"),
                exchange: 300,
                commit: 1_000,
                r: [8; 32],
                s: [9; 32],
            })),
        ),
        ("Pull of 64 rumors", talk(Talk::Pull(vec![[7; 8]; 64]))),
        ("Feedback on 1 rumor", talk(Talk::Feedback { known: vec![[7; 8]], new: Vec::new() })),
        ("Call, Welcome", talk(Talk::Call)),
        ("Offer of 1 rumor", offer(1)),
        ("Offer of 64 rumors", offer(64)),
        ("Ranges, 16 fingerprints", talk(Talk::Ranges(ranges_of(16)))),
        ("Ranges, a list of 24", list(24)),
        ("Ranges, a list of 32", list(32)),
        (
            "Want of 32 facts",
            talk(Talk::Want { exchange: 300, step: 2, symbols: vec![Symbol::of(&plain); 32] }),
        ),
        ("Done", talk(Talk::Done { exchange: 300, step: 2, rest: Vec::new() })),
        ("Entry, key 32, value 200, as a fact", plain.bytes().len()),
        ("The same, alone in a datagram", data(true, &parcel(&plain)).len()),
        ("Tombstone, key 32, as a fact", deletion.bytes().len()),
        ("Alive fact, one IPv4 address, no name", alive_plain().bytes().len()),
    ]
}

fn sizes_of_large() -> Vec<(&'static str, usize)> {
    let talk = |talk| data(true, &Parcel::Talk(talk)).len();
    let symbol = Symbol::of(&entry());
    vec![
        ("Large", talk(Talk::Large(Large { symbol, bytes: 1_000_000, feedback: true }))),
        (
            "AskChunks of 64 chunks",
            talk(Talk::AskChunks(AskChunks {
                symbol,
                bytes: 1_000_000,
                chunks: (128..192).collect(),
            })),
        ),
        ("Chunk", talk(Talk::Chunk(chunk(&Point::of(&entry()), &[7; CHUNK_BYTES])))),
    ]
}

fn chunk(point: &Point, bytes: &[u8]) -> Chunk {
    Chunk { symbol: Symbol::at(point), place: 300, bytes: Bytes::copy_from_slice(bytes) }
}

fn keys() -> SigningKeys {
    SigningKeys::new([1; 32], [2; 32])
}

fn cluster() -> ClusterId {
    ClusterId::from_name("demo")
}

fn main() -> Domain {
    Domain::new(cluster(), ChannelId::derived(cluster(), ChannelId::MAIN))
}

fn view() -> Domain {
    Domain::new(cluster(), ChannelId::view(cluster()))
}

fn constants() -> Constants {
    let constants = *ConfigSpec::default().build(DATAGRAM_BYTES).unwrap().constants();
    Constants { retain: "last-write", ..constants }
}

fn draft(key: &[u8], value: Option<&[u8]>) -> Draft {
    Draft {
        context: Vec::new(),
        expires_at: Wall::ZERO,
        hlc: Hlc::from_wall(WALL),
        key: Bytes::copy_from_slice(key),
        kind: FactKind::ENTRY,
        topic: TopicId(0),
        value: value.map(Bytes::copy_from_slice),
    }
}

fn sign(draft: Draft, domain: &Domain) -> Verified<Envelope> {
    draft.sign(&keys(), domain).unwrap()
}

fn entry() -> Verified<Envelope> {
    let expires_at = WALL + Duration::from_secs(60);
    sign(Draft { expires_at, ..draft(b"colour", Some(b"blue")) }, &main())
}

fn tombstone() -> Verified<Envelope> {
    sign(draft(b"colour", None), &main())
}

fn siblings() -> Verified<Envelope> {
    let context = vec![Dot { author: keys().id(), hlc: Hlc::from_wall(WALL) }];
    sign(Draft { context, ..draft(b"colour", Some(b"red")) }, &main())
}

fn statement(kind: FactKind, value: &Bytes) -> Verified<Envelope> {
    sign(Draft { kind, ..draft(keys().id().as_bytes(), Some(value)) }, &view())
}

fn alive() -> Verified<Envelope> {
    let tags = BTreeMap::from([(String::from("rack"), String::from("7"))]);
    statement(FactKind::ALIVE, &Alive { name: String::from("a"), tags, ..words() }.encode())
}

fn alive_plain() -> Verified<Envelope> {
    statement(FactKind::ALIVE, &words().encode())
}

fn words() -> Alive {
    Alive {
        incarnation: WALL.millis(),
        boot: BootId(*b"one boot"),
        box_key: keys().box_public(),
        endpoints: Endpoints::datagram(SocketAddr::from(([127, 0, 0, 1], 7946))),
        name: String::new(),
        tags: BTreeMap::new(),
        versions: (1, 1),
        capabilities: 0,
        program: String::from("0.1.0"),
    }
}

fn leave() -> Verified<Envelope> {
    statement(FactKind::LEAVE, &Leave { incarnation: WALL.millis(), returning: true }.encode())
}

fn accusation() -> Verified<Envelope> {
    let word = Word { incarnation: WALL.millis(), hlc: Hlc::from_wall(WALL) };
    let value = Accusation { word, charge: Charge::Silent }.encode();
    let accused = NodeId::from_bytes([9; 32]);
    let kind = FactKind::ACCUSATION;
    sign(Draft { kind, ..draft(accused.as_bytes(), Some(&value)) }, &view())
}

fn eviction() -> Verified<Envelope> {
    let value = Eviction { incarnation: WALL.millis() }.encode();
    let evicted = NodeId::from_bytes([9; 32]);
    sign(Draft { kind: FactKind::EVICTION, ..draft(evicted.as_bytes(), Some(&value)) }, &view())
}

/// Of one who hears a member that answers nothing.
fn report() -> Report {
    Report {
        nonce: 0xdead_beef,
        wall: WALL,
        program: String::from("0.1.0"),
        version: 300,
        view: *b"8 bytes!",
        counts: [2, 1, 0, 0, 0],
        stood_still: Some((60_000, 20_000)),
        sightings: vec![Sighting {
            member: [9; 8],
            status: MemberStatus::Suspect.number(),
            link: Link::Heard.number(),
            loss: Some(31),
            incarnation: WALL.millis(),
            heard_ms: Some(200),
            answered_ms: None,
            rtt_ms: Some(412),
        }],
        astray: vec![Astray { member: [9; 8], at: ([10, 0, 0, 9], 7946).into() }],
    }
}

fn hello() -> Hello {
    Hello {
        answers: None,
        alive: alive().bytes().clone(),
        capabilities: Hello::COMPRESSION,
        cluster: cluster(),
        commit: 1_000,
        constants: constants().hash(),
        cookie: None,
        fact_limit: FactLimit { bytes: 1_177, founded: true },
        session: SESSION,
        versions: (1, 1),
        wall: WALL,
    }
}

fn hello_plain() -> Hello {
    Hello { alive: alive_plain().bytes().clone(), ..hello() }
}

fn sum() -> Sum {
    let mut sum = Sum::default();
    sum.add(&entry().id());
    sum
}

fn compare() -> Compare {
    Compare {
        exchange: 300,
        epoch: Epoch::of(WALL),
        fingerprint: sum().fingerprint(),
        floor: Epoch::ZERO,
        dormant: None,
        pull: true,
        push: true,
        receipt: false,
        glance: None,
    }
}

/// Of a set of one fact.
fn glancing() -> Compare {
    let symbol = Symbol::of(&entry());
    let mut census = Census::default();
    census.add(symbol, 0);
    let cell = cells(1).cells.into_iter().next().unwrap();
    Compare { glance: Some(Glance::new(1, &census, cell)), ..compare() }
}

fn cells(count: usize) -> Cells {
    let mut sketch = Sketch::new(Code::Irregular, 0, count);
    sketch.add(Symbol::of(&entry()));
    let upto = count as u32;
    let cells = sketch.into_cells();
    Cells { exchange: 300, mark: [6; 4], push: true, from: 0, upto, likely: 90, cells }
}

fn same() -> Same {
    Same { exchange: 300, floor: Epoch::ZERO, dormant: None }
}

/// A step with so many fingerprints, at points that take as many bytes as they can.
fn ranges_of(parts: u64) -> Ranges {
    let point = |n| Point { hlc: Hlc::from_bits(n), id: [0xff; 16] };
    let part = |n| RangePart { upto: point(n), content: RangeContent::Fingerprint([6; 16]) };
    Ranges {
        exchange: 300,
        step: 2,
        answer: true,
        set: Set::Active(Epoch::of(WALL)),
        pull: true,
        push: true,
        from: Point::MIN,
        parts: (1..=parts).map(part).collect(),
    }
}

fn after(point: Point) -> Point {
    Point { hlc: point.hlc.next(), ..point }
}

fn parcel(fact: &Envelope) -> Parcel {
    Parcel::Fact { bytes: fact.bytes().clone(), feedback: false }
}

fn rumor() -> Parcel {
    Parcel::Fact { bytes: entry().bytes().clone(), feedback: true }
}

/// A data frame with one record, of the main channel or of the session itself.
fn data(in_channel: bool, parcel: &Parcel) -> Vec<u8> {
    let mut packer = Packer::new(DATAGRAM_BYTES);
    assert!(packer.push(in_channel.then(|| main().channel().tag()), parcel));
    let bodies = packer.finish();
    assert_eq!(bodies.len(), 1);
    [&data_header(SESSION)[..], &bodies[0]].concat()
}

fn signed_bytes(fact: &Envelope, domain: &Domain) -> Vec<u8> {
    let mut bytes = Vec::new();
    domain.signed_bytes(fact.kind(), fact.header_bytes(), &mut bytes);
    bytes
}

/// The document's blocks of bytes, by name.
fn blocks() -> BTreeMap<&'static str, Vec<u8>> {
    let mut blocks = BTreeMap::new();
    let mut open = None;
    for line in DOCUMENT.lines() {
        if let Some(name) = line.strip_prefix("```hex ") {
            open = Some(name);
            assert!(blocks.insert(name, Vec::new()).is_none(), "two blocks `{name}`");
        } else if line == "```" {
            open = None;
        } else if let Some(name) = open {
            let digits: Vec<u8> = line.split('#').next().unwrap_or_default().bytes().collect();
            let digits: Vec<u8> =
                digits.into_iter().filter(|digit| !digit.is_ascii_whitespace()).collect();
            let bytes = digits
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
            blocks.get_mut(name).unwrap().extend(bytes);
        }
    }
    blocks
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
