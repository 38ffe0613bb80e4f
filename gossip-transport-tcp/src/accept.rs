//! Connections that others make.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip_core::transport::Address;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::counters::count;
use crate::link;
use crate::pool::nonce;
use crate::preamble::Preamble;
use crate::shared::{Place, Seat, Shared};

/// How long accepting rests after an error that is about our own machine, like no descriptor left
/// (guess: what a burst holds is given back within some round trips).
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts for as long as it is polled.
pub(crate) async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(&shared, stream, peer),
            Err(error) => {
                count(&shared.counters.accept_errors, 1);
                tracing::debug!(%error, "not accepted");
                if !is_about_a_peer(error.kind()) {
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

fn is_about_a_peer(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    count(&shared.counters.accepted, 1);
    let Some(seat) = Seat::take(shared, peer.ip()) else {
        count(&shared.counters.refused_host, 1);
        let _ = stream.set_zero_linger();
        return;
    };
    let (number, must_go) = shared.pool().knock();
    let greeting = greet(Arc::clone(shared), stream, peer, number, must_go);
    shared.spawn(async move {
        greeting.await;
        drop(seat);
    });
}

/// Waits for a stranger's preamble, and if it is one, runs the link.
async fn greet(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    must_go: oneshot::Receiver<()>,
) {
    let said = tokio::select! {
        said = timeout(shared.times.handshake, Preamble::read(&mut stream)) => said,
        _ = must_go => {
            let _ = stream.set_zero_linger();
            return;
        }
    };
    shared.pool().entered(number);
    let preamble = match said {
        Ok(Ok(preamble)) => preamble,
        Ok(Err(error)) => {
            count(&shared.counters.foreign, 1);
            tracing::debug!(%peer, %error, "not one of us");
            let _ = stream.set_zero_linger();
            return;
        }
        Err(_) => {
            count(&shared.counters.handshakes_late, 1);
            let _ = stream.set_zero_linger();
            return;
        }
    };
    let Preamble { nonce: theirs, announced } = preamble;
    let ours = nonce();
    let Some(ends) = shared.pool().stand_accepted(ours, theirs, announced, Instant::now()) else {
        count(&shared.counters.refused_pool, 1);
        return;
    };
    let id = ends.id;
    let mut place = Place::new(&shared, id);
    let _ = stream.set_nodelay(true);
    let answer = timeout(shared.times.handshake, shared.preamble(ours).write(&mut stream)).await;
    if !matches!(answer, Ok(Ok(()))) {
        return;
    }
    place.stands(peer).await;
    let end = link::run(&shared, ends, Address::Link(id), &mut stream).await;
    shared.ended(id, peer, &end);
}
