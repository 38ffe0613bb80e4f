//! The laws of the reconcile slot, held against two nodes in the simulator.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Mute, Wiretap};
use crate::config::{ChannelSlots, ConfigSpec, Strategies};
use crate::fact::Envelope;
use crate::id::FactId;
use crate::io::{Answer, Command, Event, Input, Seed};
use crate::rng::Rng;
use crate::sim::{self, Packet, Rule, START, Verdict, World};
use crate::strategy::retain::{KeepSiblings, LastWrite};
use crate::strategy::{Reconcile, Retain};
use crate::time::Mono;
use crate::transport::{Address, Inbound};

/// Makes a strategy for each start of a node.
pub type MakeReconcile = Rc<dyn Fn() -> Box<dyn Reconcile>>;

/// Within so long two replicas that can talk are equal, in virtual time.
const CALM: Duration = Duration::from_secs(60);

/// The same with a fifth of all packets lost, a fifth doubled, and all out of order.
const ROUGH: Duration = Duration::from_secs(180);

/// How often the script looks.
const MOMENT: Duration = Duration::from_millis(100);

/// Holds a strategy to the laws of [`Reconcile`], under both retain rules, on random states of
/// none to hundreds of facts: two replicas that keep talking end equal, within a minute when the
/// network is calm and within three when it is rough, and hold what the retain rule keeps of all
/// facts of both; on a calm network at most one fact in ten is sent to who has it (two
/// comparisons that cross), and equal replicas send none.
///
/// # Panics
/// If a law is broken.
pub fn reconcile_laws(make: &MakeReconcile, seeds: std::ops::Range<u64>) {
    assert!(!make().name().is_empty(), "a strategy has a name");
    for seed in seeds {
        for retain in [Arc::new(LastWrite::default()) as Arc<dyn Retain>, Arc::new(KeepSiblings)] {
            calm(&mut Pair::new(make, &retain, seed));
            rough(&mut Pair::new(make, &retain, seed));
        }
    }
}

fn calm(pair: &mut Pair) {
    pair.differ();
    let mut held = pair.held();
    let tap = Wiretap::new(&ConfigSpec::default().cluster);
    pair.world.clear_rules();
    pair.world.rule(tap.clone());
    pair.world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(1)));
    pair.end_equal(CALM);
    let sent = tap.take();
    let known = |sent: &&super::wiretap::Sent| !held.entry(sent.to).or_default().insert(sent.fact);
    let needless = sent.iter().filter(known).count();
    let share = format!("{} of {} facts sent to who has them", needless, sent.len());
    assert!(needless * 10 <= sent.len(), "{}: {share}", pair.label);
    // The last answers may still be under way.
    pair.world.run_for(Duration::from_secs(1));
    let _ = tap.take();
    pair.world.run_for(CALM);
    assert_eq!(tap.take(), [], "{}: equal, and not silent", pair.label);
}

fn rough(pair: &mut Pair) {
    pair.differ();
    pair.world.clear_rules();
    let copier = Copier::default();
    pair.world.rule(copier.clone());
    pair.world.rule(sim::loss(0.2));
    pair.world.rule(sim::delay(Duration::from_millis(1), Duration::from_millis(100)));
    pair.copier = Some(copier);
    pair.end_equal(ROUGH);
}

/// Two nodes that have nothing but repair.
struct Pair {
    copier: Option<Copier>,
    label: String,
    retain: Arc<dyn Retain>,
    rng: Rng,
    world: World,
    /// Every fact written, by id, with the hosts that saw it before the replicas meet.
    written: BTreeMap<FactId, (Envelope, BTreeSet<usize>)>,
}

impl Pair {
    fn new(make: &MakeReconcile, retain: &Arc<dyn Retain>, seed: u64) -> Self {
        let mut world = World::new(seed);
        for host in 0..2 {
            let seeds = if host == 0 { vec![] } else { vec![Seed::Address(world.address(0))] };
            let (make, retain) = (Rc::clone(make), Arc::clone(retain));
            let slots = move || ChannelSlots {
                dissemination: Box::new(Mute),
                reconcile: make(),
                retain: Arc::clone(&retain),
            };
            let strategies =
                move |keys| Strategies { main: slots(), ..Strategies::new(Box::new(keys)) };
            world.add_with(ConfigSpec { seeds, ..ConfigSpec::default() }, Box::new(strategies));
        }
        let label = format!("{}, {}, seed {seed}", make().name(), retain.name());
        let rng = Rng::from_number(seed);
        let retain = Arc::clone(retain);
        Self { copier: None, label, retain, rng, world, written: BTreeMap::new() }
    }

