//! `kv`: the replicated state.

use std::io::Read as _;
use std::time::Duration;

use anyhow::Context as _;

use super::{export, import};
use crate::admin::client::{Busy, Client};
use crate::admin::documents::{
    ChangeDocument, Changed, EntryDocument, HashDocument, WriteBatch, WriteDocument, WriteResult,
    WriteResults, WrittenDocument,
};
use crate::args::{Global, KvCommand};
use crate::failure::Failure;
use crate::output::{self, BAD, DOUBTFUL, FAINT, GOOD, count, paint, short};

/// Carries the command out.
///
/// # Errors
/// When the node refuses or does not answer.
pub(crate) fn run(global: &Global, command: KvCommand) -> anyhow::Result<()> {
    match command {
        KvCommand::Del { key } => {
            let deletion = WriteDocument::new(key.as_bytes(), None);
            write(global, key, deletion)
        }
        KvCommand::Export { file, prefix } => export::run(global, file, &prefix),
        KvCommand::Get { key } => get(global, &key),
        KvCommand::Hash { epoch } => hash(global, &epoch),
        KvCommand::Import { file } => import::run(global, &file),
        KvCommand::List { prefix, limit } => list(global, &prefix, limit),
        KvCommand::Put { key, value, ttl } => put(global, key, value, ttl),
        KvCommand::Watch { prefix } => watch(global, &prefix),
    }
}

fn put(global: &Global, key: String, value: String, ttl: Option<Duration>) -> anyhow::Result<()> {
    let mut bytes = value.into_bytes();
    if bytes == b"-" {
        bytes.clear();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    }
    let millis = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    let put = WriteDocument::new(key.as_bytes(), Some(&bytes));
    write(global, key, WriteDocument { ttl_ms: millis, ..put })
}

fn write(global: &Global, key: String, write: WriteDocument) -> anyhow::Result<()> {
    let batch = WriteBatch { channel: global.channel.clone(), writes: vec![write] };
    let answer: WriteResults = Client::new(global)?.post("/v1/kv/write", &batch)?;
    match answer.results.into_iter().next() {
        Some(WriteResult::Written { id, version }) => {
            let written = WrittenDocument { key, version, id };
            if global.json {
                return output::json(&written);
            }
            let WrittenDocument { key, version, id } = written;
            output::line(&format!("{key} {} {}", paint(FAINT, &version), paint(FAINT, short(&id))))
        }
        Some(WriteResult::Error(error)) => Err(Failure::failed(error.text)),
        None => Err(anyhow::Error::new(Busy)),
    }
}

fn get(global: &Global, key: &str) -> anyhow::Result<()> {
    let query = [("channel", global.channel.as_str()), ("key", key)];
    let entry: EntryDocument = Client::new(global)?.get("/v1/kv/get", &query)?;
    if global.json { output::json(&entry) } else { output::line(&entry.value) }
}

fn list(global: &Global, prefix: &str, limit: Option<u64>) -> anyhow::Result<()> {
    let limit = limit.map(|limit| limit.to_string());
    let mut query = vec![("channel", global.channel.as_str()), ("prefix", prefix)];
    query.extend(limit.as_deref().map(|limit| ("limit", limit)));
    let client = Client::with_timeout(global, global.timeout)?;
    for entry in client.lines::<EntryDocument>("/v1/kv/list", &query)? {
        let entry = entry?;
        if global.json {
            output::json(&entry)?;
        } else {
            output::line(&format!("{} = {}", entry.key, entry.value))?;
        }
    }
    Ok(())
}

fn watch(global: &Global, prefix: &str) -> anyhow::Result<()> {
    let query = [("channel", global.channel.as_str()), ("prefix", prefix)];
    let client = Client::with_timeout(global, global.timeout)?;
    let changes = client.lines::<ChangeDocument>("/v1/kv/watch", &query)?;
    output::note("watching; Ctrl-C ends it");
    for change in changes {
        let change = change?;
        if let ChangeDocument::Missed { missed } = change {
            output::warn(&format!("{missed} events were missed: this watcher is too slow"));
        }
        if global.json {
            output::json(&change)?;
            continue;
        }
        match change {
            ChangeDocument::Delete(change) => tell(&paint(BAD, "delete"), &change)?,
            ChangeDocument::Expire(change) => tell(&paint(DOUBTFUL, "expire"), &change)?,
            ChangeDocument::Missed { .. } => {}
            ChangeDocument::Put(change) => tell(&paint(GOOD, "put   "), &change)?,
        }
    }
    Err(Failure::failed("the node has stopped"))
}

fn tell(op: &str, Changed { key, value, author, .. }: &Changed) -> anyhow::Result<()> {
    let value = value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
    output::line(&format!("{op} {key}{value}  {}", paint(FAINT, short(author))))
}

fn hash(global: &Global, epoch: &str) -> anyhow::Result<()> {
    let query = [("channel", global.channel.as_str()), ("epoch", epoch)];
    let hash: HashDocument = Client::new(global)?.get("/v1/kv/hash", &query)?;
    if global.json {
        return output::json(&hash);
    }
    let HashDocument { channel, epoch, entries, tombstones, state_hash } = hash;
    let (entries, tombstones) = (count(entries), count(tombstones));
    output::line(&format!(
        "{state_hash}  {channel} at epoch {epoch}: {entries} entries, {tombstones} tombstones"
    ))
}
