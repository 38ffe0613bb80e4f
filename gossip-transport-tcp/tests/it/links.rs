//! Links between transports: one per pair, bounded, closed in good order, made again.

use tokio::net::TcpListener;
use tokio::time::interval;

use super::stranger::{NONCE, Stranger, preamble};
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_simultaneous_dials_end_with_one_link_each() {
    for round in 0..100 {
        let (a, b) = (bind(loopback()), bind(loopback()));
        let frames: Vec<_> = (0..20).map(|seed| filled(seed + round, 300)).collect();
        let batch = |to: &TcpTransport| frames.iter().map(|f| transmit(stream(to), f)).collect();
        let (to_b, to_a) = (batch(&b), batch(&a));
        let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
        let (sent_a, sent_b) = std::thread::scope(|scope| {
            let one = scope.spawn(|| a.send(to_b));
            let other = scope.spawn(|| b.send(to_a));
            (one.join().unwrap(), other.join().unwrap())
        });
        assert_eq!((sent_a, sent_b), (accepted(20), accepted(20)));
        let done = |heard: &Heard| heard.frames.len() == 20 && heard.standing().len() == 1;
        let mut looks = interval(Duration::from_millis(1));
        within("one link is left, all frames came", async {
            while !done(&at_a) || !done(&at_b) || a.links() != 1 || b.links() != 1 {
                tokio::select! {
                    () = at_a.more(&a) => {}
                    () = at_b.more(&b) => {}
                    _ = looks.tick() => {}
                }
            }
        })
        .await;
        for _ in 0..3 {
            at_a.frames.clear();
            at_b.frames.clear();
            a.send(frames.iter().map(|f| transmit(stream(&b), f)).collect());
            b.send(frames.iter().map(|f| transmit(stream(&a), f)).collect());
            at_a.until("frames at a", &a, |heard| heard.frames.len() == 20).await;
            at_b.until("frames at b", &b, |heard| heard.frames.len() == 20).await;
            assert!(at_a.frames.iter().all(|(from, _)| *from == stream(&b)));
            assert!(at_b.frames.iter().all(|(from, _)| *from == stream(&a)));
        }
        assert_eq!((a.links(), b.links()), (1, 1), "round {round}");
        assert_eq!(a.stats().twins + b.stats().twins, 1);
        assert_eq!(a.stats().lost_frames + b.stats().lost_frames, 0);
    }
}

#[tokio::test]
async fn a_link_that_is_sent_to_by_two_names_is_one_link() {
    let (a, b) = (bind(loopback()), bind(loopback()));
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    a.send(vec![transmit(stream(&b), &filled(1, 10))]);
    at_a.until("up", &a, |heard| heard.up.len() == 1).await;
    let link = Address::Link(at_a.standing()[0]);
    let report = a.send(vec![transmit(link, &filled(2, 10)), transmit(stream(&b), &filled(3, 10))]);
    assert_eq!(report, accepted(2));
    at_b.until("three frames", &b, |heard| heard.frames.len() == 3).await;
    assert_eq!((a.links(), b.links()), (1, 1));
}

#[tokio::test]
async fn two_names_of_one_link_keep_one_order_and_gossip_goes_first() {
    let (a, b) = (bind(loopback()), bind(loopback()));
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    a.send(vec![transmit(stream(&b), &filled(1, 10))]);
    at_a.until("up", &a, |heard| heard.up.len() == 1).await;
    at_b.until("the first", &b, |heard| heard.frames.len() == 1).await;
    let names = [stream(&b), Address::Link(at_a.standing()[0])];
    let bulk: Vec<_> = (0..600).map(|seed| filled(seed, 3_000)).collect();
    let named = bulk.iter().enumerate().map(|(n, bytes)| transmit(names[n / 7 % 2], bytes));
    assert_eq!(a.send(named.collect()), accepted(600));
    let talk = filled(7, 300);
    let gossip = Transmit { class: Class::Gossip, ..transmit(names[0], &talk) };
    assert_eq!(a.send(vec![gossip]), accepted(1));
    at_b.frames.clear();
    at_b.until("all frames", &b, |heard| heard.frames.len() == 601).await;
    let mut came: Vec<_> = at_b.frames.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(came.remove(0), talk, "nobody yielded before it was queued");
    assert!(came == bulk, "frames came in another order");
}

