//! What it costs to learn how two sets differ: our sketches, negentropy and riblt on the same sets.
//!
//! Both sides hold so many random items, of which half of the difference is here alone and half of it
//! there. Counted is the thread's CPU time, apart for the side that answers and for the one that asks and
//! reads; what is kept anyway is made beforehand and not counted.
//!
//! *Ours*: sketches that both keep. Answering copies cells of them and encodes these; reading decodes,
//! subtracts and peels. How many cells, follows the plan of nodes from a guess of the census on, so that
//! both too many and another question are in the figures. Bytes are 20 for each cell: what opens an
//! exchange (a glance of 60 bytes) and what asks for more are not in them. Known then are symbols of 16
//! bytes, which suffice to ask for facts.
//!
//! *negentropy*: its storage in memory, sorted beforehand; messages as large as they need to be, all of
//! them counted; whole ids of 32 bytes. Differences are anywhere in time, or the newest of all.
//!
//! *riblt*: symbols of 16 bytes as ours, so that a cell is 32; nothing is encoded. The number of cells is
//! guessed by one who knows the difference (1.4 of it and 8); the first 1,024 are made beforehand, for
//! the crate cannot do with fewer, and cannot keep them either.
//!
//! *A Merkle tree* of 65,536 leaves, 16 children to a node, fingerprints of 16 bytes; *a full digest* of ids
//! and versions, 40 bytes each, sorted at both sides.
//!
//! Last, one wrong key of all: [`one_wrong_key`] says how that is counted.
//!
//! Ours is the mean of as many runs as fill a millisecond, the others the best of three: all are warm.

use std::hint::black_box;

use gossip_benches::Dates;
use gossip_benches::cells::{KEPT, Kept};
use gossip_benches::cost::{Cost, timed};
use gossip_benches::digests::{Digest, Shape, Tree};
use gossip_benches::sets::{Item, SECONDS, Sets, items};
use gossip_benches::table::{
    Figures, Row, Target, cpu_seconds, cpu_seconds_each, per_entry, report_with,
};
use gossip_benches::wrong_key::one_wrong_key;
use gossip_core::rng::Rng;
use gossip_core::sketch::{Cell, Code, Peeler, Sketch, Symbol};
use negentropy::{Id, Negentropy, NegentropyStorageVector};
use riblt::{RatelessIBLT, UnmanagedRatelessIBLT};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| "reconcile".contains(filter.as_str())) {
        return;
    }
    // Compiled as a test, it only shows that it works.
    let scale = if arguments.iter().any(|argument| argument == "--bench") {
        Scale { held: [10_000, 1_000_000], most: 10_000, turns: 7, symbols: 200_000, wrong: 1_000 }
    } else {
        Scale { held: [200, 400], most: 100, turns: 1, symbols: 100, wrong: 40 }
    };
    let [few, many] = scale.held.map(|held| differences(held, &scale));
    let (mut figures, mut rows) = (Vec::new(), Vec::new());
    for (held, costs) in scale.held.into_iter().zip([&few, &many]) {
        figures.extend(costs.iter().flat_map(|costs| costs.figures(held)));
        rows.extend(costs.iter().flat_map(|costs| costs.ratios(held)));
    }
    rows.extend(few.iter().zip(&many).map(|(few, many)| same_work(few, many, scale.held)));
    let [_, most] = scale.held;
    // A binary tree with 30.5 keys below each of 2^15 leaves, or about as many.
    let shape = Shape { bits: 1, levels: (most / 30).ilog2() };
    let (one, vain) = one_wrong_key(most, shape, scale.wrong);
    figures.extend(one);
    rows.extend(vain);
    figures.push(upkeep(&scale));
    rows.push(memory());
    rows.extend(overheads(&scale));
    rows.extend([Code::Regular, Code::Irregular].map(|code| speed(code, &scale)));
    report_with(&figures, &rows, "reconcile.json").expect("the table's file can be written");
}

/// How much is measured.
struct Scale {
    /// Items of each set.
    held: [usize; 2],
    /// The largest difference; the others are its tenth parts.
    most: usize,
    /// How many sets.
    turns: u64,
    /// Symbols over which counts of cells are averaged.
    symbols: usize,
    /// How many keys are wrong, one at a time.
    wrong: usize,
}

