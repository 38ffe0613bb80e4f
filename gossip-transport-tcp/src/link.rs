//! A link's life once it stands: it reads, it writes, and it ends for one reason.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use gossip_core::transport::{Address, FRAME_OVERHEAD_BYTES, Inbound, LinkId};
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout_at};

use crate::counters::count;
use crate::framing::{Broken, Control};
use crate::intake::{Heard, Intake};
use crate::outgoing::Outgoing;
use crate::pace::Pace;
use crate::pool::{Ends, Turn};
use crate::shared::Shared;

/// Reads or writes in a row after which other tasks come first: some 512 KiB, a quarter of a
/// millisecond. More would delay others; each costs a visit to the scheduler.
const TURNS: u32 = 8;

/// Why a link ended.
#[derive(Debug, Error)]
pub(crate) enum End {
    #[error("the peer broke the protocol: {0:?}")]
    Broken(Broken),
    #[error("the peer closed without a goodbye")]
    Closed,
    #[error("others needed its place")]
    Cut,
    #[error("the connection failed: {0}")]
    Failed(io::Error),
    #[error("both sides had said all")]
    InOrder,
    #[error("no byte came for too long")]
    Silent,
    #[error("what was begun passed too slowly")]
    Stalled,
}

/// Moves frames both ways until the link ends. `from` is where they come from, as the node hears.
pub(crate) async fn run(
    shared: &Shared,
    mut ends: Ends,
    from: Address,
    stream: &mut TcpStream,
) -> End {
    let cut = ends.cut.take();
    let cut = async {
        match cut {
            Some(cut) => drop(cut.await),
            None => std::future::pending().await,
        }
    };
    let end = tokio::select! {
        end = exchange(shared, ends, from, stream) => end,
        () = cut => End::Cut,
    };
    if !matches!(end, End::InOrder) {
        // Otherwise the kernel keeps what the peer does not take, for minutes.
        let _ = stream.set_zero_linger();
    }
    end
}

/// Both halves, until both have ended or one has failed.
async fn exchange(shared: &Shared, ends: Ends, from: Address, stream: &mut TcpStream) -> End {
    let id = ends.id;
    let said_goodbye = AtomicBool::new(false);
    {
        let (mut reader, mut writer) = stream.split();
        let mut reading = pin!(read(shared, id, from, &said_goodbye, &mut reader));
        let mut writing = pin!(write(shared, ends, &mut writer));
        tokio::select! {
            end = &mut reading => if let End::InOrder = end {
                // The peer says nothing more, and waits for the rest of what we say.
                shared.pool().retire(id);
                writing.await.err().unwrap_or(end)
            } else {
                end
            },
            written = &mut writing => match written {
                Err(End::Stalled) => End::Stalled,
                // What the peer sent before it went is still to be read.
                written => {
                    shared.pool().retire(id);
                    said_goodbye.store(true, Ordering::Relaxed);
                    let read = reading.await;
                    written.err().unwrap_or(read)
                }
            },
        }
    }
}

