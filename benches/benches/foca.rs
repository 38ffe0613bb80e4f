//! What a node takes to handle a message about members, beside foca (SWIM), both for themselves in one process.
//!
//! So many instances join by the first, and know one another; then, for seconds of simulated time, nothing happens but that
//! they look after each other, once a second. Frames arrive at once and none is lost. Counted is the time from a frame that
//! arrives to the frames that follow from it, ready to be sent, theirs and ours with the same small loop: a queue of frames,
//! and the earliest timer. Times are what the thread would have taken alone: the clock's, by the share of a core that it had.
//!
//! `cargo bench -p gossip-benches --bench foca -- --large`: 1,000 in place of 300, a million of our sessions, which take many
//! gigabytes and minutes.
//!
//! *Ours* are whole nodes as in production, but for sockets: sessions, the view of members as facts that spread as rumors and
//! are compared, with signatures that a hash stands for, and the detector. *foca* 2.0 with its preset for a LAN of that
//! size, addresses as identities and postcard as its codec, into its own `AccumulatingRuntime`.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foca::{AccumulatingRuntime, Config, Foca, NoCustomBroadcast, PostcardCodec, Timer};
use gossip_benches::table::{Figures, Row, Target, cpu_seconds, per_entry, report_with, seconds};
use gossip_benches::{Handled, Mesh};
use gossip_core::strategy::detector::{Detector, Swim, SwimConfig};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// How often each looks after others.
const PERIOD: Duration = Duration::from_secs(1);

/// Simulated seconds of one of their turns: they say so little that it takes many.
const THEIR_SECONDS: u64 = 300;

/// How long they get at most until they know one another.
const SETTLING: u64 = 60;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| "foca".contains(filter.as_str())) {
        return;
    }
    // Compiled as a test, it only shows that it works.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let is_large = arguments.iter().any(|argument| argument == "--large");
    let (sizes, turns) = match (measured, is_large) {
        (true, false) => ([100, 300], 3),
        (true, true) => ([100, 1_000], 3),
        (false, _) => ([5, 10], 1),
    };
    let [few, many] = sizes.map(|nodes| Beside::run(nodes, turns));
    let growth = many.ours.iter().zip(&few.ours);
    let growth = Row {
        name: format!("a message handled, {} nodes against {}", sizes[1], sizes[0]),
        ratios: growth.map(|(many, few)| each(many) / each(few)).collect(),
        nanos: None,
        // Caches are not the same ones.
        target: Target::AtMost(1.25),
    };
    let figures: Vec<_> = [&few, &many].into_iter().flat_map(Beside::figures).collect();
    report_with(&figures, &[few.row(), many.row(), growth], "foca.json")
        .expect("the table's file can be written");
}

/// Our detector. It sets what is looked at in a period: another one is another line here.
fn detector() -> Box<dyn Detector> {
    Box::new(Swim::new(SwimConfig { period: PERIOD, ..SwimConfig::default() }))
}

/// What both handled, one value per turn.
struct Beside {
    nodes: usize,
    /// Simulated seconds of a turn.
    seconds: u64,
    ours: Vec<Handled>,
    theirs: Vec<Handled>,
}

impl Beside {
    fn run(nodes: usize, turns: u64) -> Self {
        // Everybody looks after somebody: of many nodes a few seconds are enough.
        let seconds = (10_000 / nodes as u64).clamp(10, 100);
        let (mut ours, mut theirs) = (Mesh::watching(nodes, detector), Swarm::new(nodes));
        let known = |mesh: &Mesh| mesh.known().into_iter().min().unwrap_or(0);
        let mut settling = 0..SETTLING;
        while known(&ours) < nodes && settling.next().is_some() {
            ours.run_for(PERIOD);
        }
        assert_eq!(known(&ours), nodes, "everybody knows everybody");
        // Until all is said that newcomers say: what is compared is rest.
        ours.run_for(PERIOD * SETTLING as u32);
        // Not all of many of them ever know all others.
        theirs.run_for(PERIOD * SETTLING as u32);
        let known = theirs.known();
        assert!(known * 100 >= 95 * nodes, "some know {known} of {nodes} alone");
        // What led there is not counted.
        ours.handled();
        theirs.handled();
        let mut beside = Self { nodes, seconds, ours: Vec::new(), theirs: Vec::new() };
        for _ in 0..turns {
            let share = share_of_core(|| ours.run_for(Duration::from_secs(seconds)));
            beside.ours.push(scaled(ours.handled(), share));
            let share = share_of_core(|| theirs.run_for(Duration::from_secs(THEIR_SECONDS)));
            beside.theirs.push(scaled(theirs.handled(), share));
        }
        beside
    }

    fn row(&self) -> Row {
        let pairs = self.ours.iter().zip(&self.theirs);
        let pairs: Vec<_> = pairs.map(|(ours, theirs)| (each(ours), each(theirs))).collect();
        Row {
            name: format!("a message handled, beside foca; {} nodes", self.nodes),
            ratios: pairs.iter().map(|(ours, theirs)| ours / theirs).collect(),
            nanos: Some(per_entry(&pairs, 1)),
            target: Target::AtMost(1.5),
        }
    }

