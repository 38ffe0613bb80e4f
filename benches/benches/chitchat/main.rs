//! Whole nodes beside chitchat 0.13, in one process, over UDP on loopback, one round in 100 ms.
//!
//! *Theirs* is `spawn_chitchat` with its own UDP transport (whose bytes are counted) and defaults otherwise, in both of its
//! wire versions; each figure is held against the better one. *Ours* are nodes as `runtime::spawn` makes them, on
//! `UdpTransport` and memory stores, with defaults but for the period of rumors, which is 100 ms for the
//! channel and for membership, and the channel's shortest period of repair, which is the same: a round of chitchat is repair as well.
//!
//! Facts of ours are signed, and each node checks every signature: in one process the cores that all
//! nodes share do as many times the work that each of them would do alone. "Verdicts shared" is the same without that: a memory of
//! verdicts for all nodes of the process (`SharedVerdicts`), so that each fact is checked once. The bare floor is what checking every
//! fact at every node takes on all cores, in batches of all that are written.
//!
//! Nodes start one after the other, so that their timers are spread. A key has been seen by a node when it is told so: by an
//! event of ours, by a callback of theirs. Bytes are those of datagrams' payloads. CPU is the process's, system calls included.

#![expect(clippy::indexing_slicing, reason = "a node that is not there ends the benchmark")]

mod board;
mod ours;
mod theirs;

use std::ops::Range;
use std::time::{Duration, Instant};

use chitchat::ProtocolVersion;
use gossip_benches::table::{Figures, Row, Target, cpu_seconds, process_cpu_seconds, report_with};
use gossip_benches::waiting::{Patience, pass};
use gossip_core::fact::{Draft, Envelope, FactKind, Job, SigningKeys, Verifier};
use gossip_core::id::TopicId;
use gossip_core::testkit::facts;
use gossip_core::time::{Hlc, Wall};
use tokio::runtime::Builder;

use self::board::Board;
use self::ours::{Ours, sharing};
use self::theirs::Theirs;

/// One round.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);

/// How often it is looked whether something holds, and when that is given up.
pub(crate) const LOOK: Patience =
    Patience { every: Duration::from_millis(2), most: Duration::from_secs(120) };

/// Between the starts of two nodes.
pub(crate) const SPREAD: Duration = Duration::from_micros(7_300);

/// Keys that are written at a time.
const MANY: usize = 1_000;

/// What a node holds for the idle figures, in all.
const HELD: [usize; 2] = [10, 10_000];

/// How much is measured.
#[derive(Clone, Copy)]
struct Plan {
    sizes: &'static [usize],
    turns: usize,
    /// Spreads of one key, and of [`MANY`], in one turn.
    ones: usize,
    manies: usize,
    /// How long ours is watched at rest, for each node; and how long after its start, and after its last news.
    idle: Duration,
    idle_age: Duration,
    idle_calm: Duration,
    /// How long theirs is, which says the same in every round.
    idle_theirs: Duration,
    filled: usize,
}

const FULL: Plan = Plan {
    sizes: &[20, 50, 100],
    turns: 3,
    ones: 15,
    manies: 5,
    // Each unchanged node says that it is alive every 2 to 2.5 s for each member: watched is one such
    // round, from when half of the first ones are said to when half of the second are, and when the
    // pauses of repair have grown to their longest.
    idle: Duration::from_millis(2_250),
    idle_age: Duration::from_millis(2_250),
    idle_calm: Duration::from_secs(26),
    idle_theirs: Duration::from_secs(5),
    filled: 100_000,
};

const QUICK: Plan =
    Plan { turns: 1, ones: 9, manies: 3, idle_theirs: Duration::from_secs(2), ..FULL };

const TRIAL: Plan = Plan {
    sizes: &[3],
    turns: 1,
    ones: 1,
    manies: 1,
    idle: PERIOD,
    idle_age: PERIOD,
    idle_calm: PERIOD,
    idle_theirs: PERIOD,
    filled: 1_000,
};

/// Nodes that tell one another keys.
trait Cluster {
    fn board(&self) -> &Board;

    /// Has a node write these keys.
    async fn write(&self, author: usize, keys: Range<usize>);

    async fn sent_bytes(&self) -> u64;

    /// Waits until nothing is news any more.
    async fn rest(&self);

    async fn stop(self);
}

