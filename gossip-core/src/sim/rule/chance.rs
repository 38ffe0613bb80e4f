//! How long packets take: distributions that come out the same on every machine.
//!
//! Only additions, multiplications and comparisons: a system's logarithms differ in their last
//! bits, and one bit is enough to make another run.

use std::time::Duration;

use crate::rng::Rng;

/// How long a packet takes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "scripts choose one")]
pub enum Delay {
    /// At least this, and an exponential time of this mean: queues without memory.
    Exponential {
        /// The shortest.
        least: Duration,
        /// The mean of the rest.
        mean: Duration,
    },
    /// The median times e^(sigma z) with a normal z: most are near it, and a few take very long,
    /// as on the internet. Sigma 0.5 puts one in a thousand beyond 4.7 medians, sigma 1 beyond 22.
    LogNormal {
        /// Half of all are longer.
        median: Duration,
        /// How wide the tail is.
        sigma: f64,
    },
    /// Any time between two bounds.
    Uniform {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
}

impl Delay {
    /// A random time.
    pub fn draw(&self, rng: &mut Rng) -> Duration {
        match *self {
            Self::Exponential { least, mean } => least + scaled(mean, exponential(rng)),
            Self::LogNormal { median, sigma } => scaled(median, exp(sigma * normal(rng))),
            Self::Uniform { least, most } => {
                let span = most.saturating_sub(least).as_nanos() as u64;
                least + Duration::from_nanos(rng.below(span.saturating_add(1)))
            }
        }
    }
}

fn scaled(time: Duration, factor: f64) -> Duration {
    Duration::from_nanos((time.as_nanos() as f64 * factor) as u64)
}

/// A uniform number from 0 to below 1.
fn unit(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// An exponential number of mean 1, by comparisons alone (von Neumann 1951): a falling run of
/// uniform numbers has odd length with just the right chance.
fn exponential(rng: &mut Rng) -> f64 {
    let mut whole = 0.0;
    loop {
        let first = unit(rng);
        let (mut last, mut falls) = (first, 1);
        loop {
            let next = unit(rng);
            if next >= last {
                break;
            }
            (last, falls) = (next, falls + 1);
        }
        if falls % 2 == 1 {
            return whole + first;
        }
        whole += 1.0;
    }
}

/// A nearly normal number: the sum of twelve uniform ones, which never leaves -6..6.
fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| unit(rng)).sum::<f64>() - 6.0
}

/// e^x, for x not far from 0: ten terms of the series at x / 1,024, squared ten times.
fn exp(x: f64) -> f64 {
    let small = x / 1_024.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..10 {
        term *= small / f64::from(n);
        sum += term;
    }
    (0..10).fold(sum, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;

    fn drawn(delay: Delay) -> Vec<f64> {
        let mut rng = Rng::from_number(1);
        let mut all: Vec<_> =
            (0..DRAWS).map(|_| delay.draw(&mut rng).as_secs_f64() * 1_000.0).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 0.03, "{value}, not {expected}");
    }

    #[test]
    fn exponential_delays_have_their_mean_and_their_tail() {
        let (least, mean) = (Duration::from_millis(10), Duration::from_millis(20));
        let all = drawn(Delay::Exponential { least, mean });
        near(all.iter().sum::<f64>() / DRAWS as f64, 30.0);
        near(all[DRAWS / 2], 10.0 + 20.0 * 2.0_f64.ln());
        near(all[DRAWS * 99 / 100], 10.0 + 20.0 * 100.0_f64.ln());
        assert!(all[0] >= 10.0);
    }

    #[test]
    fn log_normal_delays_have_their_median_and_their_tail() {
        let all = drawn(Delay::LogNormal { median: Duration::from_millis(20), sigma: 1.0 });
        near(all[DRAWS / 2], 20.0);
        near(all[DRAWS * 84 / 100], 20.0 * 0.99446_f64.exp());
        near(all[DRAWS * 99 / 100], 20.0 * 2.32_f64.exp());
    }

    #[test]
    fn uniform_delays_stay_within_their_bounds() {
        let (least, most) = (Duration::from_millis(5), Duration::from_millis(15));
        let all = drawn(Delay::Uniform { least, most });
        assert!(all[0] >= 5.0 && all[DRAWS - 1] <= 15.0);
        near(all[DRAWS / 2], 10.0);
    }
}
