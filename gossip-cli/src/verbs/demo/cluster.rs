//! The demo's nodes: started, introduced, stopped, and compared.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gossip_core::io::{AtEpoch, Seed};
use gossip_core::rng::Rng;
use gossip_core::runtime::Gossip;
use gossip_core::status::Status;
use gossip_core::strategy::Direction;
use tempfile::TempDir;

use crate::args::DemoArgs;
use crate::config::Settings;
use crate::failure::Failure;
use crate::identity;
use crate::launch::{Node, launch};
use crate::output::{count, short};
use crate::sockets::raise_descriptor_limit;

/// Pause between two looks at a condition: a tenth of the period that is watched.
const PAUSE: Duration = Duration::from_millis(20);

/// Rumor periods per repair period: rumors are to do the work, repair what they miss.
const REPAIR_PERIODS: u32 = 3;

/// How long rumors of the load may go on before the update is told nevertheless.
const SETTLE: Duration = Duration::from_secs(5);

/// Nodes in this process.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) nodes: Vec<Named>,
    pub(super) rng: Rng,
    /// Holds the nodes' own ones, and goes with the cluster.
    directory: TempDir,
    patience: Duration,
}

/// A node and what people call it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) node: Node,
}

/// All nodes hold the same.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) entries: u64,
    pub(super) hash: String,
}

/// What all nodes did so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) bytes: u64,
    pub(super) datagrams: u64,
    pub(super) duplicates: u64,
    pub(super) facts_sent: u64,
}

impl Cluster {
    /// Starts nodes that all know the first one's address.
    pub(super) async fn start(arguments: &DemoArgs, patience: Duration) -> anyhow::Result<Self> {
        raise_descriptor_limit();
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("the system gave no randomness")?;
        let directory = tempfile::Builder::new().prefix("gossip-demo-").tempdir();
        let directory = directory.context("cannot make a temporary directory")?;
        let (nodes, rng) = (Vec::new(), Rng::from_seed(seed));
        let mut cluster = Self { nodes, rng, directory, patience };
        for number in 1..=arguments.nodes {
            if let Err(error) = cluster.add(arguments, number).await {
                cluster.stop().await;
                return Err(error);
            }
        }
        Ok(cluster)
    }

    async fn add(&mut self, arguments: &DemoArgs, number: u16) -> anyhow::Result<()> {
        let first = self.nodes.first().and_then(|first| address(&first.node.gossip));
        let name = format!("node-{number}");
        let mut settings = settings(arguments, name.clone(), first)?;
        settings.data = Some(self.directory.path().join(&name));
        let node = launch(&settings, Box::new(identity::fresh()?)).await?;
        self.nodes.push(Named { name, node });
        Ok(())
    }

    /// Waits until every node knows every other one alive.
    pub(super) async fn meet(&self) -> anyhow::Result<Met> {
        let wanted = self.nodes.len();
        self.until("not all nodes met", async || {
            let statuses = self.statuses().await?;
            let met = statuses.iter().filter(|status| status.peers.alive == wanted).count();
            Ok(if met == wanted {
                Ok(Met)
            } else {
                Err(format!("{met} of {wanted} know all others"))
            })
        })
        .await
    }

    /// Waits until every node holds the same.
    pub(super) async fn agree(&self) -> anyhow::Result<Agreed> {
        let first = &self.nodes.first().context("no nodes")?.node.gossip;
        self.until("the nodes did not become equal", async || {
            // Everybody answers for one epoch, whatever minute it is when they are asked.
            let (epoch, totals) = first.total(first.main_channel(), AtEpoch::This).await?;
            let mut unequal = 0;
            for Named { node, .. } in &self.nodes {
                let gossip = &node.gossip;
                let theirs = gossip.total(gossip.main_channel(), AtEpoch::Number(epoch)).await?;
                unequal += usize::from(theirs.1.sum != totals.sum);
            }
            let hash = blake3::Hash::from_bytes(totals.sum.hash()).to_hex().to_string();
            Ok(match unequal {
                0 => Ok(Agreed { entries: totals.entries, hash }),
                _ => Err(format!("{unequal} of {} differ from the first", self.nodes.len())),
            })
        })
        .await
    }

