//! No incarnation is used twice.

use super::{Checker, Observation, PerHost, Sight};
use crate::io::Output;
use crate::store::{MetaName, StoreOp};

/// Every start of a node, and every time that it goes beyond somebody with its key, takes an
/// incarnation above all that it had made durable before.
#[derive(Debug, Default)]
pub struct Lives(PerHost<Life>);

#[derive(Debug, Default)]
struct Life {
    /// The highest that others may know of.
    durable: u64,
    unsynced: u64,
}

impl Checker for Lives {
    fn name(&self) -> &'static str {
        "lives"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let life = self.0.of(sight.host());
        match what {
            Observation::Output(Output::Store(_, StoreOp::Remember { name, value })) => {
                let bytes = value.as_ref().and_then(|bytes| bytes.as_ref().try_into().ok());
                let (MetaName::Incarnation, Some(bytes)) = (name, bytes) else { return };
                let incarnation = u64::from_be_bytes(bytes);
                if incarnation <= life.durable {
                    let before = life.durable;
                    broken.push(format!("incarnation {incarnation} comes after {before}"));
                }
                life.unsynced = incarnation;
            }
            Observation::Flushed => life.durable = life.durable.max(life.unsynced),
            // Who goes back to a backup finds out from others what it had.
            Observation::PutBack => *life = Life::default(),
            Observation::Applied { .. }
            | Observation::Crashed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::Started(_) => {}
        }
    }
}
