//! The simulator: production nodes, virtual time, one seed.
//!
//! A run is a function of (seed, script): everything happens in (time, sequence) order, packets
//! are ruled by value, disks lag and lose what was not synced, clocks are skewed, nodes crash and
//! restart. Signatures are simulated ([`SimKeys`](crate::fact::SimKeys)); everything else is what
//! production runs.

mod agenda;
mod anomaly;
pub mod check;
pub mod detect;
mod disk;
mod driver;
mod ear;
pub mod epidemic;
pub mod healing;
mod host;
pub mod joining;
mod meter;
pub mod outages;
pub mod reconcile;
mod rule;
pub mod swarm;
pub mod tombstones;
mod watch;
mod world;

pub use self::anomaly::{Anomaly, SOCKET_BYTES, STUCK_FRAMES, Spells};
pub use self::disk::{Crash, Disk, DiskCounts, Fault};
pub use self::host::MakeStrategies;
pub use self::meter::Sent;
pub use self::rule::{
    Burst, Delay, Packet, Rule, RuleId, Verdict, alter, bandwidth, burst, cut, delay, duplicate,
    during, jitter, late, loss, one_way, reorder,
};
pub use self::world::World;
use crate::time::Wall;

/// When every simulation begins: an arbitrary instant, so that failures replay exactly.
pub const START: Wall = Wall::from_millis(1_800_000_000_000);
