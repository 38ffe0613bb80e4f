//! Strangers that lie, shout, dawdle or break off.

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::interval;

use super::stranger::{NONCE, Said, Stranger, control, frame, preamble};
use super::*;

#[tokio::test]
async fn the_protocol_is_as_documented() {
    let a = bind(loopback());
    let mut stranger = Stranger::dial(endpoint(&a), &[]).await;
    let words = [frame(b"one"), control(0, b""), control(77, b"later kind"), frame(b"")].concat();
    for byte in words {
        stranger.say(&[byte]).await;
    }
    let mut heard = Heard::default();
    heard.until("two frames", &a, |heard| heard.frames.len() == 2).await;
    let link = Address::Link(heard.standing()[0]);
    let frames = ["one", ""].map(|bytes| (link, Bytes::from_static(bytes.as_bytes())));
    assert_eq!(heard.frames, frames);
    assert_eq!(a.stats().unknown_controls, 1);
    assert_eq!(a.send(vec![transmit(link, &Bytes::from_static(b"two"))]), accepted(1));
    assert_eq!(stranger.hear().await, Said::Frame(b"two".to_vec()));
    stranger.say(&control(1, b"")).await;
    assert_eq!(stranger.hear().await, Said::Control(vec![1]), "goodbye is answered");
    assert_eq!(stranger.hear().await, Said::End);
    heard.until("the end", &a, |heard| heard.down.len() == 1).await;
    assert_eq!(a.stats().ended_in_order, 1);
}

#[tokio::test]
async fn a_thousand_garbage_connections_disturb_nobody() {
    let (a, b) = (bind(hasty()), bind(hasty()));
    let mut heard = Heard::default();
    for number in 0..1_000_usize {
        let mut garbage = TcpStream::connect(endpoint(&a)).await.unwrap();
        let said = match number % 4 {
            0 => b"GET / HTTP/1.1\r\nHost: gossip\r\n\r\n".to_vec(),
            1 => filled(number, 100).to_vec(),
            2 => preamble(NONCE, &[])[..20].to_vec(),
            _ => Vec::new(),
        };
        // Who was refused already may not take it.
        let _ = garbage.write_all(&said).await;
        if number % 100 == 0 {
            assert_eq!(b.send(vec![transmit(stream(&a), &filled(number, 500))]), accepted(1));
            heard.until("a true frame", &a, |heard| !heard.frames.is_empty()).await;
            assert_eq!(heard.frames.pop().unwrap().1, filled(number, 500));
        }
    }
    eventually("all strangers are gone", async || {
        let stats = a.stats();
        stats.foreign + stats.handshakes_late + stats.half_open_dropped == 1_000
    })
    .await;
    assert_eq!(heard.standing().len(), 1, "the only link is the true one");
    assert_eq!((a.links(), b.links()), (1, 1));
}

#[tokio::test]
async fn who_says_nothing_or_too_slowly_is_dropped_in_time() {
    let a = bind(hasty());
    let silent = TcpStream::connect(endpoint(&a)).await.unwrap();
    let slow = async {
        let mut stream = TcpStream::connect(endpoint(&a)).await.unwrap();
        let mut pace = interval(Duration::from_millis(50));
        for byte in preamble(NONCE, &[]) {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            pace.tick().await;
        }
        ends(stream).await;
    };
    within("both are dropped", async { tokio::join!(slow, ends(silent)) }).await;
    assert_eq!(a.stats().handshakes_late, 2);
    assert_eq!(a.links(), 0);
}

#[tokio::test]
async fn half_open_connections_are_bounded_and_the_oldest_goes_first() {
    let config = hasty();
    let limits = TcpLimits { half_open: 4, ..config.limits };
    let a = bind(TcpConfig { limits, times: TcpTimes::default(), ..config });
    let mut strangers = Vec::new();
    for number in 1..=6 {
        strangers.push(TcpStream::connect(endpoint(&a)).await.unwrap());
        eventually("it is accepted", async || a.stats().accepted == number).await;
    }
    for oldest in strangers.drain(..2) {
        within("the oldest go", ends(oldest)).await;
    }
    assert_eq!(a.stats().half_open_dropped, 2);
    // Who knocked last is heard yet.
    let mut last = strangers.pop().unwrap();
    last.write_all(&preamble(NONCE, &[])).await.unwrap();
    last.write_all(&frame(b"here")).await.unwrap();
    let mut heard = Heard::default();
    heard.until("the last one's frame", &a, |heard| heard.frames.len() == 1).await;
}

