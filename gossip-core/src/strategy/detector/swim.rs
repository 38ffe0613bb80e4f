//! SWIM with Lifeguard: one member is probed per period, and who answers nobody is suspected for a
//! while before it is called dead.
//!
//! ```text
//!  period        timeout                     patience
//!    │ Probe ──────▶│ Ask k members, stream ────▶│ no answer: Suspect, Accuse
//!                                                │
//!  alive ───────────────────────────────────▶ suspect ──due──▶ last attempt ──silence──▶ dead
//!    ▲                                           │                  │                     │
//!    └────────────── a sign of life, or a newer word of its own ────┴─────────────────────┘
//! ```
//! docs/algorithms/detection.md says what is SWIM's, what is Lifeguard's, and what is ours.

mod config;
mod health;
mod member;
mod rota;
mod suspicion;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::config::SwimConfig;
use self::health::Health;
use self::member::{Standing, Watched};
use self::rota::Rota;
use self::suspicion::{Returns, Suspicion};

use super::{Detector, DetectorCx, Finding, LATE, Sign};
use crate::id::{ById, NodeId};
use crate::time::{Mono, earliest};

/// Periods without a frame of anybody after which a node takes itself for paused or cut off (a guess:
/// of two expected in each period, none in eight is e^-16).
const QUIET_PERIODS: u32 = 8;

/// How often a suspicion is put off because we were the silent one: among few that were cut off together it is
/// quiet for long again and again (a guess).
const EXCUSES: u32 = 2;

/// Whoever hears nobody at all calls others dead after so many times the time after which it suspects them:
/// more than the longest stalls of Lifeguard's experiments, 32 s, and than two minutes (a guess).
const ALONE_CONVICTS: u32 = 5;

/// The detector of SWIM and Lifeguard, and of this project's defaults.
#[derive(Clone, Debug)]
pub struct Swim {
    config: SwimConfig,
    health: Health,
    /// Whether what the prober says is held: it waits.
    held: bool,
    /// Who was heard last and when; and last of all others.
    heard: [(Mono, Option<NodeId>); 2],
    members: ById<Watched>,
    /// When the next probe is due.
    next: Option<Mono>,
    probes: Vec<Probe>,
    /// When the first of them is worth another look. It is asked for at every step of the node, and half of a
    /// cluster that comes back is probed at once.
    probes_due: Option<Mono>,
    returns: Returns,
    /// Whom to probe: the living and the suspect.
    rota: Rota,
    /// When suspicions end.
    suspects: BTreeSet<(Mono, NodeId)>,
    suspicions: BTreeMap<NodeId, Suspicion>,
}

/// A probe that was not answered yet.
#[derive(Clone, Copy, Debug)]
struct Probe {
    about: NodeId,
    since: Mono,
    /// When more is tried: others are asked, and it itself again; `None`: nothing is.
    again: Option<Mono>,
    ends: Mono,
    /// Members that were asked and have not said anything; `None`: nobody was asked yet.
    owing: Option<u32>,
    /// Whether its next words are held: until they leave it goes on no further.
    waits: bool,
}

impl Probe {
    /// When it is worth another look, which it is not while it waits.
    fn due(&self) -> Option<Mono> {
        (!self.waits).then(|| self.again.map_or(self.ends, |again| again.min(self.ends)))
    }
}

impl Swim {
    /// A detector with these parameters.
    #[must_use]
    pub const fn new(config: SwimConfig) -> Self {
        Self {
            config,
            health: Health::new(config.health),
            held: false,
            heard: [(Mono::ZERO, None); 2],
            members: ById::new(),
            next: None,
            probes: Vec::new(),
            probes_due: None,
            returns: Returns::new(),
            rota: Rota::new(),
            suspects: BTreeSet::new(),
            suspicions: BTreeMap::new(),
        }
    }

    /// Members that are not dead, ourselves included.
    fn living(&self) -> usize {
        self.rota.len() + 1
    }

