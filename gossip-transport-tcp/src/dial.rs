//! Connections that we make, and the pause after one that failed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip_core::transport::Address;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::counters::count;
use crate::link::{self, End};
use crate::pool::{Dial, Ends, nonce};
use crate::preamble::{Nonce, Preamble};
use crate::shared::{Phase, Place, Shared};

/// How long a link must stand so that its end by a fault is no failure of the dial: below, a peer
/// that takes connections and breaks them would be dialled without a pause (guess).
const STABLE: Duration = Duration::from_secs(10);

/// The part of the time for a handshake that an address has to take its first connection: with the
/// default 1.25 s, so that one lost SYN comes again. Who fails is given all of it from then on,
/// among others that failed (guess).
const FIRST_TRY: u32 = 4;

/// Makes a connection and runs the link. If that fails, the address rests.
pub(crate) async fn dial(shared: Arc<Shared>, dial: Dial, mut place: Place) {
    let connected = connect(&shared, &dial).await;
    let Dial { address, ends, .. } = dial;
    let failure = connected.as_ref().err().map(ToString::to_string);
    let pause = match connected {
        Ok((mut stream, theirs)) => {
            run(&shared, address, ends, &mut place, &mut stream, theirs).await
        }
        Err(_) => Some(failed(&shared, address)),
    };
    // After the pause is known, so that nobody is told of room during it.
    drop(place);
    if let Some(error) = failure {
        count(&shared.counters.dial_failures, 1);
        tracing::debug!(%address, %error, "not connected");
    }
    if let Some(pause) = pause {
        rest(&shared, address, pause).await;
    }
}

/// A connection whose peer speaks our protocol, and the nonce that it said.
async fn connect(shared: &Shared, dial: &Dial) -> io::Result<(TcpStream, Nonce)> {
    let Dial { address, ours, retry, .. } = *dial;
    count(&shared.counters.dials, 1);
    let handshake = shared.times.handshake;
    let patience = if retry { handshake } else { handshake / FIRST_TRY };
    let connecting = async {
        let connected = socket(shared, address)?.connect(address);
        let mut stream = timeout(patience, connected).await??;
        stream.set_nodelay(true)?;
        shared.preamble(ours).write(&mut stream).await?;
        let Preamble { nonce: theirs, announced: _ } = Preamble::read(&mut stream).await?;
        // A socket may be connected to itself where nobody listens.
        if theirs == ours {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok((stream, theirs))
    };
    timeout(handshake, connecting).await?
}

/// From the address that we listen at, where that is one: peers tell hosts by it.
fn socket(shared: &Shared, to: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let from = shared.local.ip();
    if !from.is_unspecified() {
        socket.bind((from, 0).into())?;
    }
    Ok(socket)
}

/// Runs the link; how long the address then rests, if it does.
async fn run(
    shared: &Shared,
    address: SocketAddr,
    ends: Ends,
    place: &mut Place,
    stream: &mut TcpStream,
    theirs: Nonce,
) -> Option<Duration> {
    let (id, began) = (ends.id, Instant::now());
    let rooms = shared.pool().stand_dialled(id, theirs, began);
    shared.announce(rooms);
    place.stands(address).await;
    let end = link::run(shared, ends, Address::Stream(address), stream).await;
    shared.ended(id, address, &end);
    if matches!(end, End::InOrder) || began.elapsed() >= STABLE {
        shared.pool().back_offs.succeeded(address);
        None
    } else {
        Some(failed(shared, address))
    }
}

fn failed(shared: &Shared, address: SocketAddr) -> Duration {
    let [low, high, ..] = nonce();
    shared.pool().back_offs.failed(address, Instant::now(), u16::from_le_bytes([low, high]))
}

/// Waits until the address may be dialled again, and tells who waits for that.
async fn rest(shared: &Shared, address: SocketAddr, pause: Duration) {
    let mut phase = shared.phase.subscribe();
    tokio::select! {
        _ = phase.wait_for(|phase| *phase > Phase::Open) => {}
        () = sleep(pause) => {
            if shared.pool().back_offs.rested(address) {
                shared.rooms.announce([Address::Stream(address)]);
            }
        }
    }
}