    fn figures(&self) -> [Figures; 2] {
        let both = [("ours", &self.ours, self.seconds), ("foca", &self.theirs, THEIR_SECONDS)];
        both.map(|(who, handled, seconds)| {
            let values = |of: &dyn Fn(&Handled) -> f64| handled.iter().map(of).collect();
            let all = (self.nodes as u64 * seconds) as f64;
            let timer = |it: &Handled| it.timer_time.as_secs_f64() / it.timers as f64;
            let both = |it: &Handled| (it.message_time + it.timer_time).as_secs_f64();
            Figures {
                name: format!("{} nodes: {who}", self.nodes),
                values: vec![
                    ("messages/s", values(&|it| it.messages as f64 / all)),
                    ("bytes/s", values(&|it| it.message_bytes as f64 / all)),
                    ("ns per message", values(&|it| each(it) * 1e9)),
                    ("ns per timer", values(&|it| timer(it) * 1e9)),
                    ("us of CPU/s", values(&|it| both(it) * 1e6 / all)),
                ],
            }
        })
    }
}

/// Which part of the time a piece of work had a core to itself.
fn share_of_core(work: impl FnOnce()) -> f64 {
    let cpu = cpu_seconds();
    let wall = seconds(work);
    (cpu_seconds() - cpu) / wall
}

/// The same, had there been nobody else on the machine.
fn scaled(handled: Handled, share: f64) -> Handled {
    let [message_time, timer_time] =
        [handled.message_time, handled.timer_time].map(|time| time.mul_f64(share));
    Handled { message_time, timer_time, ..handled }
}

/// Seconds for a message.
fn each(handled: &Handled) -> f64 {
    handled.message_time.as_secs_f64() / handled.messages as f64
}

type Instance = Foca<SocketAddr, PostcardCodec, ChaCha8Rng, NoCustomBroadcast>;

/// Their instances, and the messages between them.
struct Swarm {
    handled: Handled,
    members: Vec<Instance>,
    messages: VecDeque<(SocketAddr, Bytes)>,
    now: Duration,
    runtime: AccumulatingRuntime<SocketAddr>,
    /// Whose and what, by time and the order in which they were set.
    timers: BTreeMap<(Duration, u64), (usize, Timer<SocketAddr>)>,
    set: u64,
}

impl Swarm {
    /// So many instances, all of which but the first announce themselves to it within a period.
    fn new(count: usize) -> Self {
        let size = NonZeroU32::new(count as u32).expect("there are some");
        let config = Config::new_lan(size);
        assert_eq!(config.probe_period, PERIOD, "both look after others as often");
        let instance = |number| {
            let rng = ChaCha8Rng::seed_from_u64(number as u64);
            Foca::new(address_of(number), config.clone(), rng, PostcardCodec)
        };
        let mut swarm = Self {
            handled: Handled::default(),
            members: (0..count).map(instance).collect(),
            messages: VecDeque::new(),
            now: Duration::ZERO,
            runtime: AccumulatingRuntime::new(),
            timers: BTreeMap::new(),
            set: 0,
        };
        for number in 1..count {
            swarm.run_for(PERIOD / count as u32);
            let Self { members, runtime, .. } = &mut swarm;
            if let Some(member) = members.get_mut(number) {
                member.announce(address_of(0), runtime).expect("an address encodes");
            }
            swarm.drain(number);
        }
        swarm
    }

    /// The fewest others that any instance knows, itself included.
    fn known(&self) -> usize {
        self.members.iter().map(|member| member.iter_members().count() + 1).min().unwrap_or(0)
    }

    fn handled(&mut self) -> Handled {
        std::mem::take(&mut self.handled)
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.deliver();
        while let Some(timer) = self.timers.first_entry().filter(|timer| timer.key().0 <= end) {
            let ((due, _), (number, timer)) = timer.remove_entry();
            self.now = due;
            let begun = Instant::now();
            if let Some(member) = self.members.get_mut(number) {
                member.handle_timer(timer, &mut self.runtime).expect("its own timer is good");
            }
            self.drain(number);
            self.handled.timer_time += begun.elapsed();
            self.handled.timers += 1;
            self.deliver();
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        let begun = Instant::now();
        while let Some((to, bytes)) = self.messages.pop_front() {
            let number = usize::from(to.port()) - 1;
            self.handled.messages += 1;
            self.handled.message_bytes += bytes.len() as u64;
            if let Some(member) = self.members.get_mut(number) {
                member.handle_data(&bytes, &mut self.runtime).expect("its own message is good");
            }
            self.drain(number);
        }
        self.handled.message_time += begun.elapsed();
    }

    fn drain(&mut self, number: usize) {
        while let Some(message) = self.runtime.to_send() {
            self.messages.push_back(message);
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            self.set += 1;
            self.timers.insert((self.now + after, self.set), (number, timer));
        }
        while self.runtime.to_notify().is_some() {}
    }
}

/// A member's address: its number is the port.
fn address_of(number: usize) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1 + number as u16).into()
}
