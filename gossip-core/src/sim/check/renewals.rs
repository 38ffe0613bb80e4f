//! Nobody forgets its state without a reason.

use super::{Checker, Observation, PerHost, Sight};
use crate::io::{Event, Output};
use crate::store::{MetaName, StoreOp};

/// A node forgets what it holds only if it came back from a goodbye for good, or on an older content
/// of its disk. Each reason is good for one renewal.
#[derive(Debug, Default)]
pub struct Renewals(PerHost<bool>);

impl Checker for Renewals {
    fn name(&self) -> &'static str {
        "renewals"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let has_reason = self.0.of(sight.host());
        match what {
            Observation::PutBack => *has_reason = true,
            Observation::Started(restored) => {
                *has_reason |= restored.meta.contains_key(&MetaName::Left);
            }
            Observation::Output(Output::Event(Event::Renewed { .. })) => *has_reason = false,
            Observation::Applied { op: StoreOp::Wipe { .. }, reply: Ok(_) } if !*has_reason => {
                broken.push(String::from("forgets everything, and has lost nothing"));
            }
            Observation::Applied { .. }
            | Observation::Crashed
            | Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_) => {}
        }
    }
}
