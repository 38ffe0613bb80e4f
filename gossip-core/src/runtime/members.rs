//! The members as of one moment, and then every change, without a gap.

use std::sync::Arc;

use super::{Events, Gossip, GossipError, Happening};
use crate::io::Event;
use crate::membership::Member;

/// What whoever follows the members learns next.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "followers must consider both")]
pub enum MemberNews {
    /// All members: first of all, and whenever this follower was too slow for the events. It takes the
    /// place of all that came before.
    All {
        /// By id.
        members: Vec<Member>,
        /// Their version.
        version: u64,
    },
    /// An [`Event::Member`] or [`Event::Forgotten`], whose version follows the one before.
    Changed(Arc<Event>),
}

/// Follows the members of a node.
#[derive(Debug)]
pub struct MemberChanges {
    events: Events,
    gossip: Gossip,
    /// The version that the follower knows; `None`: it needs all.
    version: Option<u64>,
}

impl MemberChanges {
    /// The events must have begun already: what happens before the members are asked for is in both.
    pub(super) const fn new(gossip: Gossip, events: Events) -> Self {
        Self { events, gossip, version: None }
    }

    /// Waits for what comes next; `None` once the node has stopped.
    ///
    /// # Errors
    /// [`GossipError`], when all members were needed and could not be had; may be asked again.
    pub async fn next(&mut self) -> Option<Result<MemberNews, GossipError>> {
        loop {
            let Some(known) = self.version else {
                let all = match self.gossip.versioned_members().await {
                    Ok(all) => all,
                    Err(GossipError::Stopped) => return None,
                    Err(error) => return Some(Err(error)),
                };
                let (members, version) = all;
                self.version = Some(version);
                return Some(Ok(MemberNews::All { members, version }));
            };
            match self.events.next().await? {
                Happening::Missed(_) => self.version = None,
                Happening::Event(event) => {
                    let Some(version) = event.members_version() else { continue };
                    if version == known + 1 {
                        self.version = Some(version);
                        return Some(Ok(MemberNews::Changed(event)));
                    }
                    debug_assert!(version <= known, "a gap that nobody told of");
                }
            }
        }
    }
}
