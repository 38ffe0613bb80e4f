//! The detectors that scenario `detect` compares, each made from the same few options.

use std::time::Duration;

use gossip_core::strategy::Detector;
use gossip_core::strategy::detector::{
    Heartbeat, HeartbeatConfig, PhiAccrual, PhiConfig, Swim, SwimConfig,
};

/// What a detector is told. What is not given stays as the detector has it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Options {
    /// The time between two probes, or two heartbeats.
    pub(super) period: Option<Duration>,
    /// How many others are asked to probe who does not answer.
    pub(super) indirect: Option<u32>,
    /// How long suspicion lasts at least: so many periods for each power of ten of members.
    pub(super) alpha: Option<f64>,
    /// How many times as long it lasts at most.
    pub(super) beta: Option<f64>,
}

impl Options {
    /// The names of those that were given.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let Self { period, indirect, alpha, beta } = self;
        let given = [
            ("alpha", alpha.is_some()),
            ("beta", beta.is_some()),
            ("indirect", indirect.is_some()),
            ("period", period.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }
}

/// A detector by its name.
#[derive(Debug)]
pub(super) struct Known {
    name: &'static str,
    /// The options that mean something to it.
    heeds: &'static [&'static str],
    /// Its period when nobody says.
    period: fn() -> Duration,
    make: fn(&Options) -> Box<dyn Detector>,
}

/// All of them. A later one is an entry here.
const KNOWN: &[Known] = &[
    swim(
        "default",
        || SwimConfig::default().period,
        |options| tuned(SwimConfig::default(), options),
    ),
    swim("swim", || SwimConfig::swim().period, |options| classic(SwimConfig::swim(), options)),
    swim(
        "lifeguard",
        || SwimConfig::lifeguard().period,
        |options| classic(SwimConfig::lifeguard(), options),
    ),
    // One component of Lifeguard each.
    swim(
        "lha-probe",
        || SwimConfig::swim().period,
        |options| {
            classic(
                SwimConfig { health: SwimConfig::lifeguard().health, ..SwimConfig::swim() },
                options,
            )
        },
    ),
    swim(
        "lha-suspicion",
        || SwimConfig::swim().period,
        |options| {
            classic(
                SwimConfig { beta: SwimConfig::lifeguard().beta, ..SwimConfig::swim() },
                options,
            )
        },
    ),
    swim(
        "buddy",
        || SwimConfig::swim().period,
        |options| classic(SwimConfig { buddy: true, ..SwimConfig::swim() }, options),
    ),
    Known {
        name: "phi-accrual",
        heeds: &["period"],
        period: || PhiConfig::default().interval,
        make: |options| {
            let default = PhiConfig::default();
            let interval = options.period.unwrap_or(default.interval);
            Box::new(PhiAccrual::new(PhiConfig { interval, ..default }))
        },
    },
    HEARTBEAT,
];

const fn swim(
    name: &'static str,
    period: fn() -> Duration,
    make: fn(&Options) -> Box<dyn Detector>,
) -> Known {
    Known { name, heeds: &["alpha", "beta", "indirect", "period"], period, make }
}

/// With these options, the rest as it is.
fn tuned(config: SwimConfig, options: &Options) -> Box<dyn Detector> {
    Box::new(Swim::new(SwimConfig {
        period: options.period.unwrap_or(config.period),
        indirect: options.indirect.map_or(config.indirect, |indirect| indirect as usize),
        alpha: options.alpha.unwrap_or(config.alpha),
        beta: options.beta.unwrap_or(config.beta),
        ..config
    }))
}

/// The same of a detector whose probes take as long as a period, half of it for the answer to the first.
fn classic(config: SwimConfig, options: &Options) -> Box<dyn Detector> {
    let patience = options.period.unwrap_or(config.patience);
    tuned(SwimConfig { patience, timeout: patience / 2, ..config }, options)
}

const HEARTBEAT: Known = Known {
    name: "heartbeat",
    heeds: &["period"],
    period: || HeartbeatConfig::default().interval,
    make: |options| {
        let default = HeartbeatConfig::default();
        let interval = options.period.unwrap_or(default.interval);
        Box::new(Heartbeat::new(HeartbeatConfig { interval, ..default }))
    },
};

impl Known {
    /// The names of all, for the command line.
    pub(super) fn names() -> Vec<&'static str> {
        KNOWN.iter().map(|known| known.name).collect()
    }

    /// The one of this name.
    ///
    /// # Panics
    /// When there is none: names are checked where they are read.
    pub(super) fn named(name: &str) -> &'static Self {
        let known = KNOWN.iter().find(|known| known.name == name);
        #[expect(clippy::expect_used, reason = "names are checked where they are read")]
        known.expect("a known detector")
    }

    /// The first option that was given and means nothing to it.
    pub(super) fn unheeded(&self, options: &Options) -> Option<&'static str> {
        options.given().find(|option| !self.heeds.contains(option))
    }

    /// The period that it has with these options.
    pub(super) fn period(&self, options: &Options) -> Duration {
        options.period.unwrap_or_else(self.period)
    }

    /// A new one.
    pub(super) fn make(&self, options: &Options) -> Box<dyn Detector> {
        (self.make)(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detectors_say_what_they_heed() {
        for name in Known::names() {
            let known = Known::named(name);
            let options = Options { period: Some(Duration::from_secs(7)), ..Options::default() };
            assert_eq!(known.unheeded(&options), None);
            assert_eq!(known.period(&options), Duration::from_secs(7));
            assert!(known.period(&Options::default()) > Duration::ZERO);
            assert!(Known::names().contains(&known.make(&options).name()), "{name}");
        }
        let options = Options { alpha: Some(5.0), ..Options::default() };
        assert_eq!(Known::named("heartbeat").unheeded(&options), Some("alpha"));
    }
}
