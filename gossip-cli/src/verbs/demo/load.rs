//! The entries that the demo's nodes hold before the update: random ones, or a file's.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gossip_core::io::{Write, WriteError};
use gossip_core::rng::Rng;
use gossip_core::runtime::{Gossip, GossipError};
use tokio::task::JoinSet;

use super::cluster::Cluster;
use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::output::count;
use crate::records::{self, Record};

/// Writes per call: a few hundred milliseconds of work at most.
const BATCH: usize = 500;

/// Pause when a node is busy: about what a batch takes.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// So many entries were written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loaded {
    pub(super) count: usize,
    nodes: usize,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries, spread over {} nodes", count(self.count as u64), self.nodes)
    }
}

/// Writes the entries, each at another node than the one before, at all nodes at a time.
pub(super) async fn all(cluster: &Cluster, arguments: &DemoArgs) -> anyhow::Result<Loaded> {
    let writes = match &arguments.import {
        Some(file) => file_writes(file)?,
        None => random_writes(cluster.rng.clone(), arguments.entries),
    };
    let loaded = Loaded { count: writes.len(), nodes: cluster.nodes.len() };
    let mut shares = vec![Vec::new(); cluster.nodes.len()];
    for (write, share) in writes.into_iter().zip((0..shares.len()).cycle()) {
        shares.get_mut(share).into_iter().for_each(|share| share.push(write.clone()));
    }
    let mut tasks = JoinSet::new();
    for (node, share) in cluster.nodes.iter().zip(shares) {
        tasks.spawn(write(node.node.gossip.clone(), share, cluster.patience()));
    }
    tasks.join_all().await.into_iter().collect::<anyhow::Result<()>>()?;
    Ok(loaded)
}

async fn write(gossip: Gossip, share: Vec<Write>, patience: Duration) -> anyhow::Result<()> {
    for batch in share.chunks(BATCH) {
        let (begun, mut batch) = (Instant::now(), batch.to_vec());
        loop {
            batch = attempt(&gossip, batch).await?;
            if batch.is_empty() {
                break;
            }
            if begun.elapsed() > patience {
                let seconds = patience.as_secs();
                let text = format!("a node stayed busy for {seconds} s; load fewer entries");
                return Err(Failure::failed(text));
            }
            tokio::time::sleep(BUSY_PAUSE).await;
        }
    }
    Ok(())
}

/// Writes once, and returns what the node was too busy for.
async fn attempt(gossip: &Gossip, batch: Vec<Write>) -> anyhow::Result<Vec<Write>> {
    let results = match gossip.write(gossip.main_channel(), batch.clone()).await {
        Ok(results) => results,
        Err(GossipError::Busy) => return Ok(batch),
        Err(error) => return Err(error.into()),
    };
    let mut again = Vec::new();
    for (write, result) in batch.into_iter().zip(results) {
        match result {
            Ok(_) => {}
            Err(WriteError::Busy { .. } | WriteError::Unsettled { .. }) => again.push(write),
            Err(error) => {
                let key = String::from_utf8_lossy(&write.key);
                return Err(Failure::failed(format!("cannot write `{key}`: {error}")));
            }
        }
    }
    Ok(again)
}

fn file_writes(file: &Path) -> anyhow::Result<Vec<Write>> {
    let (source, _) = records::open(file)?;
    let write = |record: Result<Record, records::Rejected>| match record {
        Ok(Record { key, value, .. }) => {
            Ok(Write { key: key.into(), value: value.map(Bytes::from), ttl: None })
        }
        Err(records::Rejected { line, reason }) => {
            Err(Failure::failed(format!("{} line {line}: {reason}", file.display())))
        }
    };
    records::read(file, source)?.map(write).collect()
}

fn random_writes(mut rng: Rng, count: usize) -> Vec<Write> {
    let value = |number: usize| {
        let value = format!("{:016x}", rng.next_u64());
        entry(format!("entry/{number:06}"), value)
    };
    (0..count).map(value).collect()
}

fn entry(key: String, value: String) -> Write {
    Write { key: Bytes::from(key), value: Some(Bytes::from(value)), ttl: None }
}
