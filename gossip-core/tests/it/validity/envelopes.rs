//! Facts on the wire: only the author's very bytes, in the author's channel, become verified.

use bytes::Bytes;
use gossip_core::fact::{
    Domain, Dot, Draft, Envelope, FactKind, Job, Keys as _, MAX_CONTEXT, MAX_KEY_BYTES, Signature,
    SigningKeys, Verdict, Verified, Verifier, Why,
};
use gossip_core::id::{ChannelId, ClusterId, NodeId, TopicId};
use gossip_core::time::{Hlc, Wall};
use proptest::prelude::*;

#[test]
fn the_true_fact_is_accepted_at_every_limit() {
    let wide = Draft {
        context: vec![dot(255); MAX_CONTEXT],
        expires_at: Wall::from_millis(u64::MAX),
        hlc: Hlc::MAX,
        key: vec![0xff; MAX_KEY_BYTES].into(),
        kind: FactKind(255),
        topic: TopicId(255),
        value: Some(vec![7; 70_000].into()),
    };
    let narrow = Draft {
        context: Vec::new(),
        expires_at: Wall::ZERO,
        hlc: Hlc::ZERO,
        key: Bytes::new(),
        kind: FactKind(0),
        topic: TopicId(0),
        value: Some(Bytes::new()),
    };
    let tombstone = Draft { value: None, ..draft() };
    for draft in [draft(), wide, narrow, tombstone] {
        let bytes = signed(&draft);
        assert_eq!(*receive(&bytes, &home()).unwrap().bytes(), bytes);
    }
}

#[test]
fn every_altered_byte_is_refused() {
    let bytes = signed(&draft());
    for (at, part) in part_names(&bytes).into_iter().enumerate() {
        let allowed: &[Why] = match part {
            "kind" | "signature" | "topic" | "author" | "key" | "hlc" | "context" => {
                &[Why::BadSignature]
            }
            "value" | "value hash" => &[Why::BadValue],
            // A number that changes its length moves all that follows.
            "expires at" => &[Why::BadSignature, Why::BadFact],
            "value bytes" => &[Why::BadValue, Why::BadFact],
            _ => &[Why::BadFact],
        };
        for bit in 0..8 {
            let why = refused(&replaced(&bytes, at, &[bytes[at] ^ 1 << bit]));
            assert!(allowed.contains(&why), "{part}: {why}, byte {at}, bit {bit}");
        }
    }
}

#[test]
fn other_kinds_and_proofs_are_refused() {
    let bytes = signed(&draft());
    for other in (0..=255).filter(|&other| other != FactKind::ENTRY.0) {
        assert_eq!(refused(&replaced(&bytes, 0, &[other])), Why::BadSignature);
    }
    for proof in 1..=255 {
        assert_eq!(refused(&replaced(&bytes, 1, &[proof])), Why::BadFact);
    }
}

#[test]
fn cut_and_extended_copies_are_refused() {
    for draft in [draft(), Draft { value: None, ..draft() }] {
        let bytes = signed(&draft);
        for len in 0..bytes.len() {
            assert_eq!(refused(&bytes[..len]), Why::BadFact, "{len}");
        }
        for more in [&[0][..], &[1], &[0; 64], &bytes] {
            assert_eq!(refused(&[&bytes, more].concat()), Why::BadFact);
        }
    }
}

#[test]
fn a_relays_longer_lengths_are_refused() {
    let bytes = signed(&draft());
    for part in ["header length", "value length"] {
        let at = start_of(part, &bytes);
        let short = &bytes[at..at + 2];
        for padding in 1..4 {
            let longer = [&bytes[..at], &overlong(short, padding), &bytes[at + 2..]];
            assert_eq!(refused(&longer.concat()), Why::BadFact);
        }
    }
}

