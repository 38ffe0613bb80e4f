//! Talk: what two nodes say to one another; vouched for by the session, never relayed.

use postcard::ser_flavors::Flavor;
use postcard::serialize_with_flavor;
use serde::{Deserialize, Serialize};

use super::large::{AskChunks, Chunk, Large};
use super::record::FIRST_TALK;
use super::report::{Query, Report};
use crate::fact::{Signature, Why};
use crate::id::{BootId, NodeId};
use crate::sketch::{Cell, Census, Symbol};
use crate::state::{Item, Part, Point, Set, Span};
use crate::time::Epoch;

/// "These are the totals of my compared set": the first message of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Compare {
    /// Chosen by the initiator; answers repeat it.
    pub exchange: u32,
    /// The epoch whose compared set the fingerprint describes.
    pub epoch: Epoch,
    /// The set's fingerprint.
    pub fingerprint: [u8; 16],
    /// The first epoch whose dormant facts the initiator still has.
    pub floor: Epoch,
    /// The fingerprint of the dormant facts from `floor` to `epoch`; `None`: there are none.
    pub dormant: Option<[u8; 16]>,
    /// Whether the initiator takes facts.
    pub pull: bool,
    /// Whether the initiator gives facts.
    pub push: bool,
    /// Whether it wants a [`Receipt`], to let go of dormant facts.
    pub receipt: bool,
    /// More of the set, for who compares by sketches.
    pub glance: Option<Glance>,
}

/// What a [`Compare`] says of its set beyond the fingerprint: enough to read a difference of one, and
/// to guess how large another one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Glance {
    /// How many facts the set holds.
    pub entries: u64,
    /// The first counters of its census, the lower byte first.
    pub counters: [[u8; 2]; Self::COUNTERS],
    /// The first cell of its sketch.
    pub cell: Cell,
    /// The key of census and cells. With any but 0 this is an audit: then the fingerprint beside it is
    /// [`Row::digest`](crate::store::Row::digest) of the first 64 cells.
    pub key: u64,
}

impl Glance {
    /// How many counters travel. 24: the guess is off by 29 %, for 48 bytes.
    pub const COUNTERS: usize = 24;

    /// A glance at a set of so many facts, under key 0.
    #[must_use]
    pub fn new(entries: u64, census: &Census, cell: Cell) -> Self {
        let mut counters = [[0; 2]; Self::COUNTERS];
        for (bytes, counter) in counters.iter_mut().zip(census.counters()) {
            *bytes = counter.to_le_bytes();
        }
        Self { entries, counters, cell, key: 0 }
    }

    /// About how many facts are in one of two sets alone.
    #[must_use]
    pub fn difference(&self, census: &Census) -> f64 {
        census.difference(&self.counters.map(i16::from_le_bytes)).unwrap_or_default()
    }
}

/// Some cells of the sketch of a compared set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Cells {
    /// The initiator's number.
    pub exchange: u32,
    /// Which set they are of: the first bytes of its fingerprint. Cells of different sets do not go
    /// together.
    pub mark: [u8; 4],
    /// Whether whoever sends them takes facts.
    pub push: bool,
    /// The place of the first of them.
    pub from: u32,
    /// Where those end that are sent at once.
    pub upto: u32,
    /// How many it will probably take in all; 0: nobody guesses.
    pub likely: u32,
    /// The cells.
    pub cells: Vec<Cell>,
}

/// "Send me these cells of your compared set."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct More {
    /// The initiator's number.
    pub exchange: u32,
    /// The set's epoch.
    pub epoch: Epoch,
    /// Which set the cells are to go with. If it is another one by now, those before are sent
    /// as well, if all together are not too many.
    pub mark: [u8; 4],
    /// The first place.
    pub from: u32,
    /// Where they end.
    pub upto: u32,
    /// The key of the cells.
    pub key: u64,
}

/// "My compared set is equal to yours": the second message of most repairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Same {
    /// The initiator's number.
    pub exchange: u32,
    /// The first epoch of the dormant facts that `dormant` describes.
    pub floor: Epoch,
    /// The fingerprint of the answerer's dormant facts from `floor` to the initiator's epoch; `None`:
    /// there are none.
    pub dormant: Option<[u8; 16]>,
}

