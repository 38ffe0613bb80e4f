//! The truth about writes: what was tried, what was acknowledged, and what that allows to be found.

use std::collections::BTreeMap;
use std::time::Instant;

/// A put or a delete that was sent to a node.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// What it writes, different from every other attempt's; `None` deletes.
    pub(crate) value: Option<String>,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Its version, and its author, who decides between equal versions; if the node acknowledged
    /// it. Otherwise it took place or not.
    pub(crate) version: Option<String>,
}

/// What a node holds for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) value: String,
    pub(crate) version: String,
}

/// All attempts, by key.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    keys: BTreeMap<String, Vec<Attempt>>,
    pub(crate) acknowledged: u64,
    pub(crate) unknown: u64,
}

impl Ledger {
    /// Notes an attempt whose outcome is as known as it will ever be.
    pub(crate) fn note(&mut self, key: String, attempt: Attempt) {
        match attempt.version {
            Some(_) => self.acknowledged += 1,
            None => self.unknown += 1,
        }
        self.keys.entry(key).or_default().push(attempt);
    }

    /// Everything about what a node holds that cannot be, while no attempt is under way.
    pub(crate) fn violations(&self, held: &BTreeMap<String, Found>) -> Vec<String> {
        let mut violations: Vec<_> = self
            .keys
            .iter()
            .filter_map(|(key, attempts)| judge(key, attempts, held.get(key)))
            .collect();
        let foreign = held.keys().filter(|key| !self.keys.contains_key(*key));
        violations.extend(foreign.map(|key| format!("{key}: nobody wrote it")));
        violations
    }

    /// Forgets what can no longer come about: all nodes are there, and hold exactly this.
    pub(crate) fn settle(&mut self, held: &BTreeMap<String, Found>) {
        for (key, attempts) in &mut self.keys {
            let newest = newest(attempts).cloned();
            match held.get(key) {
                Some(found) => {
                    attempts.retain(|attempt| attempt.value.as_ref() == Some(&found.value));
                    attempts
                        .iter_mut()
                        .for_each(|attempt| attempt.version = Some(found.version.clone()));
                }
                // A deletion whose version nobody knows may be what is held.
                None => {
                    attempts.retain(|attempt| attempt.version.is_none() && attempt.value.is_none());
                    attempts.extend(newest);
                }
            }
        }
    }
}

/// The acknowledged attempt that all others must give way to.
fn newest(attempts: &[Attempt]) -> Option<&Attempt> {
    let acknowledged = attempts.iter().filter(|attempt| attempt.version.is_some());
    acknowledged.max_by_key(|attempt| attempt.version.clone())
}

fn judge(key: &str, attempts: &[Attempt], found: Option<&Found>) -> Option<String> {
    let newest = newest(attempts);
    let Some(found) = found else {
        let acknowledged = newest.filter(|newest| newest.value.is_some())?;
        // A deletion without an answer can have come later, unless it ended before.
        let deletions = attempts.iter().filter(|a| a.version.is_none() && a.value.is_none());
        let deleted = deletions.into_iter().any(|deletion| deletion.ended >= acknowledged.began);
        return (!deleted).then(|| format!("{key}: lost {acknowledged:?}"));
    };
    let Some(winner) = attempts.iter().find(|a| a.value.as_ref() == Some(&found.value)) else {
        return Some(format!("{key}: holds {found:?}, which nobody wrote"));
    };
    if winner.version.as_ref().is_some_and(|version| *version != found.version) {
        return Some(format!("{key}: holds {found:?}, acknowledged as {winner:?}"));
    }
    let newest = newest?;
    let fault = match newest.value {
        Some(_) => "lost",
        None => "resurrected over",
    };
    let stale = newest.version.as_ref().is_some_and(|version| *version > found.version);
    stale.then(|| format!("{key}: holds {found:?}, {fault} {newest:?}"))
}
