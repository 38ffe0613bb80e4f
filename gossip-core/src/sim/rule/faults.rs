//! Networks at their worst, one rule for each way in which they fail.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Delay, Packet, Rule, Verdict};
use crate::rng::Rng;
use crate::time::Mono;

/// Loss that comes in bursts (Gilbert 1960, Elliott 1963): each direction of each pair is good or
/// bad, changes with every packet by chance, and loses packets while it is bad.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "scripts build it literally")]
pub struct Burst {
    /// The chance that a good direction turns bad.
    pub enter: f64,
    /// The chance that a bad one turns good: a burst lasts for 1 / `leave` packets on average.
    pub leave: f64,
    /// The chance that a packet is lost in a bad direction.
    pub loss: f64,
}

/// Loses packets in bursts.
pub fn burst(burst: Burst) -> impl Rule {
    let mut bad = BTreeMap::new();
    move |packet: &Packet<'_>, rng: &mut Rng| {
        let bad = bad.entry((packet.from, packet.to)).or_insert(false);
        if rng.chance(if *bad { burst.leave } else { burst.enter }) {
            *bad = !*bad;
        }
        if *bad && rng.chance(burst.loss) { Verdict::Drop } else { Verdict::Pass }
    }
}

/// Makes every packet later by such a time; later rules decide about the rest.
pub fn late(delay: Delay) -> impl Rule {
    move |_: &Packet<'_>, rng: &mut Rng| Verdict::Later(delay.draw(rng))
}

/// The same for what a chance picks.
pub fn jitter(chance: f64, delay: Delay) -> impl Rule {
    move |_: &Packet<'_>, rng: &mut Rng| {
        if rng.chance(chance) { Verdict::Later(delay.draw(rng)) } else { Verdict::Pass }
    }
}

/// Holds some packets back, so that those sent within `by` after them come first.
pub fn reorder(chance: f64, by: Duration) -> impl Rule {
    jitter(chance, Delay::Uniform { least: Duration::ZERO, most: by })
}

/// Delivers some packets twice.
pub fn duplicate(chance: f64) -> impl Rule {
    move |_: &Packet<'_>, rng: &mut Rng| {
        if rng.chance(chance) { Verdict::Copy } else { Verdict::Pass }
    }
}

/// Flips one bit of some packets, as bad memory in a relay does: no checksum of the path sees it.
pub fn alter(chance: f64) -> impl Rule {
    move |packet: &Packet<'_>, rng: &mut Rng| {
        if packet.bytes.is_empty() || !rng.chance(chance) {
            return Verdict::Pass;
        }
        let mut bytes = packet.bytes.to_vec();
        let at = rng.index(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << rng.below(8);
        }
        Verdict::Alter(bytes.into())
    }
}

/// Loses what goes from some hosts to others; the way back stays open.
pub fn one_way(from: impl Fn(usize) -> bool, to: impl Fn(usize) -> bool) -> impl Rule {
    move |packet: &Packet<'_>, _: &mut Rng| {
        if from(packet.from) && to(packet.to) { Verdict::Drop } else { Verdict::Pass }
    }
}

/// A line out of each host that carries so many bytes per second; what would wait behind more than
/// `queue` bytes is lost. It fires for what waits behind others and for what is lost.
pub const fn bandwidth(bytes_per_second: u64, queue: u64) -> impl Rule {
    Line { bytes_per_second, queue, free_at: BTreeMap::new(), waited: false }
}

struct Line {
    bytes_per_second: u64,
    queue: u64,
    /// When the line of each host has carried all that it was given.
    free_at: BTreeMap<usize, Mono>,
    /// Whether the last packet waited behind others.
    waited: bool,
}

impl Line {
    fn time(&self, bytes: u64) -> Duration {
        let rate = self.bytes_per_second.max(1);
        Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate)
    }
}

impl Rule for Line {
    fn on_packet(&mut self, packet: &Packet<'_>, _: &mut Rng) -> Verdict {
        let (queue, time) = (self.time(self.queue), self.time(packet.bytes.len() as u64));
        let free = self.free_at.entry(packet.from).or_default();
        self.waited = *free > packet.now;
        if free.since(packet.now) > queue {
            return Verdict::Drop;
        }
        *free = (*free).max(packet.now) + time;
        Verdict::Later(free.since(packet.now))
    }

    fn fires(&self, _: &Verdict) -> bool {
        self.waited
    }
}

/// A rule that begins and ends: from `begin` on, and no more at `end`.
pub const fn during(begin: Mono, end: Mono, rule: impl Rule) -> impl Rule {
    During { begin, end, rule, is_on: false }
}

struct During<R> {
    begin: Mono,
    end: Mono,
    rule: R,
    /// Whether the last packet came while it was in force.
    is_on: bool,
}

