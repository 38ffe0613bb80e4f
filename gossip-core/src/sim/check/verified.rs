//! Nothing is merged that its author did not sign.

use super::{Checker, Observation, Sight, inserted, named};
use crate::fact::{Domain, Job, Verdict, Verifier};
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
            let config = sight.world().configuration(sight.host());
            let cluster = config.map_or("", |config| config.cluster.as_str());
            Domain::new(ClusterId::from_name(cluster), sight.shard().channel)
        });
        let facts: Vec<_> = inserted(op, reply).cloned().collect();
        for verdict in Job::new(domain.clone(), facts).run(&Verifier::simulated()) {
            if let Verdict::Bad(fact, why) = verdict {
                broken.push(format!("merged although {why}: the {}", named(&fact)));
            }
        }
    }
}