#[tokio::test]
async fn one_host_has_so_many_connections_and_no_more() {
    let config = loopback();
    let limits = TcpLimits { accepted_per_host: 3, ..config.limits };
    let a = bind(TcpConfig { limits, ..config });
    let mut strangers = Vec::new();
    for _ in 0..3 {
        strangers.push(Stranger::dial(endpoint(&a), &[]).await);
    }
    within("the fourth is refused", ends(TcpStream::connect(endpoint(&a)).await.unwrap())).await;
    assert_eq!(a.stats().refused_host, 1);
    strangers.pop();
    eventually("a place is free", async || a.links() == 2).await;
    Stranger::dial(endpoint(&a), &[]).await;
}

#[tokio::test]
async fn an_announced_address_is_no_proof() {
    for lowest in [false, true] {
        let (a, b) = (bind(loopback()), bind(loopback()));
        let mut at_a = Heard::default();
        let mut at_b = Heard::default();
        assert_eq!(a.send(vec![transmit(stream(&b), &filled(1, 100))]), accepted(1));
        at_b.until("the true link", &b, |heard| heard.frames.len() == 1).await;
        // It says that it is B, and what it guesses; its nonce wins or loses any comparison.
        let nonce = if lowest { [0; 16] } else { [255; 16] };
        let mut thief = Stranger::dial_with(endpoint(&a), nonce, &[endpoint(&b)]).await;
        let guesses = [[0; 16], nonce, thief.theirs, NONCE];
        for guess in guesses {
            thief.say(&control(2, &guess)).await;
        }
        thief.say(&frame(b"trust me")).await;
        at_a.until("the thief's frame", &a, |heard| heard.frames.len() == 1).await;
        let (from, _) = at_a.frames.pop().unwrap();
        assert!(matches!(from, Address::Link(_)), "{from:?} proved nothing");
        assert_eq!(a.stats().twins_refused, guesses.len() as u64);
        // The address still leads to who holds it.
        assert_eq!(a.send(vec![transmit(stream(&b), &filled(2, 100))]), accepted(1));
        at_b.until("the next frame", &b, |heard| heard.frames.len() == 2).await;
        assert_eq!(at_b.standing().len(), 1);
        assert_eq!(at_a.standing().len(), 2, "the true link and the thief's");
    }
}

