//! The laws of connections: order, replies, news of them, and one per pair.

use super::*;

/// Frames of a test of order.
const ORDERED: usize = 2_000;

/// Checks the laws of a transport whose frames move along connections.
pub(super) async fn laws(make: &impl AsyncFn(usize) -> Vec<Subject>) {
    frames_keep_their_order(&make(2).await).await;
    replies_go_back_along_the_link(&make(3).await).await;
    the_end_of_a_link_is_told_once(&make(2).await).await;
    a_flooding_sender_starves_nobody(&make(3).await).await;
    for later in [false, true] {
        two_that_call_each_other_share_one_link(&make(2).await, later).await;
    }
}

/// What one transport was told.
#[derive(Debug, Default)]
struct Heard {
    down: Vec<LinkId>,
    frames: Vec<(Address, Bytes)>,
    up: Vec<LinkId>,
}

impl Heard {
    async fn more(&mut self, at: &Subject) {
        for item in at.recv().await.expect("open") {
            match item {
                Inbound::Down(link) => {
                    assert!(self.up.contains(&link), "{link:?} ends before it stands");
                    self.down.push(link);
                }
                Inbound::Frame { from, bytes } => {
                    if let Address::Link(link) = from {
                        assert!(self.up.contains(&link), "{link:?} carries before it stands");
                        assert!(!self.down.contains(&link), "{link:?} carries after its end");
                    }
                    self.frames.push((from, bytes));
                }
                Inbound::Room(_) => {}
                Inbound::Up(link, _) => self.up.push(link),
            }
            let all: BTreeSet<_> = self.up.iter().collect();
            assert_eq!(all.len(), self.up.len(), "a link stands once");
            let all: BTreeSet<_> = self.down.iter().collect();
            assert_eq!(all.len(), self.down.len(), "a link ends once");
        }
    }

    async fn until(&mut self, what: &str, at: &Subject, enough: impl Fn(&Self) -> bool) {
        within(what, async {
            while !enough(self) {
                self.more(at).await;
            }
        })
        .await;
    }

    fn standing(&self) -> usize {
        self.up.len() - self.down.len()
    }
}

/// What goes to one address comes in the order in which it went.
async fn frames_keep_their_order(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    let mut heard = Heard::default();
    let sent: Vec<_> = (0..ORDERED).map(|seed| frame(seed, 8 + (seed * 37) % 3_000)).collect();
    for batch in sent.chunks(50) {
        assert_accepted(&a.send(to_peer(b, batch)), batch.len());
        tokio::task::yield_now().await;
        if heard.frames.is_empty() || heard.frames.len() % 100 == 0 {
            heard.until("a frame", b, |heard| !heard.frames.is_empty()).await;
        }
    }
    heard.until("all frames", b, |heard| heard.frames.len() == ORDERED).await;
    let came: Vec<_> = heard.frames.into_iter().map(|(_, bytes)| bytes).collect();
    assert!(came == sent, "frames came in another order");
}

/// A reply needs no address of the sender: the link that a frame came along leads back to it and
/// to nobody else.
async fn replies_go_back_along_the_link(transports: &[Subject]) {
    let [a, b, hub] = transports else { panic!("make(3) gives three transports") };
    let mut heard = Heard::default();
    for (seed, peer) in [(1, a), (2, b)] {
        assert_accepted(&peer.send(to_peer(hub, &[frame(seed, 100)])), 1);
    }
    heard.until("both frames", hub, |heard| heard.frames.len() == 2).await;
    assert_eq!(heard.up.len(), 2, "both connections are told");
    for (from, bytes) in heard.frames {
        assert!(matches!(from, Address::Link(_)), "{from:?} was not dialled and proved nothing");
        assert_accepted(&hub.send(vec![Transmit { to: from, class: hub.class(), bytes }]), 1);
    }
    for (seed, peer) in [(1, a), (2, b)] {
        let mut heard = Heard::default();
        heard.until("the reply", peer, |heard| !heard.frames.is_empty()).await;
        assert_eq!(heard.frames, [(hub.address(), frame(seed, 100))], "from whom we dialled");
        assert_eq!(heard.up.len(), 1, "who dials is told too");
    }
}

/// After the last frame, once; then there is no way back.
async fn the_end_of_a_link_is_told_once(transports: &[Subject]) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    let frames: Vec<_> = (0..100).map(|seed| frame(seed, 1_000)).collect();
    let mut heard = Heard::default();
    assert_accepted(&a.send(to_peer(b, &frames)), frames.len());
    within("close ends", a.close()).await;
    heard.until("the end", b, |heard| !heard.down.is_empty()).await;
    assert_eq!(heard.frames.len(), frames.len(), "all frames came before the end");
    assert_eq!(heard.up, heard.down);
    let to = heard.down.first().copied().map(Address::Link).expect("it ended");
    let report = b.send(vec![Transmit { to, class: b.class(), bytes: frame(1, 10) }]);
    assert_eq!(report, SendReport { unroutable: 1, ..SendReport::default() });
}

/// One sender's queue never runs empty; what another sends comes nevertheless.
async fn a_flooding_sender_starves_nobody(transports: &[Subject]) {
    let [a, b, hub] = transports else { panic!("make(3) gives three transports") };
    let mut heard = Heard::default();
    flood(a, hub);
    heard.until("the flood", hub, |heard| !heard.frames.is_empty()).await;
    let one = frame(7, 77);
    assert_accepted(&b.send(to_peer(hub, std::slice::from_ref(&one))), 1);
    within("the one frame in a flood", async {
        while !heard.frames.iter().any(|(_, bytes)| *bytes == one) {
            heard.frames.clear();
            flood(a, hub);
            heard.more(hub).await;
        }
    })
    .await;
}

/// Two nodes that dial each other, at once or one after the other, end with one connection, by
/// which each knows the other's address, and lose nothing meanwhile.
async fn two_that_call_each_other_share_one_link(transports: &[Subject], later: bool) {
    let [a, b] = transports else { panic!("make(2) gives two transports") };
    let (mut at_a, mut at_b) = (Heard::default(), Heard::default());
    let frames: Vec<_> = (0..100).map(|seed| frame(seed, 500)).collect();
    assert_accepted(&a.send(to_peer(b, &frames)), frames.len());
    if later {
        at_b.until("the first frames", b, |heard| heard.frames.len() == frames.len()).await;
    }
    assert_accepted(&b.send(to_peer(a, &frames)), frames.len());
    within("one link is left, and no frame lost", async {
        let is_done = |heard: &Heard| {
            heard.up.len() == 2 && heard.standing() == 1 && heard.frames.len() == frames.len()
        };
        while !is_done(&at_a) || !is_done(&at_b) {
            tokio::select! {
                () = at_a.more(a) => {}
                () = at_b.more(b) => {}
            }
        }
    })
    .await;
    for (from, to, heard) in [(a, b, &mut at_b), (b, a, &mut at_a)] {
        heard.frames.clear();
        assert_accepted(&from.send(to_peer(to, &frames)), frames.len());
        heard.until("frames over one link", to, |heard| heard.frames.len() == frames.len()).await;
        let expected: Vec<_> = frames.iter().map(|bytes| (from.address(), bytes.clone())).collect();
        assert_eq!(heard.frames, expected, "in order, and from whom they are");
        assert_eq!((heard.up.len(), heard.standing()), (2, 1), "no link more");
    }
}
