//! `snapshot`: a node's state in a file, looked at and brought back without a node.

mod reading;
mod restore;
mod save;
mod show;

use crate::args::{Global, SnapshotCommand};

/// Carries the command out.
///
/// # Errors
/// When the node does not answer to the end, or a file cannot be written, read or trusted.
pub(crate) fn run(global: &Global, command: SnapshotCommand) -> anyhow::Result<()> {
    match command {
        SnapshotCommand::Restore { file, data, even_old } => {
            restore::run(global, &file, &data, even_old)
        }
        SnapshotCommand::Save { file } => save::run(global, &file),
        SnapshotCommand::Show { file } => show::run(global, &file),
    }
}
