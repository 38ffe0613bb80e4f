//! What the nodes of a seed are told.

use std::time::Duration;

use super::Config;
use super::chaos::Mood;
use crate::config::{ChannelSlots, ConfigSpec, Limits, Strategies};
use crate::fact::Keys;
use crate::rng::Rng;
use crate::strategy::Direction;
use crate::strategy::detector::{Heartbeat, HeartbeatConfig};
use crate::strategy::dissemination::RumorConfig;
use crate::strategy::reconcile::RangeConfig;

/// What all nodes of a seed are told, besides their cluster.
pub(super) struct Flavour {
    direction: Direction,
    limits: Limits,
    /// The time between two rounds of rumors, and between two rounds of repair.
    rumors: Duration,
    repair: Duration,
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
        let directions =
            [Direction::PushPull, Direction::Push, Direction::PushThenPull, Direction::Pull];
        let direction = directions.get(rng.index(4)).copied().unwrap_or(Direction::PushPull);
        let second = Duration::from_secs(1);
        let (rumors, repair) = match Mood::of(config, seed) {
            Mood::Storm => (second * 2, second * 4),
            Mood::Lull => (second * 6, second * 2 / 5),
        };
        Self { direction, limits, rumors, repair }
    }

    pub(super) fn spec(&self) -> ConfigSpec {
        ConfigSpec {
            redial_max: Duration::from_secs(6),
            view_rumors: RumorConfig { period: self.rumors * 2, ..RumorConfig::default() },
            view_repair: self.repair(),
            limits: self.limits,
            ..ConfigSpec::default()
        }
    }

    fn repair(&self) -> RangeConfig {
        RangeConfig { period: self.repair, period_max: self.repair, ..RangeConfig::default() }
    }

    pub(super) fn strategies(&self, keys: Box<dyn Keys>) -> Strategies {
        let direction = self.direction;
        let rumors = RumorConfig { direction, period: self.rumors, ..RumorConfig::default() };
        let interval = Duration::from_secs(4);
        let patience = HeartbeatConfig { interval, ..HeartbeatConfig::default() };
        Strategies {
            detector: Box::new(Heartbeat::new(patience)),
            main: ChannelSlots::new(rumors, self.repair()),
            ..Strategies::new(keys)
        }
    }
}