#[tokio::test]
async fn a_node_may_send_to_itself() {
    let a = bind(loopback());
    a.send(vec![transmit(stream(&a), &filled(1, 10))]);
    let mut heard = Heard::default();
    heard.until("its own frame", &a, |heard| heard.frames.len() == 1).await;
    a.send(vec![transmit(stream(&a), &filled(2, 10)), transmit(heard.frames[0].0, &filled(3, 10))]);
    heard.until("both ways", &a, |heard| heard.frames.len() == 3).await;
    assert_eq!(a.links(), 2, "both ends of one connection");
}

#[tokio::test]
async fn a_peer_that_restarts_at_its_port_is_found_again() {
    let (a, mut b) = (bind(hasty()), bind(hasty()));
    let at = endpoint(&b);
    let mut at_a = Heard::default();
    for round in 0..5 {
        let sent = filled(round, 100);
        // What is told as dropped is sent again once there is room.
        within("a frame after a restart", async {
            let mut at_b = Heard::default();
            let mut tries = 0;
            while at_b.frames.is_empty() {
                let report = a.send(vec![transmit(Address::Stream(at), &sent)]);
                tries += 1;
                assert!(tries < 100, "no busy loop: {report:?}");
                let _ = timeout(Duration::from_millis(100), async {
                    loop {
                        tokio::select! {
                            () = at_b.more(&b) => if !at_b.frames.is_empty() { break },
                            () = at_a.more(&a) => {}
                        }
                    }
                })
                .await;
            }
        })
        .await;
        if round % 2 == 0 {
            b.close().await;
        }
        drop(b);
        let config = TcpConfig { listen: at, ..hasty() };
        b = bind_again(config).await;
    }
    assert_eq!(at_a.up.len(), at_a.down.len() + at_a.standing().len());
}

/// The port is free once the old listener's task is gone.
async fn bind_again(config: TcpConfig) -> TcpTransport {
    let mut bound = None;
    eventually("the port is free", async || {
        bound = TcpTransport::bind(config.clone()).ok();
        bound.is_some()
    })
    .await;
    bound.expect("it was bound just now")
}

#[tokio::test]
async fn idle_links_are_closed_in_order_and_made_again() {
    let config = loopback();
    let times = TcpTimes { idle: Duration::from_millis(200), ..config.times };
    let (a, b) = (bind(TcpConfig { times, ..config }), bind(loopback()));
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    for round in 1..=3 {
        a.send(vec![transmit(stream(&b), &filled(round, 10))]);
        at_b.until("a frame", &b, |heard| heard.frames.len() == round).await;
        at_a.until("the end at a", &a, |heard| heard.down.len() == round).await;
        at_b.until("the end at b", &b, |heard| heard.down.len() == round).await;
    }
    let stats = a.stats();
    assert_eq!((stats.idle_closed, stats.ended_in_order, stats.lost_frames), (3, 3, 0));
    assert_eq!(b.stats().ended_in_order, 3);
}

#[tokio::test]
async fn a_full_pool_lets_the_longest_unused_go_and_loses_nothing() {
    let config = loopback();
    let limits = TcpLimits { links: 4, ..config.limits };
    let a = bind(TcpConfig { limits, ..config });
    let mut peers: Vec<_> = (0..12).map(|_| (bind(loopback()), Heard::default())).collect();
    let mut heard = Heard::default();
    for round in 0..3 {
        for (number, (peer, at_peer)) in peers.iter_mut().enumerate() {
            let sent = filled(number + round, 2_000);
            within("there is room at last", async {
                while a.send(vec![transmit(stream(peer), &sent)]) != accepted(1) {
                    heard.rooms.clear();
                    heard.until("room", &a, |heard| !heard.rooms.is_empty()).await;
                }
            })
            .await;
            within("the frame", async {
                while at_peer.frames.is_empty() {
                    // A node takes news of its links while it sends.
                    tokio::select! {
                        () = at_peer.more(peer) => {}
                        () = heard.more(&a) => {}
                    }
                }
            })
            .await;
            assert_eq!(at_peer.frames.pop().unwrap().1, sent);
            assert!(a.links() <= 8, "those that say goodbye are bounded too");
        }
    }
    let stats = a.stats();
    assert!(stats.evicted >= 30 && stats.lost_frames == 0, "{stats:?}");
    eventually("goodbyes are said", async || a.links() <= 4).await;
}

