//! An empty node takes a state from four others over loopback TCP, all of them on RocksDB, each a
//! process of its own; beside the three things that it cannot do without, measured in the same run. Then another
//! one, kept to one core, while a partner is written to: how long do these writes take?
//!
//! `cargo bench -p gossip-benches --bench transfer -- [--entries N] [--cores N] [--authors N]`: how many entries
//! (default 1,000,000; 200,000 with `--quick`), and to how many cores the second newcomer is kept (default 1).
//! `--authors N`: by how many they are signed (default 1,000: hardly any key twice in a batch; fewer make
//! verification cheaper).
//! `--values FILE`: its paragraphs are the values, again and again, in place of bytes without structure; `--plain`: nodes do not
//! compress what they send.
//! Directories are beside this program: put that on a disk.

mod floors;
mod node;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gossip_benches::table::{Figures, Row, Target, report_with};
use gossip_benches::{entry, shard};
use gossip_core::fact::{Envelope, Verified};
use gossip_core::store::{Merge, Store as _, StoreOp};
use gossip_core::strategy::retain::LastWrite;
use gossip_core::testkit::facts::{self, Author};
use gossip_core::time::{Epoch, Hlc};
use gossip_store_rocks::{RocksConfig, RocksStore};

use self::floors::Floors;
use self::node::Child;

/// Whoever has the state.
const PARTNERS: u64 = 4;

/// Puts with which a partner's latency is measured while nothing else happens, each [`PACE`] after the
/// one before. Their keys are written again during the transfer, so that it is known how much there is to take.
const PUTS: u64 = 400;

/// Between two puts.
const PACE: Duration = Duration::from_millis(5);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == node::FLAG) {
        return node::serve(&arguments);
    }
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let is = |name: &str| arguments.iter().any(|argument| argument == name);
    // Compiled as a test, it only shows that it works.
    let usual = match (is("--bench"), is("--quick")) {
        (false, _) => 5_000,
        (true, true) => 200_000,
        (true, false) => 1_000_000,
    };
    let (entries, cores) = (after("--entries").unwrap_or(usual), after("--cores"));
    measure(entries, cores, after("--authors").unwrap_or(1_000));
}

fn measure(entries: u64, cores: Option<u64>, authors: u64) {
    let program = std::env::current_exe().expect("this program has a file");
    let beside = program.parent().map(PathBuf::from).unwrap_or_default();
    let directory = tempfile::tempdir_in(beside).expect("a directory beside the program");
    let path = |name: &str| directory.path().join(name);
    let facts = signed(entries, authors, &values());
    let floors = floors::measure(&facts, &path("floor"));
    preload(&facts, &path("partner-0"));
    drop(facts);
    (1..PARTNERS).for_each(|number| copy(&path("partner-0"), &path(&format!("partner-{number}"))));
    let first = Child::start(0, &path("partner-0"), None, None);
    let seed = Some(first.address.as_str());
    let mut partners: Vec<_> = (1..PARTNERS)
        .map(|number| Child::start(number, &path(&format!("partner-{number}")), seed, None))
        .collect();
    partners.insert(0, first);
    partners.iter_mut().for_each(|partner| partner.meet(PARTNERS));
    let [writer, ..] = partners.as_mut_slice() else { return };
    let idle = writer.puts(PUTS);
    let address = writer.address.clone();
    let all = entries + PUTS;
    for partner in &mut partners {
        partner.hold(all);
    }
    let mut newcomer = Child::start(PARTNERS, &path("newcomer"), Some(&address), None);
    let before = partners.iter_mut().map(Child::cpu).sum::<f64>();
    newcomer.begin_hold(all);
    let took = newcomer.finish();
    let gave = partners.iter_mut().map(Child::cpu).sum::<f64>() - before;
    drop(newcomer);
    let slow = cores.unwrap_or(1);
    let mut newcomer = Child::start(PARTNERS + 1, &path("slow"), Some(&address), Some(slow));
    newcomer.begin_hold(all);
    let mut busy = Vec::new();
    while !newcomer.is_done(Duration::ZERO) {
        if let Some(writer) = partners.first_mut() {
            busy.extend(writer.puts(20));
        }
    }
    show(entries, &floors, took, gave, (idle, busy));
}

/// What the transfer took.
#[derive(Clone, Copy, Debug)]
struct Took {
    seconds: f64,
    /// Of the newcomer's process.
    cpu: f64,
}

