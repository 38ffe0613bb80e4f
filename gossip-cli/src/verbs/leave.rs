//! `leave`: makes a node say goodbye to its cluster and stop.

use serde::Serialize;

use crate::admin::client::Client;
use crate::args::Global;
use crate::output;

#[derive(Serialize)]
struct Left {
    left: bool,
}

/// Carries the command out.
///
/// # Errors
/// When the node does not answer.
pub(crate) fn run(global: &Global) -> anyhow::Result<()> {
    Client::new(global)?.post::<()>("/v1/leave", &())?;
    if global.json {
        return output::json(&Left { left: true });
    }
    output::line("the node has said goodbye and stops")
}