    fn timeout(&self, member: &NodeId) -> Duration {
        let timeout = self.members.get(member).map(|watched| watched.timeout(&self.config));
        self.health.stretched(timeout.unwrap_or(self.config.timeout)).max(MOMENT)
    }

    /// How long a probe of a member may take, all ways together, whose answers are waited for so long.
    fn patience(&self, timeout: Duration) -> Duration {
        let patience = self.health.stretched(self.config.patience);
        if self.config.adapt { patience.max(timeout * 3) } else { patience.max(MOMENT) }
    }

    fn probe(&mut self, cx: &mut DetectorCx<'_>) {
        if let Some(about) = self.rota.turn(cx.rng) {
            self.begin(cx, about);
        }
    }

    fn begin(&mut self, cx: &mut DetectorCx<'_>, about: NodeId) {
        if self.probes.iter().any(|probe| probe.about == about) {
            return;
        }
        if !self.held {
            self.say(cx, about);
        }
        let timeout = self.timeout(&about);
        let (again, ends) = (Some(cx.now + timeout), cx.now + self.patience(timeout));
        let waits = self.held;
        self.probes.push(Probe { about, since: cx.now, again, ends, owing: None, waits });
        self.look_at_probes();
    }

    /// The words of a probe to the member itself.
    fn say(&self, cx: &mut DetectorCx<'_>, about: NodeId) {
        let warns = self.config.buddy && self.suspicions.contains_key(&about);
        cx.find(if warns { Finding::Warn(about) } else { Finding::Probe(about) });
    }

    /// Probes came or went.
    fn look_at_probes(&mut self) {
        self.probes_due = self.probes.iter().filter_map(Probe::due).min();
    }

    fn end_probe(&mut self, about: &NodeId) {
        self.probes.retain(|probe| probe.about != *about);
        self.look_at_probes();
    }

    /// What was held leaves: whom the time is up for, others are asked about, and it has failed.
    fn released(&mut self, cx: &mut DetectorCx<'_>) {
        let mut probes = std::mem::take(&mut self.probes);
        for probe in probes.iter_mut().filter(|probe| probe.waits) {
            probe.waits = false;
            if probe.again.is_some() {
                self.say(cx, probe.about);
                probe.again = Some(cx.now + self.timeout(&probe.about));
            }
            if probe.again.is_none() || probe.ends <= cx.now {
                probe.again = None;
                self.try_again(cx, probe);
            }
        }
        self.probes = probes;
        self.look_at_probes();
    }

    /// Asks others to probe a member; how many.
    fn ask(&self, cx: &mut DetectorCx<'_>, about: NodeId) -> u32 {
        let patience = self.timeout(&about);
        let is_alive = |watched: &Watched| watched.standing == Standing::Alive;
        let lives = |it: &NodeId| *it != about && self.members.get(it).is_some_and(is_alive);
        let helpers = self.rota.some(cx.rng, self.config.indirect, lives);
        let count = helpers.len() as u32;
        for helper in helpers {
            cx.find(Finding::Ask { helper, about, patience });
        }
        if self.config.stream {
            cx.find(Finding::ProbeByStream(about));
        }
        count
    }

    fn poll_probes(&mut self, cx: &mut DetectorCx<'_>) {
        let mut probes = std::mem::take(&mut self.probes);
        probes.retain_mut(|probe| self.goes_on(cx, probe));
        self.probes = probes;
        self.look_at_probes();
    }

    /// Whether an answer is still waited for.
    fn goes_on(&mut self, cx: &mut DetectorCx<'_>, probe: &mut Probe) -> bool {
        if self.spoke(probe) {
            return false;
        }
        if probe.waits {
            return true;
        }
        let is_over = probe.ends <= cx.now;
        if is_over {
            self.failed(cx, *probe);
        } else if probe.again.take_if(|at| *at <= cx.now).is_some() {
            if self.held {
                probe.waits = true;
            } else {
                self.try_again(cx, probe);
            }
        }
        !is_over
    }

