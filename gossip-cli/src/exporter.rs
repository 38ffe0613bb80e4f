//! Own writes that a node gives up, kept in a file of its directory until somebody wants them back.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use gossip_core::fact::Envelope;
use gossip_core::io::Export;
use gossip_core::runtime::Exporter;
use gossip_core::time::Wall;

use crate::records::Line;
use crate::{clock, files};

/// Writes to `exported-<milliseconds since 1970>.ndjson`, one file per start of the node, and another
/// one after a failure that nothing could be done about.
#[derive(Debug)]
pub(crate) struct FileExporter {
    directory: PathBuf,
    file: Mutex<Option<File>>,
}

impl FileExporter {
    /// An exporter into this directory; makes nothing before there is something to keep.
    pub(crate) const fn new(directory: PathBuf) -> Self {
        Self { directory, file: Mutex::new(None) }
    }

    fn create(&self) -> io::Result<File> {
        std::fs::create_dir_all(&self.directory)?;
        let path = self.directory.join(format!("exported-{}.ndjson", clock::now().millis()));
        let file = files::create(&path)?;
        let path = path.display();
        tracing::warn!(
            "this node takes the cluster's state anew; its own writes, which others may lack, are \
             kept in {path}: once it has caught up (`gossip-cli wait --converged`), bring back what \
             the cluster has nothing newer for with `gossip-cli kv import {path}`"
        );
        Ok(file)
    }
}

impl Exporter for FileExporter {
    fn keep(&self, export: &Export) -> io::Result<()> {
        let mut lines = Vec::new();
        for fact in &export.facts {
            serde_json::to_writer(&mut lines, &line(fact).of_version(fact.hlc()))?;
            lines.push(b'\n');
        }
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *held {
            Some(file) => file,
            none => none.insert(self.create()?),
        };
        let length = file.metadata()?.len();
        let kept = file.write_all(&lines).and_then(|()| file.sync_all());
        // The same facts come again: half a line must not stand before them.
        if kept.is_err() && file.set_len(length).is_err() {
            *held = None;
        }
        kept
    }
}

/// For a node without a directory: says what is lost.
#[derive(Debug)]
pub(crate) struct NowhereToKeep;

impl Exporter for NowhereToKeep {
    fn keep(&self, export: &Export) -> io::Result<()> {
        tracing::warn!(
            writes = export.facts.len(),
            "this node takes the cluster's state anew; its own writes that others lack are lost, \
             for it has no directory to keep them in: give it --data DIR"
        );
        Ok(())
    }
}

/// The record that writes again what this fact says.
pub(crate) fn line(fact: &Envelope) -> Line {
    let expires_at = Some(fact.expires_at()).filter(|at| *at != Wall::ZERO);
    Line::new(fact.key(), fact.value(), expires_at.map(Wall::millis))
}