/// What comparisons of sets took that differ by so many items, by each method.
#[derive(Default)]
struct Costs {
    difference: usize,
    ours: Vec<Cost>,
    uniform: Vec<Cost>,
    newest: Vec<Cost>,
    riblt: Vec<Cost>,
    digest: Vec<Cost>,
    tree: Vec<Cost>,
}

/// Every difference, between sets of this size.
fn differences(held: usize, scale: &Scale) -> Vec<Costs> {
    let powers = std::iter::successors(Some(1), |difference| Some(difference * 10));
    let powers = powers.take_while(|difference| *difference <= scale.most);
    let mut all: Vec<_> =
        powers.map(|difference| Costs { difference, ..Costs::default() }).collect();
    for turn in 0..scale.turns {
        let rng = &mut Rng::from_number(turn);
        let held = items(held, rng);
        // What all sets of this turn have in common.
        let (base, _) = held.split_at(held.len() - scale.most.div_ceil(2));
        let mut kept = Kept::default();
        base.iter().for_each(|item| kept.add(item.symbol()));
        for costs in &mut all {
            let sets = Sets::new(&held, costs.difference, rng);
            costs.ours.push(by_cells(&kept, base.len(), &sets));
            costs.uniform.push(by_ranges(&sets, Dates::Between));
            costs.newest.push(by_ranges(&sets, Dates::Newest));
            let [digest, tree] = by_digests(&sets);
            costs.digest.push(digest);
            costs.tree.push(tree);
            // A second or two of each of these are enough.
            if turn < RIBLT_TURNS {
                costs.riblt.push(by_riblt(&sets));
            }
        }
    }
    all
}

/// By sketches; `base` is one of the first items that both have.
fn by_cells(base: &Kept, first: usize, sets: &Sets<'_>) -> Cost {
    let [near, far] = [&sets.here, &sets.there].map(|own| {
        let mut kept = base.clone();
        sets.common.iter().skip(first).chain(own).for_each(|item| kept.add(item.symbol()));
        kept
    });
    let glance = near.glance();
    let row = far.answer(0..KEPT);
    let reading = near.read(far.guess(&glance), &row);
    assert!(reading.peeler.is_done(), "as many cells as are kept are enough");
    assert_eq!(reading.peeler.found().len(), sets.here.len() + sets.there.len());
    let answer = || {
        black_box(far.guess(&glance));
        reading.answers.iter().for_each(|places| drop(black_box(far.answer(places.clone()))));
    };
    Cost {
        answering: cpu_seconds_each(answer),
        reading: cpu_seconds_each(|| near.read(far.guess(&glance), &row)),
        bytes: Cell::BYTES * reading.peeler.cells(),
        trips: reading.answers.len(),
    }
}

/// By negentropy.
fn by_ranges(sets: &Sets<'_>, dates: Dates) -> Cost {
    let later = match dates {
        Dates::Between => 0,
        Dates::Newest => SECONDS,
    };
    let [near, far] = [&sets.here, &sets.there].map(|own| {
        let mut storage = NegentropyStorageVector::with_capacity(sets.common.len() + own.len());
        let own = own.iter().map(|item| Item { seconds: item.seconds + later, ..*item });
        for item in sets.common.iter().copied().chain(own) {
            let inserted = storage.insert(item.seconds, Id::from_byte_array(item.id));
            inserted.expect("a new storage takes items");
        }
        storage.seal().expect("a new storage is sealed once");
        storage
    });
    Cost::least(|| {
        let mut cost = Cost::default();
        let [mut initiator, mut responder] = [&near, &far]
            .map(|storage| Negentropy::borrowed(storage, 0).expect("no limit is good"));
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let first = timed(&mut cost.reading, || initiator.initiate());
        let mut message = Some(first.expect("it was not begun"));
        while let Some(query) = message {
            let answer = timed(&mut cost.answering, || responder.reconcile(&query));
            let answer = answer.expect("a true query is answered");
            cost.trips += 1;
            cost.bytes += query.len() + answer.len();
            let read = || initiator.reconcile_with_ids(&answer, &mut have, &mut need);
            message = timed(&mut cost.reading, read).expect("a true answer is read");
        }
        assert_eq!((have.len(), need.len()), (sets.here.len(), sets.there.len()));
        cost
    })
}