/// Hands the peer's frames to the inbox, as fast as that takes them. How the link ends, as this
/// half sees it: in order after the peer's goodbye.
async fn read(
    shared: &Shared,
    id: LinkId,
    mut from: Address,
    said_goodbye: &AtomicBool,
    reader: &mut ReadHalf<'_>,
) -> End {
    let mut intake = Intake::new(shared.limits.frame_bytes);
    let mut pace: Option<Pace> = None;
    let mut turn = 0_u32;
    loop {
        let silent = Instant::now() + shared.times.silence;
        let stalled = pace.as_ref().map_or(silent, Pace::deadline);
        let arrived = match timeout_at(silent.min(stalled), intake.fill(reader)).await {
            Ok(Ok(0)) => return End::Closed,
            Ok(Ok(arrived)) => arrived,
            Ok(Err(error)) => return End::Failed(error),
            Err(_) if stalled < silent => return End::Stalled,
            Err(_) => return End::Silent,
        };
        count(&shared.counters.received_syscalls, 1);
        let mut frames = Vec::new();
        let end = loop {
            match intake.next() {
                Ok(None) => break None,
                Ok(Some(Heard::Control(Control::Bye))) => break Some(End::InOrder),
                Ok(Some(Heard::Control(Control::Ping))) => {}
                Ok(Some(Heard::Control(Control::Twin(nonce)))) => {
                    // What came before the proof keeps its name.
                    shared.received(id, &mut frames).await;
                    from = shared.prove(id, nonce).map_or(from, Address::Stream);
                }
                Ok(Some(Heard::Frame(bytes))) => frames.push(Inbound::Frame { from, bytes }),
                Ok(Some(Heard::Unknown)) => count(&shared.counters.unknown_controls, 1),
                Err(broken) => break Some(End::Broken(broken)),
            }
        };
        let completed = !frames.is_empty();
        let came = Instant::now();
        shared.received(id, &mut frames).await;
        if let Some(end) = end {
            return end;
        }
        if said_goodbye.load(Ordering::Relaxed) {
            // However small its frames are: what is left of them must pass.
            let pace = pace.get_or_insert_with(|| Pace::new(shared.times.stall));
            pace.forgive(came.elapsed());
            pace.passed(arrived);
        } else if !intake.is_amid() {
            pace = None;
        } else if let (Some(pace), false) = (&mut pace, completed) {
            pace.passed(arrived);
        } else {
            pace = Some(Pace::new(shared.times.stall));
        }
        turn += 1;
        if turn.is_multiple_of(TURNS) {
            // More is there, perhaps: others first.
            yield_now().await;
        }
    }
}

/// Sends what is queued, and a sign of life where that is nothing. Ends well after our goodbye.
async fn write(shared: &Shared, mut ends: Ends, writer: &mut WriteHalf<'_>) -> Result<(), End> {
    let period = (shared.times.silence / 3).min(shared.times.idle / 2);
    let mut outgoing = Outgoing::default();
    let mut said = Instant::now();
    let mut timer = pin!(sleep(period));
    let mut turn = 0_u32;
    loop {
        let (mut frames, mut bytes, mut last) = (0, 0, false);
        tokio::select! {
            biased;
            Some(control) = ends.controls.recv() => outgoing.control(control),
            next = next_turn(shared, ends.id, &ends.wake) => match next {
                Some(next) => {
                    frames = next.len();
                    for frame in next {
                        bytes += frame.len();
                        outgoing.frame(frame);
                    }
                }
                None => {
                    outgoing.control(Control::Bye);
                    last = true;
                }
            },
            () = &mut timer => {
                let now = Instant::now();
                timer.as_mut().reset(now + period);
                if now < said + period {
                    timer.as_mut().reset(said + period);
                } else if !shared.retire_idle(ends.id, now) {
                    outgoing.control(Control::Ping);
                }
            }
        }
        if outgoing.is_empty() {
            continue;
        }
        pass(shared, &mut outgoing, writer).await?;
        if frames > 0 {
            shared.written(ends.id, frames, bytes, bytes + frames * FRAME_OVERHEAD_BYTES);
        }
        if last {
            return writer.shutdown().await.map_err(End::Failed);
        }
        said = Instant::now();
        turn += 1;
        if turn.is_multiple_of(TURNS) {
            yield_now().await;
        }
    }
}

/// Waits for frames; `None` once none will come. Cancel-safe.
async fn next_turn(shared: &Shared, id: LinkId, wake: &Notify) -> Option<Vec<Bytes>> {
    loop {
        match shared.pool().turn(id) {
            Turn::Frames(frames) => return Some(frames),
            Turn::Last => return None,
            Turn::Wait => {}
        }
        wake.notified().await;
    }
}

/// Writes all of it, at the least pace.
async fn pass(
    shared: &Shared,
    outgoing: &mut Outgoing,
    writer: &mut WriteHalf<'_>,
) -> Result<(), End> {
    let mut pace = Pace::new(shared.times.stall);
    while !outgoing.is_empty() {
        match timeout_at(pace.deadline(), outgoing.write(writer)).await {
            Ok(Ok(0)) => return Err(End::Failed(io::ErrorKind::WriteZero.into())),
            Ok(Ok(written)) => pace.passed(written),
            Ok(Err(error)) => return Err(End::Failed(error)),
            Err(_) => return Err(End::Stalled),
        }
        count(&shared.counters.sent_syscalls, 1);
    }
    Ok(())
}