    /// Others are asked once, and the member itself after each wait.
    fn try_again(&self, cx: &mut DetectorCx<'_>, probe: &mut Probe) {
        if self.config.retry {
            cx.find(Finding::Probe(probe.about));
            probe.again = Some(cx.now + self.timeout(&probe.about));
        }
        if probe.owing.is_none() {
            probe.owing = Some(self.ask(cx, probe.about));
        }
    }

    /// Whether a member that was probed gave another sign of life meanwhile, where any counts.
    fn spoke(&self, probe: &Probe) -> bool {
        let heard = self.members.get(&probe.about).and_then(|watched| watched.heard);
        self.config.any_sign && heard > Some(probe.since)
    }

    /// Nobody had an answer of it. Who heard from nobody else meanwhile has no reason to blame it.
    fn failed(&mut self, cx: &mut DetectorCx<'_>, probe: Probe) {
        if self.is_alone(probe.since, &probe.about) {
            return;
        }
        self.health.worse(1 + probe.owing.unwrap_or(0));
        self.suspect(cx, probe.about, 1);
        cx.find(Finding::Accuse(probe.about));
    }

    /// Whether it may be we who are cut off: nobody but this member was to be heard since then, and was not.
    fn is_alone(&self, since: Mono, but: &NodeId) -> bool {
        self.is_guarded() && !self.hears(since, but)
    }

    /// Whether anybody but this member was heard since then.
    fn hears(&self, since: Mono, but: &NodeId) -> bool {
        self.heard.iter().any(|(at, who)| *at >= since && who.is_some_and(|who| who != *but))
    }

    /// Whether who hears from nobody judges nobody. Of two, each is all that the other could hear.
    fn is_guarded(&self) -> bool {
        self.config.guard && self.living() > 2
    }

    /// For how long nobody was heard.
    fn silence(&self, now: Mono) -> Duration {
        let [(last, _), _] = self.heard;
        now.since(last)
    }

    /// Who hears from nobody for long is alone, whatever the reason: then all are suspect at once. It accuses
    /// nobody: who hears nobody reaches nobody, and what it says later would have to be refuted.
    fn poll_silence(&mut self, cx: &mut DetectorCx<'_>) {
        if self.is_guarded() && self.silence(cx.now) >= self.config.alone {
            let living = self.members.iter().filter(|(_, it)| it.standing == Standing::Alive);
            for member in living.map(|(member, _)| *member).collect::<Vec<_>>() {
                self.suspect(cx, member, 1);
            }
        }
    }

    fn suspect(&mut self, cx: &mut DetectorCx<'_>, member: NodeId, accusers: u32) {
        let (living, confirmations) = (self.living(), self.config.confirmations);
        let Some(watched) = self.members.get_mut(&member) else { return };
        match watched.standing {
            Standing::Dead => {}
            Standing::Suspect => {
                let suspicion = self.suspicions.get_mut(&member);
                if let Some(suspicion) = suspicion.filter(|it| it.attempt.is_none()) {
                    self.suspects.remove(&(suspicion.due, member));
                    suspicion.accused(accusers, living, confirmations);
                    self.suspects.insert((suspicion.due, member));
                }
            }
            Standing::Alive => {
                watched.standing = Standing::Suspect;
                let returns = self.returns.lately(cx.now, &member, &self.config);
                let mut suspicion = Suspicion::new(cx.now, living, returns, &self.config);
                suspicion.accused(accusers, living, confirmations);
                self.suspects.insert((suspicion.due, member));
                self.suspicions.insert(member, suspicion);
                cx.find(Finding::Suspect(member));
            }
        }
    }

