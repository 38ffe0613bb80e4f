//! Nothing from the future is merged, and nothing expires before its time.

use super::{Checker, Observation, PerHost, Sight, inserted, named};
use crate::config::SKEW;
use crate::io::{Change, Event, Output};
use crate::time::Wall;

/// No store inserts another author's fact that is dated further ahead of its host's clock than the
/// allowed skew, and nothing is announced as expired while it lives.
#[derive(Debug, Default)]
pub struct Clocks(PerHost<Wall>);

impl Checker for Clocks {
    fn name(&self) -> &'static str {
        "clocks"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        // A clock may be set back while a fact is on its way through the pipeline.
        let latest = self.0.of(sight.host());
        *latest = sight.now().wall.max(*latest);
        match what {
            Observation::Applied { op, reply } => {
                let me = sight.me();
                for fact in inserted(op, reply).filter(|fact| fact.author() != me) {
                    if fact.hlc().wall() > *latest + SKEW {
                        broken.push(format!("merged from the future: the {}", named(fact)));
                    }
                }
            }
            Observation::Output(Output::Event(Event::Changed {
                change: Change::Expire,
                fact,
                ..
            })) => {
                if fact.expires_at() > *latest {
                    broken.push(format!("expired early: the {}", named(fact)));
                }
            }
            Observation::Crashed => *latest = Wall::ZERO,
            Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::PutBack
            | Observation::Started(_) => {}
        }
    }
}
