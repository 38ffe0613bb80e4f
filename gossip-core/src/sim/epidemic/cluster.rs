//! The hosts of an experiment, and how an update is followed through them.

use std::sync::Arc;
use std::time::Duration;

use super::{Carrier, Cycle, Epidemic, Spread};
use crate::config::{ChannelSlots, ConfigSpec, MAX_ALIVE_INTERVAL, Strategies};
use crate::fact::{Keys as _, SimKeys};
use crate::io::Event;
use crate::node::Node;
use crate::sim::{self, World};
use crate::strategy::Sampler;
use crate::strategy::detector::{Heartbeat, HeartbeatConfig};
use crate::strategy::dissemination::{RumorConfig, RumorMongering};
use crate::strategy::reconcile::{Repair, RepairConfig};
use crate::strategy::sampler::{Line, Spatial, Uniform};

/// A cycle's length: nothing depends on it.
const PERIOD: Duration = Duration::from_secs(1);

/// What is not measured rests for so long.
const CALM: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A cluster in which everybody knows everybody and nothing is told.
pub(super) struct Cluster {
    epidemic: Epidemic,
    world: World,
    seed: u64,
}

impl Cluster {
    pub(super) fn new(epidemic: &Epidemic, seed: u64) -> Self {
        let mut world = World::new(seed);
        world.synchronous(PERIOD);
        hosts(&mut world, *epidemic);
        if epidemic.connection_limit > 0 {
            // Callers arrive in a random order: who has the lower number must not always be served.
            world.rule(sim::delay(Duration::ZERO, Duration::from_micros(1)));
        }
        Self { epidemic: *epidemic, world, seed }
    }

    /// Writes the update and follows it until nobody tells it, or nobody lacks it and it is told for
    /// ever.
    pub(super) fn spread(mut self, watch: &mut dyn FnMut(&Cycle)) -> Spread {
        let nodes = self.epidemic.nodes;
        // Writes are merged in the middle of a cycle, and the next begins with the first round.
        let past = self.world.now().since(crate::time::Mono::ZERO).as_nanos() % PERIOD.as_nanos();
        self.world.run_for(PERIOD - Duration::from_nanos(past as u64) + PERIOD / 4);
        (0..nodes).for_each(|host| drop(self.world.events(host)));
        let before = self.totals();
        let sent_before = self.sent();
        let origin = crate::rng::Rng::from_number(self.seed).fork("origin").index(nodes);
        self.world.write(origin, "update", Some("value"), None);
        self.world.run_for(PERIOD / 2);
        let mut arrivals = vec![None; nodes];
        let mut cycles = Vec::new();
        let mut sent = before.payloads;
        for number in 0..=self.epidemic.most_cycles {
            if number > 0 {
                self.world.run_for(PERIOD);
            }
            self.note_arrivals(&mut arrivals, number);
            let payloads = self.totals().payloads;
            let susceptible = arrivals.iter().filter(|arrival| arrival.is_none()).count();
            let telling = match self.epidemic.carrier {
                Carrier::Repair => nodes - susceptible,
                Carrier::Rumors => self.telling(),
            };
            let cycle = Cycle {
                susceptible: susceptible as u32,
                infected: telling as u32,
                sent: (payloads - sent) as u32,
            };
            sent = payloads;
            watch(&cycle);
            cycles.push(cycle);
            if telling == 0 || (susceptible == 0 && !self.epidemic.outlasts_spread()) {
                break;
            }
        }
        let after = self.totals();
        Spread {
            arrivals,
            cycles,
            payloads: after.payloads - before.payloads,
            messages: after.messages - before.messages,
            bytes: after.bytes - before.bytes,
            sent: self.sent().iter().zip(sent_before).map(|(a, b)| (a - b) as u32).collect(),
        }
    }

