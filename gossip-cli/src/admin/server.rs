//! The admin port's connections: bounded in number, and in how long they may dawdle.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at a time; more wait to be accepted (a guess: many watchers and an import).
const CONNECTIONS: usize = 256;

/// How long a request's head may take, and a connection may idle (a guess).
const HEAD_PATIENCE: Duration = Duration::from_secs(15);

/// How long answers that are under way may take once the port closes (a guess).
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Pause after a failed accept, which is mostly a lack of file descriptors (a guess).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is done, then lets answers finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(listener, router, &graceful) => {}
        () = stop => {}
    }
    // Whoever still reads then is cut off.
    let _ = tokio::time::timeout(CLOSE_PATIENCE, graceful.shutdown()).await;
}

async fn accept(listener: TcpListener, router: Router, graceful: &GracefulShutdown) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin port could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let _slower = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an admin connection ended early");
            }
            drop(permit);
        });
    }
}