/// "I held this when it was durable": signed evidence that lets others drop dormant facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Receipt {
    /// The signer's start in which it was given: commits of different starts do not compare.
    pub boot: BootId,
    /// The exchange in which it was asked for.
    pub exchange: u32,
    /// The signer's commit number: everything compared was durable by it.
    pub commit: u64,
    /// R of the signature over the receipt.
    pub r: [u8; 32],
    /// s of the signature over the receipt.
    pub s: [u8; 32],
}

impl Receipt {
    /// The receipt with this signature.
    #[must_use]
    pub fn new(boot: BootId, exchange: u32, commit: u64, signature: Signature) -> Self {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        let (head, tail) = signature.as_bytes().split_at(32);
        r.copy_from_slice(head);
        s.copy_from_slice(tail);
        Self { boot, exchange, commit, r, s }
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let mut bytes = [0; 64];
        let (head, tail) = bytes.split_at_mut(32);
        head.copy_from_slice(&self.r);
        tail.copy_from_slice(&self.s);
        Signature::from_bytes(bytes)
    }
}

/// What one side says of a stretch of the time order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "the wire form of one record")]
pub enum RangeContent {
    /// Nothing to say: equal, or dealt with.
    Skip,
    /// Its fingerprint.
    Fingerprint([u8; 16]),
    /// All its items, in time order.
    Items(Vec<Item>),
}

/// A stretch of the time order; it begins where the one before it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct RangePart {
    /// Where it ends.
    #[serde(with = "super::cut")]
    pub upto: Point,
    /// What is said of it.
    pub content: RangeContent,
}

impl From<Part> for RangePart {
    fn from(part: Part) -> Self {
        Self { upto: part.upto, content: RangeContent::Fingerprint(part.fingerprint) }
    }
}

/// A step of a range comparison: consecutive stretches, asked or answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Ranges {
    /// The initiator's number.
    pub exchange: u32,
    /// The initiator's number of this step; 0 is the [`Compare`]. Answers repeat it.
    pub step: u32,
    /// Whether this is an answer.
    pub answer: bool,
    /// The set.
    pub set: Set,
    /// Whether the initiator takes facts.
    pub pull: bool,
    /// Whether the initiator gives facts.
    pub push: bool,
    /// Where the first part begins.
    #[serde(with = "super::cut")]
    pub from: Point,
    /// The parts.
    pub parts: Vec<RangePart>,
}

impl Ranges {
    /// The parts with their spans; refuses parts that do not ascend.
    ///
    /// # Errors
    /// [`Why::BadRecord`].
    pub fn spans(&self) -> Result<Vec<(Span, &RangeContent)>, Why> {
        let mut from = self.from;
        let mut spans = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            if part.upto <= from {
                return Err(Why::BadRecord);
            }
            spans.push((Span { from, upto: part.upto }, &part.content));
            from = part.upto;
        }
        Ok(spans)
    }
}

/// "Send me what you have of this stretch, in time order": the answer is facts, and [`Taken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Take {
    /// The initiator's number.
    pub exchange: u32,
    /// The initiator's number of this step.
    pub step: u32,
    /// The set.
    pub set: Set,
    /// Where the stretch begins.
    pub from: Point,
    /// Where it ends.
    pub upto: Point,
    /// How many bytes of facts are to come at most; the first one comes however large it is.
    pub bytes: u32,
}

/// "So far for now": sent after the facts that a [`Take`] has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct Taken {
    /// The initiator's number.
    pub exchange: u32,
    /// The initiator's number of this step.
    pub step: u32,
    /// How many facts were sent.
    pub facts: u32,
    /// Where to go on.
    pub upto: Point,
    /// How many facts of the stretch are left.
    pub left: u64,
}

/// "Ask this member for a sign of life, and tell me of it."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the wire form of one record")]
pub struct PingReq {
    /// The asker's number, which the answer repeats: [`Talk::Ack`] or [`Talk::Nack`].
    pub nonce: u32,
    /// Whom to ask.
    pub about: NodeId,
    /// How many milliseconds the asker waits. A Nack comes after four fifths of them.
    pub patience_ms: u32,
}