/// What one kind of cluster took: a value per repetition.
#[derive(Default)]
struct Taken {
    one: Vec<f64>,
    many: Vec<f64>,
    /// Per node and second, holding [`HELD`].
    bytes: [Vec<f64>; 2],
    cpu: [Vec<f64>; 2],
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words = || arguments.iter().filter(|argument| !argument.starts_with('-'));
    // Numbers choose sizes (2: the empty second node), other words benchmarks.
    let chosen: Vec<usize> = words().filter_map(|word| word.parse().ok()).collect();
    let mut filters = words().filter(|word| word.parse::<usize>().is_err()).peekable();
    if filters.peek().is_some() && !filters.any(|filter| "chitchat".contains(filter.as_str())) {
        return;
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // Compiled as a test, it only shows that it works.
    let plan = match (has("--bench"), has("--quick")) {
        (false, _) => TRIAL,
        (true, true) => QUICK,
        (true, false) => FULL,
    };
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (mut figures, mut rows) = (Vec::new(), Vec::new());
    for size in plan.sizes.iter().filter(|size| chosen.is_empty() || chosen.contains(size)) {
        runtime.block_on(beside(*size, plan, &mut figures, &mut rows));
    }
    if chosen.is_empty() || chosen.contains(&2) {
        runtime.block_on(fill(plan, &mut figures, &mut rows));
    }
    report_with(&figures, &rows, "chitchat.json").expect("the table's file can be written");
}

/// All figures of clusters of one size.
async fn beside(size: usize, plan: Plan, figures: &mut Vec<Figures>, rows: &mut Vec<Row>) {
    let [mut theirs_0, mut theirs_1, mut shared, mut ours] = [(); 4].map(|()| Taken::default());
    let mut floor = Vec::new();
    for turn in 0..plan.turns {
        for (version, taken) in
            [(ProtocolVersion::V0, &mut theirs_0), (ProtocolVersion::V1, &mut theirs_1)]
        {
            let cluster = Theirs::start(size, version).await;
            watch(cluster, size, plan, Some(Idle::theirs(plan)), taken).await;
        }
        watch(Ours::start(size, &sharing()).await, size, plan, None, &mut shared).await;
        // Minutes, where many nodes take turns: once.
        let idle = (turn == 0).then(|| Idle::ours(plan, size));
        let cluster = Ours::start(size, &Verifier::new()).await;
        watch(cluster, size, plan, idle, &mut ours).await;
        floor.push(verification() * (size - 1) as f64 / cores());
    }
    let millis = |seconds: &[f64]| seconds.iter().map(|seconds| seconds * 1e3).collect::<Vec<_>>();
    let mut figure = |name: &str, values: Vec<(&'static str, Vec<f64>)>| {
        figures.push(Figures { name: format!("{size} nodes: {name}"), values });
    };
    let better = |of: fn(&Taken) -> &[f64]| median(of(&theirs_0)).min(median(of(&theirs_1)));
    let mut row = |name: &str, ours: &[f64], theirs: f64, target: Target| {
        let ratios = ours.iter().map(|value| value / theirs).collect();
        rows.push(Row { name: format!("{size} nodes: {name}"), ratios, nanos: None, target });
    };

    figure(
        "one key seen by all",
        vec![
            ("ms", millis(&ours.one)),
            ("ms chitchat V0", millis(&theirs_0.one)),
            ("ms chitchat V1", millis(&theirs_1.one)),
        ],
    );
    row("one key seen by all, signed", &ours.one, better(|it| &it.one), Target::AtMost(0.3));

    figure(
        "1,000 keys seen by all",
        vec![
            ("ms verdicts shared", millis(&shared.many)),
            ("ms signed", millis(&ours.many)),
            ("ms bare verification floor", millis(&floor)),
            ("ms chitchat V0", millis(&theirs_0.many)),
            ("ms chitchat V1", millis(&theirs_1.many)),
        ],
    );
    let theirs = better(|it| &it.many);
    row("1,000 keys, verdicts shared", &shared.many, theirs, Target::AtMost(0.3));
    let bound = median(&shared.many) + median(&floor);
    row("1,000 keys, signed; of shared + floor", &ours.many, bound, Target::AtMost(1.2));

    for (place, held) in HELD.iter().enumerate() {
        let of = |taken: &Taken| (taken.bytes[place].clone(), millis(&taken.cpu[place]));
        let ((bytes, cpu), (bytes_0, cpu_0), (bytes_1, cpu_1)) =
            (of(&ours), of(&theirs_0), of(&theirs_1));
        let theirs = [&bytes_0, &bytes_1].map(|it| median(it)).into_iter().fold(f64::MAX, f64::min);
        let name = format!("idle bytes per node and second, {held} keys");
        row(&name, &bytes, theirs, Target::AtMost(0.1));
        figure(&name, vec![("B", bytes), ("B chitchat V0", bytes_0), ("B chitchat V1", bytes_1)]);
        let theirs = [&cpu_0, &cpu_1].map(|it| median(it)).into_iter().fold(f64::MAX, f64::min);
        let name = format!("idle CPU per node and second, {held} keys");
        row(&name, &cpu, theirs, Target::AtMost(0.5));
        figure(&name, vec![("ms", cpu), ("ms chitchat V0", cpu_0), ("ms chitchat V1", cpu_1)]);
    }
    let [few, many] = &ours.bytes;
    row("idle bytes with 10,000 keys, of those with 10", many, median(few), Target::AtMost(1.1));
}

/// Measures one cluster, and stops it.
async fn watch<C: Cluster>(
    cluster: C,
    size: usize,
    plan: Plan,
    idle: Option<Idle>,
    taken: &mut Taken,
) {
    let mut written = 0;
    for (place, held) in HELD.into_iter().enumerate() {
        // Both amounts of keys come at once, and from one node.
        while written < held {
            let count = MANY.min(held - written);
            spread(&cluster, 0, written..written + count).await;
            written += count;
        }
        if let Some(idle) = idle {
            let (bytes, cpu) = at_rest(&cluster, idle).await;
            taken.bytes[place].push(bytes / size as f64);
            taken.cpu[place].push(cpu / size as f64);
        }
        if place > 0 {
            break;
        }
        for turn in 0..plan.ones {
            cluster.rest().await;
            // Not always at the same moment of everybody's rounds.
            pass(PERIOD * 3 + SPREAD * turn as u32).await;
            taken.one.push(spread(&cluster, turn % size, written..written + 1).await);
            written += 1;
        }
        for turn in 0..plan.manies {
            cluster.rest().await;
            pass(PERIOD * 3 + SPREAD * turn as u32).await;
            taken.many.push(spread(&cluster, turn % size, written..written + MANY).await);
            written += MANY;
        }
        if idle.is_none() {
            break;
        }
    }
    cluster.stop().await;
}

/// Seconds until all others have seen these keys of one node.
async fn spread<C: Cluster>(cluster: &C, author: usize, keys: Range<usize>) -> f64 {
    cluster.board().expect(keys.len());
    let begun = Instant::now();
    cluster.write(author, keys).await;
    (cluster.board().complete_at().await - begun).as_secs_f64()
}

/// How a cluster is watched while nothing happens.
#[derive(Clone, Copy)]
struct Idle {
    /// Not before.
    begin: Instant,
    /// For so long nothing has been news.
    calm: Duration,
    window: Duration,
}

impl Idle {
    /// Of a cluster of so many that starts now.
    fn ours(plan: Plan, size: usize) -> Self {
        let nodes = size as u32;
        let begin = Instant::now() + plan.idle_age * nodes;
        Self { begin, calm: plan.idle_calm, window: plan.idle * nodes }
    }

