//! Counters: what a node did, refused and holds, for status lines and metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fact::Why;
use crate::store::StoreError;

/// A node in numbers. Counters start at zero with each start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How long it has run.
    pub uptime: Duration,
    /// Members by status: alive (ourselves included), suspect, dead, left.
    pub peers: PeerCounts,
    /// What waits where, by name.
    pub queues: BTreeMap<&'static str, usize>,
    /// Live members that the main channel is repaired with.
    pub partners: usize,
    /// Those of them with whom the last comparison ended equal, and no fact was merged since.
    pub equal_partners: usize,
    /// Rumor rounds of all channels.
    pub rounds: u64,
    /// Frames.
    pub wire: WireCounts,
    /// What was sent to find out who is alive.
    pub detector: DetectorCounts,
    /// Signatures.
    pub verify: VerifyCounts,
    /// Rejections by reason.
    pub rejected: BTreeMap<Why, u64>,
    /// Facts from the future that were parked until their time came.
    pub parked: u64,
    /// Deletions that every member confirmed, dropped.
    pub collected: u64,
    /// Facts that arrived although they were known.
    pub duplicates: u64,
    /// Facts sent, counted per recipient.
    pub facts_sent: u64,
    /// Members that were told that we are busy, for a connection limit was reached.
    pub refused: u64,
    /// Facts of others that were told on although the store could not keep them.
    pub relayed: u64,
    /// Whether this node is handing out its own writes, to take the cluster's state anew.
    pub renewing: bool,
    /// What is being taken from partners in the main channel, while this node holds next to nothing of it.
    pub taking: Option<Taking>,
    /// Records that fit no frame and were not sent: a configuration beyond what frames carry.
    pub unsendable_records: u64,
    /// Records of kinds that this version does not know.
    pub unknown_records: u64,
    /// How the store fares.
    pub store: StoreStatus,
}

/// How far a transfer has come: whole stretches of the state, taken from several partners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Taking {
    /// Facts that were sent so far.
    pub taken: u64,
    /// About how many are left: partners say so of what was begun, and the rest is taken to be alike.
    pub left: u64,
    /// How many partners send them.
    pub partners: usize,
}

/// How a store fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStatus {
    /// What kind it is, such as `memory`; filled in by the driver.
    pub kind: &'static str,
    /// The main channel's last commit. The upper 32 bits count how often its state was taken anew.
    pub commit: u64,
    /// The last commit that is known to be durable. At the start: what the store came back with.
    pub durable: u64,
    /// Why it failed, if it has since the start.
    pub reason: Option<String>,
    /// Whether it refuses writes until a restart: own writes are refused, others' facts are told on
    /// without being kept.
    pub read_only: bool,
}

impl StoreStatus {
    /// Whether it has not failed since the start.
    #[must_use]
    pub const fn is_healthy(&self) -> bool {
        self.reason.is_none()
    }

    /// Takes note of a failure; whether it is news.
    pub(crate) fn failed(&mut self, error: &StoreError) -> bool {
        let ends_writing = match error {
            StoreError::Closed | StoreError::Poisoned { .. } => true,
            StoreError::Refused { .. } | StoreError::Unreadable { .. } => false,
        };
        let is_news = self.is_healthy() || (ends_writing && !self.read_only);
        if is_news {
            self.reason = Some(error.to_string());
        }
        self.read_only |= ends_writing;
        is_news
    }
}

/// Members by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct PeerCounts {
    /// Alive, ourselves included.
    pub alive: usize,
    /// Suspect.
    pub suspect: usize,
    /// Dead.
    pub dead: usize,
    /// Left.
    pub left: usize,
    /// Evicted.
    pub evicted: usize,
}

/// Frames and their bytes, headers of lower layers excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct WireCounts {
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes that compression kept from being sent.
    pub spared_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Frames sent.
    pub sent_frames: u64,
    /// Frames received.
    pub received_frames: u64,
}

/// Records sent to find out who is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct DetectorCounts {
    /// Probes, on our own behalf or for others.
    pub pings: u64,
    /// Answers to them, and those passed on to who asked.
    pub acks: u64,
    /// Members asked to probe others.
    pub requests: u64,
    /// Askers told that there was no answer in time.
    pub nacks: u64,
    /// Accusations signed.
    pub accusations: u64,
}

/// What became of facts' signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct VerifyCounts {
    /// Checked.
    pub checked: u64,
    /// Not checked, for the fact was known, pending or obsolete.
    pub skipped_known: u64,
    /// Checked and false.
    pub failed: u64,
}