impl<R: Rule> Rule for During<R> {
    fn on_packet(&mut self, packet: &Packet<'_>, rng: &mut Rng) -> Verdict {
        self.is_on = (self.begin..self.end).contains(&packet.now);
        if self.is_on { self.rule.on_packet(packet, rng) } else { Verdict::Pass }
    }

    fn fires(&self, verdict: &Verdict) -> bool {
        self.is_on && self.rule.fires(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(from: usize, to: usize, now: Duration) -> Packet<'static> {
        Packet { from, to, bytes: &[0; 1_000], now: Mono::ZERO + now }
    }

    /// What the rule makes of so many packets from 0 to 1, one per millisecond.
    fn verdicts(mut rule: impl Rule, count: u64) -> Vec<Verdict> {
        let mut rng = Rng::from_number(3);
        let mut ask = |n| rule.on_packet(&packet(0, 1, Duration::from_millis(n)), &mut rng);
        (0..count).map(&mut ask).collect()
    }

    fn dropped(verdicts: &[Verdict]) -> usize {
        verdicts.iter().filter(|verdict| **verdict == Verdict::Drop).count()
    }

    #[test]
    fn bursts_lose_their_share_in_long_runs() {
        let all = verdicts(burst(Burst { enter: 0.01, leave: 0.09, loss: 1.0 }), 100_000);
        let share = dropped(&all) as f64 / 100_000.0;
        assert!((0.08..0.12).contains(&share), "a tenth of the time is bad: {share}");
        let runs = all.windows(2).filter(|pair| dropped(pair) == 1).count() as f64 / 2.0;
        let length = dropped(&all) as f64 / runs;
        assert!((9.0..13.0).contains(&length), "a burst is eleven packets long: {length}");
    }

    #[test]
    fn a_line_delays_queues_and_drops() {
        // A packet of 1,000 bytes each millisecond, and a line that takes two for each.
        let all = verdicts(bandwidth(500_000, 3_000), 100);
        assert_eq!(all[0], Verdict::Later(Duration::from_millis(2)));
        assert_eq!(all[1], Verdict::Later(Duration::from_millis(3)), "one waits before it");
        assert!((40..60).contains(&dropped(&all)), "{}", dropped(&all));
        let longest = all.iter().filter_map(|verdict| {
            if let Verdict::Later(delay) = verdict { Some(*delay) } else { None }
        });
        assert!(longest.max() <= Some(Duration::from_millis(8)), "the queue is bounded");
    }

    #[test]
    fn a_line_fires_for_what_waits_or_is_lost() {
        let mut line = bandwidth(500_000, 3_000);
        let mut rng = Rng::from_number(3);
        let mut fires = |millis| {
            let verdict = line.on_packet(&packet(0, 1, Duration::from_millis(millis)), &mut rng);
            line.fires(&verdict)
        };
        assert!(!fires(0), "the line is free");
        assert!(fires(1), "it waits");
        assert!(!fires(4), "the line is free again");
        assert!((0..9).all(|_| fires(4)), "some wait, the others are lost");
    }

    #[test]
    fn a_line_for_a_time_fires_as_the_line_does() {
        let at = |millis| Mono::ZERO + Duration::from_millis(millis);
        let mut rule = during(at(10), at(20), bandwidth(500_000, 3_000));
        let mut rng = Rng::from_number(3);
        let mut fires = |millis| {
            let verdict = rule.on_packet(&packet(0, 1, Duration::from_millis(millis)), &mut rng);
            rule.fires(&verdict)
        };
        assert!(!fires(9) && !fires(9), "not yet");
        assert!(!fires(10), "the line is free");
        assert!(fires(11), "it waits");
        assert!(!fires(20), "over");
    }

    #[test]
    fn cuts_go_one_way_and_end() {
        let mut rng = Rng::from_number(4);
        let second = Duration::from_secs(1);
        let (begin, end) = (Mono::ZERO + second, Mono::ZERO + second * 2);
        let mut rule = during(begin, end, one_way(|host| host == 0, |host| host == 1));
        let mut ask = |from, to, now| rule.on_packet(&packet(from, to, now), &mut rng);
        assert_eq!(ask(0, 1, Duration::ZERO), Verdict::Pass);
        assert_eq!(ask(0, 1, second), Verdict::Drop);
        assert_eq!(ask(1, 0, second), Verdict::Pass);
        assert_eq!(ask(0, 2, second), Verdict::Pass);
        assert_eq!(ask(0, 1, second * 2), Verdict::Pass);
    }

    #[test]
    fn one_bit_changes() {
        let ones = |bytes: &[u8]| bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
        for verdict in verdicts(alter(1.0), 20) {
            assert!(matches!(verdict, Verdict::Alter(bytes) if ones(&bytes) == 1));
        }
    }
}
