//! How rumors are told: the strategy's parameters.

use std::time::Duration;

use crate::strategy::Direction;

/// To whom a rumor is never told (capability G6). On in nodes, off in the classic scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct Exclusions {
    /// Not to a node that it was already sent to.
    pub recipients: bool,
    /// Not back to the node that brought it.
    pub sender: bool,
}

/// How rumors are told.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct RumorConfig {
    /// Which way rumors flow. Default push-pull.
    pub direction: Direction,
    /// How often a fresh fact is pushed before its first round, each time to `fan_out` partners: as soon
    /// as it is merged, whole, and again by its id after each eighth of a period. Default 2: with a
    /// fan-out of 3, six contacts miss one of 400 nodes. 0: rounds alone, as in the classic papers, and
    /// always where partners are called first or counters compared. More costs as many small messages at each node.
    pub eager: u32,
    /// To whom rumors are never told. Default: both.
    pub exclusions: Exclusions,
    /// Partners per round. Default 3 (capability G6).
    pub fan_out: usize,
    /// Time between rounds. Default 1 s (capability G6).
    pub period: Duration,
    /// Ids that one pull names, so that these rumors are not sent: the latest of those told here, at
    /// most 64, which leaves room for facts in the same datagram. Default 64; 0 as in the classic
    /// papers, where the partner sends whatever it tells.
    pub names: usize,
    /// Periods of age from which on a fact is not sent whole but offered by its id, and sent to who
    /// asks: one more round trip, and hardly anybody gets it twice. Default `u32::MAX`: never, for a small
    /// fact costs little more than its id; 0: always.
    pub offer_after: u32,
    /// Bytes of a fact beyond which it is offered by its id, whatever its age: what is told to three
    /// partners at once most of them would get more than once. Default 8 KiB (a guess: what is worth a
    /// stream); `usize::MAX`: never.
    pub offer_bytes: usize,
    /// How long a fact that was asked for is not asked of anybody else; then who offered it last is asked. Default 1 s (a guess: more than
    /// any round trip on earth). Shorter brings copies for nothing, longer delays what was lost.
    pub ask_timeout: Duration,
    /// Whether only the smaller of two counters is incremented where both partners know a rumor, both
    /// if they are equal (Demers et al. 1987, section 1.4): with push-pull and a counter it leaves the
    /// smallest residue. Facts are offered by their ids then. Default false.
    pub minimize: bool,
    /// Most partners that are served between two rounds; others are told that we are busy. 0: no limit,
    /// which is the default. With a limit each contact begins with a call, one more round trip: set it
    /// alike on all nodes, and not below their fan-out if they hunt.
    pub connection_limit: u32,
    /// How many other partners are tried, one after the other, in place of one that is busy. Default 0;
    /// `u32::MAX`: all there are.
    pub hunt: u32,
    /// Periods between two rounds while nothing is told, where rumors flow both ways; news
    /// ends the pause. A round after such a pause pulls from one partner (measured: 99 of 100 missed updates come
    /// within 3.75 s instead of 3.6 with `fan_out` partners, for two thirds of the bytes at rest; 60 runs of the
    /// scenario `outages`, 200 nodes). Default 4 (a guess).
    /// 1: a round in each period, as in the classic papers, two messages to `fan_out` partners for nothing. More, and who
    /// was missed by all pushes waits for repair.
    pub quiet: u32,
    /// Most rumors told at a time; beyond it the oldest ends early and repair carries it.
    /// Default 4,096 (a guess).
    pub hot_facts: usize,
    /// Most bytes of rumors told at a time, and of ended ones that may still be asked for, which go first;
    /// beyond it the oldest ends early as well. Default 16 MiB
    /// (a guess: 4,096 facts of 4 KiB).
    pub hot_bytes: usize,
    /// Most bytes told to one partner per round; a larger fact has a round of its own. Default 64 KiB (a guess: a third of the
    /// receive buffer that Linux grants without being asked).
    pub partner_bytes: usize,
    /// Rounds after which any rumor ends, whatever its rule says. Default 32 (a guess: a rumor
    /// needs about log n rounds); `u32::MAX`: never.
    pub rounds: u32,
    /// Whether the first round comes at a random moment of the first period, so that nodes started
    /// together do not act together. Default true; off, it comes one period after the start, as in
    /// the classic papers' synchronous cycles.
    pub stagger: bool,
}

impl Default for RumorConfig {
    fn default() -> Self {
        Self {
            direction: Direction::PushPull,
            eager: 2,
            exclusions: Exclusions { recipients: true, sender: true },
            fan_out: 3,
            period: Duration::from_secs(1),
            names: 64,
            offer_after: u32::MAX,
            offer_bytes: 8 * 1024,
            ask_timeout: Duration::from_secs(1),
            minimize: false,
            connection_limit: 0,
            hunt: 0,
            quiet: 4,
            hot_facts: 4_096,
            hot_bytes: 16 * 1024 * 1024,
            partner_bytes: 64 * 1024,
            rounds: 32,
            stagger: true,
        }
    }
}
