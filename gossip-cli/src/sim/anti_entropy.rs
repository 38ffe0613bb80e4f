//! Scenario `anti-entropy`: one update that spreads by the comparisons of repair alone.

use clap::Args;
use gossip_core::sim::epidemic::{Carrier, Epidemic};
use gossip_core::strategy::Direction;

use super::common::Common;
use super::outcome::Outcome;
use super::spread::{self, Reach, Run, Tally};
use super::{Defaults, Scenario};
use crate::output::count;
use crate::registry;

/// How one update spreads by repair: every node compares with one other in each cycle, for ever.
#[derive(Args, Clone, Debug)]
pub(super) struct AntiEntropy {
    /// Which way the update flows
    #[arg(long, default_value = "push-pull", value_parser = registry::MODES)]
    direction: String,
    #[command(flatten)]
    reach: Reach,
}

impl Scenario for AntiEntropy {
    const NAME: &'static str = "anti-entropy";
    const ABOUT: &'static str = "How one update spreads by repair, which never gives up";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim anti-entropy --nodes 300 --runs 250
  gossip-cli sim anti-entropy --nodes 300 --against '--connection-limit 1 --hunt 0' --report limits.html";
    const DEFAULTS: Defaults = Defaults { nodes: "300", runs: "250" };
    const PAIRS: &'static [(&'static str, &'static str)] = &[("messages_per_node", "t_last")];
    const LOGARITHMIC: &'static [&'static str] = &["t_last", "t_ave"];

    type World = Epidemic;
    type Run = Run;
    type Tally = Tally;

    fn title(&self, common: &Common) -> String {
        let nodes = count(common.nodes.into());
        format!("{nodes} nodes, {} anti-entropy{}", self.direction, self.reach.words())
    }

    fn check(&self, _: &Common) -> anyhow::Result<()> {
        self.reach.check()
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        spread::world_bytes(common)
    }

    fn world(&self, common: &Common) -> Epidemic {
        let classic = Epidemic::classic(common.nodes as usize);
        let direction = Direction::from_name(&self.direction).unwrap_or(classic.direction);
        self.reach.within(Epidemic { carrier: Carrier::Repair, direction, ..classic })
    }

    fn run(&self, world: &mut Epidemic, seed: u64, watch: &mut dyn FnMut(String)) -> Run {
        spread::run(world, seed, watch)
    }

    fn tally(&self, _: &Common) -> Tally {
        Tally::default()
    }

    fn fold(&self, tally: &mut Tally, _: u64, run: Run) {
        tally.add(run);
    }

    fn outcome(&self, common: &Common, tally: Tally) -> Outcome {
        tally.outcome(Carrier::Repair, common)
    }
}
