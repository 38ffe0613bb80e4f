//! `join`: makes a node talk to members from now on.

use crate::admin::client::Client;
use crate::admin::documents::JoinDocument;
use crate::args::Global;
use crate::config::parse_seed;
use crate::failure::Failure;
use crate::output;

/// Carries the command out.
///
/// # Errors
/// When an address is none, or the node does not answer.
pub(crate) fn run(global: &Global, seeds: Vec<String>) -> anyhow::Result<()> {
    for seed in &seeds {
        parse_seed(seed).map_err(Failure::usage)?;
    }
    let joined: JoinDocument = Client::new(global)?.post("/v1/join", &JoinDocument { seeds })?;
    if global.json {
        return output::json(&joined);
    }
    let seeds = joined.seeds.join(", ");
    output::line(&format!(
        "the node dials {seeds} from now on; `gossip-cli members` shows who answers"
    ))
}
