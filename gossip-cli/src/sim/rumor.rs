//! Scenario `rumor`: one update told from node to node until nobody tells it any more.

use clap::Args;
use gossip_core::sim::epidemic::{Carrier, Ending, Epidemic};
use gossip_core::strategy::Direction;
use gossip_core::strategy::dissemination::Exclusions;
use gossip_core::strategy::removal::Limit;

use super::common::Common;
use super::outcome::Outcome;
use super::spread::{self, Reach, Run, Tally};
use super::{Defaults, Scenario};
use crate::failure::Failure;
use crate::output::count;
use crate::registry;

/// How one update spreads as a rumor.
#[derive(Args, Clone, Debug)]
pub(super) struct Rumor {
    /// What holds where nothing else is said: `classic` is the published experiments, `production`
    /// what a node does by default
    #[arg(long, default_value = "classic", value_parser = ["classic", "production"])]
    preset: String,
    /// Which way the update flows [classic: push; production: push-pull]
    #[arg(long, value_parser = ["push", "pull", "push-pull", "push-then-pull"])]
    direction: Option<String>,
    /// When a node ceases to tell it [default: feedback-counter]
    #[arg(long, value_parser = registry::names(registry::REMOVALS))]
    removal: Option<String>,
    /// The removal rule's parameter [classic: 1; production: 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    k: Option<u32>,
    /// Partners of a node in each cycle [classic: 1; production: 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    fanout: Option<u32>,
    /// To whom a node never tells it: to whom it told it already, or who brought it
    /// [classic: nobody; production: both]
    #[arg(long, value_parser = ["nobody", "recipients", "sender", "both"])]
    exclude: Option<String>,
    /// Ids that a pull names so that they are not sent [classic: 0; production: 64]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(..=64))]
    names: Option<u32>,
    /// Offer the update by its id from this age on, in cycles, and send it to who asks; 0: always
    /// [default: never]
    #[arg(long, value_name = "CYCLES")]
    offer_after: Option<u32>,
    /// Where both partners know it, only the smaller of their counters goes up
    #[arg(long)]
    minimize: bool,
    /// End a run once all nodes have it, although some still tell it; what they would send is not
    /// counted [default: until nobody tells it]
    #[arg(long)]
    until_all: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Rumor {
    /// The experiment that the options describe.
    fn epidemic(&self, common: &Common) -> Epidemic {
        let nodes = common.nodes as usize;
        let preset = match self.preset.as_str() {
            "production" => Epidemic::production(nodes),
            _ => Epidemic::classic(nodes),
        };
        let direction = self.direction.as_deref().and_then(Direction::from_name);
        let exclusions = self.exclude.as_deref().map(|names| Exclusions {
            recipients: ["both", "recipients"].contains(&names),
            sender: ["both", "sender"].contains(&names),
        });
        Epidemic {
            direction: direction.unwrap_or(preset.direction),
            ending: self.ending(preset.ending),
            exclusions: exclusions.unwrap_or(preset.exclusions),
            fan_out: self.fanout.map_or(preset.fan_out, |fanout| fanout as usize),
            names: self.names.map_or(preset.names, |names| names as usize),
            offer_after: self.offer_after.unwrap_or(preset.offer_after),
            minimize: self.minimize || preset.minimize,
            until_all: self.until_all,
            ..self.reach.within(preset)
        }
    }

    fn ending(&self, preset: Ending) -> Ending {
        let (name, k) = words(preset);
        let k = self.k.or(k).unwrap_or(1);
        match self.removal.as_deref().unwrap_or(name) {
            "blind-coin" => Ending::Blind(Limit::Coin(k)),
            "blind-counter" => Ending::Blind(Limit::Counter(k)),
            "feedback-coin" => Ending::Feedback(Limit::Coin(k)),
            "never" => Ending::Never,
            _ => Ending::Feedback(Limit::Counter(k)),
        }
    }
}

/// A rule's name and parameter.
const fn words(ending: Ending) -> (&'static str, Option<u32>) {
    match ending {
        Ending::Blind(Limit::Coin(k)) => ("blind-coin", Some(k)),
        Ending::Blind(Limit::Counter(k)) => ("blind-counter", Some(k)),
        Ending::Feedback(Limit::Coin(k)) => ("feedback-coin", Some(k)),
        Ending::Feedback(Limit::Counter(k)) => ("feedback-counter", Some(k)),
        Ending::Never => ("never", None),
    }
}

impl Scenario for Rumor {
    const NAME: &'static str = "rumor";
    const ABOUT: &'static str = "How one update spreads as a rumor, and what it costs";
    const EXAMPLE: &'static str = "Examples:
  gossip-cli sim rumor --preset production --nodes 16 --runs 1
  gossip-cli sim rumor --direction pull --k 2 --report pull.html
  gossip-cli sim rumor --sweep k=1,2,3,4,5 --against '--direction pull' --report compared.html
  gossip-cli sim rumor --direction push-pull --removal never --sweep nodes=16,128,1000,8000 --runs 30";
    const DEFAULTS: Defaults = Defaults { nodes: "1000", runs: "100" };
    const PAIRS: &'static [(&'static str, &'static str)] = &[("traffic", "residue")];
    const LOGARITHMIC: &'static [&'static str] = &["t_last", "t_ave"];

