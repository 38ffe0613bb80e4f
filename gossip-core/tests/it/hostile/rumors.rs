//! Members that abuse rumors: what they are sent, and what they occupy.

use std::sync::Arc;
use std::time::Duration;

use gossip_core::fact::{Domain, Envelope, Why};
use gossip_core::id::{ChannelId, ClusterId, NodeId, ShardId};
use gossip_core::rng::Rng;
use gossip_core::sim::START;
use gossip_core::strategy::dissemination::{RumorConfig, RumorMongering};
use gossip_core::strategy::removal::{Feedback, Limit};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::strategy::sampler::Uniform;
use gossip_core::strategy::{Cx, Direction, Dissemination, Effect, Partners, Retain, Standing};
use gossip_core::testkit::facts::Author;
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::{Epoch, Hlc, Mono, Now};
use gossip_core::wire::{Record, Talk};

use super::{met, unpaced};

fn facts_for(puppet: &Puppet, lone: &Lone) -> usize {
    puppet.records(lone).filter(|record| matches!(record, Record::Fact { .. })).count()
}

#[test]
fn who_was_offered_nothing_asks_in_vain() {
    let (mut lone, puppets) = met(unpaced(), 2);
    let at = Hlc::from_wall(lone.now.wall);
    let fact = puppets[0].author().put("key", "value", at).into_inner();
    puppets[0].offer(&mut lone, std::slice::from_ref(&fact));
    assert_eq!(lone.totals().entries, 1);
    assert!(lone.status().queues["rumors"] > 0, "it is told");
    let mut key = [0; 8];
    key.copy_from_slice(&fact.id().as_bytes()[..8]);
    for asked in 1..=80 {
        puppets[1].say(&mut lone, Talk::Ask(vec![key; 8]));
        assert_eq!(lone.rejected(Why::Unasked), asked.min(64), "counted as long as it is heard");
    }
    assert_eq!(lone.rejected(Why::PeerQueueFull), 16);
    assert_eq!(facts_for(&puppets[1], &lone), 1, "it was told once, unasked");
}

/// Rumor mongering alone, and what it wants done.
struct Slot {
    effects: Vec<Effect>,
    now: Now,
    rng: Rng,
    rumors: RumorMongering,
}

impl Slot {
    fn new(config: RumorConfig) -> Self {
        // Rounds alone, which tests can count.
        let config = RumorConfig { eager: 0, quiet: 1, ..config };
        let now = Now { mono: Mono::ZERO + SECOND, wall: START };
        let rumors = RumorMongering::new(config, Box::new(Feedback::new(Limit::Counter(2))));
        let mut slot = Self { effects: Vec::new(), now, rng: Rng::from_number(1), rumors };
        slot.act(|rumors, cx| rumors.wake(cx));
        slot
    }

    /// Ids first, and nobody but us begins a round.
    fn offering() -> Self {
        let direction = Direction::Push;
        Self::new(RumorConfig { offer_after: 0, direction, fan_out: 5, ..Default::default() })
    }

    fn act(&mut self, act: impl FnOnce(&mut RumorMongering, &mut Cx<'_>)) {
        let partners: Vec<_> = (1..=5).map(member).collect();
        let retain: Arc<dyn Retain> = Arc::new(LastWrite::default());
        let mut cx = Cx {
            backlog_bytes: 0,
            effects: &mut self.effects,
            floor: Epoch::ZERO,
            knows: &|key| if key[0] == 0xAA { Standing::Merged } else { Standing::Unknown },
            me: member(0),
            now: self.now,
            partners: Partners::new(&partners),
            read_only: false,
            retain: &retain,
            rng: &mut self.rng,
            sampler: &mut Uniform::default(),
            shard: ShardId { channel: main(), topic: Default::default() },
        };
        act(&mut self.rumors, &mut cx);
    }

    fn hear(&mut self, from: u8, talk: Talk) -> Vec<Effect> {
        self.effects.clear();
        self.act(|rumors, cx| rumors.heard(cx, member(from), talk));
        std::mem::take(&mut self.effects)
    }

    /// A member says that it knew these rumors.
    fn knew(&mut self, from: u8, keys: &[[u8; 8]]) {
        self.act(|rumors, cx| rumors.feedback(cx, member(from), keys, &[]));
    }

    /// Time passes, and the slot is woken as often as it wants.
    fn pass(&mut self, time: Duration) -> Vec<Effect> {
        self.effects.clear();
        let end = self.now.mono + time;
        while let Some(due) = self.rumors.deadline().filter(|due| *due <= end) {
            assert!(due >= self.now.mono || self.now.mono == end, "a deadline of the past");
            self.now.mono = due.max(self.now.mono);
            self.act(|rumors, cx| rumors.wake(cx));
        }
        self.now.mono = end;
        std::mem::take(&mut self.effects)
    }

    fn write(&mut self, key: &str, value: &[u8]) -> [u8; 8] {
        let hlc = Hlc::from_wall(self.now.wall);
        let fact = Author::simulated(9, &domain()).put(key, value, hlc).into_inner();
        self.act(|rumors, cx| rumors.fresh(cx, &fact, None));
        short(&fact)
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn main() -> ChannelId {
    ChannelId::derived(ClusterId::from_name("test"), ChannelId::MAIN)
}

fn domain() -> Domain {
    Domain::new(ClusterId::from_name("test"), main())
}

fn member(number: u8) -> NodeId {
    NodeId::from_bytes([number; 32])
}

fn short(fact: &Envelope) -> [u8; 8] {
    let mut key = [0; 8];
    key.copy_from_slice(&fact.id().as_bytes()[..8]);
    key
}

fn facts(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Fact { .. })).count()
}

fn rejected(effects: &[Effect], reason: Why) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Reject { why, .. } if *why == reason))
}

