//! Nothing is merged that its author did not sign.

use super::{Checker, Observation, Sight, inserted, named};
use crate::fact::{Domain, Keys as _, SimKeys};
use crate::id::ClusterId;

/// Every fact that a store inserts has its author's signature.
#[derive(Debug, Default)]
pub struct Signatures {
    domain: Option<Domain>,
}

impl Checker for Signatures {
    fn name(&self) -> &'static str {
        "signatures"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let Observation::Applied { op, reply } = what else { return };
        let domain = self.domain.get_or_insert_with(|| {
            let config = sight.world().configuration(sight.host()).map(crate::config::Config::spec);
            let cluster = config.map_or("", |config| config.cluster.as_str());
            Domain::new(ClusterId::from_name(cluster), sight.shard().channel)
        });
        // Not by a verifier: that is what is watched.
        let (keys, mut message) = (SimKeys::new(0), Vec::new());
        for fact in inserted(op, reply) {
            domain.signed_bytes(fact.kind(), fact.header_bytes(), &mut message);
            if !keys.vouches(fact.author(), fact.signature(), &message) {
                broken.push(format!("merged, and its author never signed it: the {}", named(fact)));
            }
        }
    }
}