/// Who has a true connection with us knows the nonce that we said there; for an address that it
/// does not hold this nonce is worth nothing.
#[tokio::test]
async fn a_nonce_of_another_true_connection_is_no_proof() {
    let (a, b) = (bind(loopback()), bind(loopback()));
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    assert_eq!(a.send(vec![transmit(stream(&b), &filled(1, 100))]), accepted(1));
    at_b.until("the true link", &b, |heard| heard.frames.len() == 1).await;
    // A dials the thief at its own address too, and says a nonce there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    assert_eq!(a.send(vec![transmit(Address::Stream(own), &filled(1, 10))]), accepted(1));
    let dialled = Stranger::accept(&listener).await;
    let mut thief = Stranger::dial_with(endpoint(&a), [0; 16], &[endpoint(&b)]).await;
    for replayed in [dialled.theirs, thief.theirs] {
        thief.say(&control(2, &replayed)).await;
    }
    thief.say(&frame(b"trust me")).await;
    at_a.until("the thief's frame", &a, |heard| heard.frames.len() == 1).await;
    assert!(matches!(at_a.frames[0].0, Address::Link(_)), "{:?} proved nothing", at_a.frames[0].0);
    assert_eq!((a.stats().twins, a.stats().twins_refused), (0, 2));
    // The same nonce at the address where it was heard proves what it should, and no more.
    let mut twin = Stranger::dial_with(endpoint(&a), [0; 16], &[endpoint(&b), own]).await;
    twin.say(&control(2, &dialled.theirs)).await;
    twin.say(&frame(b"it is me")).await;
    at_a.until("its frame", &a, |heard| heard.frames.len() == 2).await;
    assert_eq!(at_a.frames[1].0, Address::Stream(own));
    assert_eq!(a.send(vec![transmit(stream(&b), &filled(2, 100))]), accepted(1));
    at_b.until("the next frame", &b, |heard| heard.frames.len() == 2).await;
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_its_link_and_no_other() {
    let a = bind(loopback());
    let mut good = Stranger::dial(endpoint(&a), &[]).await;
    let mut heard = Heard::default();
    let limit = a.max_payload(Class::Bulk) as u32;
    for (number, bad) in
        [(limit + 1).to_be_bytes(), [0x7f; 4], [0x80, 0, 0, 0], [0xff; 4]].into_iter().enumerate()
    {
        let mut bad_one = Stranger::dial(endpoint(&a), &[]).await;
        // What came before counts.
        bad_one.say(&[frame(b"still good"), bad.to_vec()].concat()).await;
        heard.until("its last frame", &a, |heard| heard.frames.len() == 2 * number + 1).await;
        assert_eq!(bad_one.hear().await, Said::End);
        good.say(&frame(b"good")).await;
        heard.until("the other's frame", &a, |heard| heard.frames.len() == 2 * number + 2).await;
    }
    let stats = a.stats();
    assert_eq!((stats.ended_oversize, stats.ended_malformed), (2, 2));
    heard.until("their ends", &a, |heard| heard.down.len() == 4).await;
}

#[tokio::test]
async fn a_reset_in_the_middle_ends_its_link_once_and_what_was_whole_counts() {
    let (a, b) = (bind(hasty()), bind(hasty()));
    let mut heard = Heard::default();
    for round in 0..20 {
        heard.frames.clear();
        let mut peer = Stranger::dial(endpoint(&a), &[]).await;
        peer.say(&[frame(b"whole"), frame(&[7; 70_000])[..40_000].to_vec()].concat()).await;
        heard.until("the whole frame", &a, |heard| heard.frames.len() == 1).await;
        SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        heard.until("the end", &a, |heard| heard.down.len() == round + 1).await;
        assert_eq!(b.send(vec![transmit(stream(&a), &filled(round, 500))]), accepted(1));
        heard.until("another's frame", &a, |heard| heard.frames.len() == 2).await;
    }
    assert_eq!(a.stats().ended_failed, 20, "{:?}", a.stats());
}

#[tokio::test]
async fn a_dialled_stranger_that_speaks_another_protocol_is_left_alone_for_a_while() {
    let config = loopback();
    let times = TcpTimes { back_off_min: Duration::from_secs(1), ..config.times };
    let a = bind(TcpConfig { times, ..config });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Address::Stream(listener.local_addr().unwrap());
    assert_eq!(a.send(vec![transmit(to, &filled(1, 10))]), accepted(1));
    let (mut dialled, _) = within("the dial", listener.accept()).await.unwrap();
    dialled.write_all(b"SSH-2.0-OpenSSH_9.2 and so on").await.unwrap();
    eventually("it is refused", async || a.stats().dial_failures == 1).await;
    assert_eq!(a.send(vec![transmit(to, &filled(2, 10))]).full, [to], "not at once again");
    let mut heard = Heard::default();
    heard.until("room after the pause", &a, |heard| heard.rooms == [to]).await;
    assert_eq!(a.stats().lost_frames, 1);
    assert!(heard.up.is_empty());
    assert_eq!(a.send(vec![transmit(to, &filled(3, 10))]), accepted(1));
    let mut second = Stranger::accept(&listener).await;
    assert_eq!(second.hear().await, Said::Frame(filled(3, 10).to_vec()));
}

/// Waits until the other side has closed or reset.
async fn ends(mut stream: TcpStream) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "a stranger is told nothing");
}
