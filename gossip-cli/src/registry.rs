//! The one place that maps names to strategies, stores and transports.

use std::sync::Arc;

use gossip_core::config::{ChannelSlots, Strategies};
use gossip_core::fact::Keys;
use gossip_core::strategy::detector::{
    Heartbeat, HeartbeatConfig, PhiAccrual, PhiConfig, Swim, SwimConfig,
};
use gossip_core::strategy::dissemination::{RumorConfig, RumorMongering};
use gossip_core::strategy::overlay::FullMesh;
use gossip_core::strategy::reconcile::{Method, Repair, RepairConfig};
use gossip_core::strategy::removal::{Blind, Feedback, Limit, Never};
use gossip_core::strategy::retain::{KeepSiblings, LastWrite};
use gossip_core::strategy::sampler::{Shuffled, Uniform};
use gossip_core::strategy::{Detector, Overlay, Removal, Retain, Sampler};

/// A name and what it makes out of its parameters.
#[derive(Debug)]
pub(crate) struct Named<P, T> {
    pub(crate) name: &'static str,
    make: fn(P) -> T,
}

/// What detectors are made of: each takes its own part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Patience {
    pub(crate) heartbeat: HeartbeatConfig,
    pub(crate) phi: PhiConfig,
    pub(crate) swim: SwimConfig,
}

/// Who is alive.
pub(crate) const DETECTORS: &[Named<Patience, Box<dyn Detector>>] = &[
    Named { name: "heartbeat", make: |it| Box::new(Heartbeat::new(it.heartbeat)) },
    Named { name: "phi-accrual", make: |it| Box::new(PhiAccrual::new(it.phi)) },
    Named { name: "swim", make: |it| Box::new(Swim::new(it.swim)) },
];

/// With whom links are kept.
pub(crate) const OVERLAYS: &[Named<(), Box<dyn Overlay>>] =
    &[Named { name: "full-mesh", make: |()| Box::new(FullMesh::default()) }];

/// How replicas become equal.
pub(crate) const RECONCILERS: &[Named<RepairConfig, RepairConfig>] = &[
    Named { name: "adaptive", make: |config| RepairConfig { method: Method::Adaptive, ..config } },
    // The classic comparison: everything is listed, nothing is asked first.
    Named {
        name: "full-digest",
        make: |config| RepairConfig { fingerprint_first: false, leaf: usize::MAX, ..config },
    },
    Named { name: "range", make: |config| RepairConfig { method: Method::Range, ..config } },
    Named { name: "rateless", make: |config| RepairConfig { method: Method::Rateless, ..config } },
];

/// When a rumor is no longer worth telling; the parameter is k.
pub(crate) const REMOVALS: &[Named<u32, Box<dyn Removal>>] = &[
    Named { name: "blind-coin", make: |k| Box::new(Blind::new(Limit::Coin(k))) },
    Named { name: "blind-counter", make: |k| Box::new(Blind::new(Limit::Counter(k))) },
    Named { name: "feedback-coin", make: |k| Box::new(Feedback::new(Limit::Coin(k))) },
    Named { name: "feedback-counter", make: |k| Box::new(Feedback::new(Limit::Counter(k))) },
    Named { name: "never", make: |_| Box::new(Never::default()) },
];

/// Which facts of a key are kept.
pub(crate) const RETAINS: &[Named<(), Arc<dyn Retain>>] = &[
    Named { name: "keep-siblings", make: |()| Arc::new(KeepSiblings::default()) },
    Named { name: "last-write", make: |()| Arc::new(LastWrite::default()) },
];

/// Whom to talk to this time.
pub(crate) const SAMPLERS: &[Named<(), Box<dyn Sampler>>] = &[
    Named { name: "shuffled", make: |()| Box::new(Shuffled::default()) },
    Named { name: "uniform", make: |()| Box::new(Uniform::default()) },
];

/// Where state is kept. Opening takes more than a name: see [`disk`](crate::disk).
pub(crate) const STORES: &[&str] = &["memory", "rocks"];

/// How nodes talk. Binding takes more than a name: see [`launch`](crate::launch).
pub(crate) const TRANSPORTS: &[&str] = &["tcp", "udp", "udp+tcp"];

/// The directions that rumors and repair share.
pub(crate) const MODES: [&str; 3] = ["push", "pull", "push-pull"];

/// The names in a table, in order.
pub(crate) fn names<P, T>(table: &'static [Named<P, T>]) -> Vec<&'static str> {
    table.iter().map(|named| named.name).collect()
}

/// What the name stands for, made from these parameters.
///
/// # Panics
/// When the name is not in the table: names are checked where they are read.
pub(crate) fn make<P, T>(table: &'static [Named<P, T>], name: &str, parameters: P) -> T {
    let named = table.iter().find(|named| named.name == name);
    #[expect(clippy::expect_used, reason = "names are checked where they are read")]
    let named = named.expect("a registered name");
    (named.make)(parameters)
}

/// The names of transports, for the command line.
pub(crate) fn transports() -> clap::builder::PossibleValuesParser {
    TRANSPORTS.into()
}

/// The names of stores, for the command line.
pub(crate) fn stores() -> clap::builder::PossibleValuesParser {
    STORES.into()
}

/// What a node's slots are made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choices {
    pub(crate) detector: String,
    pub(crate) patience: Patience,
    pub(crate) overlay: String,
    pub(crate) reconcile: String,
    pub(crate) removal: String,
    pub(crate) removal_k: u32,
    pub(crate) repair: RepairConfig,
    pub(crate) retain: String,
    pub(crate) rumors: RumorConfig,
    pub(crate) sampler: String,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            detector: "swim".into(),
            patience: Patience::default(),
            overlay: "full-mesh".into(),
            reconcile: "adaptive".into(),
            removal: "feedback-counter".into(),
            removal_k: 2,
            repair: RepairConfig::default(),
            retain: "last-write".into(),
            rumors: RumorConfig::default(),
            sampler: "shuffled".into(),
        }
    }
}

impl Choices {
    /// The slots, with these keys.
    pub(crate) fn strategies(&self, keys: Box<dyn Keys>) -> Strategies {
        let removal = make(REMOVALS, &self.removal, self.removal_k);
        Strategies {
            detector: make(DETECTORS, &self.detector, self.patience),
            keys,
            overlay: make(OVERLAYS, &self.overlay, ()),
            sampler: make(SAMPLERS, &self.sampler, ()),
            main: ChannelSlots {
                dissemination: Box::new(RumorMongering::new(self.rumors, removal)),
                reconcile: Box::new(Repair::new(make(RECONCILERS, &self.reconcile, self.repair))),
                retain: make(RETAINS, &self.retain, ()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::strategy::Direction;

    use gossip_core::strategy::Reconcile as _;

    use super::*;

    #[test]
    fn strategies_bear_their_names() {
        for name in names(REMOVALS) {
            assert_eq!(make(REMOVALS, name, 2).name(), name);
        }
        for name in names(RETAINS) {
            assert_eq!(make(RETAINS, name, ()).name(), name);
        }
        for name in names(SAMPLERS) {
            assert_eq!(make(SAMPLERS, name, ()).name(), name);
        }
        for name in names(DETECTORS) {
            assert_eq!(make(DETECTORS, name, Patience::default()).name(), name);
        }
        assert_eq!(make(OVERLAYS, "full-mesh", ()).name(), "full-mesh");
        for Named { name, make } in RECONCILERS {
            assert_eq!(Repair::new(make(RepairConfig::default())).name(), *name);
        }
        assert!(MODES.iter().all(|mode| Direction::from_name(mode).is_some()));
    }
}