#[test]
fn an_author_cannot_sign_another_form_either() {
    let plain = RawHeader::plain(VALUE);
    assert!(receive(&plain.signed(Some(VALUE)), &home()).is_ok());
    let refuse = |header: RawHeader, value, why| {
        let bytes = header.signed(value);
        assert_eq!(refused(&bytes), why, "{header:?}");
    };
    // Numbers in more bytes than they need.
    for padding in 1..4 {
        let long = |bytes: &[u8]| overlong(bytes, padding);
        refuse(
            RawHeader { key_len: long(&plain.key_len), ..plain.clone() },
            Some(VALUE),
            Why::BadFact,
        );
        refuse(
            RawHeader { expires_at: long(&plain.expires_at), ..plain.clone() },
            Some(VALUE),
            Why::BadFact,
        );
        refuse(
            RawHeader { value_bytes: long(&plain.value_bytes), ..plain.clone() },
            Some(VALUE),
            Why::BadFact,
        );
        refuse(
            RawHeader { context: long(&plain.context), ..plain.clone() },
            Some(VALUE),
            Why::BadFact,
        );
    }
    // Flags that nobody knows.
    for flags in 2..=255 {
        refuse(RawHeader { flags, ..plain.clone() }, Some(VALUE), Why::BadFact);
    }
    // Keys and contexts over their limits.
    let key =
        |len: usize| RawHeader { key_len: varint(len as u64), key: vec![1; len], ..plain.clone() };
    assert!(receive(&key(MAX_KEY_BYTES).signed(Some(VALUE)), &home()).is_ok());
    refuse(key(MAX_KEY_BYTES + 1), Some(VALUE), Why::BadFact);
    refuse(key(60_000), Some(VALUE), Why::BadFact);
    let context = |dots: usize| {
        let encoded = postcard::to_stdvec(&vec![dot(3); dots]).unwrap();
        RawHeader { context: encoded, ..plain.clone() }
    };
    assert!(receive(&context(MAX_CONTEXT).signed(Some(VALUE)), &home()).is_ok());
    refuse(context(MAX_CONTEXT + 1), Some(VALUE), Why::BadFact);
    refuse(context(1_500), Some(VALUE), Why::BadFact);
    // Counts of which nothing follows.
    refuse(RawHeader { context: varint(u64::MAX), ..plain.clone() }, Some(VALUE), Why::BadFact);
    refuse(RawHeader { key_len: varint(u64::MAX), ..plain.clone() }, Some(VALUE), Why::BadFact);
    // Bytes after the last field.
    refuse(RawHeader { rest: vec![0], ..plain.clone() }, Some(VALUE), Why::BadFact);
    // A number too large for its type.
    refuse(RawHeader { value_bytes: varint(1 << 32), ..plain.clone() }, Some(VALUE), Why::BadFact);
}

#[test]
fn a_value_is_the_one_its_header_states() {
    let plain = RawHeader::plain(VALUE);
    let refuse = |header: &RawHeader, value, why| {
        assert_eq!(refused(&header.signed(value)), why, "{header:?}");
    };
    refuse(&plain, None, Why::BadValue);
    refuse(&plain, Some(b"other".as_slice()), Why::BadValue);
    refuse(&plain, Some(b"".as_slice()), Why::BadValue);
    refuse(&RawHeader { value_bytes: varint(4), ..plain.clone() }, Some(VALUE), Why::BadValue);
    refuse(&RawHeader { value_hash: [0; 32], ..plain.clone() }, Some(VALUE), Why::BadValue);
    // A tombstone carries nothing and states nothing.
    let tombstone = RawHeader::tombstone();
    assert!(receive(&tombstone.signed(None), &home()).unwrap().is_tombstone());
    refuse(&tombstone, Some(VALUE), Why::BadValue);
    refuse(&tombstone, Some(b"".as_slice()), Why::BadValue);
    refuse(&RawHeader { flags: 1, ..plain.clone() }, Some(VALUE), Why::BadFact);
    refuse(&RawHeader { flags: 1, ..plain.clone() }, None, Why::BadFact);
    refuse(&RawHeader { value_bytes: varint(1), ..tombstone.clone() }, None, Why::BadFact);
    refuse(&RawHeader { value_hash: [1; 32], ..tombstone.clone() }, None, Why::BadFact);
    refuse(&RawHeader { expires_at: varint(1), ..tombstone }, None, Why::BadFact);
    // An option that is neither none nor some.
    let bytes = plain.signed(Some(VALUE));
    let option = start_of("option", &Bytes::from(bytes.clone()));
    for tag in 2..=255 {
        assert_eq!(refused(&replaced(&bytes, option, &[tag])), Why::BadFact);
    }
}

