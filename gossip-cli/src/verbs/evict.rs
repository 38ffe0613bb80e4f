//! `evict`: throws a member out.

use crate::admin::client::Client;
use crate::admin::documents::health::{EvictedDocument, NodeDocument};
use crate::args::Global;
use crate::output::{self, called};

/// Carries the command out.
///
/// # Errors
/// When there is no such member, it is the node itself, or the node does not answer.
pub(crate) fn run(global: &Global, node: String) -> anyhow::Result<()> {
    let evicted: EvictedDocument =
        Client::new(global)?.post("/v1/evict", &NodeDocument { node })?;
    if global.json {
        return output::json(&evicted);
    }
    let name = called(&evicted.name, &evicted.node);
    output::line(&match evicted.before.as_str() {
        "left" => format!("{name} has left already"),
        "evicted" => format!("{name} is evicted already"),
        _ => format!("{name} is evicted; it is a member again when it is started anew"),
    })
}