    /// Facts that both have, then facts that one has: none, a few or many, on some of the same
    /// keys.
    fn differ(&mut self) {
        let label = &self.label;
        let met = |world: &mut World| {
            let partners = |host| world.node(host).map(|node| node.status().partners);
            (0..2).all(|host| partners(host) == Some(1))
        };
        let met = self.world.run_until(Duration::from_secs(10), MOMENT, met);
        assert!(met, "{label}: two nodes do not meet");
        let [common, left, right] = [[0, 10, 300], [0, 1, 150], [0, 20, 300]]
            .map(|sizes| *sizes.get(self.rng.index(3)).expect("three sizes"));
        let keys = 1 + (common + left + right) / 2;
        (0..common).for_each(|n| self.write(n % 2, keys));
        let equal = self.world.run_until(CALM, MOMENT, World::converged);
        assert!(equal, "{}: different after {CALM:?}", self.label);
        self.world.rule(sim::cut(|host| host == 0));
        (0..left).for_each(|_| self.write(0, keys));
        (0..right).for_each(|_| self.write(1, keys));
        self.world.run_for(Duration::from_secs(1));
        for host in 0..2 {
            for event in self.world.events(host) {
                if let Event::Changed { fact, .. } = event {
                    let entry = self.written.entry(fact.id());
                    entry.or_insert_with(|| (fact, BTreeSet::new())).1.insert(host);
                }
            }
        }
        let least = left + right;
        assert!(self.written.len() >= least, "{}: the script wrote nothing", self.label);
    }

    fn write(&mut self, host: usize, keys: usize) {
        let key = format!("key-{}", self.rng.index(keys));
        let value = format!("{:x}", self.rng.next_u64());
        let value = self.rng.chance(0.8).then_some(value.as_str());
        self.world.write(host, &key, value, None);
        self.world.run_for(Duration::from_millis(1));
    }

    /// Which facts each host holds before the replicas meet.
    fn held(&self) -> BTreeMap<usize, BTreeSet<FactId>> {
        let of = |host| {
            let seen = self.written.values().filter(|(_, hosts)| hosts.contains(&host));
            self.kept(seen.map(|(fact, _)| fact)).iter().map(Envelope::id).collect()
        };
        (0..2).map(|host| (host, of(host))).collect()
    }

    fn end_equal(&mut self, limit: Duration) {
        let copier = self.copier.clone();
        let equal = self.world.run_until(limit, MOMENT, |world| {
            copier.iter().for_each(|copier| copier.repeat(world));
            world.converged()
        });
        assert!(equal, "{}: different after {limit:?}", self.label);
        let expected = self.expected();
        for host in 0..2 {
            assert_eq!(self.scan(host), expected, "{}: equal, and wrong", self.label);
        }
    }

    /// What a reader sees where everything was merged.
    fn expected(&self) -> BTreeSet<FactId> {
        let wall = START + self.world.now().since(Mono::ZERO);
        let kept = self.kept(self.written.values().map(|(fact, _)| fact));
        let keys = kept.chunk_by(|a, b| a.key() == b.key());
        let read = keys.flat_map(|facts| self.retain.read(facts));
        read.filter(|fact| fact.is_live(wall)).map(Envelope::id).collect()
    }

    /// What the retain rule keeps of these facts, by key.
    fn kept<'a>(&self, facts: impl Iterator<Item = &'a Envelope>) -> Vec<Envelope> {
        let mut keys = BTreeMap::<_, Vec<_>>::new();
        facts.for_each(|fact| keys.entry(fact.key()).or_default().push(fact));
        keys.values_mut().for_each(|facts| self.retain.retain(facts));
        keys.into_values().flatten().cloned().collect()
    }

    fn scan(&mut self, host: usize) -> BTreeSet<FactId> {
        let channel = self.world.main_channel(host);
        let command =
            Command::Scan { channel, prefix: bytes::Bytes::new(), after: None, limit: usize::MAX };
        let request = self.world.command(host, command);
        self.world.run_for(Duration::from_millis(1));
        match self.world.answer(host, request) {
            Some(Answer::Facts(facts)) => facts.iter().map(Envelope::id).collect(),
            answer => panic!("{}: a scan is answered by {answer:?}", self.label),
        }
    }
}

/// Keeps a copy of every fifth packet, to be delivered once more and late.
#[derive(Clone, Default)]
struct Copier(Rc<RefCell<Vec<(usize, usize, bytes::Bytes)>>>);

impl Copier {
    fn repeat(&self, world: &mut World) {
        for (from, to, bytes) in self.0.take() {
            let from = Address::Socket(world.address(from));
            world.input(to, Input::Network(Inbound::Frame { from, bytes }));
        }
    }
}

impl Rule for Copier {
    fn on_packet(&mut self, packet: &Packet<'_>, rng: &mut Rng) -> Verdict {
        if rng.chance(0.2) {
            let bytes = bytes::Bytes::copy_from_slice(packet.bytes);
            self.0.borrow_mut().push((packet.from, packet.to, bytes));
        }
        Verdict::Pass
    }
}
