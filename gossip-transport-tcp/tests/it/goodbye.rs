//! What is under way when a link ends: it comes, if it comes at all.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::interval;

use super::stranger::{Said, Stranger, control, frame};
use super::*;

/// Who is closed for being idle or for its place, takes what was queued however long that takes.
#[tokio::test]
async fn a_goodbye_waits_for_a_slow_line() {
    let config = hasty();
    let times = TcpTimes { close: PATIENCE, silence: PATIENCE, ..config.times };
    let a = bind(TcpConfig { times, ..config });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = Address::Stream(listener.local_addr().unwrap());
    a.send(vec![transmit(slow, &filled(1, 10))]);
    let mut peer = Stranger::accept(&listener).await;
    assert_eq!(peer.hear().await, Said::Frame(filled(1, 10).to_vec()));
    // The kernel takes some, the rest is queued when the peer says goodbye.
    let large = filled(1, 64 << 10);
    let mut sent = 0;
    while a.queued_bytes() < 2 << 20 {
        sent += a.send(vec![transmit(slow, &large)]).accepted;
        tokio::task::yield_now().await;
    }
    peer.say(&control(1, b"")).await;
    let mut pace = interval(Duration::from_millis(100));
    let (began, mut read) = (tokio::time::Instant::now(), 0);
    // So much takes longer than any stall may.
    let mut piece = vec![0; 256 << 10];
    while a.queued_bytes() > 0 || began.elapsed() < Duration::from_secs(1) {
        pace.tick().await;
        let most = piece.len();
        match timeout(Duration::from_millis(100), peer.stream.read(&mut piece[..most])).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(some)) => read += some,
            Err(_) => {}
        }
    }
    let mut rest = Vec::new();
    within("the end", peer.stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(read + rest.len(), sent * (4 + large.len()) + 5, "all frames, and a goodbye");
    drop(peer);
    eventually("the link is gone", async || a.links() == 0).await;
    let stats = a.stats();
    assert_eq!((stats.lost_frames, stats.ended_in_order), (0, 1), "{stats:?}");
}

/// After our goodbye a peer may send what it has, slowly, and nothing else for ever.
#[tokio::test]
async fn what_comes_after_a_goodbye_may_be_slow_but_must_end() {
    let config = hasty();
    let times = TcpTimes { idle: Duration::from_millis(200), silence: PATIENCE, ..config.times };
    let a = bind(TcpConfig { times, ..config });
    let mut heard = Heard::default();
    let mut slow = Stranger::dial(endpoint(&a), &[]).await;
    assert_eq!(slow.hear().await, Said::Control(vec![1]), "it was idle");
    let body = filled(3, 512 << 10);
    let mut pace = interval(Duration::from_millis(150));
    for piece in frame(&body).chunks(32 << 10) {
        pace.tick().await;
        slow.say(piece).await;
    }
    slow.say(&control(1, b"")).await;
    heard.until("the frame", &a, |heard| heard.frames.len() == 1).await;
    heard.until("the end", &a, |heard| heard.down.len() == 1).await;
    assert_eq!(a.stats().ended_in_order, 1);
    let mut endless = Stranger::dial(endpoint(&a), &[]).await;
    assert_eq!(endless.hear().await, Said::Control(vec![1]), "it was idle");
    within("who never ends is ended", async {
        while a.stats().ended_stalled == 0 {
            pace.tick().await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut endless.stream, &frame(b"more")).await;
        }
    })
    .await;
}
