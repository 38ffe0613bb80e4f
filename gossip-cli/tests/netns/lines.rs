//! What happens to packets between hosts: loss, delay, duplicates and cuts, from a seed.
//!
//! Pure: it is told the time, and gives packets back when they are due. One line leads from each
//! host to each other one, and has a generator of its own: what becomes of the n-th packet of a
//! line depends on nothing else.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use gossip_core::rng::Rng;

/// Most packets under way at a time; more are shed. At 1,500 bytes each these are 24 MB, and a
/// second of delay carries 16,000 packets per second.
const MAX_FLIGHTS: usize = 16_384;

/// A host's number; they are counted from 1.
pub(crate) type Host = u8;

/// How good a line is, in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    /// How long a packet takes at least.
    pub(crate) delay: Duration,
    /// The chance that a packet that arrives does so twice.
    pub(crate) duplication: f64,
    /// How much longer it may take: uniform from nothing to this.
    pub(crate) jitter: Duration,
    /// The chance that a packet never arrives.
    pub(crate) loss: f64,
    /// Whether a packet may overtake another.
    pub(crate) reorders: bool,
}

impl Quality {
    /// Half a millisecond and nothing lost: a good local network.
    pub(crate) const LOCAL: Self = Self {
        delay: Duration::from_micros(500),
        duplication: 0.0,
        jitter: Duration::ZERO,
        loss: 0.0,
        reorders: false,
    };

    /// A fifth lost, 100 to 140 ms each way, some packets twice, all out of order.
    pub(crate) const BAD: Self = Self {
        delay: Duration::from_millis(100),
        duplication: 0.02,
        jitter: Duration::from_millis(40),
        loss: 0.2,
        reorders: true,
    };

    /// Three of ten lost, and all else well: what loss alone does.
    pub(crate) const LOSSY: Self = Self { loss: 0.3, ..Self::LOCAL };

    /// 100 to 300 ms each way, out of order, and nothing lost: what delay alone does.
    pub(crate) const FAR: Self = Self {
        delay: Duration::from_millis(100),
        jitter: Duration::from_millis(200),
        reorders: true,
        ..Self::LOCAL
    };
}

/// What a line did. Each packet is counted once as `lost`, `cut`, `shed`, or `carried`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets that went on their way.
    pub(crate) carried: u64,
    /// Packets that met a cut.
    pub(crate) cut: u64,
    /// Packets that went on their way twice; also among the `carried`.
    pub(crate) duplicated: u64,
    /// Packets that never arrive.
    pub(crate) lost: u64,
    /// Packets that came after one that set out later.
    pub(crate) overtaken: u64,
    /// Packets for which there was no room.
    pub(crate) shed: u64,
}

impl Counts {
    /// The share of packets that were lost, of those that met no cut.
    pub(crate) fn loss(&self) -> f64 {
        self.lost as f64 / (self.lost + self.carried) as f64
    }
}

/// A packet that arrives.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flight {
    due: Instant,
    /// Among packets that are due at the same time, the order in which they set out.
    number: u64,
    pub(crate) from: Host,
    pub(crate) to: Host,
    pub(crate) packet: Vec<u8>,
}

/// All lines, and the packets under way.
#[derive(Debug)]
pub(crate) struct Lines {
    flights: BinaryHeap<Reverse<Flight>>,
    lines: BTreeMap<(Host, Host), Line>,
    number: u64,
}

#[derive(Debug)]
struct Line {
    counts: Counts,
    cut: bool,
    /// The latest time at which a packet of this line is due.
    last_due: Option<Instant>,
    /// The highest number that arrived.
    newest: u64,
    quality: Quality,
    rng: Rng,
}