/// One thing that a node says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever hears talk must consider each form")]
pub enum Talk {
    /// The answer to a [`Ping`](Self::Ping), or what came of a [`PingReq`].
    Ack(u32),
    /// "Send me these rumors": those of an offer that the sender lacks, by the first 8 bytes of their
    /// ids.
    Ask(Vec<[u8; 8]>),
    /// "I serve as many as I may: try another." Names the exchange that is refused, or
    /// [none](Self::NO_EXCHANGE).
    Busy(u32),
    /// "May I talk about rumors with you in this round?"
    Call,
    /// Begin a repair.
    Compare(Compare),
    /// All facts of this step were sent, as far as they are held, but for some: together they were
    /// too much for one answer.
    Done {
        /// The initiator's number.
        exchange: u32,
        /// The step.
        step: u32,
        /// What to ask for next.
        rest: Vec<Symbol>,
    },
    /// Which pushed facts were new, by the first 8 bytes of their ids.
    Feedback {
        /// Those that were known.
        known: Vec<[u8; 8]>,
        /// Those that were not.
        new: Vec<[u8; 8]>,
    },
    /// "I have these rumors: ask for what you lack."
    Offer {
        /// The first 8 bytes of their ids, each with how many contacts in a row knew it already.
        rumors: Vec<([u8; 8], u32)>,
        /// Whether the sender wants to hear which are known.
        feedback: bool,
    },
    /// "Are you there?"
    Ping(u32),
    /// "Give me the rumors that you have and I have not": by the first 8 bytes of their ids.
    Pull(Vec<[u8; 8]>),
    /// A step of a range comparison.
    Ranges(Ranges),
    /// Evidence for letting go of dormant facts.
    Receipt(Receipt),
    /// The end of a comparison whose sets are equal.
    Same(Same),
    /// "You have lost state: here is your own receipt of a later commit."
    Stale(Receipt),
    /// "Give me these facts."
    Want {
        /// The initiator's number.
        exchange: u32,
        /// The step to repeat in [`Done`](Self::Done).
        step: u32,
        /// Their symbols.
        symbols: Vec<Symbol>,
    },
    /// "Go on": the answer to a [`Call`](Self::Call).
    Welcome,
    /// Cells of a compared set: the answer to a [`Compare`](Self::Compare) with a glance, or to a
    /// [`More`](Self::More).
    Cells(Cells),
    /// Ask for cells.
    More(More),
    /// "Here are facts that you lack: say so when they are there", which the answer
    /// [`Done`](Self::Done) does.
    Given {
        /// The initiator's number.
        exchange: u32,
        /// The step.
        step: u32,
    },
    /// Take a stretch.
    Take(Take),
    /// A part of a stretch was sent.
    Taken(Taken),
    /// A fact that no datagram carries may be taken in chunks.
    Large(Large),
    /// Ask for chunks.
    AskChunks(AskChunks),
    /// A chunk.
    Chunk(Chunk),
    /// Ask another member on our behalf.
    PingReq(PingReq),
    /// "Whom you made me ask has not answered me yet."
    Nack(u32),
    /// "How does the cluster look from there?"
    Query(Query),
    /// So it looks from here.
    Report(Report),
}

/// Encodes to the end of a buffer that is used again and again.
struct Appended<'a>(&'a mut Vec<u8>);