fn asks(effects: &[Effect]) -> Vec<(NodeId, usize)> {
    let asks = effects.iter().filter_map(|effect| match effect {
        Effect::Talk { to, talk: Talk::Ask(keys), .. } => Some((*to, keys.len())),
        _ => None,
    });
    asks.collect()
}

/// An offer of so many facts that nobody has.
fn bait(from: u8, turn: u8, count: u8) -> Talk {
    let rumors = (0..count).map(|n| ([from, turn, n, 0, 0, 0, 0, 1], 0)).collect();
    Talk::Offer { rumors, feedback: false }
}

#[test]
fn who_was_offered_a_rumor_asks_for_it_once() {
    let mut slot = Slot::offering();
    let key = slot.write("key", b"value");
    let early = slot.hear(1, Talk::Ask(vec![key]));
    assert!(facts(&early) == 0 && rejected(&early, Why::Unasked), "not offered yet");
    slot.pass(SECOND);
    let first = slot.hear(1, Talk::Ask(vec![key, key]));
    assert!(facts(&first) == 1 && rejected(&first, Why::Unasked));
    let again = slot.hear(1, Talk::Ask(vec![key]));
    assert!(facts(&again) == 0 && rejected(&again, Why::Unasked));
    let other = slot.hear(2, Talk::Ask(vec![key]));
    assert!(facts(&other) == 1 && !rejected(&other, Why::Unasked));
    // Told no more, it is sent to whom it was offered for another second.
    slot.knew(4, &[key]);
    slot.knew(5, &[key]);
    assert_eq!(slot.rumors.counts().0, 0);
    let cooling = slot.rumors.deadline();
    assert_eq!(cooling, Some(slot.now.mono + SECOND), "then it is dropped, whatever rounds do");
    for member in [3, 4, 5] {
        assert_eq!(facts(&slot.hear(member, Talk::Ask(vec![key]))), 1);
    }
    assert_eq!(slot.rumors.deadline(), None, "nobody may ask for it any more");
    let unknown = slot.hear(3, Talk::Ask(vec![key]));
    assert!(facts(&unknown) == 0 && !rejected(&unknown, Why::Unasked), "late, and not to blame");
}

