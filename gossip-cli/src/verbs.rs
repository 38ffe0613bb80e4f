//! What the commands do, one file per verb.

pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod evict;

mod export;
mod import;
pub(crate) mod join;
pub(crate) mod kv;
pub(crate) mod leave;
pub(crate) mod members;
pub(crate) mod node;
pub(crate) mod plot;
pub(crate) mod reachability;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod version;
pub(crate) mod views;
pub(crate) mod wait;
pub(crate) mod why;