impl Flavor for Appended<'_> {
    type Output = ();

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl Talk {
    /// The number that no exchange of repair has: what [`Busy`](Self::Busy) names where a call is refused.
    pub const NO_EXCHANGE: u32 = 0;

    /// The stable names of all forms, kebab-case, in the order of their kinds on the wire.
    pub const NAMES: [&'static str; 29] = [
        "ack",
        "compare",
        "done",
        "feedback",
        "ping",
        "pull",
        "ranges",
        "receipt",
        "same",
        "stale",
        "want",
        "ask",
        "busy",
        "call",
        "offer",
        "welcome",
        "cells",
        "more",
        "given",
        "take",
        "taken",
        "large",
        "ask-chunks",
        "chunk",
        "",
        "ping-req",
        "nack",
        "query",
        "report",
    ];

    /// Replaces what a buffer holds by the record's body; its kind.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> u8 {
        fn body<T: Serialize>(out: &mut Vec<u8>, offset: u8, value: &T) -> u8 {
            out.clear();
            #[expect(clippy::expect_used, reason = "encoding into memory that grows cannot fail")]
            serialize_with_flavor(value, Appended(out)).expect("talk encodes");
            FIRST_TALK + offset
        }
        match self {
            Self::Ack(nonce) => body(out, 0, nonce),
            Self::Compare(compare) => body(out, 1, compare),
            Self::Done { exchange, step, rest } => body(out, 2, &(exchange, step, rest)),
            Self::Feedback { known, new } => body(out, 3, &(known, new)),
            Self::Ping(nonce) => body(out, 4, nonce),
            Self::Pull(have) => body(out, 5, have),
            Self::Ranges(ranges) => body(out, 6, ranges),
            Self::Receipt(receipt) => body(out, 7, receipt),
            Self::Same(same) => body(out, 8, same),
            Self::Stale(receipt) => body(out, 9, receipt),
            Self::Want { exchange, step, symbols } => body(out, 10, &(exchange, step, symbols)),
            Self::Ask(keys) => body(out, 11, keys),
            Self::Busy(exchange) => body(out, 12, exchange),
            Self::Call => body(out, 13, &()),
            Self::Offer { rumors, feedback } => body(out, 14, &(rumors, feedback)),
            Self::Welcome => body(out, 15, &()),
            Self::Cells(cells) => body(out, 16, cells),
            Self::More(more) => body(out, 17, more),
            Self::Given { exchange, step } => body(out, 18, &(exchange, step)),
            Self::Take(take) => body(out, 19, take),
            Self::Taken(taken) => body(out, 20, taken),
            Self::Large(large) => body(out, 21, large),
            Self::AskChunks(asked) => body(out, 22, asked),
            Self::Chunk(chunk) => body(out, 23, chunk),
            Self::PingReq(asked) => body(out, 25, asked),
            Self::Nack(nonce) => body(out, 26, nonce),
            Self::Query(query) => body(out, 27, query),
            Self::Report(report) => body(out, 28, report),
        }
    }

    /// Decodes a record's body; `None` when the kind is unknown.
    pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Option<Self>, Why> {
        fn whole<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Why> {
            let (value, rest) = postcard::take_from_bytes(body).map_err(|_| Why::BadRecord)?;
            if rest.is_empty() { Ok(value) } else { Err(Why::BadRecord) }
        }
        let talk = match kind.wrapping_sub(FIRST_TALK) {
            0 => Self::Ack(whole(body)?),
            1 => Self::Compare(whole(body)?),
            2 => whole(body).map(|(exchange, step, rest)| Self::Done { exchange, step, rest })?,
            3 => whole(body).map(|(known, new)| Self::Feedback { known, new })?,
            4 => Self::Ping(whole(body)?),
            5 => Self::Pull(whole(body)?),
            6 => Self::Ranges(whole(body)?),
            7 => Self::Receipt(whole(body)?),
            8 => Self::Same(whole(body)?),
            9 => Self::Stale(whole(body)?),
            10 => whole(body).map(|(exchange, step, symbols)| Self::Want {
                exchange,
                step,
                symbols,
            })?,
            11 => Self::Ask(whole(body)?),
            12 => Self::Busy(whole(body)?),
            13 => whole(body).map(|()| Self::Call)?,
            14 => whole(body).map(|(rumors, feedback)| Self::Offer { rumors, feedback })?,
            15 => whole(body).map(|()| Self::Welcome)?,
            16 => Self::Cells(whole(body)?),
            17 => Self::More(whole(body)?),
            18 => whole(body).map(|(exchange, step)| Self::Given { exchange, step })?,
            19 => Self::Take(whole(body)?),
            20 => Self::Taken(whole(body)?),
            21 => Self::Large(whole(body)?),
            22 => Self::AskChunks(whole(body)?),
            23 => Self::Chunk(whole(body)?),
            25 => Self::PingReq(whole(body)?),
            26 => Self::Nack(whole(body)?),
            27 => Self::Query(whole(body)?),
            28 => Self::Report(whole(body)?),
            _ => return Ok(None),
        };
        Ok(Some(talk))
    }
}
