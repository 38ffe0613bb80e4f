//! Which channel a request means.

use axum::http::StatusCode;
use gossip_core::id::ChannelId;

use super::Admin;
use super::error::Refusal;

impl Admin {
    /// The names of the channels that this node is in.
    pub(super) fn channels(&self) -> Vec<String> {
        vec![ChannelId::MAIN.to_owned()]
    }

    /// The channel of this name.
    pub(super) fn channel(&self, name: &str) -> Result<ChannelId, Refusal> {
        if name == ChannelId::MAIN {
            return Ok(self.node.gossip.main_channel());
        }
        let known = self.channels().join(", ");
        let text = format!("this node is not in the channel `{name}`; it is in: {known}");
        Err(Refusal::new(StatusCode::NOT_FOUND, "unknown-channel", text))
    }
}