    /// Who got the update since the last look.
    fn note_arrivals(&mut self, arrivals: &mut [Option<u32>], cycle: u32) {
        for (host, arrival) in arrivals.iter_mut().enumerate() {
            let came = |event: &Event| matches!(event, Event::Changed { .. });
            if arrival.is_none() && self.world.events(host).iter().any(came) {
                *arrival = Some(cycle);
            }
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        (0..self.epidemic.nodes).filter_map(|host| self.world.node(host))
    }

    fn telling(&self) -> usize {
        self.nodes().filter(|node| node.rumors() > 0).count()
    }

    fn sent(&self) -> Vec<u64> {
        self.nodes().map(|node| node.counters().facts_sent).collect()
    }

    fn totals(&self) -> Totals {
        self.nodes().map(Node::counters).fold(Totals::default(), |sum, status| Totals {
            payloads: sum.payloads + status.facts_sent,
            messages: sum.messages + status.wire.sent_frames,
            bytes: sum.bytes + status.wire.sent_bytes,
        })
    }
}

/// What all hosts sent since their start.
#[derive(Clone, Copy, Default)]
struct Totals {
    payloads: u64,
    messages: u64,
    bytes: u64,
}

/// Adds the hosts, which know one another from a directory that they share.
fn hosts(world: &mut World, epidemic: Epidemic) {
    let calm_rumors = RumorConfig { period: CALM, eager: 0, ..RumorConfig::default() };
    // Its first round comes within a quarter of a period.
    let long = CALM * 4;
    let calm_repair = RepairConfig { period: long, period_max: long, ..RepairConfig::default() };
    let config = ConfigSpec { view_rumors: calm_rumors, view_repair: calm_repair, ..calm() };
    let line = epidemic.distance_exponent.map(|exponent| {
        let nodes = (0..epidemic.nodes).map(|host| world.id(host)).collect();
        Arc::new(Line::new(nodes, exponent))
    });
    let strategies = move |keys: SimKeys| {
        let sampler: Box<dyn Sampler> = match &line {
            Some(line) => Box::new(Spatial::new(line.clone(), &keys.id())),
            None => Box::new(Uniform::default()),
        };
        let strategies = strategies(&epidemic, keys, calm_rumors, calm_repair);
        Strategies { sampler, ..strategies }
    };
    world.add_listed(epidemic.nodes, &config, Box::new(strategies));
}

fn calm() -> ConfigSpec {
    ConfigSpec { alive_interval: MAX_ALIVE_INTERVAL, ..ConfigSpec::default() }
}

fn strategies(
    epidemic: &Epidemic,
    keys: SimKeys,
    calm_rumors: RumorConfig,
    calm_repair: RepairConfig,
) -> Strategies {
    let Epidemic { direction, connection_limit, hunt, .. } = *epidemic;
    let (rumors, repair) = match epidemic.carrier {
        Carrier::Rumors => {
            let config = RumorConfig {
                direction,
                connection_limit,
                eager: 0,
                hunt,
                quiet: 1,
                exclusions: epidemic.exclusions,
                fan_out: epidemic.fan_out,
                minimize: epidemic.minimize,
                names: epidemic.names,
                offer_after: epidemic.offer_after,
                rounds: epidemic.rounds,
                period: PERIOD,
                stagger: false,
                ..RumorConfig::default()
            };
            (config, calm_repair)
        }
        Carrier::Repair => {
            let config = RepairConfig {
                connection_limit,
                direction,
                hunt,
                period: PERIOD,
                period_max: PERIOD,
                stagger: false,
                ..RepairConfig::default()
            };
            (calm_rumors, config)
        }
    };
    let defaults = ChannelSlots::new(rumors, repair);
    Strategies {
        detector: Box::new(Heartbeat::new(HeartbeatConfig {
            interval: CALM,
            ..HeartbeatConfig::default()
        })),
        main: ChannelSlots {
            dissemination: Box::new(RumorMongering::new(rumors, epidemic.ending.rule())),
            reconcile: Box::new(Repair::new(repair)),
            ..defaults
        },
        ..Strategies::new(Box::new(keys))
    }
}