#[test]
fn another_author_channel_or_cluster_is_refused() {
    let bytes = signed(&draft());
    let author = start_of("author", &bytes);
    let other = SigningKeys::new([2; 32], [0; 32]).id();
    assert_eq!(refused(&replaced(&bytes, author, other.as_bytes())), Why::BadSignature);
    // Nobody's key, and one for which everybody can sign.
    assert_eq!(refused(&replaced(&bytes, author, &[2; 32])), Why::BadSignature);
    for weak in super::small_order_encodings() {
        let mut forged = replaced(&bytes, author, &weak);
        assert_eq!(refused(&forged), Why::WeakKey);
        // R of small order and s = 0, which ZIP-215 alone would take.
        forged[2..66].copy_from_slice(&[weak, [0; 32]].concat());
        assert_eq!(refused(&forged), Why::WeakKey);
    }
    let (demo, else_) = (ClusterId::from_name("demo"), ClusterId::from_name("else"));
    let main = ChannelId::derived(demo, ChannelId::MAIN);
    for domain in [
        Domain::new(demo, ChannelId::derived(demo, "other")),
        Domain::new(demo, ChannelId::view(demo)),
        Domain::new(else_, main),
        Domain::new(else_, ChannelId::derived(else_, ChannelId::MAIN)),
    ] {
        assert_eq!(receive(&bytes, &domain).err(), Some(Why::BadSignature));
    }
}

#[test]
fn a_signature_serves_one_fact_only() {
    let bytes = signed(&draft());
    let later = signed(&Draft { hlc: Hlc::from_bits(8), ..draft() });
    assert_eq!(refused(&replaced(&bytes, 2, &later[2..66])), Why::BadSignature);
    assert_eq!(refused(&replaced(&bytes, 2, &[0; 64])), Why::BadSignature);
    let s: [u8; 32] = bytes[34..66].try_into().unwrap();
    let same_s = super::plus_order(s, 1).unwrap();
    assert_eq!(refused(&replaced(&bytes, 34, &same_s)), Why::BadSignature);
}

#[test]
fn forged_copies_do_not_hide_the_true_one() {
    let bytes = signed(&draft());
    let forged = Bytes::from(replaced(&bytes, 2, &[1; 64]));
    let envelopes: Vec<_> = [&forged, &bytes, &forged, &forged, &bytes]
        .map(|bytes| Envelope::decode(bytes.clone(), &home()).unwrap())
        .into();
    assert!(envelopes.iter().all(|envelope| envelope.id() == envelopes[0].id()));
    let good = run(envelopes, &home()).into_iter().map(|verdict| verdict.is_ok());
    assert_eq!(good.collect::<Vec<_>>(), [false, true, false, false, true]);
}

