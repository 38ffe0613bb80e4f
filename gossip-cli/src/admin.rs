//! The admin port: HTTP with JSON bodies, on loopback unless a token protects it.

mod channel;
pub(crate) mod client;
mod cluster;
pub(crate) mod documents;
pub(crate) mod error;
mod export;
mod guard;
mod health;
mod kv;
mod port;
mod server;
mod snapshot;
mod stream;
mod token;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::sync::Notify;

use self::guard::Guard;
pub(crate) use self::port::{Port, Serving};
use crate::launch::Node;

/// Most bytes of a request's body: a request of an import has at most 1 MiB of keys and values, and
/// JSON makes six bytes of one at worst.
const BODY_BYTES: usize = 8 << 20;

/// What the handlers share.
#[derive(Debug)]
struct Admin {
    /// Told when somebody asks the node to leave.
    leave: Notify,
    name: String,
    node: Node,
}

/// All routes behind the guard.
fn router(admin: Arc<Admin>, guard: Arc<Guard>) -> Router {
    Router::new()
        .route("/v1/compare", post(cluster::compare))
        .route("/v1/doctor", get(health::doctor))
        .route("/v1/evict", post(health::evict))
        .route("/v1/join", post(cluster::join))
        .route("/v1/leave", post(cluster::leave))
        .route("/v1/members", get(cluster::members))
        .route("/v1/members/watch", get(cluster::watch))
        .route("/v1/reachability", get(health::reachability))
        .route("/v1/status", get(cluster::status))
        .route("/v1/views", get(health::views))
        .route("/v1/why", get(health::why))
        .route("/v1/kv/export", get(export::export))
        .route("/v1/kv/get", get(kv::get))
        .route("/v1/kv/hash", get(kv::hash))
        .route("/v1/kv/list", get(stream::list))
        .route("/v1/kv/watch", get(stream::watch))
        .route("/v1/kv/write", post(kv::write))
        .route("/v1/snapshot", get(snapshot::snapshot))
        .fallback(error::no_such_route)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(guard, guard::check))
        .with_state(admin)
}
