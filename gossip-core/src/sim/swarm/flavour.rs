//! What the nodes of a seed are told.

use std::sync::Arc;
use std::time::Duration;

use super::Config;
use super::chaos::Mood;
use crate::config::{ChannelSlots, ConfigSpec, Limits, Strategies};
use crate::fact::{Keys, MAX_CONTEXT};
use crate::rng::Rng;
use crate::sim::epidemic::Ending;
use crate::strategy::detector::{Heartbeat, HeartbeatConfig, Swim, SwimConfig};
use crate::strategy::dissemination::{RumorConfig, RumorMongering};
use crate::strategy::reconcile::{Method, RepairConfig};
use crate::strategy::removal::Limit;
use crate::strategy::retain::KeepSiblings;
use crate::strategy::{Detector, Direction, Retain};

/// What all nodes of a seed are told, besides their cluster.
pub(super) struct Flavour {
    ending: Ending,
    limits: Limits,
    /// Whether one member is probed at a time, and others asked; else everybody.
    probes: bool,
    repair: RepairConfig,
    rumors: RumorConfig,
    siblings: bool,
}

impl Flavour {
    /// Mostly the defaults at half their pace. Some seeds have queues so small that they shed, and
    /// those with a lull repair so often that everybody confirms deletions in it.
    pub(super) fn of(config: &Config, seed: u64) -> Self {
        let mut rng = Rng::from_number(seed).fork("flavour");
        let limits = if rng.chance(0.4) {
            Limits { peer_bytes: 1_400, channel_bytes: 2_800, recent: 16, ..Limits::default() }
        } else {
            Limits::default()
        };
        let second = Duration::from_secs(1);
        let (period, pause) = match Mood::of(config, seed) {
            Mood::Storm => (second * 2, second * 4),
            Mood::Lull => (second * 6, second * 2 / 5),
        };
        let ending = ending(&mut rng);
        let (connection_limit, hunt) = connections(&mut rng, 1);
        let repair = RepairConfig {
            connection_limit,
            hunt,
            period: pause,
            period_max: pause,
            stagger: rng.chance(0.8),
            ..RepairConfig::default()
        };
        let mut hurry = Rng::from_number(seed).fork("hurry");
        let rumors = RumorConfig {
            eager: hurry.below(4) as u32,
            period,
            quiet: if hurry.chance(0.3) { 1 } else { 16 },
            ..rumors(&mut rng, ending)
        };
        // Beyond so many authors the rule keeps the lowest by hash, not the newest of each.
        let siblings = rng.chance(0.25) && config.nodes <= MAX_CONTEXT;
        let method = match rng.below(4) {
            0 => Method::Range,
            1 => Method::Rateless,
            _ => Method::Adaptive,
        };
        let repair = RepairConfig { method, ..repair };
        Self { ending, limits, probes: rng.chance(0.6), repair, rumors, siblings }
    }

    /// Whether concurrent writes of a key stay side by side.
    pub(super) const fn keeps_siblings(&self) -> bool {
        self.siblings
    }

    pub(super) fn spec(&self) -> ConfigSpec {
        // Where queues have no room for large facts there are none.
        let fact_bytes = (self.limits != Limits::default()).then_some(1_177);
        ConfigSpec {
            fact_bytes,
            redial_max: Duration::from_secs(6),
            view_rumors: RumorConfig { period: self.rumors.period * 2, ..self.rumors },
            view_repair: self.repair,
            limits: self.limits,
            ..ConfigSpec::default()
        }
    }

    pub(super) fn strategies(&self, keys: Box<dyn Keys>) -> Strategies {
        let defaults = ChannelSlots::new(self.rumors, self.repair);
        let siblings = || Arc::new(KeepSiblings::default()) as Arc<dyn Retain>;
        let retain = if self.siblings { siblings() } else { defaults.retain };
        let rumors = RumorMongering::new(self.rumors, self.ending.rule());
        Strategies {
            detector: self.detector(),
            main: ChannelSlots { dissemination: Box::new(rumors), retain, ..defaults },
            ..Strategies::new(keys)
        }
    }

    /// As patient as it takes to see much in a short time.
    fn detector(&self) -> Box<dyn Detector> {
        if self.probes {
            let period = Duration::from_secs(1);
            Box::new(Swim::new(SwimConfig { period, ..SwimConfig::default() }))
        } else {
            let interval = Duration::from_secs(4);
            Box::new(Heartbeat::new(HeartbeatConfig { interval, ..HeartbeatConfig::default() }))
        }
    }
}

/// When rumors end: all rules, and mostly the default.
fn ending(rng: &mut Rng) -> Ending {
    let k = 1 + rng.below(3) as u32;
    match rng.below(9) {
        0 => Ending::Blind(Limit::Coin(k)),
        1 => Ending::Blind(Limit::Counter(k)),
        2 => Ending::Feedback(Limit::Coin(k)),
        3 => Ending::Never,
        4 | 5 => Ending::Feedback(Limit::Counter(k)),
        _ => Ending::Feedback(Limit::default()),
    }
}

fn rumors(rng: &mut Rng, ending: Ending) -> RumorConfig {
    let default = RumorConfig::default();
    let direction = Direction::ALL.get(rng.index(4)).copied().unwrap_or(default.direction);
    let (connection_limit, hunt) = connections(rng, default.fan_out as u32);
    // What no contact ends, few rounds do.
    let rounds = if ending == Ending::Never { 8 } else { default.rounds };
    // Counters are compared where both partners speak and count.
    let counts = matches!(ending, Ending::Feedback(Limit::Counter(_)));
    RumorConfig {
        connection_limit,
        direction,
        hunt,
        minimize: counts && direction == Direction::PushPull && rng.chance(0.7),
        offer_after: if rng.chance(0.4) { rng.below(3) as u32 } else { u32::MAX },
        rounds,
        stagger: rng.chance(0.8),
        ..default
    }
}

/// On some seeds a limit on connections, and how many others are tried in place of a busy partner.
/// Who hunts serves at least as many as it calls.
fn connections(rng: &mut Rng, fan_out: u32) -> (u32, u32) {
    let (is_limited, limit, hunts) = (rng.chance(0.35), 1 + rng.below(4) as u32, rng.chance(0.5));
    let hunt = [1, 2, u32::MAX].get(rng.index(3)).copied().unwrap_or(1);
    match (is_limited, hunts) {
        (false, _) => (0, 0),
        (true, false) => (limit, 0),
        (true, true) => (limit.max(fan_out), hunt),
    }
}
