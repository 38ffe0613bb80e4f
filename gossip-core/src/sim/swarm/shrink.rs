//! From a plan that breaks a promise to the few steps that it takes.

use super::{Config, Outcome, Plan, Step, chaos, play};

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
    // What does not happen after the first violation is not needed for it.
    let fails = |steps: &[Step]| {
        let plan = Plan { steps: steps.to_vec() };
        let outcome = play(config, seed, &plan);
        let same = outcome.violations.first().is_some_and(|first| first.checker == checker);
        same.then_some((plan, outcome))
    };
    let mut parts = 2;
    while shrunk.runs < most && parts <= 2 * shrunk.plan.steps.len() {
        let size = shrunk.plan.steps.len().div_ceil(parts).max(1);
        let mut smaller = None;
        for start in (0..shrunk.plan.steps.len()).step_by(size) {
            if shrunk.runs >= most {
                break;
            }
            shrunk.runs += 1;
            let end = (start + size).min(shrunk.plan.steps.len());
            let mut rest = shrunk.plan.steps.clone();
            rest.drain(start..end);
            smaller = fails(&rest);
            if smaller.is_some() {
                break;
            }
        }
        match smaller {
            Some((plan, outcome)) => {
                (shrunk.plan, shrunk.outcome) = (plan, outcome);
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts *= 2,
        }
    }
    Some(shrunk)
}
