//! Nothing from the future is merged, and nothing expires before its time.

use std::time::Duration;

use super::{Checker, Observation, PerHost, Sight, inserted, named};
use crate::config::SKEW;
use crate::io::{Change, Event, Output};
use crate::time::{Mono, Wall};

/// No store inserts another author's fact that is dated further ahead of its host's clock than the
/// allowed skew, and nothing is announced as expired while it lives.
#[derive(Debug, Default)]
pub struct Clocks(PerHost<Latest>);

/// The latest that a host's clock has shown of late.
#[derive(Debug, Default)]
struct Latest {
    at: Mono,
    wall: Wall,
}

/// A fact is on its way through the pipeline for so long at most: a slow disk's answer and its
/// flush take 4 s, a pause may come between.
const PIPELINE: Duration = Duration::from_secs(10);

impl Checker for Clocks {
    fn name(&self) -> &'static str {
        "clocks"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        // A clock may be set back while a fact is on its way through the pipeline.
        let latest = self.0.of(sight.host());
        let now = sight.now();
        if now.wall >= latest.wall || now.mono > latest.at + PIPELINE {
            *latest = Latest { at: now.mono, wall: now.wall };
        }
        match what {
            Observation::Applied { op, reply } => {
                let me = sight.me();
                for fact in inserted(op, reply).filter(|fact| fact.author() != me) {
                    if fact.hlc().wall() > latest.wall + SKEW {
                        broken.push(format!("merged from the future: the {}", named(fact)));
                    }
                }
            }
            Observation::Output(Output::Event(Event::Changed {
                change: Change::Expire,
                fact,
                ..
            })) => {
                if fact.expires_at() > latest.wall {
                    broken.push(format!("expired early: the {}", named(fact)));
                }
            }
            Observation::Crashed => *latest = Latest::default(),
            Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::PutBack
            | Observation::Started(_) => {}
        }
    }
}