    fn theirs(plan: Plan) -> Self {
        Self { begin: Instant::now(), calm: PERIOD * 10, window: plan.idle_theirs }
    }
}

/// Bytes and CPU seconds of all nodes in a second without news.
async fn at_rest<C: Cluster>(cluster: &C, idle: Idle) -> (f64, f64) {
    cluster.rest().await;
    pass(idle.calm.max(idle.begin.saturating_duration_since(Instant::now()))).await;
    let (sent, cpu, begun) = (cluster.sent_bytes().await, process_cpu_seconds(), Instant::now());
    pass(idle.window).await;
    let (sent, cpu) = (cluster.sent_bytes().await - sent, process_cpu_seconds() - cpu);
    let seconds = begun.elapsed().as_secs_f64();
    (sent as f64 / seconds, cpu / seconds)
}

/// An empty node takes everything from another.
async fn fill(plan: Plan, figures: &mut Vec<Figures>, rows: &mut Vec<Row>) {
    let [mut theirs, mut shared, mut ours] = [const { Vec::new() }; 3];
    for _ in 0..plan.turns {
        let versions = [ProtocolVersion::V0, ProtocolVersion::V1];
        let mut best = f64::MAX;
        for version in versions {
            best = best.min(Theirs::fill(plan.filled, version).await);
        }
        theirs.push(best);
        shared.push(Ours::fill(plan.filled, &sharing()).await);
        ours.push(Ours::fill(plan.filled, &Verifier::new()).await);
    }
    let name = format!("{} keys to an empty second node", plan.filled);
    let mut row = |name: String, ours: &[f64], target| {
        let ratios = ours.iter().map(|seconds| seconds / median(&theirs)).collect();
        rows.push(Row { name, ratios, nanos: None, target });
    };
    row(format!("{name}, signed"), &ours, Target::AtMost(0.7));
    row(format!("{name}, verdicts shared"), &shared, Target::AtMost(0.7));
    let values =
        vec![("s signed", ours), ("s verdicts shared", shared), ("s chitchat's better", theirs)];
    figures.push(Figures { name, values });
}

/// CPU seconds of checking as many facts of one author as are written at a time.
fn verification() -> f64 {
    let (keys, domain) = (SigningKeys::new([1; 32], [2; 32]), facts::domain());
    let sign = |key: usize| -> Envelope {
        let draft = Draft {
            context: Vec::new(),
            expires_at: Wall::ZERO,
            hlc: Hlc::from_wall(Wall::from_millis((1 << 40) + key as u64)),
            key: format!("key-{key:08}").into(),
            kind: FactKind::ENTRY,
            topic: TopicId(0),
            value: Some(value(key).into()),
        };
        draft.sign(&keys, &domain).expect("it is small").into_inner()
    };
    let signed: Vec<_> = (0..MANY).map(sign).collect();
    let run = || {
        let (job, begun) = (Job::new(domain.clone(), signed.clone()), cpu_seconds());
        drop(job.run(&Verifier::new()));
        cpu_seconds() - begun
    };
    // The first one finds caches cold.
    [(); 3].map(|()| run()).into_iter().fold(f64::MAX, f64::min)
}

fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// The 32 bytes of a value: hexadecimal digits of no order, for theirs packs what it sends.
pub(crate) fn value(key: usize) -> String {
    let hash = blake3::hash(&key.to_le_bytes());
    hash.to_hex().chars().take(32).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
