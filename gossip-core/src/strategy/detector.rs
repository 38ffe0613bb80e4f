//! Who is alive. It is told of signs of life, and answers with findings; it sends nothing itself.

mod heartbeat;
mod phi_accrual;
#[cfg(test)]
mod scene;
mod swim;

use std::fmt::Debug;
use std::time::Duration;

pub use self::heartbeat::{Heartbeat, HeartbeatConfig};
pub use self::phi_accrual::{PhiAccrual, PhiConfig, PhiFormula};
pub use self::swim::{Swim, SwimConfig};
use crate::id::NodeId;
use crate::rng::Rng;
use crate::time::Mono;

/// A wake-up that comes so much later than asked for says that this process, or its machine, stood
/// still (a guess: what a scheduler on a busy machine may take).
pub(crate) const LATE: Duration = Duration::from_millis(500);

/// What a detector concludes about a member, or wants tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a node must act on each of them")]
pub enum Finding {
    /// It was suspected or dead, and gives a sign of life.
    Alive(NodeId),
    /// It stayed silent through all attempts to reach it.
    Dead(NodeId),
    /// It is silent: attempts to reach it go on.
    Suspect(NodeId),
    /// Tell everybody that it does not answer us.
    Accuse(NodeId),
    /// Tell everybody that it is dead, for those who take a word for it.
    Convict(NodeId),
    /// Ask it for a sign of life.
    Probe(NodeId),
    /// The same, and show it first what it is accused of.
    Warn(NodeId),
    /// The same over a stream, where one leads there.
    ProbeByStream(NodeId),
    /// Ask a member to probe another one, and to say so either way within this time.
    Ask {
        /// Who is asked.
        helper: NodeId,
        /// Who is to be probed.
        about: NodeId,
        /// How long we wait for an answer.
        patience: Duration,
    },
}

/// Something that bears upon whether a member is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a detector must consider each of them")]
pub enum Sign {
    /// A frame of its arrived, whatever it says.
    Heard,
    /// It answered our probe, after so long.
    Answered(Duration),
    /// A member that we asked had an answer of it.
    Vouched,
    /// A member that we asked had no answer of it in time, and says so.
    Missed,
    /// So many members, perhaps we among them, say that it does not answer them.
    Accused(u32),
    /// Somebody says that it is dead.
    Convicted,
    /// It said something newer than whatever it is accused of; others brought that.
    Renewed,
}

/// Time, randomness, and a place for findings: made anew for each call.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "drivers of a single slot build it literally")]
pub struct DetectorCx<'a> {
    /// Where findings go.
    pub findings: &'a mut Vec<Finding>,
    /// What time it is.
    pub now: Mono,
    /// The slot's own generator.
    pub rng: &'a mut Rng,
}

impl DetectorCx<'_> {
    fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// Decides from signs of life who is alive.
///
/// Laws: silence leads to suspicion and to attempts to reach the node, and only their failure to
/// death (complete); without loss and crashes it suspects nobody (silent); who is dead and heard of
/// again is alive at once.
pub trait Detector: Debug + Send {
    /// The detector's name in configuration.
    fn name(&self) -> &'static str;

    /// Begin to watch a member; now counts as a sign of life. No effect if it is watched.
    fn watch(&mut self, cx: &mut DetectorCx<'_>, member: NodeId);

    /// Stop watching a member: it left.
    fn forget(&mut self, member: NodeId);

    /// Something bears upon a member. No effect if it is not watched.
    fn sign(&mut self, cx: &mut DetectorCx<'_>, member: NodeId, sign: Sign);

    /// Somebody accuses us: perhaps it is we who are slow.
    fn accused(&mut self, _cx: &mut DetectorCx<'_>) {}

    /// From now on what we say is held back until it is not (`true`), or no more.
    fn held(&mut self, _cx: &mut DetectorCx<'_>, _held: bool) {}

    /// How many accusers of one word of a member are worth telling everybody; 0: none.
    fn accusers(&self) -> u32 {
        0
    }

    /// When a frame of a member last arrived; `None`: none did, or nothing is known of that.
    fn heard(&self, _member: &NodeId) -> Option<Mono> {
        None
    }

    /// Until when a member is suspected, and whether the last attempt to reach it is under way; `None`: it
    /// is not suspected, or nothing is known of that.
    fn suspicion(&self, _member: &NodeId) -> Option<(Mono, bool)> {
        None
    }

    /// Finds what is due.
    fn poll(&mut self, cx: &mut DetectorCx<'_>);

    /// When `poll` is worth calling next.
    fn deadline(&self) -> Option<Mono>;
}
