//! Watchers see each lane's versions in their order.

use std::collections::BTreeMap;

use super::{Checker, Lane, Observation, PerHost, Sight, Version, named, version};
use crate::io::{Change, Event, Output};

/// Of each lane, a watcher hears of ever newer versions, and of the end of one after it.
#[derive(Debug, Default)]
pub struct Watchers(PerHost<BTreeMap<Lane, (Version, bool)>>);

impl Checker for Watchers {
    fn name(&self) -> &'static str {
        "watchers"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let seen = self.0.of(sight.host());
        match what {
            Observation::Output(Output::Event(Event::Changed { change, fact, .. })) => {
                let news = (version(fact), *change == Change::Expire);
                let before = seen.insert(Lane::of(sight.world(), fact), news);
                if before >= Some(news) {
                    let what = named(fact);
                    broken.push(format!("{change:?} of the {what} is told after {before:?}"));
                }
            }
            Observation::Output(Output::Event(Event::Renewed { .. })) | Observation::Crashed => {
                seen.clear();
            }
            Observation::Applied { .. }
            | Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::PutBack
            | Observation::Started(_) => {}
        }
    }
}
