//! Playing a plan: chaos as it says, then calm until all agree.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::flavour::Flavour;
use super::{Act, Config, Outcome, Plan, Step, Value};
use crate::config::ConfigSpec;
use crate::fact::Why;
use crate::io::{Answer, Command, RequestId, Write};
use crate::node::Node;
use crate::sim::check::{self, Violation};
use crate::sim::ear::Ear;
use crate::sim::{self, Crash, Disk, Fault, RuleId, World};
use crate::time::Mono;

/// How often it is looked whether all agree.
const MOMENT: Duration = Duration::from_millis(500);

/// Who agrees, agrees still after this.
const STEADY: Duration = Duration::from_secs(3);

/// How long a goodbye is told.
const GOODBYE: Duration = Duration::from_millis(700);

/// Most violations of a run that are kept.
const KEPT: usize = 16;

/// Plays a plan. A panic of a node is a violation like any other.
pub(super) fn play(config: &Config, seed: u64, plan: &Plan) -> Outcome {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut player = Player::new(config, seed, plan);
        player.chaos();
        player.calm();
        player.outcome()
    }));
    played.unwrap_or_else(|panic| {
        let what = message(&*panic);
        let violation = Violation { at: Mono::ZERO, checker: "panic", host: 0, what };
        Outcome { violations: vec![violation], ..Outcome::default() }
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a node panicked: {}", text.unwrap_or("without words"))
}

/// What a step needs besides its act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// What must exist before it begins.
    Prepare,
    Begin,
    /// Its goodbye was said.
    Part,
    End,
}

/// A step under way.
#[derive(Default)]
struct Running {
    /// A count before it began.
    before: u64,
    /// Whether it began: what did not, has nothing to end.
    began: bool,
    fired: u64,
    rule: Option<RuleId>,
    snapshot: Option<Disk>,
}

/// What nodes counted in all their lives; a node that starts counts from zero.
#[derive(Clone, Copy, Default)]
struct Counts {
    collected: u64,
    frames: u64,
    shed: u64,
}

struct Player<'a> {
    config: &'a Config,
    converged: Option<Duration>,
    counts: Counts,
    ear: Ear,
    plan: &'a Plan,
    running: Vec<Running>,
    world: World,
    writes: Vec<(usize, RequestId)>,
}

impl<'a> Player<'a> {
    fn new(config: &'a Config, seed: u64, plan: &'a Plan) -> Self {
        let mut world = World::new(seed);
        if config.trace {
            world.begin_trace();
        }
        world.set_horizon(config.horizon);
        let (ear, flavour) = (Ear::default(), Rc::new(Flavour::of(config, seed)));
        if flavour.keeps_siblings() {
            world.expect_siblings();
        }
        check::all().into_iter().for_each(|checker| world.check(checker));
        world.rule(ear.clone());
        calm_network(&mut world, config);
        for host in 0..config.nodes {
            // Who knows two others is found although one of them is down.
            let known = [0, 1].into_iter().filter(|other| *other != host);
            let seeds = known.map(|other| crate::io::Seed::Address(world.address(other)));
            let seeds = if host == 0 { Vec::new() } else { seeds.collect() };
            let spec = ConfigSpec { seeds, ..flavour.spec() };
            let flavour = flavour.clone();
            world.add_with(spec, Box::new(move |keys| flavour.strategies(Box::new(keys))));
        }
        let running = plan.steps.iter().map(|_| Running::default()).collect();
        Self {
            config,
            converged: None,
            counts: Counts::default(),
            ear,
            plan,
            running,
            world,
            writes: Vec::new(),
        }
    }

