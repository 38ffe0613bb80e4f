//! Peers that stop, or crawl: they fill their own queue and delay nobody.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::interval;

use super::stranger::{Said, Stranger, frame};
use super::*;

/// More than kernels buffer for one connection.
const FLOOD_BYTES: usize = 64 << 20;

#[tokio::test]
async fn who_stops_reading_fills_its_own_queue_and_is_ended_in_time() {
    let (a, b) = (bind(hasty_with_the_mute()), bind(hasty()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stalled = Address::Stream(listener.local_addr().unwrap());
    let mut heard = Heard::default();
    assert_eq!(a.send(vec![transmit(stalled, &filled(1, 10))]), accepted(1));
    let peer = Stranger::accept(&listener).await;
    heard.until("it stands", &a, |heard| heard.up.len() == 1).await;
    let large = filled(1, 64 << 10);
    let (mut sent, mut at_b, mut dropped) = (0, Heard::default(), 0);
    within("the link is ended", async {
        while a.stats().ended_stalled == 0 {
            let report = a.send(vec![transmit(stalled, &large); 16]);
            assert_eq!(report.accepted + report.full.len(), 16);
            sent += report.accepted;
            dropped += report.full.len();
            assert!(sent < FLOOD_BYTES / large.len(), "the queue has a bound");
            // Others neither wait nor lose anything.
            assert_eq!(a.send(vec![transmit(stream(&b), &large)]), accepted(1));
            at_b.frames.clear();
            at_b.until("a frame to another", &b, |heard| !heard.frames.is_empty()).await;
        }
    })
    .await;
    heard.until("the end is told", &a, |heard| heard.down.len() == 1).await;
    assert!(dropped > 0 && a.stats().lost_frames > 0, "{:?}", a.stats());
    heard.until("room is told", &a, |heard| heard.rooms == [stalled]).await;
    drop(peer);
}

#[tokio::test]
async fn many_that_stop_reading_leave_room_for_one_that_reads() {
    let (a, b) = (bind(loopback()), bind(loopback()));
    let large = filled(1, 60_000);
    let mut listeners = Vec::new();
    // Nobody answers there, so all of it waits.
    for _ in 0..24 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stopped = Address::Stream(listener.local_addr().unwrap());
        let report = a.send(vec![transmit(stopped, &large); 80]);
        assert!(report.accepted > 0);
        listeners.push(listener);
    }
    let bounds = TcpLimits::default().outlet;
    assert!(24 * bounds.peer_bytes > bounds.total_bytes, "they want more than all");
    let mut heard = Heard::default();
    for round in 0..50 {
        assert_eq!(a.send(vec![transmit(stream(&b), &large); 3]), accepted(3), "round {round}");
        heard.until("its frames", &b, |heard| heard.frames.len() == 3).await;
        heard.frames.clear();
    }
    assert!(a.queued_bytes() <= bounds.total_bytes);
}

#[tokio::test]
async fn a_byte_now_and_then_is_no_progress() {
    let a = bind(hasty_with_the_mute());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let crawler = Address::Stream(listener.local_addr().unwrap());
    a.send(vec![transmit(crawler, &filled(1, 10))]);
    let mut peer = Stranger::accept(&listener).await;
    let large = filled(1, 64 << 10);
    let mut pace = interval(Duration::from_millis(10));
    within("who reads a byte now and then is ended", async {
        while a.stats().ended_stalled == 0 {
            a.send(vec![transmit(crawler, &large); 16]);
            let _ = peer.stream.read_u8().await;
            pace.tick().await;
        }
    })
    .await;
    let mut peer = Stranger::dial(endpoint(&a), &[]).await;
    let large = frame(&large);
    within("who sends a byte now and then is ended", async {
        for byte in large.chunks(1) {
            if a.stats().ended_stalled == 2 || peer.stream.write_all(byte).await.is_err() {
                break;
            }
            pace.tick().await;
        }
    })
    .await;
    assert_eq!(a.stats().ended_stalled, 2);
}

/// Strangers say no pings: they are to be ended for what they do not take.
fn hasty_with_the_mute() -> TcpConfig {
    let config = hasty();
    TcpConfig { times: TcpTimes { silence: PATIENCE, ..config.times }, ..config }
}

#[tokio::test]
async fn a_slow_line_is_no_stall() {
    let a = bind(hasty());
    let mut peer = Stranger::dial(endpoint(&a), &[]).await;
    let body = filled(3, 512 << 10);
    // 32 KiB each 150 ms: the whole takes 2.4 s, more than three times what a stall may.
    let mut pace = interval(Duration::from_millis(150));
    for piece in frame(&body).chunks(32 << 10) {
        pace.tick().await;
        peer.say(piece).await;
    }
    let mut heard = Heard::default();
    heard.until("the frame", &a, |heard| heard.frames.len() == 1).await;
    assert_eq!(heard.frames[0].1, body);
}

#[tokio::test]
async fn a_peer_that_is_gone_without_a_word_is_noticed() {
    let (a, b) = (bind(hasty()), bind(hasty()));
    a.send(vec![transmit(stream(&b), &filled(1, 10))]);
    // It takes the connection and says no more, as a stopped process or a cut line does.
    let mute = Stranger::dial(endpoint(&a), &[]).await;
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    at_a.until("both stand", &a, |heard| heard.up.len() == 2).await;
    at_a.until("one ends", &a, |heard| heard.down.len() == 1).await;
    assert_eq!(a.stats().ended_silent, 1);
    at_b.until("b was told", &b, |heard| heard.frames.len() == 1).await;
    assert!(at_b.down.is_empty(), "who is there and idle is kept");
    drop(mute);
}

#[tokio::test]
async fn our_own_pause_is_not_blamed_on_peers() {
    let config = hasty();
    let limits = TcpLimits { inbox_bytes: 100_000, ..config.limits };
    let (a, b) = (bind(TcpConfig { limits, ..config }), bind(loopback()));
    let large = filled(1, 60_000);
    let mut sent = 0;
    // Our node takes nothing for longer than any patience of ours.
    let paused = tokio::time::Instant::now();
    let mut pace = interval(Duration::from_millis(20));
    while paused.elapsed() < Duration::from_secs(2) {
        let report = b.send(vec![transmit(stream(&a), &large); 4]);
        sent += report.accepted;
        pace.tick().await;
    }
    let mut heard = Heard::default();
    heard.until("all that was accepted", &a, |heard| heard.frames.len() == sent).await;
    assert!(heard.down.is_empty());
}

#[tokio::test]
async fn a_stalled_peer_cannot_hold_close_up() {
    let config = loopback();
    let times = TcpTimes { close: Duration::from_millis(300), ..config.times };
    let a = bind(TcpConfig { times, ..config });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stalled = Address::Stream(listener.local_addr().unwrap());
    a.send(vec![transmit(stalled, &filled(1, 10))]);
    let mut peer = Stranger::accept(&listener).await;
    assert_eq!(peer.hear().await, Said::Frame(filled(1, 10).to_vec()));
    let large = filled(1, 1 << 20);
    let mut full = 0;
    while full < 100 {
        full += a.send(vec![transmit(stalled, &large); 4]).full.len();
        tokio::task::yield_now().await;
    }
    let began = tokio::time::Instant::now();
    a.close().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    within("it is cut off", async { while peer.hear().await != Said::End {} }).await;
}