    type World = Epidemic;
    type Run = Run;
    type Tally = Tally;

    fn effective(&self, common: &Common, option: &str) -> Option<String> {
        let Epidemic { direction, ending, fan_out, names, .. } = self.epidemic(common);
        let (rule, k) = words(ending);
        match option {
            "direction" => Some(direction.name().into()),
            "fanout" => Some(fan_out.to_string()),
            "k" => k.map(|k| k.to_string()),
            "names" => Some(names.to_string()),
            "removal" => Some(rule.into()),
            _ => None,
        }
    }

    fn title(&self, common: &Common) -> String {
        let epidemic = self.epidemic(common);
        let (rule, k) = words(epidemic.ending);
        let rule =
            k.map_or_else(|| format!("told for ever ({rule})"), |k| format!("{rule} k = {k}"));
        let first = if self.offer_after == Some(0) { ", ids first" } else { "" };
        let minimize = if self.minimize { ", minimised" } else { "" };
        let until = if self.until_all { ", until all have it" } else { "" };
        format!(
            "{} nodes, {}{first}, {rule}{minimize}{until}, fan-out {}{}",
            count(common.nodes.into()),
            epidemic.direction.name(),
            epidemic.fan_out,
            self.reach.words()
        )
    }

    fn check(&self, common: &Common) -> anyhow::Result<()> {
        self.reach.check()?;
        let epidemic = self.epidemic(common);
        let Epidemic { nodes, fan_out, ending, direction, .. } = epidemic;
        let name = direction.name();
        let refuse = |text: String| Err(Failure::usage(text));
        if fan_out >= nodes {
            return refuse(format!(
                "--fanout {fan_out} needs more than {nodes} nodes: raise --nodes or lower --fanout"
            ));
        }
        if ending == Ending::Never && self.k.is_some() {
            return refuse("--k says nothing to `--removal never`: leave one of them out".into());
        }
        let counted = matches!(ending, Ending::Feedback(Limit::Counter(_)));
        if self.minimize && !(counted && direction == Direction::PushPull) {
            return refuse(
                "--minimize compares the counters of both partners: it needs --direction push-pull and \
                 --removal feedback-counter"
                    .into(),
            );
        }
        if self.names.is_some() && !direction.pulls() {
            return refuse(format!("--names is about pulls, and {name} has none: leave it out"));
        }
        if self.offer_after.is_some() && !direction.pushes() {
            return refuse(format!(
                "--offer-after is about pushes, and {name} has none: leave it out"
            ));
        }
        Ok(())
    }

    fn world_bytes(&self, common: &Common) -> u64 {
        spread::world_bytes(common)
    }

    fn world(&self, common: &Common) -> Self::World {
        self.epidemic(common)
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
        tally.outcome(Carrier::Rumors, common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_nodes_can_be_simulated() {
        use clap::FromArgMatches as _;
        for name in registry::names(registry::REMOVALS) {
            let line = ["rumor", "--removal", name];
            let matches = super::super::command::<Rumor>().try_get_matches_from(line).unwrap();
            let rumor = Rumor::from_arg_matches(&matches).unwrap();
            let common = Common::from_arg_matches(&matches).unwrap();
            assert_eq!(words(rumor.epidemic(&common).ending).0, name);
        }
    }
}
