//! From a plan that breaks a promise to the few steps that it takes.

use super::{Config, Outcome, Plan, chaos, play};
use crate::time::Mono;

/// What is left of a plan.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shrunk {
    /// What became of it.
    pub outcome: Outcome,
    /// The steps that are needed.
    pub plan: Plan,
    /// How many plans were played.
    pub runs: u32,
}

/// Takes steps away for as long as the same promise is broken (Zeller and Hildebrandt 2002), and
/// plays at most `most` plans for it. `None` if the seed breaks nothing.
#[must_use]
pub fn shrink(config: &Config, seed: u64, most: u32) -> Option<Shrunk> {
    let plan = chaos(config, seed);
    let outcome = play(config, seed, &plan);
    let checker = outcome.violations.first()?.checker;
    let mut shrunk = Shrunk { outcome, plan, runs: 1 };
    let try_without = |shrunk: &mut Shrunk, steps: std::ops::Range<usize>| {
        shrunk.runs += 1;
        let mut plan = shrunk.plan.clone();
        plan.steps.drain(steps);
        let outcome = play(config, seed, &plan);
        let fails = outcome.violations.first().is_some_and(|first| first.checker == checker);
        if fails {
            (shrunk.plan, shrunk.outcome) = (plan, outcome);
        }
        fails
    };
    // What comes after the violation is hardly needed for it.
    let end = shrunk.outcome.violations.first()?.at.since(Mono::ZERO);
    let needed = shrunk.plan.steps.partition_point(|step| step.at <= end);
    let all = shrunk.plan.steps.len();
    try_without(&mut shrunk, needed..all);
    let mut size = shrunk.plan.steps.len().div_ceil(2);
    loop {
        let (mut start, mut cut) = (0, false);
        while start < shrunk.plan.steps.len() && shrunk.runs < most {
            let end = (start + size).min(shrunk.plan.steps.len());
            if try_without(&mut shrunk, start..end) {
                cut = true;
            } else {
                start = end;
            }
        }
        if shrunk.runs >= most || (size <= 1 && !cut) {
            return Some(shrunk);
        }
        size = size.div_ceil(2).max(1);
    }
}