#[test]
fn what_cools_takes_no_more_than_rumors_may() {
    const MOST: usize = 10_000;
    let mut slot = Slot::new(RumorConfig {
        offer_after: 0,
        direction: Direction::Push,
        fan_out: 5,
        hot_bytes: MOST,
        ask_timeout: 100 * SECOND,
        ..Default::default()
    });
    let mut keys = Vec::new();
    for n in 0..30 {
        let key = slot.write(&format!("key-{n}"), &[0; 900]);
        slot.pass(SECOND);
        slot.knew(2, &[key]);
        slot.knew(3, &[key]);
        assert_eq!(slot.rumors.counts().0, 0, "it ends");
        keys.push(key);
    }
    let served = |slot: &mut Slot, keys: &[[u8; 8]]| {
        let effects = keys.chunks(10).flat_map(|keys| slot.hear(1, Talk::Ask(keys.to_vec())));
        effects
            .filter_map(|effect| match effect {
                Effect::Fact { fact, .. } => Some(fact.bytes().len()),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let (old, new) = keys.split_at(21);
    assert_eq!(served(&mut slot, old), [0; 0], "the oldest made room");
    let bytes = served(&mut slot, new);
    assert_eq!(bytes.len(), new.len());
    assert!(bytes.iter().sum::<usize>() <= MOST);
}

#[test]
fn an_eighth_of_what_is_asked_for_is_asked_of_one_member() {
    let mut slot = Slot::offering();
    let mut asked = 0;
    for turn in 0..100 {
        asked += asks(&slot.hear(1, bait(1, turn, 64))).iter().map(|(_, keys)| keys).sum::<usize>();
        // Nobody has a round here: requests are counted by time alone.
        slot.now.mono = slot.now.mono + SECOND / 100;
    }
    assert_eq!(asked, 8 * 64, "a period's worth of offers, which is also a member's share");
    assert_eq!(asks(&slot.hear(2, bait(2, 0, 64))), [(member(2), 64)]);
    slot.now.mono = slot.now.mono + 2 * SECOND;
    assert_eq!(asks(&slot.hear(1, bait(1, 200, 64))), [(member(1), 64)], "heard anew");
}

#[test]
fn what_does_not_come_is_asked_of_who_else_offered_it() {
    let mut slot = Slot::offering();
    let offer = bait(0, 0, 3);
    assert_eq!(asks(&slot.hear(1, offer.clone())), [(member(1), 3)]);
    for other in [2, 3] {
        assert_eq!(asks(&slot.hear(other, offer.clone())), [], "on its way");
    }
    let Talk::Offer { rumors, .. } = &offer else { unreachable!("it is one") };
    let slow = slot.pass(SECOND / 2);
    assert_eq!(asks(&slow), []);
    assert_eq!(asks(&slot.pass(SECOND)), [(member(3), 3)], "the last to offer it");
    assert_eq!(asks(&slot.pass(10 * SECOND)), [], "and nobody else");
    assert_eq!(rumors.len(), 3);
    // What came, or was of no use, is asked of nobody else.
    let fact = Author::simulated(9, &domain()).put("key", "value", Hlc::from_wall(slot.now.wall));
    let offer = Talk::Offer { rumors: vec![(short(&fact), 0)], feedback: false };
    assert_eq!(asks(&slot.hear(1, offer.clone())), [(member(1), 1)]);
    slot.hear(2, offer);
    slot.rumors.settled(fact.id());
    assert_eq!(asks(&slot.pass(10 * SECOND)), []);
}

#[test]
fn one_offer_counts_once_however_often_it_names_a_rumor() {
    let config = RumorConfig { minimize: true, direction: Direction::Push, ..Default::default() };
    let mut slot = Slot::new(config);
    let domain = domain();
    let author = Author::simulated(9, &domain);
    // An id that [`Slot::act`] takes for merged.
    let facts = (0..).map(|n: u32| author.put(format!("{n}"), "", Hlc::from_wall(slot.now.wall)));
    let fact = facts.map(gossip_core::fact::Verified::into_inner);
    let fact = fact.into_iter().find(|fact| fact.id().as_bytes()[0] == 0xAA).unwrap();
    slot.act(|rumors, cx| rumors.fresh(cx, &fact, None));
    for _ in 0..5 {
        let rumors = vec![(short(&fact), 7); 64];
        slot.hear(1, Talk::Offer { rumors, feedback: true });
    }
    slot.pass(SECOND);
    assert_eq!(slot.rumors.counts().0, 1, "one contact in this round, and two end it");
    slot.hear(2, Talk::Offer { rumors: vec![(short(&fact), 7)], feedback: true });
    slot.pass(SECOND);
    assert_eq!(slot.rumors.counts().0, 0);
}

#[test]
fn who_was_told_a_rumor_judges_it_once() {
    let direction = Direction::Push;
    let mut slot = Slot::new(RumorConfig { direction, fan_out: 5, ..Default::default() });
    let key = slot.write("key", b"value");
    slot.knew(1, &[key, key]);
    assert_eq!(slot.rumors.counts().0, 1, "nobody was told yet");
    assert_eq!(facts(&slot.pass(SECOND)), 5);
    for _ in 0..3 {
        slot.knew(1, &[key, key]);
    }
    slot.knew(6, &[key, key]);
    assert_eq!(slot.rumors.counts().0, 1, "one contact counts, and two end it");
    slot.knew(2, &[key]);
    assert_eq!(slot.rumors.counts().0, 0);
}

#[test]
fn with_a_limit_offers_are_heard_of_who_called() {
    let config = RumorConfig { offer_after: 0, connection_limit: 1, ..Default::default() };
    let mut slot = Slot::new(config);
    let busy = |effects: &[Effect]| {
        let busy = |effect: &Effect| {
            matches!(effect, Effect::Talk { talk: Talk::Busy(Talk::NO_EXCHANGE), .. })
        };
        effects.iter().any(busy)
    };
    let uncalled = slot.hear(1, bait(1, 0, 1));
    assert!(busy(&uncalled) && asks(&uncalled).is_empty());
    assert!(!busy(&slot.hear(1, Talk::Call)));
    assert_eq!(asks(&slot.hear(1, bait(1, 0, 1))), [(member(1), 1)]);
    assert!(busy(&slot.hear(2, Talk::Call)) && busy(&slot.hear(2, bait(2, 0, 1))));
    // Whom we called answers our pull with an offer.
    let mut called = slot.pass(SECOND).into_iter().filter_map(|effect| match effect {
        Effect::Talk { to, talk: Talk::Call, .. } => Some(to),
        _ => None,
    });
    let called = called.next().unwrap().as_bytes()[0];
    slot.hear(called, Talk::Welcome);
    assert!(!busy(&slot.hear(called, bait(called, 1, 1))));
}
