//! Peers out of a shared directory: each at its address, in a session whose id says who they are.

use std::sync::Arc;

use super::Route;
use crate::id::{NodeId, SessionId};
use crate::membership::Directory;
use crate::strategy::Partners;
use crate::transport::Address;

/// A directory, and our place in it.
#[derive(Debug)]
pub(super) struct Listed {
    directory: Arc<Directory>,
    place: usize,
}

impl Listed {
    /// This node in a directory; `None` where it is not listed.
    pub(super) fn new(directory: Arc<Directory>, me: &NodeId) -> Option<Self> {
        let place = directory.place(me)?;
        Some(Self { directory, place })
    }

    pub(super) fn partners(&self) -> Partners<'_> {
        Partners::shared(self.directory.nodes(), self.place)
    }

    pub(super) fn route(&self, node: &NodeId) -> Option<Route> {
        let place = self.directory.place(node).filter(|place| *place != self.place)?;
        let (_, address) = self.directory.member(place)?;
        let session = session(self.place, place);
        let to = Address::Socket(address);
        Some(Route { session, compress: true, gossip: to, bulk: to })
    }

    /// Whose frames to us carry this id and come from there.
    pub(super) fn sender(&self, id: SessionId, from: Address) -> Option<NodeId> {
        let [a, b, c, d, ..] = id.0;
        let place = u32::from_be_bytes([a, b, c, d]) as usize;
        let (node, address) = self.directory.member(place).filter(|_| place != self.place)?;
        (session(place, self.place) == id && Address::Socket(address) == from).then_some(node)
    }
}

/// The session in which one place of a directory speaks to another.
fn session(from: usize, to: usize) -> SessionId {
    let [a, b, c, d] = (from as u32).to_be_bytes();
    let [e, f, g, h] = (to as u32).to_be_bytes();
    SessionId([a, b, c, d, e, f, g, h])
}
