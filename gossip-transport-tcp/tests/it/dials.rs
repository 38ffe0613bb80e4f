//! Addresses where nobody answers: they cost those that live neither links nor much time.

use tokio::net::TcpListener;

use super::*;

/// Eight links, so one dial at a time of an address that never failed, and one of others.
fn few_links() -> TcpConfig {
    let config = hasty();
    let handshake = Duration::from_millis(1_500);
    let times = TcpTimes { handshake, silence: PATIENCE, ..config.times };
    TcpConfig { limits: TcpLimits { links: 8, ..config.limits }, times, ..config }
}

/// Takes connections and never says a word.
async fn mute() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = Address::Stream(listener.local_addr().expect("it is bound"));
    (listener, address)
}

#[tokio::test]
async fn the_dead_push_out_no_link_and_hold_up_nobody_for_long() {
    let a = bind(few_links());
    let mut heard = Heard::default();
    let mut living = Vec::new();
    for number in 0..8 {
        let (peer, mut at_peer) = (bind(loopback()), Heard::default());
        assert_eq!(a.send(vec![transmit(stream(&peer), &filled(number, 100))]), accepted(1));
        at_peer.until("a link", &peer, |heard| heard.frames.len() == 1).await;
        heard.until("it stands here too", &a, |heard| heard.up.len() == number + 1).await;
        living.push((peer, at_peer));
    }
    let mut dead = Vec::new();
    for _ in 0..100 {
        dead.push(mute().await);
    }
    let call_the_dead = || {
        let frames = dead.iter().map(|(_, to)| transmit(*to, &filled(1, 100)));
        let report = a.send(frames.collect());
        assert_eq!(report.accepted + report.full.len(), dead.len(), "{report:?}");
        assert!(report.accepted <= 2, "one dial of each kind: {report:?}");
        assert!(a.links() <= 10);
    };
    call_the_dead();
    eventually("some failed", async || {
        call_the_dead();
        a.stats().dial_failures >= 4
    })
    .await;
    assert_eq!(a.stats().evicted, 0, "who does not answer pushes out nobody");
    assert!(heard.down.is_empty());
    for (number, (peer, at_peer)) in living.iter_mut().enumerate() {
        assert_eq!(a.send(vec![transmit(stream(peer), &filled(number, 200))]), accepted(1));
        at_peer.until("another frame", peer, |heard| heard.frames.len() == 2).await;
    }
    // A newcomer gets its turn while the dead are called all the time.
    let newcomer = bind(loopback());
    let mut at_newcomer = Heard::default();
    within("the newcomer's frame", async {
        while at_newcomer.frames.is_empty() {
            a.send(vec![transmit(stream(&newcomer), &filled(1, 300))]);
            call_the_dead();
            let _ = timeout(Duration::from_millis(20), at_newcomer.more(&newcomer)).await;
        }
    })
    .await;
    assert_eq!(a.stats().evicted, 1, "for one that had connected");
}

#[tokio::test]
async fn those_that_failed_do_not_hold_up_those_that_did_not() {
    let a = bind(few_links());
    let (_listener, dead) = mute().await;
    a.send(vec![transmit(dead, &filled(1, 10))]);
    eventually("it failed once", async || a.stats().dial_failures == 1).await;
    let dials = a.stats().dials;
    eventually("it is dialled again", async || {
        a.send(vec![transmit(dead, &filled(1, 10))]);
        a.stats().dials > dials
    })
    .await;
    // More than a second is left of that dial; a newcomer waits for none of it.
    let newcomer = bind(loopback());
    assert_eq!(a.send(vec![transmit(stream(&newcomer), &filled(2, 10))]), accepted(1));
    let mut heard = Heard::default();
    heard.until("its frame", &newcomer, |heard| heard.frames.len() == 1).await;
}