/// By the crate riblt.
fn by_riblt(sets: &Sets<'_>) -> Cost {
    let [near, far] = [&sets.here, &sets.there].map(|own| {
        let all = sets.common.iter().chain(own);
        all.map(|item| Word(item.symbol())).collect::<Vec<_>>()
    });
    let [mut near, mut far] = [&near, &far].map(|set| RatelessIBLT::new(set.iter().cloned()));
    let difference = sets.here.len() + sets.there.len();
    let mut cells = (difference * 7 / 5 + 8).max(16);
    let mut grown = Cost::default();
    loop {
        // The whole set is gone through for cells beyond the first block, once at each side.
        timed(&mut grown.answering, || far.extend_coded_symbols(cells));
        timed(&mut grown.reading, || near.extend_coded_symbols(cells));
        grown.trips += 1;
        let mut done = false;
        let cost = Cost::least(|| {
            let mut cost = Cost { bytes: 32 * cells, ..grown };
            let coded_symbols = timed(&mut cost.answering, || {
                (0..cells).map(|place| far.get_coded_symbol(place)).collect()
            });
            let theirs = UnmanagedRatelessIBLT { coded_symbols };
            let found = timed(&mut cost.reading, || {
                let mut collapsed = near.collapse(&theirs);
                let found = collapsed.peel_all_symbols().len();
                done = collapsed.is_empty();
                found
            });
            assert!(!done || found == difference, "it is the difference of these sets");
            cost
        });
        if done {
            return cost;
        }
        // Work that was in vain counts as well.
        grown = cost;
        cells += cells / 8;
    }
}

/// By what is older: the full digest, and a Merkle tree.
fn by_digests(sets: &Sets<'_>) -> [Cost; 2] {
    let [near, far] = [&sets.here, &sets.there].map(|own| sets.common.iter().chain(own).copied());
    let digests = [&near, &far].map(|items| Digest::of(items.clone()));
    let placed = |item: Item| (item.symbol().id, item.id);
    let trees = [near, far].map(|items| Tree::of(Shape::WIDE, items.map(placed)));
    let compare = |run: &dyn Fn() -> (Cost, [usize; 2])| {
        Cost::least(|| {
            let (cost, alone) = run();
            assert_eq!(alone, [sets.here.len(), sets.there.len()]);
            cost
        })
    };
    let ([near, far], [near_tree, far_tree]) = (&digests, &trees);
    [compare(&|| near.compare(far)), compare(&|| near_tree.compare(far_tree))]
}

/// A symbol as riblt wants it.
#[derive(Clone, Debug)]
struct Word(Symbol);

impl riblt::Symbol for Word {
    const BYTE_ARRAY_LENGTH: usize = 16;

    fn encode_to_bytes(&self) -> Vec<u8> {
        [self.0.hlc, self.0.id].map(u64::to_be_bytes).concat()
    }

    fn decode_from_bytes(bytes: &Vec<u8>) -> Self {
        let (words, _) = bytes.as_chunks();
        let mut words = words.iter().copied().map(u64::from_be_bytes);
        let mut word = || words.next().unwrap_or_default();
        Self(Symbol { hlc: word(), id: word() })
    }
}