    fn chaos(&mut self) {
        let mut timeline = BTreeMap::new();
        for (place, step) in self.plan.steps.iter().enumerate() {
            let mut add = |at: Duration, phase| timeline.insert((at, place, phase), ());
            if let Act::PutBack(_, age) = step.act {
                add(step.at.saturating_sub(age), Phase::Prepare);
            }
            add(step.at, Phase::Begin);
            // All faults end with the chaos; what begins after it ends at once.
            let end = (step.at + step.lasts).min(self.config.duration).max(step.at);
            if matches!(step.act, Act::Leave(_) | Act::Stop(_)) {
                add((step.at + GOODBYE).min(end), Phase::Part);
            }
            if !step.lasts.is_zero() {
                add(end, Phase::End);
            }
        }
        for ((at, place, phase), ()) in timeline {
            self.world.run_for(at.saturating_sub(self.world.now().since(Mono::ZERO)));
            if !self.world.violations().is_empty() {
                return;
            }
            self.phase(place, phase);
        }
        let rest = self.config.duration.saturating_sub(self.world.now().since(Mono::ZERO));
        self.world.run_for(rest);
    }

    fn phase(&mut self, place: usize, phase: Phase) {
        let plan = self.plan;
        let Some(step) = plan.steps.get(place) else { return };
        let mut running = self.running.get_mut(place).map(std::mem::take).unwrap_or_default();
        match phase {
            Phase::Prepare => {
                if let Act::PutBack(host, _) = step.act {
                    running.snapshot = Some(self.world.disk(host).snapshot());
                }
            }
            Phase::Begin => self.begin(step, &mut running),
            Phase::Part => {
                if let (Some(host), true) = (step.act.stops(), running.began) {
                    self.crash(host, Crash::Clean);
                }
            }
            Phase::End if running.began => self.end(step, &mut running),
            Phase::End => {}
        }
        if let Some(place) = self.running.get_mut(place) {
            *place = running;
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are faults of the network")]
    fn begin(&mut self, step: &Step, running: &mut Running) {
        running.before = self.count(&step.act);
        if let Some(host) = step.act.stops()
            && self.world.node(host).is_none()
        {
            // Somebody else has stopped it already.
            return;
        }
        running.began = true;
        match step.act {
            Act::Crash(host) | Act::PutBack(host, _) => self.crash(host, Crash::Clean),
            Act::TornCrash(host) => self.crash(host, Crash::Torn),
            _ => {}
        }
        let world = &mut self.world;
        match step.act {
            Act::Crash(_) | Act::TornCrash(_) => {}
            Act::PutBack(host, _) => {
                if let Some(snapshot) = running.snapshot.take() {
                    world.put_back(host, snapshot);
                }
            }
            Act::Leave(host) => drop(world.command(host, Command::Leave)),
            Act::Stop(host) => drop(world.command(host, Command::Stop)),
            Act::FailWrites(host) => world.disk(host).fault = Fault::Writes,
            Act::FailReads(host) => world.disk(host).fault = Fault::Reads,
            Act::FailExports(host) => world.fail_exports(host, true),
            Act::SlowDisk(host, [latency, jitter, sync]) => {
                let disk = world.disk(host);
                (disk.latency, disk.jitter, disk.sync_interval) = (latency, jitter, sync);
            }
            Act::Pause(host) => world.pause(host, step.lasts),
            Act::Skew(host, millis) => world.skew(host, millis),
            Act::Drift(host, millionths) => world.drift(host, millionths),
            Act::Read(host, key) if world.node(host).is_some() => {
                // Now and then somebody wants to know how the cluster looks, in the middle of all this.
                if key % 8 == 0 {
                    let full = key % 16 == 0;
                    world.command(host, Command::Reports { of: None, full });
                    world.command(host, Command::Why(world.id(0)));
                }
                let (channel, key) = (world.main_channel(host), name(key));
                world.command(host, Command::Get { channel, key });
            }
            Act::Write(host, key, value) if world.node(host).is_some() => {
                self.write(host, key, value);
            }
            Act::Read(..) | Act::Write(..) => {}
            _ => running.rule = rule(world, &step.act),
        }
        running.fired = u64::from(is_immediate(&step.act));
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most acts leave nothing behind")]
    fn end(&mut self, step: &Step, running: &mut Running) {
        if let Act::FailWrites(host) = step.act {
            self.world.disk(host).fault = Fault::None;
            self.crash(host, Crash::Clean);
        }
        let world = &mut self.world;
        match step.act {
            Act::FailReads(host) => world.disk(host).fault = Fault::None,
            Act::FailExports(host) => world.fail_exports(host, false),
            Act::SlowDisk(host, _) => calm_disk(world.disk(host)),
            Act::Skew(host, _) => world.skew(host, 0),
            Act::Drift(host, _) => {
                world.drift(host, 0);
                world.skew(host, 0);
            }
            _ => {}
        }
        if let Some(host) = step.act.stops()
            && world.node(host).is_none()
        {
            world.start(host);
        }
        running.fired += match running.rule.take() {
            Some(rule) => world.end_rule(rule),
            None => self.count(&step.act) - running.before,
        };
    }

    /// Ends the life of a host's node, if it lives.
    fn crash(&mut self, host: usize, crash: Crash) {
        if self.world.node(host).is_some() {
            self.add_up(host);
            self.world.crash_as(host, crash);
        }
    }

    /// Adds up what the present life of a host's node has counted.
    fn add_up(&mut self, host: usize) {
        let Some(status) = self.world.node(host).map(Node::status) else { return };
        let shed = [Why::PeerQueueFull, Why::QueueFull];
        self.counts.collected += status.collected;
        self.counts.frames += status.wire.received_frames;
        self.counts.shed += shed.iter().filter_map(|why| status.rejected.get(why)).sum::<u64>();
    }

    /// How often a fault of this kind has hit its host so far.
    #[expect(clippy::wildcard_enum_match_arm, reason = "others fire at once, or count packets")]
    fn count(&mut self, act: &Act) -> u64 {
        match *act {
            Act::FailExports(host) => self.world.troubles(host).1,
            Act::FailReads(host) => self.world.disk(host).counts().failed_reads,
            Act::FailWrites(host) => self.world.disk(host).counts().failed_writes,
            Act::Pause(host) => self.world.troubles(host).0,
            Act::SlowDisk(host, _) => self.world.disk(host).counts().late,
            Act::TornCrash(host) => self.world.disk(host).counts().torn,
            _ => 0,
        }
    }

    fn write(&mut self, host: usize, key: u16, value: Value) {
        let channel = self.world.main_channel(host);
        let (value, ttl) = match value {
            Value::Bytes(bytes) => (Some(Bytes::from(vec![b'v'; bytes])), None),
            Value::Delete => (None, None),
            Value::Expires(ttl) => (Some(Bytes::from_static(b"soon gone")), Some(ttl)),
        };
        let writes = vec![Write { key: name(key), value, ttl }];
        let request = self.world.command(host, Command::Write { channel, writes });
        self.writes.push((host, request));
    }

    fn calm(&mut self) {
        if !self.world.violations().is_empty() {
            return;
        }
        for host in 0..self.world.len() {
            let world = &mut self.world;
            world.drift(host, 0);
            world.skew(host, 0);
            world.fail_exports(host, false);
            calm_disk(world.disk(host));
            let poisoned = std::mem::take(&mut world.disk(host).fault) == Fault::Writes;
            if poisoned {
                self.crash(host, Crash::Clean);
            }
            if self.world.node(host).is_none() {
                self.world.start(host);
            }
        }
        let world = &mut self.world;
        let healed = world.now();
        let mut agreed_at = None;
        let steady = world.run_until(self.config.calm + STEADY, MOMENT, |world| {
            let agreed = world.violations().is_empty() && agree(world);
            agreed_at = agreed.then(|| agreed_at.unwrap_or_else(|| world.now()));
            let since = agreed_at.map(|at| world.now().since(at));
            !world.violations().is_empty() || since >= Some(STEADY)
        });
        if !world.violations().is_empty() {
            return;
        }
        // Who does not agree breaks more promises than can be told apart.
        if steady {
            self.converged = agreed_at.map(|at| at.since(healed));
            world.finish_checks();
        }
    }

    fn outcome(mut self) -> Outcome {
        let mut violations = self.world.violations().to_vec();
        if violations.is_empty() && self.converged.is_none() {
            let what = disagreement(&mut self.world);
            let at = self.world.now();
            violations.push(Violation { at, checker: "liveness", host: 0, what });
        }
        let count = |what: &str| violations.iter().filter(|it| it.what.starts_with(what)).count();
        let (lost_writes, resurrections) = (count("lost") as u64, count("resurrected") as u64);
        violations.truncate(KEPT);
        let mut outcome = Outcome {
            violations,
            converged: self.converged,
            lost_writes,
            resurrections,
            lasted: self.world.now().since(Mono::ZERO),
            spoken: self.ear.counts(),
            trace: self.world.trace(),
            ..Outcome::default()
        };
        for (step, running) in self.plan.steps.iter().zip(&self.running) {
            if step.act.is_fault() {
                *outcome.faults.entry(step.act.kind()).or_default() += running.fired;
                if running.fired == 0 {
                    outcome.idle.push(step.clone());
                }
            }
        }
        for (host, request) in std::mem::take(&mut self.writes) {
            match self.world.answer(host, request) {
                Some(Answer::Written(results)) if results.iter().all(Result::is_ok) => {
                    outcome.writes.0 += 1;
                }
                _ => outcome.writes.1 += 1,
            }
        }
        (0..self.world.len()).for_each(|host| self.add_up(host));
        let Counts { collected, frames, shed } = self.counts;
        Outcome { collected, frames, shed, ..outcome }
    }
}

/// Whether a fault is done once it has begun.
const fn is_immediate(act: &Act) -> bool {
    matches!(
        act,
        Act::Crash(_)
            | Act::Drift(..)
            | Act::Leave(_)
            | Act::PutBack(..)
            | Act::Skew(..)
            | Act::Stop(_)
    )
}

/// The rule of a network's fault; `None` for all others.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest are no faults of the network")]
fn rule(world: &mut World, act: &Act) -> Option<RuleId> {
    let is_in = |hosts: u64| move |host: usize| hosts >> host & 1 == 1;
    Some(match *act {
        Act::Alter(chance) => world.rule(sim::alter(chance)),
        Act::Bandwidth(rate, queue) => world.rule(sim::bandwidth(rate, queue)),
        Act::Burst(burst) => world.rule(sim::burst(burst)),
        Act::Duplicate(chance) => world.rule(sim::duplicate(chance)),
        Act::Late(delay) => world.rule(sim::late(delay)),
        Act::Loss(chance) => world.rule(sim::loss(chance)),
        Act::OneWay(from, to) => world.rule(sim::one_way(is_in(from), is_in(to))),
        Act::Partition(side) => world.rule(sim::cut(is_in(side))),
        Act::Reorder(chance, by) => world.rule(sim::reorder(chance, by)),
        _ => return None,
    })
}

/// Lines as between good hosts.
fn calm_network(world: &mut World, config: &Config) {
    world.rule(sim::loss(config.loss));
    let (least, most) = (Duration::from_millis(1), Duration::from_millis(20));
    world.rule(sim::late(sim::Delay::Uniform { least, most }));
}

const fn calm_disk(disk: &mut Disk) {
    disk.latency = Duration::ZERO;
    disk.jitter = Duration::ZERO;
    disk.sync_interval = Duration::from_millis(5);
}

fn name(key: u16) -> Bytes {
    Bytes::from(format!("key-{key}"))
}

/// Whether all nodes run, see one another, and hold the same.
fn agree(world: &mut World) -> bool {
    let all = world.len();
    let mut statuses = (0..all).filter_map(|host| Some(world.node(host)?.status()));
    statuses.all(|status| status.peers.alive == all && !status.renewing) && world.converged()
}

/// Why nodes do not agree.
fn disagreement(world: &mut World) -> String {
    let all = world.len();
    let sums: Vec<_> = (0..all).map(|host| world.totals(host, None).sum).collect();
    let differ = sums.iter().filter(|sum| Some(*sum) != sums.first()).count();
    let status = |host| world.node(host).map(Node::status);
    let statuses: Vec<_> = (0..all).filter_map(status).collect();
    let blind = statuses.iter().filter(|status| status.peers.alive != all);
    let (blind, renewing) =
        (blind.count(), statuses.iter().filter(|status| status.renewing).count());
    format!(
        "no agreement: {differ} of {all} hold something else than host 0, {blind} do not see all \
         members alive, {renewing} are taking the state anew"
    )
}