    /// It lives: suspicion ends, and the dead are watched again.
    fn lives(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        let Some(watched) = self.members.get_mut(&member) else { return };
        match std::mem::replace(&mut watched.standing, Standing::Alive) {
            Standing::Alive => return,
            Standing::Suspect => self.end_suspicion(&member),
            Standing::Dead => self.rota.add(cx.rng, member),
        }
        self.returns.returned(cx.now, member, &self.config);
        self.next.get_or_insert(cx.now);
        cx.find(Finding::Alive(member));
    }

    fn convict(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        let Some(watched) = self.members.get_mut(&member) else { return };
        if std::mem::replace(&mut watched.standing, Standing::Dead) != Standing::Dead {
            self.end_suspicion(&member);
            self.rota.remove(&member);
            self.end_probe(&member);
            cx.find(Finding::Dead(member));
        }
    }

    fn end_suspicion(&mut self, member: &NodeId) {
        if let Some(suspicion) = self.suspicions.remove(member) {
            self.suspects.remove(&(suspicion.due, *member));
        }
    }

    fn poll_suspects(&mut self, cx: &mut DetectorCx<'_>) {
        while let Some(&(due, member)) = self.suspects.first().filter(|(due, _)| *due <= cx.now) {
            self.suspects.remove(&(due, member));
            let Some(suspicion) = self.suspicions.get(&member) else { continue };
            let first = suspicion.attempt;
            let alone = first.is_some_and(|first| self.is_alone(first, &member))
                && self.silence(cx.now) < self.config.alone * ALONE_CONVICTS;
            if self.config.last_attempt && (first.is_none() || alone) {
                self.attempt(cx, member);
            } else {
                self.convict(cx, member);
                if self.config.hearsay {
                    cx.find(Finding::Convict(member));
                }
            }
        }
    }

    /// Asks a suspect once more, by all ways.
    fn attempt(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        cx.find(if self.config.buddy { Finding::Warn(member) } else { Finding::Probe(member) });
        self.ask(cx, member);
        let due = cx.now + self.patience(self.timeout(&member));
        if let Some(suspicion) = self.suspicions.get_mut(&member) {
            suspicion.due = due;
            suspicion.attempt.get_or_insert(cx.now);
            self.suspects.insert((due, member));
        }
    }

    /// We were not run, or heard from nobody: whatever went unanswered meanwhile says nothing of others.
    fn excuse(&mut self, cx: &mut DetectorCx<'_>) {
        if !self.config.guard {
            return;
        }
        self.probes.clear();
        self.look_at_probes();
        for (due, member) in std::mem::take(&mut self.suspects) {
            let again = due.max(cx.now + self.patience(self.timeout(&member)));
            let Some(suspicion) = self.suspicions.get_mut(&member) else { continue };
            if suspicion.excused < EXCUSES {
                suspicion.excused += 1;
                suspicion.due = again;
                suspicion.attempt = None;
            }
            self.suspects.insert((suspicion.due, member));
        }
    }

    fn heard(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        let [last, other] = self.heard;
        if self.silence(cx.now) > self.quiet() {
            self.excuse(cx);
        }
        let other = if last.1 == Some(member) { other } else { last };
        self.heard = [(cx.now, Some(member)), other];
    }

    /// Whether the next probe may begin.
    fn is_free(&self) -> bool {
        !self.config.serial || self.probes.is_empty()
    }

    fn quiet(&self) -> Duration {
        self.health.stretched(self.config.period) * QUIET_PERIODS
    }

    fn answered(&mut self, member: &NodeId) {
        let before = self.probes.len();
        self.end_probe(member);
        if self.probes.len() < before {
            self.health.better();
        }
    }
}

