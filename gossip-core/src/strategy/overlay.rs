//! With whom a node keeps links. A policy.

mod full_mesh;

use std::fmt::Debug;

pub use self::full_mesh::FullMesh;
use crate::id::NodeId;

/// Chooses the members that a node keeps a session with.
pub trait Overlay: Debug + Send {
    /// The overlay's name in configuration.
    fn name(&self) -> &'static str;

    /// Of all known members that have not left, those to be linked with. `members` is ascending
    /// and without ourselves; so is the answer.
    fn links(&mut self, members: &[NodeId]) -> Vec<NodeId>;
}