#[test]
fn drafts_over_their_limits_are_not_signed() {
    let sign = |draft: Draft| draft.sign(&author(), &home()).map(Verified::into_inner).err();
    let key = |len: usize| Draft { key: vec![0; len].into(), ..draft() };
    let context = |len: usize| Draft { context: vec![dot(1); len], ..draft() };
    assert_eq!((sign(key(MAX_KEY_BYTES)), sign(context(MAX_CONTEXT))), (None, None));
    assert_eq!(sign(key(MAX_KEY_BYTES + 1)), Some(Why::TooLarge));
    assert_eq!(sign(context(MAX_CONTEXT + 1)), Some(Why::TooLarge));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_themselves_or_not(bytes: Vec<u8>) {
        if let Ok(envelope) = Envelope::decode(bytes.clone().into(), &home()) {
            prop_assert_eq!(envelope.bytes(), &bytes);
        }
    }

    /// Edits keep most of a true fact, so that decoding gets past its first bytes.
    #[test]
    fn edited_facts_are_never_verified(
        draft in any_draft(),
        edits in prop::collection::vec((0..4u8, any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let bytes = signed(&draft);
        let mut edited = bytes.to_vec();
        for (what, at, byte) in edits {
            let at = at.index(edited.len().max(1));
            match what {
                0 => edited.insert(at, byte),
                1 if !edited.is_empty() => { edited.remove(at); }
                2 => edited.truncate(at),
                _ => edited.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
            }
        }
        let received = receive(&edited, &home());
        prop_assert_eq!(received.is_ok(), bytes == edited);
        if let Ok(envelope) = Envelope::decode(edited.clone().into(), &home()) {
            prop_assert_eq!(envelope.bytes(), &edited);
            prop_assert_eq!(envelope.compact(), envelope);
        }
    }

    #[test]
    fn what_is_drafted_is_what_is_read(draft in any_draft()) {
        let envelope = receive(&signed(&draft), &home()).unwrap();
        let header = envelope.header();
        let lives = draft.value.is_some();
        prop_assert_eq!(envelope.author(), author().id());
        prop_assert_eq!(envelope.kind(), draft.kind);
        prop_assert_eq!((envelope.topic(), header.topic), (draft.topic, draft.topic));
        prop_assert_eq!((envelope.hlc(), header.hlc), (draft.hlc, draft.hlc));
        prop_assert_eq!((envelope.key(), header.key), (&draft.key[..], &draft.key[..]));
        prop_assert_eq!(envelope.shared_key(), &draft.key);
        prop_assert_eq!(envelope.value(), draft.value.as_deref());
        prop_assert_eq!(envelope.shared_value(), draft.value);
        prop_assert_eq!(envelope.is_tombstone(), !lives);
        prop_assert_eq!(envelope.expires_at(), if lives { draft.expires_at } else { Wall::ZERO });
        prop_assert_eq!(header.context, draft.context);
        prop_assert_eq!(envelope.id(), home().fact_id(envelope.kind(), envelope.header_bytes()));
    }
}

/// A header as bytes per field, so that each can be false on its own.
#[derive(Clone, Debug)]
struct RawHeader {
    key_len: Vec<u8>,
    key: Vec<u8>,
    flags: u8,
    expires_at: Vec<u8>,
    value_bytes: Vec<u8>,
    value_hash: [u8; 32],
    context: Vec<u8>,
    rest: Vec<u8>,
}

impl RawHeader {
    fn plain(value: &[u8]) -> Self {
        Self {
            key_len: varint(3),
            key: b"key".to_vec(),
            flags: 0,
            expires_at: varint(0),
            value_bytes: varint(value.len() as u64),
            value_hash: *blake3::hash(value).as_bytes(),
            context: varint(0),
            rest: Vec::new(),
        }
    }

    fn tombstone() -> Self {
        Self { flags: 1, value_bytes: varint(0), value_hash: [0; 32], ..Self::plain(b"") }
    }

    fn encode(&self) -> Vec<u8> {
        let author = *author().id().as_bytes();
        let hlc = [7; 8];
        let head = [&[0][..], &author, &self.key_len, &self.key, &hlc, &[self.flags]].concat();
        let tail = [&self.expires_at[..], &self.value_bytes, &self.value_hash, &self.context];
        [head, tail.concat(), self.rest.clone()].concat()
    }

    /// The whole fact, signed by its author whatever it says.
    fn signed(&self, value: Option<&[u8]>) -> Vec<u8> {
        let header = self.encode();
        let mut message = Vec::new();
        home().signed_bytes(FactKind::ENTRY, &header, &mut message);
        let signature: Signature = author().sign(&message);
        let mut bytes = vec![FactKind::ENTRY.0, 0];
        bytes.extend_from_slice(signature.as_bytes());
        bytes.extend(varint(header.len() as u64));
        bytes.extend(header);
        bytes.push(u8::from(value.is_some()));
        if let Some(value) = value {
            bytes.extend(varint(value.len() as u64));
            bytes.extend_from_slice(value);
        }
        bytes
    }
}

/// What production makes of these bytes: decoded, then checked alone and in company.
fn receive(bytes: &[u8], domain: &Domain) -> Result<Verified<Envelope>, Why> {
    let envelope = Envelope::decode(Bytes::copy_from_slice(bytes), domain)?;
    let keys = SigningKeys::new([3; 32], [0; 32]);
    let company = draft().sign(&keys, domain).unwrap().into_inner();
    let alone = run(vec![envelope.clone()], domain).remove(0);
    let mut together = run(vec![company.clone(), envelope, company], domain);
    assert!(together.remove(0).is_ok() && together.remove(1).is_ok());
    assert_eq!(alone, together.remove(0));
    alone
}

/// The reason why these bytes are no fact of the home channel.
fn refused(bytes: &[u8]) -> Why {
    receive(bytes, &home()).expect_err("it was verified")
}

fn run(envelopes: Vec<Envelope>, domain: &Domain) -> Vec<Result<Verified<Envelope>, Why>> {
    let verdicts = Job::new(domain.clone(), envelopes).run(&Verifier::new());
    let outcome = |verdict| match verdict {
        Verdict::Good(envelope) => Ok(envelope),
        Verdict::Bad(_, why) => Err(why),
    };
    verdicts.into_iter().map(outcome).collect()
}

fn author() -> SigningKeys {
    SigningKeys::new([1; 32], [0; 32])
}

fn home() -> Domain {
    let cluster = ClusterId::from_name("demo");
    Domain::new(cluster, ChannelId::derived(cluster, ChannelId::MAIN))
}

fn draft() -> Draft {
    Draft {
        context: vec![dot(5), dot(6)],
        expires_at: Wall::from_millis(1_000_000),
        hlc: Hlc::from_bits(7 << 16),
        key: Bytes::from_static(b"some/key"),
        kind: FactKind::ENTRY,
        topic: TopicId(0),
        value: Some(Bytes::from(vec![9; 300])),
    }
}

fn any_draft() -> impl Strategy<Value = Draft> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..=most).prop_map(Bytes::from);
    let context = prop::collection::vec((any::<u8>(), any::<u64>()), 0..=MAX_CONTEXT);
    let value = prop::option::of(bytes(300));
    (context, any::<(u64, u64, u8, u8)>(), bytes(MAX_KEY_BYTES), value).prop_map(
        |(context, (expires_at, hlc, kind, topic), key, value)| Draft {
            context: context
                .into_iter()
                .map(|(author, hlc)| Dot { hlc: Hlc::from_bits(hlc), ..dot(author) })
                .collect(),
            expires_at: Wall::from_millis(expires_at),
            hlc: Hlc::from_bits(hlc),
            key,
            kind: FactKind(kind),
            topic: TopicId(topic),
            value,
        },
    )
}