impl Detector for Swim {
    fn name(&self) -> &'static str {
        "swim"
    }

    fn watch(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        if self.members.contains(&member) {
            return;
        }
        if self.members.is_empty() {
            self.heard = [(cx.now, None); 2];
        }
        self.members.insert(member, Watched::new());
        self.rota.add(cx.rng, member);
        if self.next.is_none() {
            // Nodes that start together do not probe together.
            let nanos = u64::try_from(self.config.period.as_nanos()).unwrap_or(u64::MAX);
            let wait = Duration::from_nanos(cx.rng.below(nanos.max(1)));
            self.next = Some(cx.now + wait);
        }
    }

    fn forget(&mut self, member: NodeId) {
        if self.members.remove(&member).is_some() {
            self.end_suspicion(&member);
            self.returns.forget(&member);
            self.rota.remove(&member);
            self.end_probe(&member);
        }
    }

    fn sign(&mut self, cx: &mut DetectorCx<'_>, member: NodeId, sign: Sign) {
        let Some(watched) = self.members.get_mut(&member) else { return };
        let is_alive = watched.standing == Standing::Alive;
        let is_dead = watched.standing == Standing::Dead;
        let hearsay = self.config.hearsay;
        match sign {
            Sign::Heard => {
                watched.heard = Some(cx.now);
                self.heard(cx, member);
                if !is_alive && (self.config.any_sign || is_dead) {
                    self.lives(cx, member);
                }
            }
            Sign::Answered(trip) => {
                watched.measured(trip);
                self.answered(&member);
            }
            Sign::Vouched => {
                self.answered(&member);
                if self.config.any_sign {
                    self.lives(cx, member);
                }
            }
            Sign::Missed => {
                let probe = self.probes.iter_mut().find(|probe| probe.about == member);
                if let Some(owing) = probe.and_then(|probe| probe.owing.as_mut()) {
                    *owing = owing.saturating_sub(1);
                }
            }
            Sign::Accused(accusers) => self.suspect(cx, member, accusers),
            Sign::Convicted if hearsay => self.convict(cx, member),
            Sign::Convicted => self.suspect(cx, member, 1),
            // It may have said so before it died. If it does not answer, that is said of this word too: whoever
            // has only this one would go on believing it.
            Sign::Renewed if is_dead && !hearsay => self.begin(cx, member),
            Sign::Renewed => self.lives(cx, member),
        }
    }

    fn accused(&mut self, _cx: &mut DetectorCx<'_>) {
        self.health.worse(1);
    }

    fn held(&mut self, cx: &mut DetectorCx<'_>, held: bool) {
        if self.config.serial && self.held != held {
            self.held = held;
            if !held {
                self.released(cx);
            }
        }
    }

    fn accusers(&self) -> u32 {
        self.config.confirmations + 1
    }

    fn heard(&self, member: &NodeId) -> Option<Mono> {
        self.members.get(member)?.heard
    }

    fn suspicion(&self, member: &NodeId) -> Option<(Mono, bool)> {
        let suspicion = self.suspicions.get(member)?;
        Some((suspicion.due, suspicion.attempt.is_some()))
    }

    fn poll(&mut self, cx: &mut DetectorCx<'_>) {
        let late = self.deadline().map_or(Duration::ZERO, |due| cx.now.since(due));
        if late > self.config.period.max(LATE) {
            // Nor could anybody be heard.
            let [last, _] = self.heard;
            self.heard = [(cx.now, None), last];
            self.excuse(cx);
        }
        self.poll_probes(cx);
        self.poll_silence(cx);
        self.poll_suspects(cx);
        if self.is_free() && self.next.is_some_and(|next| next <= cx.now) {
            self.probe(cx);
            let period = if self.config.serial {
                self.config.period
            } else {
                self.health.stretched(self.config.period)
            };
            self.next = (self.rota.len() > 0).then(|| cx.now + period.max(MOMENT));
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let next = self.next.filter(|_| self.is_free());
        let suspect = self.suspects.first().map(|(due, _)| *due);
        earliest([self.probes_due, next, suspect])
    }
}

/// The shortest wait between two tries (a guess): a configuration of none at all must not spin.
const MOMENT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