impl Costs {
    /// The others, with their names.
    fn others(&self) -> [(&'static str, &Vec<Cost>); 5] {
        [
            ("negentropy, anywhere in time", &self.uniform),
            ("negentropy, the newest", &self.newest),
            ("riblt", &self.riblt),
            ("a Merkle tree", &self.tree),
            ("a full digest", &self.digest),
        ]
    }

    fn figures(&self, held: usize) -> Vec<Figures> {
        let methods = [("ours", &self.ours)].into_iter().chain(self.others());
        let figures = methods.map(|(method, costs)| {
            let values = |of: fn(&Cost) -> f64| costs.iter().map(of).collect();
            Figures {
                name: format!("{} of {held}: {method}", self.difference),
                values: vec![
                    ("bytes", values(|cost| cost.bytes as f64)),
                    ("trips", values(|cost| cost.trips as f64)),
                    ("us answering", values(|cost| cost.answering * 1e6)),
                    ("us reading", values(|cost| cost.reading * 1e6)),
                ],
            }
        });
        figures.collect()
    }

    fn ratios(&self, held: usize) -> Vec<Row> {
        let mut rows = Vec::new();
        for (method, theirs) in self.others() {
            let name = format!("{} of {held}, against {method}", self.difference);
            let pairs = || self.ours.iter().zip(theirs);
            let seconds: Vec<_> =
                pairs().map(|(ours, theirs)| (ours.seconds(), theirs.seconds())).collect();
            rows.push(Row {
                name: format!("CPU of both sides: {name}"),
                ratios: seconds.iter().map(|(ours, theirs)| ours / theirs).collect(),
                nanos: Some(per_entry(&seconds, self.difference as u64)),
                target: Target::AtMost(1.0),
            });
            let bytes = |(ours, theirs): (&Cost, &Cost)| ours.bytes as f64 / theirs.bytes as f64;
            rows.push(Row {
                name: format!("bytes: {name}"),
                ratios: pairs().map(bytes).collect(),
                nanos: None,
                target: Target::AtMost(1.0),
            });
        }
        rows
    }
}

/// That answering does not depend on how large the set is: time per byte of the answers, for these
/// differ as the guesses do.
fn same_work(few: &Costs, many: &Costs, [fewer, more]: [usize; 2]) -> Row {
    let each = |cost: &Cost| cost.answering / cost.bytes as f64;
    let pairs = many.ours.iter().zip(&few.ours);
    Row {
        name: format!("answering, {} of {more} against {fewer}, per byte", few.difference),
        ratios: pairs.map(|(many, few)| each(many) / each(few)).collect(),
        nanos: None,
        // Caches are not the same ones.
        target: Target::AtMost(1.25),
    }
}

/// What a symbol costs that comes or goes, beside what a sketch of no cells does: little more than
/// the hash.
fn upkeep(scale: &Scale) -> Figures {
    let (mut adding, mut removing, mut hashing) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..scale.turns {
        let symbols = symbols(scale.most, turn);
        let (mut kept, mut none) = (Kept::default(), Sketch::new(Code::Irregular, 0, 0));
        let nanos = |begun: f64| (cpu_seconds() - begun) * 1e9 / symbols.len() as f64;
        let begun = cpu_seconds();
        symbols.iter().for_each(|symbol| kept.add(black_box(*symbol)));
        adding.push(nanos(begun));
        let begun = cpu_seconds();
        symbols.iter().for_each(|symbol| kept.remove(black_box(*symbol)));
        removing.push(nanos(begun));
        let begun = cpu_seconds();
        symbols.iter().for_each(|symbol| none.add(black_box(*symbol)));
        hashing.push(nanos(begun));
        black_box((kept, none));
    }
    Figures {
        name: format!("upkeep of {KEPT} cells and the census"),
        values: vec![("ns to add", adding), ("ns to remove", removing), ("ns to hash", hashing)],
    }
}

fn memory() -> Row {
    let bytes = Kept::default().memory();
    Row {
        name: format!("{KEPT} cells in memory: {bytes} bytes; of 1.5 MiB"),
        ratios: vec![bytes as f64 / (1.5 * f64::from(1 << 20))],
        nanos: None,
        target: Target::AtMost(1.0),
    }
}

/// Cells per symbol of a difference.
fn overheads(scale: &Scale) -> Vec<Row> {
    // The means that Yang et al. 2024 print, and 3 %; for 10 nothing is printed but that 4 is the worst.
    let regular = [(4, 1.77), (10, 1.72), (100, 1.49), (1_000, 1.42), (10_000, 1.40)];
    // The medians of docs/algorithms/sketches.md, and 3 %.
    let irregular = [(10, 1.65), (100, 1.37), (1_000, 1.19), (10_000, 1.15)];
    let measured = |(difference, _): &(usize, f64)| *difference <= scale.most;
    let regular = regular.into_iter().filter(measured).map(|(difference, most)| {
        let all = all_needed(Code::Regular, difference, scale);
        // Five means, so that their spread shows.
        let means = all.chunks(all.len().div_ceil(5));
        let mean = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
        let name = format!("cells per symbol of {difference}, regular: means of {}", all.len());
        let ratios = means.map(mean).collect();
        Row { name, ratios, nanos: None, target: Target::AtMost(most) }
    });
    let irregular = irregular.into_iter().filter(measured).map(|(difference, most)| {
        let ratios = all_needed(Code::Irregular, difference, scale);
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let name = format!("cells per symbol of {difference}, irregular: all, mean {mean:.3}");
        Row { name, ratios, nanos: None, target: Target::AtMost(most) }
    });
    regular.chain(irregular).collect()
}

/// Cells per symbol of many differences of this size.
fn all_needed(code: Code, difference: usize, scale: &Scale) -> Vec<f64> {
    let runs = scale.symbols.div_ceil(difference).min(MOST_RUNS) as u64;
    (0..runs).map(|seed| needed(code, difference, seed) as f64 / difference as f64).collect()
}

/// The fewest cells with which a difference of so many symbols is read.
fn needed(code: Code, difference: usize, seed: u64) -> usize {
    let symbols = symbols(difference, seed);
    // Two symbols that share all their first cells may take any number of them.
    let most = std::iter::successors(Some(8 * difference + 64), |most| Some(most * 8));
    most.take(5)
        .find_map(|most| needed_of(code, &symbols, most))
        .expect("hundreds of thousands of cells are enough")
}

/// The same, if it is at most so many.
fn needed_of(code: Code, symbols: &[Symbol], most: usize) -> Option<usize> {
    let mut sketch = Sketch::new(code, 0, most);
    symbols.iter().for_each(|symbol| sketch.add(*symbol));
    let mut peeler = Peeler::new(code, 0);
    // Each cell gives away one symbol at most.
    let (least, more) = sketch.cells().split_at(symbols.len());
    peeler.extend(least.iter().copied());
    for cell in more {
        if peeler.is_done() {
            break;
        }
        peeler.extend([*cell]);
    }
    peeler.is_done().then(|| peeler.cells())
}

/// How many differences one core reads per second where 1,000 differ, of what Yang et al. 2024 print for
/// the regular code and symbols of 8 bytes, half as long as ours: cells that travelled are decoded, subtracted and peeled, as many as it takes.
fn speed(code: Code, scale: &Scale) -> Row {
    const PUBLISHED: f64 = 3.4e6;
    let difference = 1_000.min(scale.most);
    let rate = |seed: u64| {
        let symbols = symbols(difference, seed);
        let cells = needed(code, difference, seed);
        let (here, there) = symbols.split_at(difference / 2);
        let [here, there] = [here, there].map(|own| {
            let mut sketch = Sketch::new(code, 0, cells);
            own.iter().for_each(|symbol| sketch.add(*symbol));
            sketch
        });
        let travelled: Vec<_> = there.cells().iter().map(Cell::to_bytes).collect();
        let read = || {
            let mut peeler = Peeler::new(code, 0);
            let pairs = here.cells().iter().zip(&travelled);
            peeler.extend(pairs.map(|(ours, theirs)| ours.minus(&Cell::from_bytes(*theirs))));
            assert!(peeler.is_done(), "it is the same difference");
            peeler
        };
        difference as f64 / cpu_seconds_each(read)
    };
    let rates: Vec<_> = (0..3 * scale.turns).map(rate).collect();
    Row {
        name: format!("differences read per second of 3.4 million, {difference} at once, {code:?}"),
        ratios: rates.iter().map(|rate| rate / PUBLISHED).collect(),
        nanos: None,
        target: Target::AtLeast(1.0),
    }
}

fn symbols(count: usize, seed: u64) -> Vec<Symbol> {
    items(count, &mut Rng::from_number(seed)).iter().map(Item::symbol).collect()
}

/// Each takes seconds, and most of that is making its first cells.
const RIBLT_TURNS: u64 = 3;

/// More runs of one difference say nothing more.
const MOST_RUNS: usize = 10_000;
