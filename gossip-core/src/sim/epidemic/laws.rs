//! One-step conditional laws: what the next cycle must look like, given the one before.
//!
//! In a simple epidemic with one partner per cycle, chosen uniformly among the other hosts, the state
//! after a cycle depends on the state before it alone. Of S susceptible among n hosts
//!
//! - pull leaves each susceptible with chance (S - 1) / (n - 1), for it asked another susceptible:
//!   p^2 of the papers, for large n;
//! - push leaves each with chance (1 - 1 / (n - 1))^(n - S), for no infected host told it:
//!   p (1 - 1/n)^(n (1 - p)) of the papers;
//! - push-pull leaves each with the product of both.
//!
//! Under pull the hosts are independent. Under push they are negatively associated (balls in bins), so
//! that the tail bound below, which is Chernoff's and needs no more than that, holds as well.

use super::Spread;

/// A law of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the directions of the classic papers")]
pub enum Law {
    /// Each susceptible host asks one other.
    Pull,
    /// Each infected host tells one other.
    Push,
    /// Every host does both with one other.
    PushPull,
}

/// How well runs obey a law, step by step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// Steps compared: all cycles of all runs that began with both kinds of hosts.
    pub comparisons: usize,
    /// The step that agrees least.
    pub worst: Option<Step>,
    /// The chance of a step as bad as the worst one, if the law holds, times the number of comparisons
    /// (Bonferroni), at most 1. An upper bound.
    pub p_value: f64,
    /// All deviations from what was expected, added up, in hosts.
    pub deviation: f64,
    /// The variance of that, if the law holds. Each step is expected anew from the state before it, so
    /// that deviations are uncorrelated, and variances of steps and of runs add up.
    pub variance: f64,
}

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Which run.
    pub run: usize,
    /// Which cycle.
    pub cycle: usize,
    /// Susceptible hosts before it.
    pub before: u32,
    /// After it, as the law has it on average.
    pub expected: f64,
    /// The variance of that.
    pub variance: f64,
    /// After it, in this run.
    pub found: u32,
    /// The chance of a deviation as large, at most.
    pub p_value: f64,
}

impl Verdict {
    /// All deviations together in standard deviations: normal if the law holds, and far from 0 if each
    /// step is off by a little in the same direction.
    #[must_use]
    pub fn drift(&self) -> f64 {
        drift(self.deviation, self.variance)
    }

    /// Whether the runs give no reason to doubt the law at this level of significance, such as 0.01:
    /// half of it goes to the worst step, half to the drift.
    #[must_use]
    pub fn holds(&self, level: f64) -> bool {
        self.comparisons > 0
            && self.p_value > level / 2.0
            && normal_tails(self.drift()) > level / 2.0
    }
}

impl Law {
    /// Compares each cycle of each run with what follows from the cycle before it.
    #[must_use]
    pub fn judge<'a>(self, runs: impl IntoIterator<Item = &'a Spread>) -> Verdict {
        let mut verdict =
            Verdict { comparisons: 0, worst: None, p_value: 1.0, deviation: 0.0, variance: 0.0 };
        for (run, spread) in runs.into_iter().enumerate() {
            for step in self.steps(run, spread) {
                verdict.comparisons += 1;
                verdict.deviation += f64::from(step.found) - step.expected;
                verdict.variance += step.variance;
                if verdict.worst.is_none_or(|worst| step.p_value < worst.p_value) {
                    verdict.worst = Some(step);
                }
            }
        }
        if let Some(worst) = verdict.worst {
            verdict.p_value = (worst.p_value * verdict.comparisons as f64).min(1.0);
        }
        verdict
    }

    fn steps(self, run: usize, spread: &Spread) -> impl Iterator<Item = Step> {
        let hosts = spread.arrivals.len() as u32;
        let pairs = spread.cycles.iter().zip(spread.cycles.iter().skip(1)).enumerate();
        let open = pairs.filter(move |(_, (before, _))| (1..hosts).contains(&before.susceptible));
        open.map(move |(cycle, (before, after))| {
            let (before, found) = (before.susceptible, after.susceptible);
            let (chance, variance) = self.moments(hosts, before);
            let expected = chance * f64::from(before);
            let p_value = tails(before, chance, found);
            Step { run, cycle: cycle + 1, before, expected, variance, found, p_value }
        })
    }

    /// The chance that a susceptible host stays so, and the variance of how many do.
    fn moments(self, hosts: u32, susceptible: u32) -> (f64, f64) {
        let (n, s) = (f64::from(hosts), f64::from(susceptible));
        let asked_in_vain = (s - 1.0) / (n - 1.0);
        // That none of the infected tells one given host, or two given hosts.
        let untold = |hosts: f64| (1.0 - hosts / (n - 1.0)).powf(n - s);
        let independent = |chance: f64| s * chance * (1.0 - chance);
        let occupancy =
            |one: f64, two: f64| (s * (s - 1.0) * two + s * one - (s * one).powi(2)).max(0.0);
        match self {
            Self::Pull => (asked_in_vain, independent(asked_in_vain)),
            Self::Push => (untold(1.0), occupancy(untold(1.0), untold(2.0))),
            Self::PushPull => {
                let one = asked_in_vain * untold(1.0);
                (one, occupancy(one, asked_in_vain.powi(2) * untold(2.0)))
            }
        }
    }
}