    /// Waits a while until nobody tells rumors any more, so that the update is told alone.
    pub(super) async fn settle(&self) -> anyhow::Result<Settled> {
        let begun = Instant::now();
        loop {
            let statuses = self.statuses().await?;
            let rumors = |status: &Status| status.queues.get("rumors").copied().unwrap_or(0);
            let hot: usize = statuses.iter().map(rumors).sum();
            if hot == 0 || begun.elapsed() > SETTLE {
                return Ok(Settled { hot });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Stops some nodes without a goodbye.
    pub(super) async fn kill(&mut self, count: u16) -> anyhow::Result<Killed> {
        let mut names = Vec::new();
        for _ in 0..count {
            // The first one stays: its admin port may be asked for.
            let at = 1 + self.rng.index(self.nodes.len() - 1);
            let node = self.nodes.swap_remove(at);
            node.node.gossip.shutdown().await;
            names.push(node.name);
        }
        Ok(Killed { names })
    }

    /// Stops every node.
    pub(super) async fn stop(&self) {
        for Named { node, .. } in &self.nodes {
            node.gossip.shutdown().await;
        }
    }

    /// How many nodes run.
    pub(super) fn alive(&self) -> usize {
        self.nodes.len()
    }

    /// The first node and its name.
    pub(super) fn first(&self) -> anyhow::Result<(&Node, String)> {
        let first = self.nodes.first().context("no nodes")?;
        Ok((&first.node, first.name.clone()))
    }

    /// How long a stage may take.
    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// What all nodes did so far.
    pub(super) async fn sums(&self) -> anyhow::Result<Sums> {
        let mut sums = Sums::default();
        for status in self.statuses().await? {
            sums.bytes += status.wire.sent_bytes;
            sums.datagrams += status.wire.sent_frames;
            sums.duplicates += status.duplicates;
            sums.facts_sent += status.facts_sent;
        }
        Ok(sums)
    }

    async fn statuses(&self) -> anyhow::Result<Vec<Status>> {
        let mut statuses = Vec::new();
        for Named { node, .. } in &self.nodes {
            statuses.push(node.gossip.status().await?);
        }
        Ok(statuses)
    }

    /// Looks until it finds something, or tells what was missing last.
    async fn until<T>(
        &self,
        failure: &str,
        mut look: impl AsyncFnMut() -> anyhow::Result<Result<T, String>>,
    ) -> anyhow::Result<T> {
        let begun = Instant::now();
        loop {
            match look().await? {
                Ok(found) => return Ok(found),
                Err(missing) if begun.elapsed() > self.patience => {
                    let seconds = self.patience.as_secs();
                    return Err(Failure::failed(format!("{failure} in {seconds} s: {missing}")));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Everybody knows everybody.
#[derive(Debug)]
pub(super) struct Met;

/// So many rumors were still told.
#[derive(Debug)]
pub(super) struct Settled {
    hot: usize,
}

/// These nodes were stopped.
#[derive(Debug)]
pub(super) struct Killed {
    names: Vec<String>,
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} nodes, each with its own socket, key and store", self.nodes.len())
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("everybody knows everybody")
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries everywhere, state hash {}", count(self.entries), short(&self.hash))
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hot {
            0 => f.write_str("nobody tells rumors any more"),
            hot => write!(f, "{hot} rumors are still told"),
        }
    }
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "without a goodbye: {}", self.names.join(", "))
    }
}

fn settings(
    arguments: &DemoArgs,
    name: String,
    seed: Option<SocketAddr>,
) -> anyhow::Result<Settings> {
    let DemoArgs { fanout, period, mode, transport, store, .. } = arguments;
    if period.is_zero() {
        return Err(Failure::usage("--period must be longer than nothing"));
    }
    let direction = Direction::from_name(mode).context("no such mode")?;
    let mut settings = Settings::default();
    let (choices, spec) = (&mut settings.choices, &mut settings.spec);
    choices.rumors.direction = direction;
    choices.rumors.fan_out = usize::from(*fanout);
    choices.rumors.period = *period;
    choices.repair.direction = direction;
    choices.repair.period = *period * REPAIR_PERIODS;
    choices.repair.period_max = *period * REPAIR_PERIODS * 4;
    spec.view_rumors.period = *period;
    spec.view_repair.period = *period * REPAIR_PERIODS;
    spec.view_repair.period_max = *period * REPAIR_PERIODS * 4;
    spec.name = name;
    spec.seeds = seed.map(Seed::Address).into_iter().collect();
    settings.store = Some(store.clone());
    settings.transport.kind.clone_from(transport);
    settings.transport.listen.set_port(0);
    // All of them come from one address.
    settings.transport.links_per_host = settings.transport.links;
    // All nodes share the machine's cores.
    settings.runtime.verifiers = 1;
    Ok(settings)
}

fn address(gossip: &Gossip) -> Option<SocketAddr> {
    gossip.endpoints().iter().next()
}
