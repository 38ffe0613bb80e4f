//! Who said what of whom, and when: what nodes tell their applications and send to one another.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::{Case, Config, Load, Mistaken, Outcome};
use crate::id::NodeId;
use crate::io::{Event, Input, Output};
use crate::membership::MemberStatus;
use crate::sim::World;
use crate::sim::check::{Checker, Observation, Sight};
use crate::sim::ear::{Ear, kinds};
use crate::sim::host::number_of;
use crate::time::Mono;
use crate::transport::{Address, Inbound};
use crate::wire::record_name;

/// Watches a world for a [`Ledger`].
pub(super) struct Witness(pub(super) Rc<RefCell<Ledger>>);

impl Checker for Witness {
    fn name(&self) -> &'static str {
        "detect"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, _: &mut Vec<String>) {
        let mut ledger = self.0.borrow_mut();
        if let Observation::Input(Input::Network(Inbound::Frame { from, .. })) = what {
            if let Some(from) = host_at(*from) {
                ledger.pairs.of(sight.host(), from).heard = sight.now().mono;
            }
        } else if let Observation::Output(Output::Event(Event::Member { member, .. })) = what {
            if let Some(subject) = ledger.hosts.get(&member.id).copied() {
                ledger.verdict(sight, subject, member.status);
            }
        } else if let Observation::Output(Output::Transmit(transmit)) = what {
            let to = host_at(transmit.to);
            ledger.sent(sight.now().mono, sight.host(), to, &transmit.bytes);
        }
    }
}

/// What was seen, and what it comes to.
pub(super) struct Ledger {
    config: Config,
    hosts: BTreeMap<NodeId, usize>,
    /// The kind of record that is a probe.
    ping: Option<u8>,
    pairs: Pairs,
    stage: Stage,
    cases: Vec<Search>,
    mistaken: Mistaken,
    calm: Tally,
    troubled: Tally,
    longest_gap: Duration,
}

/// What is being measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing: nodes meet.
    Joining,
    /// What it costs when nothing happens.
    Calm,
    /// What happens.
    Trouble,
}

/// What one node knows of another.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    /// It holds it for dead.
    dead: bool,
    /// It heard of it last.
    heard: Mono,
    /// It probed it last, or the calm began.
    probed: Mono,
}

/// All pairs of hosts, by observer and subject.
struct Pairs {
    nodes: usize,
    pairs: Vec<Pair>,
    /// Takes what is said of hosts that are not there.
    other: Pair,
}

impl Pairs {
    fn of(&mut self, observer: usize, subject: usize) -> &mut Pair {
        self.pairs.get_mut(observer * self.nodes + subject).unwrap_or(&mut self.other)
    }
}

/// Somebody who is to be found.
struct Search {
    case: Case,
    subject: usize,
    since: Mono,
    until: Mono,
    /// Whose verdicts count.
    finders: BTreeSet<usize>,
    /// Who of them has not called it dead.
    missing: BTreeSet<usize>,
}

/// What was sent.
#[derive(Default)]
struct Tally {
    bytes: u64,
    frames: u64,
    ear: Ear,
}

impl Tally {
    fn load(&self, time: Duration) -> Load {
        let records = self.ear.counts().into_iter().filter(|(_, count)| *count > 0).collect();
        Load { bytes: self.bytes, frames: self.frames, records, time }
    }
}

impl Ledger {
    pub(super) fn new(config: &Config, world: &World) -> Self {
        let nodes = config.nodes;
        Self {
            config: config.clone(),
            hosts: (0..nodes).map(|host| (world.id(host), host)).collect(),
            ping: (0..=u8::MAX).find(|kind| record_name(*kind) == Some("ping")),
            pairs: Pairs {
                nodes,
                pairs: vec![Pair::default(); nodes * nodes],
                other: Pair::default(),
            },
            stage: Stage::Joining,
            cases: Vec::new(),
            mistaken: Mistaken::default(),
            calm: Tally::default(),
            troubled: Tally::default(),
            longest_gap: Duration::ZERO,
        }
    }

    pub(super) fn begin_calm(&mut self, now: Mono) {
        self.stage = Stage::Calm;
        self.pairs.pairs.iter_mut().for_each(|pair| pair.probed = now);
    }

    pub(super) fn end_calm(&mut self, now: Mono) {
        self.stage = Stage::Trouble;
        let nodes = self.config.nodes;
        // Whoever was not probed again counts, too.
        let others = self.pairs.pairs.iter().enumerate().filter(|(at, _)| at / nodes != at % nodes);
        let last = others.map(|(_, pair)| now.since(pair.probed)).max().unwrap_or_default();
        self.longest_gap = self.longest_gap.max(last);
    }