impl Lines {
    /// Lines of this quality between hosts from 1 to this number.
    pub(crate) fn new(seed: u64, hosts: Host, quality: Quality) -> Self {
        let mut lines = BTreeMap::new();
        for (from, to) in (1..=hosts).flat_map(|from| (1..=hosts).map(move |to| (from, to))) {
            if from != to {
                let rng = Rng::from_number(seed).fork(&format!("line {from} to {to}"));
                let counts = Counts::default();
                let line = Line { counts, cut: false, last_due: None, newest: 0, quality, rng };
                lines.insert((from, to), line);
            }
        }
        Self { flights: BinaryHeap::new(), lines, number: 0 }
    }

    /// A packet sets out.
    pub(crate) fn send(&mut self, now: Instant, from: Host, to: Host, packet: &[u8]) {
        let line = self.lines.get_mut(&(from, to)).expect("hosts of this network");
        for due in line.judge(now, self.flights.len()) {
            self.number += 1;
            let flight = Flight { due, number: self.number, from, to, packet: packet.to_vec() };
            self.flights.push(Reverse(flight));
        }
    }

    /// The next packet that has arrived by now.
    pub(crate) fn arrive(&mut self, now: Instant) -> Option<Flight> {
        self.deadline().filter(|due| *due <= now)?;
        let Reverse(flight) = self.flights.pop()?;
        let line = self.lines.get_mut(&(flight.from, flight.to)).expect("it was sent");
        line.counts.overtaken += u64::from(flight.number < line.newest);
        line.newest = line.newest.max(flight.number);
        Some(flight)
    }

    /// When the next packet arrives.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.flights.peek().map(|Reverse(flight)| flight.due)
    }

    /// Cuts or mends one direction. What is under way still arrives.
    pub(crate) fn cut(&mut self, from: Host, to: Host, cut: bool) {
        self.lines.get_mut(&(from, to)).expect("hosts of this network").cut = cut;
    }

    /// All lines are of this quality from now on. What is under way still arrives.
    pub(crate) fn become_so(&mut self, quality: Quality) {
        self.lines.values_mut().for_each(|line| line.quality = quality);
    }

    /// What one direction did.
    pub(crate) fn counts(&self, from: Host, to: Host) -> Counts {
        self.lines.get(&(from, to)).expect("hosts of this network").counts
    }

    /// What all lines did.
    pub(crate) fn total(&self) -> Counts {
        self.lines.values().fold(Counts::default(), |sum, Line { counts, .. }| Counts {
            carried: sum.carried + counts.carried,
            cut: sum.cut + counts.cut,
            duplicated: sum.duplicated + counts.duplicated,
            lost: sum.lost + counts.lost,
            overtaken: sum.overtaken + counts.overtaken,
            shed: sum.shed + counts.shed,
        })
    }
}

impl Line {
    /// When a packet arrives: never, once or twice.
    fn judge(&mut self, now: Instant, flights: usize) -> Vec<Instant> {
        // Every packet draws the same numbers, so that a cut moves no later verdict.
        let (lost, twice) =
            (self.rng.chance(self.quality.loss), self.rng.chance(self.quality.duplication));
        let delays = [self.delay(), self.delay()];
        if self.cut {
            self.counts.cut += 1;
            return Vec::new();
        }
        if lost {
            self.counts.lost += 1;
            return Vec::new();
        }
        let copies = 1 + usize::from(twice);
        if flights + copies > MAX_FLIGHTS {
            self.counts.shed += 1;
            return Vec::new();
        }
        self.counts.carried += 1;
        self.counts.duplicated += u64::from(twice);
        delays.iter().take(copies).map(|delay| self.due(now + *delay)).collect()
    }

    fn delay(&mut self) -> Duration {
        let jitter = self.quality.jitter.as_micros() as u64;
        self.quality.delay + Duration::from_micros(self.rng.below(jitter + 1))
    }

