//! `snapshot restore`: a snapshot becomes the state of a node that does not run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use gossip_core::fact::{Envelope, HORIZON, Verified};
use gossip_core::id::{ChannelId, ShardId, TopicId};
use gossip_core::store::{Merge, Store, StoreOp, StoreReply};
use gossip_core::strategy::retain::KeepSiblings;
use gossip_core::time::{Epoch, Wall};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::reading;
use crate::args::Global;
use crate::disk::Place;
use crate::failure::Failure;
use crate::output::{self, count};
use crate::{clock, files};

#[derive(Serialize)]
struct Restored {
    facts: u64,
    data: String,
    ms: u64,
}

/// Carries the command out: the store is there once it is complete and durable, or not at all.
///
/// # Errors
/// When there is a state already, or the snapshot is damaged, false or too old.
pub(super) fn run(global: &Global, path: &Path, data: &Path, even_old: bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    let place = Place::inside(data)?;
    let store = data.join(Place::FOLDER);
    refuse_state(&store)?;
    // Everything is checked before anything is made.
    let checked = reading::check(path, |_, _, _| Ok(()))?;
    refuse_old(checked.taken_at, even_old)?;
    let unfinished = data.join("store.unfinished");
    remove(&unfinished)?;
    let runtime = Runtime::new().context("the system gave no threads")?;
    let target = runtime.block_on(place.at(unfinished.clone()).open())?;
    let mut filling = Filling { commit: 0, runtime, store: target };
    reading::check(path, |domain, _, facts| filling.merge(domain.channel(), facts))?;
    filling.finish()?;
    fs::rename(&unfinished, &store).map_err(|error| files::unwritten(&store, &error))?;
    files::sync_folder(data).map_err(|error| files::unwritten(data, &error))?;
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (facts, shown) = (checked.facts, data.display().to_string());
    if global.json {
        return output::json(&Restored { facts, data: shown, ms });
    }
    let time = output::time(begun.elapsed());
    let facts = count(facts);
    output::line(&format!(
        "{facts} facts, into {shown} in {time}; start the node with --data {shown}"
    ))
}

/// A store that takes facts.
struct Filling {
    commit: u64,
    runtime: Runtime,
    store: Arc<dyn Store>,
}

impl Filling {
    fn merge(&mut self, channel: ChannelId, facts: Vec<Verified<Envelope>>) -> anyhow::Result<()> {
        let merge = StoreOp::Merge(Merge {
            shard: ShardId { channel, topic: TopicId::default() },
            // Keeps all that either rule has kept.
            retain: Arc::new(KeepSiblings::default()),
            facts,
            epoch: Epoch::of(clock::now()),
            floor: Epoch::ZERO,
        });
        match self.runtime.block_on(self.store.run(merge)) {
            Ok(StoreReply::Merged { commit, .. }) => self.commit = commit,
            Ok(_) => unreachable!("a merge is answered as merged"),
            Err(error) => return Err(Failure::failed(error.to_string())),
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        let Self { commit, runtime, store } = self;
        let durable = runtime.block_on(async {
            store.run(StoreOp::Sync { commit }).await?;
            store.close().await
        });
        durable.map_err(|error| Failure::failed(error.to_string()))
    }
}

/// Nothing is written over.
fn refuse_state(store: &Path) -> anyhow::Result<()> {
    match fs::read_dir(store).map(|mut files| files.next().is_some()) {
        Ok(true) => {
            let text = format!(
                "{} holds a state already, which is not written over: move it away, or name another \
                 directory",
                store.display()
            );
            Err(Failure::failed(text))
        }
        Ok(false) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::failed(format!("cannot read {}: {error}", store.display()))),
    }
}

/// A cluster that goes on may have forgotten deletions that the snapshot does not know.
fn refuse_old(taken_at: Wall, even_old: bool) -> anyhow::Result<()> {
    let age = clock::now().since(taken_at);
    if even_old || age < HORIZON {
        return Ok(());
    }
    let text = format!(
        "the snapshot is {} old, and clusters forget deletions after {}: what was deleted since \
         would come back everywhere. Start an empty node, which takes the cluster's state; or, if \
         no other node is left, restore it with --even-old",
        output::time(age),
        output::time(HORIZON)
    );
    Err(Failure::failed(text))
}

fn remove(unfinished: &PathBuf) -> anyhow::Result<()> {
    match fs::remove_dir_all(unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(files::unwritten(unfinished, &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