/// At most the chance that so many of `trials` stay, or a number as far on the other side, if each stays
/// with this chance: exp(-trials KL(found/trials, chance)), for both tails.
fn tails(trials: u32, chance: f64, found: u32) -> f64 {
    let trials = f64::from(trials);
    let share = f64::from(found) / trials;
    let term =
        |share: f64, chance: f64| if share > 0.0 { share * (share / chance).ln() } else { 0.0 };
    let divergence = term(share, chance) + term(1.0 - share, 1.0 - chance);
    (2.0 * (-trials * divergence).exp()).min(1.0)
}

/// A deviation in standard deviations; 0 where nothing can deviate.
#[must_use]
pub fn drift(deviation: f64, variance: f64) -> f64 {
    if variance > 0.0 { deviation / variance.sqrt() } else { 0.0 }
}

/// The chance that a normal number is as far from 0, on either side.
#[must_use]
pub fn normal_tails(deviations: f64) -> f64 {
    libm::erfc(deviations.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::sim::epidemic::Cycle;

    const HOSTS: usize = 400;

    /// Runs of a law, by its own arithmetic; each contact fails with some chance.
    fn runs(law: Law, fails: f64) -> Vec<Spread> {
        let mut rng = Rng::from_number(7);
        let rng = &mut rng;
        (0..40)
            .map(|_| {
                let mut has = vec![false; HOSTS];
                has[0] = true;
                let mut cycles = Vec::new();
                for _ in 0..25 {
                    let susceptible = has.iter().filter(|has| !**has).count() as u32;
                    cycles.push(Cycle { susceptible, infected: 0, sent: 0 });
                    let before = has.clone();
                    for host in 0..HOSTS {
                        let other = (host + 1 + rng.index(HOSTS - 1)) % HOSTS;
                        if rng.chance(fails) {
                            continue;
                        }
                        has[host] |= law != Law::Push && before[other];
                        has[other] |= law != Law::Pull && before[host];
                    }
                }
                let (arrivals, sent) = (vec![None; HOSTS], Vec::new());
                Spread { arrivals, cycles, payloads: 0, messages: 0, bytes: 0, sent }
            })
            .collect()
    }

    #[test]
    fn obedient_runs_pass_and_others_do_not() {
        for law in [Law::Pull, Law::Push, Law::PushPull] {
            let verdict = law.judge(&runs(law, 0.0));
            assert!(verdict.comparisons > 200, "{verdict:?}");
            assert!(verdict.holds(0.01), "{law:?}: {verdict:?}");
            assert!(verdict.drift().abs() > 1e-9, "deviations are there");
            let verdict = law.judge(&runs(law, 0.03));
            assert!(!verdict.holds(0.01), "{law:?}, a contact in 33 fails: {verdict:?}");
        }
        assert!(!Law::Pull.judge(&runs(Law::Push, 0.0)).holds(0.01));
        assert!(!Law::Push.judge(&runs(Law::Pull, 0.0)).holds(0.01));
        assert!(!Law::Push.judge(&[]).holds(0.01), "nothing compared is nothing shown");
    }

    #[test]
    fn tails_are_those_of_a_table() {
        for (deviations, chance) in [(0.0, 1.0), (1.959_964, 0.05), (2.575_829, 0.01)] {
            assert!((normal_tails(deviations) - chance).abs() < 1e-6, "{deviations}");
            assert!((normal_tails(-deviations) - chance).abs() < 1e-6, "-{deviations}");
        }
    }

    #[test]
    fn one_impossible_step_is_enough() {
        let mut runs = runs(Law::Pull, 0.0);
        runs[3].cycles[4].susceptible = HOSTS as u32 / 2;
        let verdict = Law::Pull.judge(&runs);
        assert!(verdict.p_value < 1e-9, "{verdict:?}");
        assert!(!verdict.holds(0.01));
    }
}
