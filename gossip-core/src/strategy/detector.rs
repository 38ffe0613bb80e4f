//! Who is alive. A policy: it is told of signs of life and answers with findings.

mod heartbeat;

use std::fmt::Debug;

pub use self::heartbeat::{Heartbeat, HeartbeatConfig};
use crate::id::NodeId;
use crate::time::Mono;

/// What a detector concludes about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "peering must act on each of them")]
pub enum Finding {
    /// It was silent, suspected or dead, and gives a sign of life.
    Alive(NodeId),
    /// It stayed silent through all attempts to reach it.
    Dead(NodeId),
    /// Try to reach it.
    Probe(NodeId),
    /// It is silent: attempts to reach it go on.
    Suspect(NodeId),
}

/// Decides from signs of life who is alive.
///
/// Laws: silence leads to suspicion and to attempts to reach the node, and only their failure to
/// death (complete); without loss and crashes it finds nothing (silent).
pub trait Detector: Debug + Send {
    /// The detector's name in configuration.
    fn name(&self) -> &'static str;

    /// Begin to watch a member; `now` counts as a sign of life. No effect if it is watched.
    fn watch(&mut self, now: Mono, member: NodeId);

    /// Stop watching a member: it left.
    fn forget(&mut self, member: NodeId);

    /// A sign of life: any authenticated exchange, or a newer alive fact.
    fn heard(&mut self, now: Mono, member: NodeId) -> Option<Finding>;

    /// Findings that are due.
    fn poll(&mut self, now: Mono) -> Vec<Finding>;

    /// When `poll` is worth calling next.
    fn deadline(&self) -> Option<Mono>;
}
