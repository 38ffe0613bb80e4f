//! What a repair can be told.

use std::time::Duration;

use crate::strategy::Direction;

/// How a difference is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a strategy is one of these")]
pub enum Method {
    /// By as many cells of a sketch as the first message lets expect; by ranges where nearly
    /// everything differs, or more than sketches are made for.
    Adaptive,
    /// By ranges alone.
    Range,
    /// By cells of a sketch, little by little until they are enough; nothing is guessed.
    Rateless,
}

/// How replicas are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct RepairConfig {
    /// Bytes of unmerged facts above which a node asks for no more. Default 512 KiB (a guess:
    /// a quarter of what a peer may have in the pipeline).
    pub backlog_bytes: usize,
    /// The chance that a round takes place. Default 1 (capability G4).
    pub chance: f64,
    /// Most partners whose comparisons are begun with us in one period; others are told that we are
    /// busy. Default 0: no limit. With the full digest each of its questions counts, not only the first.
    pub connection_limit: u32,
    /// Which way facts flow; push-then-pull counts as push-pull. Default push-pull.
    pub direction: Direction,
    /// Compare one fingerprint of everything first. Default true; off, and with an infinite
    /// leaf, a round is the classic push, pull or push-pull of 1, 2 or 3 messages.
    pub fingerprint_first: bool,
    /// How a difference is found once fingerprints differ. Default adaptive.
    pub method: Method,
    /// How many other partners are tried, one after the other, in place of one that is busy. Default 0;
    /// `u32::MAX`: all there are.
    pub hunt: u32,
    /// Ranges of at most so many facts are listed. Default 24: a list fits a datagram.
    pub leaf: usize,
    /// Time between rounds while something changes. Default 2 s (a guess: two rumor rounds).
    pub period: Duration,
    /// Time between rounds when nothing has changed for long: each equal round doubles the
    /// period up to this. Default 16 s (a guess).
    pub period_max: Duration,
    /// How long an answer may take before the question is repeated. Default 1 s (a guess: more
    /// than any round trip on earth).
    pub reply_timeout: Duration,
    /// Whether rounds come at random moments: the first within a quarter of a period, and later pauses vary
    /// by an eighth, so that two nodes do not meet at the same second of every minute, always
    /// straddling an epoch. Default true; off, a round comes each period from the start on, as in
    /// the classic papers' synchronous cycles.
    pub stagger: bool,
    /// How many parts a range is split into. Default 16 (as negentropy does).
    pub ways: usize,
    /// Most unanswered questions of an exchange; it starts at 4 and adapts. Default 16: each may
    /// bring two leaves of facts, which together stay within what one peer may have waiting.
    pub window: usize,
}

impl Default for RepairConfig {
    fn default() -> Self {
        Self {
            backlog_bytes: 512 * 1024,
            chance: 1.0,
            connection_limit: 0,
            direction: Direction::PushPull,
            fingerprint_first: true,
            hunt: 0,
            leaf: 24,
            method: Method::Adaptive,
            period: Duration::from_secs(2),
            period_max: Duration::from_secs(16),
            reply_timeout: Duration::from_secs(1),
            stagger: true,
            ways: 16,
            window: 16,
        }
    }
}