fn signed(draft: &Draft) -> Bytes {
    draft.sign(&author(), &home()).unwrap().bytes().clone()
}

fn dot(author: u8) -> Dot {
    Dot { author: NodeId::from_bytes([author; 32]), hlc: Hlc::MAX }
}

/// The name of the part that each byte of an encoded fact belongs to.
fn part_names(bytes: &Bytes) -> Vec<&'static str> {
    let envelope = Envelope::decode(bytes.clone(), &home()).unwrap();
    let (header, value) = (envelope.header(), envelope.value().unwrap());
    let parts = [
        ("kind", 1),
        ("proof", 1),
        ("signature", 64),
        ("header length", varint(envelope.header_bytes().len() as u64).len()),
        ("topic", 1),
        ("author", 32),
        ("key length", varint(header.key.len() as u64).len()),
        ("key", header.key.len()),
        ("hlc", 8),
        ("flags", 1),
        ("expires at", varint(header.expires_at.millis()).len()),
        ("value bytes", varint(u64::from(header.value_bytes)).len()),
        ("value hash", 32),
        ("dots", 1),
        ("context", header.context.len() * 40),
        ("option", 1),
        ("value length", varint(value.len() as u64).len()),
        ("value", value.len()),
    ];
    let names = parts.into_iter().flat_map(|(name, len)| std::iter::repeat_n(name, len));
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), bytes.len());
    names
}

/// Where a part begins.
fn start_of(part: &str, bytes: &Bytes) -> usize {
    part_names(bytes).iter().position(|name| *name == part).unwrap()
}

fn replaced(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

fn varint(number: u64) -> Vec<u8> {
    postcard::to_stdvec(&number).unwrap()
}

/// The number that begins here, in this many bytes more than it needs.
fn overlong(number: &[u8], more: usize) -> Vec<u8> {
    let (last, head) = number.split_last().unwrap();
    let mut bytes = [head, &[last | 0x80]].concat();
    bytes.resize(bytes.len() + more - 1, 0x80);
    bytes.push(0);
    bytes
}

const VALUE: &[u8] = b"value";
