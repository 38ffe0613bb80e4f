//! `completion`: a script that completes our commands in a shell.

use clap::CommandFactory as _;

use crate::args::{Cli, CompletionArgs};
use crate::output;

/// Prints the script.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn run(arguments: &CompletionArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "gossip-cli", &mut script);
    Ok(output::write(&script)?)
}