    fn due(&mut self, due: Instant) -> Instant {
        let earliest = self.last_due.filter(|_| !self.quality.reorders);
        let due = earliest.map_or(due, |earliest| due.max(earliest));
        self.last_due = self.last_due.max(Some(due));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends packets from host 1 to host 2, a millisecond apart; returns what arrives, and when.
    fn arrivals(lines: &mut Lines, count: u32) -> Vec<(u32, Duration)> {
        let begun = Instant::now();
        for number in 0..count {
            let now = begun + Duration::from_millis(number.into());
            lines.send(now, 1, 2, &number.to_be_bytes());
        }
        let mut arrivals = Vec::new();
        while let Some(due) = lines.deadline() {
            assert_eq!(lines.arrive(due.checked_sub(Duration::from_nanos(1)).unwrap()), None);
            let flight = lines.arrive(due).unwrap();
            let number = u32::from_be_bytes(flight.packet.try_into().unwrap());
            arrivals.push((number, due - begun - Duration::from_millis(number.into())));
        }
        arrivals
    }

    #[test]
    fn a_bad_line_loses_delays_doubles_and_reorders() {
        let mut lines = Lines::new(1, 2, Quality::BAD);
        let arrivals = arrivals(&mut lines, 10_000);
        let counts = lines.counts(1, 2);
        assert_eq!(counts.carried + counts.lost, 10_000);
        assert_eq!(arrivals.len() as u64, counts.carried + counts.duplicated);
        assert!((0.19..0.21).contains(&counts.loss()), "{counts:?}");
        let duplicated = counts.duplicated as f64 / counts.carried as f64;
        assert!((0.015..0.025).contains(&duplicated), "{counts:?}");
        let (low, high) = (Quality::BAD.delay, Quality::BAD.delay + Quality::BAD.jitter);
        assert!(arrivals.iter().all(|(_, delay)| (low..=high).contains(delay)));
        assert!(arrivals.iter().any(|(_, delay)| *delay < low + Duration::from_millis(1)));
        assert!(arrivals.iter().any(|(_, delay)| *delay > high - Duration::from_millis(1)));
        assert!(!arrivals.is_sorted_by_key(|(number, _)| *number));
        assert!(counts.overtaken > 1_000, "{counts:?}");
        assert_eq!(lines.counts(2, 1), Counts::default());
        assert_eq!(lines.total(), counts);
    }

    #[test]
    fn order_is_kept_where_it_must_be() {
        let quality = Quality { reorders: false, ..Quality::BAD };
        let mut lines = Lines::new(1, 2, quality);
        assert!(arrivals(&mut lines, 1_000).is_sorted_by_key(|(number, _)| *number));
        assert_eq!(lines.counts(1, 2).overtaken, 0);
    }

    #[test]
    fn a_seed_repeats_and_lines_differ() {
        let fates = |seed, to| {
            let mut lines = Lines::new(seed, 3, Quality::BAD);
            let now = Instant::now();
            let fate = |_| {
                let before = lines.counts(1, to).lost;
                lines.send(now, 1, to, b"");
                lines.counts(1, to).lost - before
            };
            (0..100).map(fate).collect::<Vec<_>>()
        };
        assert_eq!(fates(1, 2), fates(1, 2));
        assert_ne!(fates(1, 2), fates(2, 2));
        assert_ne!(fates(1, 2), fates(1, 3));
    }

    #[test]
    fn a_cut_has_one_direction_and_ends() {
        let mut lines = Lines::new(1, 2, Quality::LOCAL);
        let now = Instant::now();
        lines.cut(1, 2, true);
        lines.send(now, 1, 2, b"");
        lines.send(now, 2, 1, b"");
        lines.cut(1, 2, false);
        lines.send(now, 1, 2, b"");
        assert_eq!(lines.counts(1, 2), Counts { carried: 1, cut: 1, ..Counts::default() });
        assert_eq!(lines.counts(2, 1), Counts { carried: 1, ..Counts::default() });
    }

    #[test]
    fn what_is_under_way_is_bounded() {
        let mut lines = Lines::new(1, 2, Quality::LOCAL);
        let now = Instant::now();
        (0..MAX_FLIGHTS + 10).for_each(|_| lines.send(now, 1, 2, b""));
        assert_eq!(lines.counts(1, 2).shed, 10);
        assert_eq!(lines.flights.len(), MAX_FLIGHTS);
    }
}
