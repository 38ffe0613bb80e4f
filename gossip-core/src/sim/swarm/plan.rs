//! A plan: what is done to a cluster, and when. Plain data, to be printed, cut and played again.

use std::fmt;
use std::time::Duration;

use crate::sim::{Burst, Delay};

/// What is done to a cluster, in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "whoever cuts a plan builds it literally")]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// How many of its steps are faults; the others are what applications do.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.steps.iter().filter(|step| step.act.is_fault()).count()
    }
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "whoever cuts a plan builds it literally")]
pub struct Step {
    /// When it begins.
    pub at: Duration,
    /// For how long; what has no length ends at once.
    pub lasts: Duration,
    /// What.
    pub act: Act,
}

impl Eq for Step {}

/// Something that is done to a cluster. Sides and sets of hosts have one bit for each.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever plays a plan must do all of them")]
pub enum Act {
    /// One bit of some packets flips, with this chance.
    Alter(f64),
    /// Each host sends so many bytes per second and queues so many.
    Bandwidth(u64, u64),
    /// Packets are lost in bursts.
    Burst(Burst),
    /// A host is down for this long; its disk kept what was synced.
    Crash(usize),
    /// A clock runs too fast by so many millionths.
    Drift(usize, i64),
    /// Packets arrive twice, with this chance.
    Duplicate(f64),
    /// A host has no room for exports.
    FailExports(usize),
    /// A disk fails all reads.
    FailReads(usize),
    /// A disk fails a write, and then all of them; afterwards its host starts anew.
    FailWrites(usize),
    /// Packets take longer.
    Late(Delay),
    /// A host leaves for good, and comes back as a newcomer when this ends.
    Leave(usize),
    /// Packets are lost, with this chance.
    Loss(f64),
    /// Packets from some hosts to others are lost.
    OneWay(u64, u64),
    /// Nothing passes between some hosts and the rest.
    Partition(u64),
    /// A host stands still.
    Pause(usize),
    /// A host is down, and comes back with what its disk held so long before.
    PutBack(usize, Duration),
    /// A reader asks for a key.
    Read(usize, u16),
    /// Packets are overtaken by those sent within this time, with this chance.
    Reorder(f64, Duration),
    /// A clock jumps by so many milliseconds, and back when this ends.
    Skew(usize, i64),
    /// A disk answers so much later, in any order within the second time, and is flushed so seldom.
    SlowDisk(usize, [Duration; 3]),
    /// A host says goodbye for now, and comes back when this ends.
    Stop(usize),
    /// A host is down for this long; its disk kept some of what was not synced.
    TornCrash(usize),
    /// An application writes a key.
    Write(usize, u16, Value),
}

/// What an application writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever plays a plan must do all of them")]
pub enum Value {
    /// A value of so many bytes.
    Bytes(usize),
    /// None: the key is deleted.
    Delete,
    /// A value that expires.
    Expires(Duration),
}

impl Act {
    /// Its kind's stable name, kebab-case.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Alter(_) => "alter",
            Self::Bandwidth(..) => "bandwidth",
            Self::Burst(_) => "burst",
            Self::Crash(_) => "crash",
            Self::Drift(..) => "drift",
            Self::Duplicate(_) => "duplicate",
            Self::FailExports(_) => "fail-exports",
            Self::FailReads(_) => "fail-reads",
            Self::FailWrites(_) => "fail-writes",
            Self::Late(_) => "late",
            Self::Leave(_) => "leave",
            Self::Loss(_) => "loss",
            Self::OneWay(..) => "one-way",
            Self::Partition(_) => "partition",
            Self::Pause(_) => "pause",
            Self::PutBack(..) => "put-back",
            Self::Read(..) => "read",
            Self::Reorder(..) => "reorder",
            Self::Skew(..) => "skew",
            Self::SlowDisk(..) => "slow-disk",
            Self::Stop(_) => "stop",
            Self::TornCrash(_) => "torn-crash",
            Self::Write(..) => "write",
        }
    }

    /// Every kind of fault.
    pub const FAULTS: [&'static str; 21] = [
        "alter",
        "bandwidth",
        "burst",
        "crash",
        "drift",
        "duplicate",
        "fail-exports",
        "fail-reads",
        "fail-writes",
        "late",
        "leave",
        "loss",
        "one-way",
        "partition",
        "pause",
        "put-back",
        "reorder",
        "skew",
        "slow-disk",
        "stop",
        "torn-crash",
    ];

    /// Whether it is a fault, or what an application does.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        !matches!(self, Self::Read(..) | Self::Write(..))
    }

    /// The host whose node does not run meanwhile.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most acts stop nobody")]
    #[must_use]
    pub const fn stops(&self) -> Option<usize> {
        match self {
            Self::Crash(host)
            | Self::FailWrites(host)
            | Self::Leave(host)
            | Self::PutBack(host, _)
            | Self::Stop(host)
            | Self::TornCrash(host) => Some(*host),
            _ => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8.3} s  ", self.at.as_secs_f64())?;
        if !self.lasts.is_zero() {
            write!(f, "for {:.3} s  ", self.lasts.as_secs_f64())?;
        }
        write!(f, "{}", self.act)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind())?;
        match self {
            Self::Alter(chance) | Self::Duplicate(chance) | Self::Loss(chance) => {
                write!(f, " with chance {chance}")
            }
            Self::Bandwidth(rate, queue) => write!(f, " {rate} B/s, queue {queue} B"),
            Self::Burst(burst) => write!(f, " {burst:?}"),
            Self::Crash(host)
            | Self::FailExports(host)
            | Self::FailReads(host)
            | Self::FailWrites(host)
            | Self::Leave(host)
            | Self::Pause(host)
            | Self::Stop(host)
            | Self::TornCrash(host) => write!(f, " of host {host}"),
            Self::Drift(host, millionths) => write!(f, " of host {host} by {millionths} ppm"),
            Self::Late(delay) => write!(f, " {delay:?}"),
            Self::OneWay(from, to) => write!(f, " from {} to {}", Hosts(*from), Hosts(*to)),
            Self::Partition(side) => write!(f, " of {}", Hosts(*side)),
            Self::PutBack(host, age) => write!(f, " on host {host} of {age:?} before"),
            Self::Read(host, key) => write!(f, " key-{key} at host {host}"),
            Self::Reorder(chance, by) => write!(f, " with chance {chance} by {by:?}"),
            Self::Skew(host, millis) => write!(f, " of host {host} by {millis} ms"),
            Self::SlowDisk(host, [latency, jitter, sync]) => {
                write!(f, " of host {host}: {latency:?} + {jitter:?}, flushed after {sync:?}")
            }
            Self::Write(host, key, value) => write!(f, " key-{key} at host {host}: {value:?}"),
        }
    }
}

/// A set of hosts.
struct Hosts(u64);

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = (0..64).filter(|host| self.0 >> host & 1 == 1).collect();
        write!(f, "{hosts:?}")
    }
}
