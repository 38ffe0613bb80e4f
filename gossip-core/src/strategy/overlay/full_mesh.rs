//! Everybody knows everybody.

use super::Overlay;
use crate::id::NodeId;

/// A link with every member: at most one per pair, n(n-1)/2 in all.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FullMesh;

impl Overlay for FullMesh {
    fn name(&self) -> &'static str {
        "full-mesh"
    }

    fn links(&mut self, members: &[NodeId]) -> Vec<NodeId> {
        members.to_vec()
    }
}
