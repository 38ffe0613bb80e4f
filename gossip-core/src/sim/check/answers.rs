//! Every command is answered, once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Checker, Observation, PerHost, Sight};
use crate::io::{Input, Output, RequestId};
use crate::sim::World;
use crate::time::Mono;

/// A node that goes on running answers every command, and none twice.
#[derive(Debug, Default)]
pub struct Answers(PerHost<BTreeMap<RequestId, Mono>>);

/// No disk and no goodbye takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

impl Checker for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let open = self.0.of(sight.host());
        match what {
            Observation::Input(Input::Command(request, _)) => {
                open.insert(*request, sight.now().mono);
            }
            Observation::Output(Output::Answer(request, answer)) => {
                if open.remove(request).is_none() {
                    broken.push(format!("nobody asked for {answer:?}"));
                }
            }
            Observation::Crashed => open.clear(),
            Observation::Applied { .. }
            | Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::PutBack
            | Observation::Started(_) => {}
        }
    }

    fn finish(&mut self, world: &World, broken: &mut Vec<(usize, String)>) {
        for host in (0..world.len()).filter(|host| world.node(*host).is_some()) {
            for (request, asked) in self.0.of(host) {
                if world.now().since(*asked) > PATIENCE {
                    broken.push((host, format!("{request:?} is not answered since {asked:?}")));
                }
            }
        }
    }
}