fn show(entries: u64, floors: &Floors, took: Took, partners: f64, puts: (Vec<f64>, Vec<f64>)) {
    let rate = |seconds: f64| entries as f64 / seconds;
    let each = |seconds: f64| seconds * 1e6 / entries as f64;
    let one = |name: &str, values: Vec<(&'static str, Vec<f64>)>| {
        let name = name.to_owned();
        Figures { name, values }
    };
    let Floors { verification, verification_cpu, ingestion, loopback } = *floors;
    let (idle, busy) = puts;
    let [idle50, idle99] = [0.5, 0.99].map(|share| quantile(&idle, share));
    let [busy50, busy99] = [0.5, 0.99].map(|share| quantile(&busy, share));
    let figures = [
        one(
            "verification",
            vec![
                ("entries/s", vec![verification]),
                ("us of CPU per entry", vec![verification_cpu * 1e6]),
            ],
        ),
        one("raw RocksDB ingestion", vec![("entries/s", vec![ingestion])]),
        one("loopback TCP", vec![("entries/s", vec![loopback])]),
        one(
            "transfer",
            vec![
                ("entries/s", vec![rate(took.seconds)]),
                ("us of the newcomer's CPU per entry", vec![each(took.cpu)]),
                ("us of the partners' CPU per entry", vec![each(partners)]),
            ],
        ),
        one("put at a partner, idle", vec![("ms p50", vec![idle50]), ("ms p99", vec![idle99])]),
        one("put at a partner, during", vec![("ms p50", vec![busy50]), ("ms p99", vec![busy99])]),
    ];
    let smallest = verification.min(ingestion).min(loopback);
    let row = |name: &str, ratio, target| {
        let name = name.to_owned();
        Row { name, ratios: vec![ratio], nanos: None, target }
    };
    let rows = [
        row(
            "transfer, against the smallest of verification, ingestion and loopback",
            rate(took.seconds) / smallest,
            Target::AtLeast(0.5),
        ),
        row(
            "the newcomer's CPU, against bare verification's",
            took.cpu / entries as f64 / verification_cpu,
            Target::AtMost(1.6),
        ),
        row(
            "p99 of puts at a partner during the transfer, against idle",
            busy99 / idle99,
            Target::AtMost(3.0),
        ),
    ];
    report_with(&figures, &rows, "ratios-transfer.json").expect("the table's file can be written");
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The values that are asked for; none: bytes without structure.
fn values() -> Vec<Vec<u8>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--values").skip(1);
    let Some(file) = arguments.next() else { return Vec::new() };
    let text = fs::read_to_string(file).expect("the file of values can be read");
    text.split("\n\n").map(|value| value.as_bytes().to_vec()).collect()
}

/// So many entries in time order, signed by so many authors in turn.
fn signed(entries: u64, authors: u64, values: &[Vec<u8>]) -> Vec<Verified<Envelope>> {
    let (half, start) = (entries / 2, facts::at_minute(1).bits());
    let sign = |numbers: std::ops::Range<u64>| {
        let authors: Vec<_> =
            (0..authors).map(|number| Author::signing(number, &facts::domain())).collect();
        let one = |number: u64| {
            let author = authors.get((number % authors.len() as u64) as usize);
            let author = author.expect("there are as many authors");
            match values.get(number as usize % values.len().max(1)) {
                Some(value) => {
                    author.put(number.to_be_bytes(), value, Hlc::from_bits(start + 2 * number))
                }
                None => entry(author, number),
            }
        };
        numbers.map(one).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let upper = scope.spawn(|| sign(half..entries));
        let mut facts = sign(0..half);
        facts.extend(upper.join().expect("signing works"));
        facts
    })
}

fn preload(facts: &[Verified<Envelope>], path: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    let store = RocksStore::open(path, RocksConfig::default()).expect("the store opens");
    for facts in facts.chunks(1_000) {
        let (retain, facts) = (Arc::new(LastWrite::default()), facts.to_vec());
        let merge = Merge { shard: shard(), retain, facts, epoch: Epoch::ZERO, floor: Epoch::ZERO };
        runtime.block_on(store.run(StoreOp::Merge(merge))).expect("entries are merged");
    }
    runtime.block_on(store.close()).expect("the store closes");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory beside the program");
    for file in fs::read_dir(from).expect("the store's directory") {
        let file = file.expect("a file of the store");
        let target = to.join(file.file_name());
        if file.path().is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).expect("files are copied");
        }
    }
}
