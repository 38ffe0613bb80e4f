//! How a SWIM detector probes, suspects and convicts: its parameters, and what they are in the papers.

use std::time::Duration;

/// How a [`Swim`](super::Swim) detector probes, suspects and convicts.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configuration builds it literally")]
pub struct SwimConfig {
    /// Time between two probes of a node. Each member is probed about once in it by somebody. Default
    /// 250 ms: eight records of some 30 bytes a second, and a crash is asked about within 0.25 s on average,
    /// 1.7 s in 999 of 1,000 cases (measured: docs/algorithms/detection.md).
    pub period: Duration,
    /// How long an answer to a probe is waited for before other members are asked to probe; with `adapt`
    /// only while no round trip is known. Default 500 ms (Lifeguard).
    pub timeout: Duration,
    /// Whether the wait follows each member's round trips: smoothed, and four times their deviation on
    /// top (as TCP does, RFC 6298), never less than `least_timeout`. Default true.
    pub adapt: bool,
    /// The shortest wait with `adapt`. Default 100 ms (a guess: what a busy process takes to be run).
    pub least_timeout: Duration,
    /// Whether one prober makes all probes, as memberlist's does: it begins the next one when the last is over, and while
    /// [its words are held](super::super::Detector::held) it waits. Health stretches its waits alone. Default false: the next
    /// probe begins after a period, whatever became of the last.
    pub serial: bool,
    /// After so long without any answer a probe has failed; with `adapt` after three waits, if that is
    /// longer. Default 600 ms. In the papers: the period.
    pub patience: Duration,
    /// Whether who does not answer is asked again after each wait until the patience ends. Default true: at 30 % loss one
    /// probe in a hundred fails, and not one in five; it costs nothing while answers come.
    pub retry: bool,
    /// Members that are asked to probe who does not answer. Default 3 (memberlist); 1 in SWIM's runs.
    pub indirect: usize,
    /// Whether a stream is tried beside them, where one leads there. Default true (memberlist).
    pub stream: bool,
    /// Highest local health score; periods and waits are multiplied by it plus one. Each failed probe, each answer that
    /// an asked member owes us and each accusation of ourselves adds one; each probe answered takes one.
    /// Default 8 (Lifeguard); 0: none.
    pub health: u32,
    /// The shortest suspicion: this times log10 of the members, or 1 if that is more, times the period.
    /// Default 3: with the short period 1.6 s at 128 members, so that a crash is found within 3 s (measured:
    /// docs/algorithms/detection.md). 4 in memberlist.
    pub alpha: f64,
    /// The longest suspicion, as a multiple of the shortest. Default 3. 1: all are alike.
    pub beta: f64,
    /// With so many accusers beyond the first a suspicion is the shortest. Default 3 (Lifeguard).
    pub confirmations: u32,
    /// Whether who is suspect is shown what it is accused of with each probe. Default true (Lifeguard).
    pub buddy: bool,
    /// Whether any frame of a member is a sign of life, and not only what it says of itself. Default true.
    pub any_sign: bool,
    /// Whether who hears from nobody, or was not run in time, judges nobody. Default true: a node that is
    /// paused or cut off finds everybody silent. After `alone` it suspects all of them.
    pub guard: bool,
    /// For how long who hears from nobody at all suspects nobody; it convicts nobody for five times that, and
    /// accuses nobody. Default 30 s (a guess: longer than a pause that one would call short). Longer: the last
    /// one of three or more that lives takes longer to find out.
    pub alone: Duration,
    /// Whether a member is asked once more, by all ways, before it is called dead. Default true.
    pub last_attempt: bool,
    /// Whether what others say is a verdict: "dead" (SWIM's Confirm), and a word of itself that somebody brought
    /// after it was dead. Default false: then the one is a reason to suspect it, the other to ask it. Off in the
    /// papers' settings too, where memberlist has it: Lifeguard's authors count every failure that a member reports,
    /// also one that it was told of. What that changes in their figures is not measured.
    pub hearsay: bool,
    /// How long a return from suspicion or death makes the next suspicion of that member longer, each by
    /// half, up to four times. Default 60 s (a guess); zero: never.
    pub damping: Duration,
}

impl Default for SwimConfig {
    fn default() -> Self {
        Self {
            period: Duration::from_millis(250),
            timeout: Duration::from_millis(500),
            adapt: true,
            least_timeout: Duration::from_millis(100),
            serial: false,
            patience: Duration::from_millis(600),
            retry: true,
            indirect: 3,
            stream: true,
            health: 8,
            alpha: 3.0,
            beta: 3.0,
            confirmations: 3,
            buddy: true,
            any_sign: true,
            guard: true,
            alone: Duration::from_secs(30),
            last_attempt: true,
            hearsay: false,
            damping: Duration::from_secs(60),
        }
    }
}

impl SwimConfig {
    /// SWIM as Lifeguard's authors measured it: a period of 1 s, suspicion of 5 log10 n periods, three
    /// indirect probes, none of Lifeguard's components (arXiv:1707.00788, section V).
    #[must_use]
    pub const fn swim() -> Self {
        Self {
            period: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            adapt: false,
            least_timeout: Duration::from_millis(500),
            serial: true,
            patience: Duration::from_secs(1),
            retry: false,
            indirect: 3,
            stream: false,
            health: 0,
            alpha: 5.0,
            beta: 1.0,
            confirmations: 3,
            buddy: false,
            any_sign: false,
            guard: false,
            alone: Duration::ZERO,
            last_attempt: false,
            hearsay: false,
            damping: Duration::ZERO,
        }
    }

    /// SWIM with all of Lifeguard's components, at its authors' (α, β) = (5, 6).
    #[must_use]
    pub const fn lifeguard() -> Self {
        Self { health: 8, beta: 6.0, buddy: true, ..Self::swim() }
    }
}