    /// From now on a host is to be found, perhaps only for some time.
    pub(super) fn search(
        &mut self,
        (since, until): (Mono, Mono),
        subject: usize,
        finders: &BTreeSet<usize>,
        running: usize,
    ) {
        for search in &mut self.cases {
            search.missing.remove(&subject);
        }
        let mut finders = finders.clone();
        finders.remove(&subject);
        let missing = finders.iter().copied();
        let missing = missing.filter(|finder| !self.pairs.of(*finder, subject).dead).collect();
        let case = Case { running, ..Case::default() };
        self.cases.push(Search { case, subject, since, until, finders, missing });
    }

    /// Whether all of these were found by all.
    pub(super) fn has_found(&self, subjects: &[usize]) -> bool {
        let open = |search: &Search| !search.missing.is_empty();
        !self.cases.iter().any(|search| subjects.contains(&search.subject) && open(search))
    }

    pub(super) fn outcome(&self, times: [Duration; 2]) -> Outcome {
        let [calm, troubled] = times;
        Outcome {
            cases: self.cases.iter().map(|search| search.case).collect(),
            mistaken: self.mistaken,
            calm: self.calm.load(calm),
            troubled: self.troubled.load(troubled),
            longest_gap: self.longest_gap,
            joined: None,
        }
    }

    fn sent(&mut self, now: Mono, from: usize, to: Option<usize>, frame: &[u8]) {
        let tally = match self.stage {
            Stage::Joining => return,
            Stage::Calm => &mut self.calm,
            Stage::Trouble => &mut self.troubled,
        };
        tally.bytes += frame.len() as u64;
        tally.frames += 1;
        tally.ear.listen(frame);
        if let Some(to) = to
            && kinds(frame).any(|kind| Some(kind) == self.ping)
        {
            self.probed(now, from, to);
        }
    }

    fn probed(&mut self, now: Mono, observer: usize, subject: usize) {
        if self.stage == Stage::Calm {
            let before = std::mem::replace(&mut self.pairs.of(observer, subject).probed, now);
            self.longest_gap = self.longest_gap.max(now.since(before));
        }
        for Search { case, since, .. } in searches(&mut self.cases, now, observer, subject) {
            case.probed.get_or_insert_with(|| now.since(*since));
        }
    }

    /// A node judges another.
    fn verdict(&mut self, sight: &Sight<'_>, subject: usize, status: MemberStatus) {
        let (observer, now) = (sight.host(), sight.now().mono);
        let is_dead = status == MemberStatus::Dead;
        let pair = self.pairs.of(observer, subject);
        let is_new = pair.dead != is_dead;
        pair.dead = is_dead;
        let silence = now.since(pair.heard);
        if is_dead || status == MemberStatus::Suspect {
            for Search { case, since, .. } in searches(&mut self.cases, now, observer, subject) {
                case.suspected.get_or_insert_with(|| now.since(*since));
            }
        }
        if is_dead && is_new {
            for search in searches(&mut self.cases, now, observer, subject) {
                let Search { case, since, missing, .. } = search;
                if case.detected.is_none() {
                    case.detected = Some(now.since(*since));
                    case.silence = Some(silence);
                }
                if missing.remove(&observer) && missing.is_empty() {
                    case.everywhere = Some(now.since(*since));
                }
            }
        }
        if self.stage != Stage::Joining && self.is_well(sight, subject) {
            let slow = |host| host >= self.config.nodes.saturating_sub(self.config.slow_nodes);
            let (healthy, steady) = (!slow(observer), !slow(subject));
            let Mistaken { dead, dead_healthy, steady: about, steady_healthy, suspect } =
                &mut self.mistaken;
            let count = |is: bool| u64::from(is && is_dead && is_new);
            *dead += count(true);
            *dead_healthy += count(healthy);
            *about += count(steady);
            *steady_healthy += count(steady && healthy);
            *suspect += u64::from(status == MemberStatus::Suspect);
        }
    }

    /// Whether a host runs, and has done so well for some time.
    fn is_well(&self, sight: &Sight<'_>, host: usize) -> bool {
        let (world, now) = (sight.world(), sight.now().mono);
        let suffered = world.suffers_until(host);
        let recovered = suffered == Mono::ZERO || now >= suffered + self.config.catch_up;
        world.node(host).is_some() && recovered
    }
}

/// The searches to which what an observer finds of a subject matters now.
fn searches(
    cases: &mut [Search],
    now: Mono,
    observer: usize,
    subject: usize,
) -> impl Iterator<Item = &mut Search> {
    cases.iter_mut().filter(move |search| {
        search.subject == subject && now < search.until && search.finders.contains(&observer)
    })
}

fn host_at(address: Address) -> Option<usize> {
    let Address::Socket(address) = address else { return None };
    number_of(address).map(|host| host as usize)
}