#[tokio::test]
async fn strangers_cannot_push_out_links_in_use() {
    let config = loopback();
    let limits = TcpLimits { links: 2, ..config.limits };
    let (a, b) = (bind(TcpConfig { limits, ..config }), bind(loopback()));
    let mut at_b = Heard::default();
    a.send(vec![transmit(stream(&b), &filled(1, 10))]);
    at_b.until("a link", &b, |heard| heard.frames.len() == 1).await;
    let _one = Stranger::dial(endpoint(&a), &[]).await;
    for refused in 1..=5 {
        let mut stranger = tokio::net::TcpStream::connect(endpoint(&a)).await.unwrap();
        let said = preamble(NONCE, &[]);
        tokio::io::AsyncWriteExt::write_all(&mut stranger, &said).await.unwrap();
        eventually("it is refused", async || a.stats().refused_pool == refused).await;
    }
    a.send(vec![transmit(stream(&b), &filled(2, 10))]);
    at_b.until("the link still", &b, |heard| heard.frames.len() == 2).await;
    assert_eq!((at_b.up.len(), a.stats().evicted), (1, 0));
}

#[tokio::test]
async fn the_queues_have_one_bound_together_and_who_was_crowded_out_hears_of_room() {
    let config = loopback();
    let outlet = gossip_core::transport::OutletLimits {
        peer_bytes: 1 << 20,
        total_bytes: 2 << 20,
        ..config.limits.outlet
    };
    let times = TcpTimes { handshake: Duration::from_secs(1), ..config.times };
    let a = bind(TcpConfig { limits: TcpLimits { outlet, ..config.limits }, times, ..config });
    // Nobody answers there, so that frames wait for the dials' end.
    let mut listeners = Vec::new();
    for _ in 0..4 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let to = |n: usize| Address::Stream(listeners[n].local_addr().unwrap());
    let large = filled(1, 500_000);
    let mut report = SendReport::default();
    for number in 0..4 {
        let sent = a.send(vec![transmit(to(number), &large); 2]);
        report.accepted += sent.accepted;
        report.full.extend(sent.full);
    }
    // Each may have half of what is left, and one frame always.
    let all: Vec<_> = (0..4).map(to).collect();
    assert_eq!((report.accepted, &report.full), (4, &all));
    let mut heard = Heard::default();
    heard.until("room for all", &a, |heard| heard.rooms.len() >= 4).await;
    heard.rooms.sort();
    let mut expected = all;
    expected.sort();
    assert_eq!(heard.rooms, expected);
}

#[tokio::test]
async fn dropping_a_transport_sends_what_is_queued() {
    let (a, b) = (bind(loopback()), bind(loopback()));
    let frames: Vec<_> = (0..500).map(|seed| filled(seed, 3_000)).collect();
    a.send(frames.iter().map(|f| transmit(stream(&b), f)).collect());
    drop(a);
    let mut heard = Heard::default();
    heard.until("all frames", &b, |heard| heard.frames.len() == 500).await;
    heard.until("the end", &b, |heard| heard.down.len() == 1).await;
    assert_eq!(b.stats().ended_in_order, 1);
}

#[tokio::test]
async fn nobody_is_called_by_all_at_once_after_a_failure() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = loopback();
    let times = TcpTimes {
        back_off_min: Duration::from_millis(100),
        back_off_max: Duration::from_secs(1),
        ..config.times
    };
    let a = bind(TcpConfig { times, ..config });
    let began = tokio::time::Instant::now();
    let mut heard = Heard::default();
    // As fast as room is told.
    for _ in 0..4 {
        a.send(vec![transmit(Address::Stream(gone), &filled(1, 10))]);
        let dials = a.stats().dial_failures;
        eventually("the dial fails", async || {
            a.stats().dial_failures > dials || a.stats().dials == 0
        })
        .await;
        while a.send(vec![transmit(Address::Stream(gone), &filled(1, 10))]).full.is_empty() {
            tokio::task::yield_now().await;
        }
        heard.rooms.clear();
        heard.until("room", &a, |heard| !heard.rooms.is_empty()).await;
    }
    // 100, 200, 400 and 800 ms, of which jitter may take half.
    assert!(began.elapsed() >= Duration::from_millis(750), "{:?}", began.elapsed());
    assert!(a.stats().dials <= 8, "{:?}", a.stats());
}
