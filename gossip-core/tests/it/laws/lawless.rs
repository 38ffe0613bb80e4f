//! For each law somebody who breaks it, and is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use gossip_core::fact::Envelope;
use gossip_core::id::{FactId, NodeId};
use gossip_core::rng::Rng;
use gossip_core::store::StoreReply;
use gossip_core::strategy::detector::{DetectorCx, Finding, Heartbeat, HeartbeatConfig, Sign};
use gossip_core::strategy::dissemination::{Exclusions, RumorConfig, RumorMongering};
use gossip_core::strategy::reconcile::{Repair, RepairConfig};
use gossip_core::strategy::removal::{Feedback, Limit};
use gossip_core::strategy::sampler::Uniform;
use gossip_core::strategy::{
    Contact, Cx, Detector, Dissemination, Effect, Heat, Overlay, Partners, Reconcile, Removal,
    Sampler, SlotToken,
};
use gossip_core::testkit::{
    Mute, detector_laws, dissemination_laws, exclusion_laws, overlay_laws, reconcile_laws,
    removal_laws, sampler_laws, turn_laws,
};
use gossip_core::time::Mono;
use gossip_core::wire::Talk;

/// What the law says of the breach: part of the message that it fails with.
fn caught(breach: &str, law: impl FnOnce()) {
    let outcome = catch_unwind(AssertUnwindSafe(law));
    let Err(panic) = outcome else { panic!("nobody notices: {breach}") };
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
    let text = text.unwrap_or_default();
    assert!(text.contains(breach), "caught for something else than {breach:?}: {text}");
}

/// Whom a sampler chooses that breaks a law.
#[derive(Clone, Copy, Debug)]
enum Choice {
    Few,
    Old,
    Twice,
}

#[derive(Debug)]
struct LawlessSampler {
    choice: Choice,
    old: Vec<NodeId>,
}

impl Sampler for LawlessSampler {
    fn name(&self) -> &'static str {
        "lawless"
    }

    fn pick(
        &mut self,
        rng: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        eligible: &dyn Fn(&NodeId) -> bool,
    ) -> Vec<NodeId> {
        let mut chosen = Uniform::default().pick(rng, partners, count, eligible);
        match self.choice {
            Choice::Few => drop(chosen.pop()),
            Choice::Old => {
                // Who was a partner once comes first.
                if self.old.len() > partners.len() {
                    let count = chosen.len();
                    chosen = self.old.iter().rev().copied().take(count).collect();
                } else {
                    self.old = partners.iter().collect();
                }
            }
            Choice::Twice => {
                if let [first, .., last] = chosen.as_mut_slice() {
                    *last = *first;
                }
            }
        }
        chosen
    }
}

#[test]
fn samplers() {
    for (choice, breach) in [
        (Choice::Few, "too few or too many"),
        (Choice::Old, "not eligible"),
        (Choice::Twice, "somebody twice"),
    ] {
        let make = || Box::new(LawlessSampler { choice, old: Vec::new() }) as Box<dyn Sampler>;
        caught(breach, || sampler_laws(make, 0..20));
    }
    caught("somebody waits for ever", || turn_laws(|| Box::new(Uniform::default()), 0..20));
    caught("an uneven load", || turn_laws(|| Box::new(Favouring::default()), 0..20));
}

/// Takes turns, of which the first partner has two per pass.
#[derive(Debug, Default)]
struct Favouring(Vec<NodeId>);

impl Sampler for Favouring {
    fn name(&self) -> &'static str {
        "favouring"
    }

    fn pick(
        &mut self,
        _: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        _: &dyn Fn(&NodeId) -> bool,
    ) -> Vec<NodeId> {
        while self.0.len() < count {
            self.0.extend(partners.iter().chain(partners.get(0)));
        }
        self.0.drain(..count).collect()
    }
}

/// Which links break a law.
#[derive(Clone, Copy, Debug)]
enum Link {
    Backwards,
    Nobody,
    Old,
    Twice,
}

#[derive(Debug)]
struct LawlessOverlay {
    link: Link,
    old: Vec<NodeId>,
}

impl Overlay for LawlessOverlay {
    fn name(&self) -> &'static str {
        "lawless"
    }

    fn links(&mut self, members: &[NodeId]) -> Vec<NodeId> {
        match self.link {
            Link::Backwards => members.iter().rev().copied().collect(),
            Link::Nobody => Vec::new(),
            Link::Old => {
                self.old.extend(members);
                self.old.sort_unstable();
                self.old.dedup();
                self.old.clone()
            }
            Link::Twice => members.iter().flat_map(|member| [*member, *member]).collect(),
        }
    }
}

#[test]
fn overlays() {
    for (link, breach) in [
        (Link::Backwards, "not ascending and distinct"),
        (Link::Nobody, "alone among members"),
        (Link::Old, "who is no member"),
        (Link::Twice, "not ascending and distinct"),
    ] {
        let make = || Box::new(LawlessOverlay { link, old: Vec::new() }) as Box<dyn Overlay>;
        caught(breach, || overlay_laws(make, 0..20));
    }
}

/// What a rule does that breaks a law.
#[derive(Clone, Copy, Debug)]
enum Whim {
    EndsUsefulRumors,
    EndsAtUnknown,
    NeverEnds,
}

impl Removal for Whim {
    fn name(&self) -> &'static str {
        "lawless"
    }

    fn wants_feedback(&self) -> bool {
        true
    }

    fn stays_hot(&self, rng: &mut Rng, heat: &mut Heat, contact: Contact) -> bool {
        let feedback = Feedback::new(Limit::Coin(2));
        match (self, contact) {
            (Self::NeverEnds, _) => true,
            (Self::EndsUsefulRumors, Contact::Useful) | (Self::EndsAtUnknown, Contact::Sent) => {
                rng.chance(0.9)
            }
            _ => feedback.stays_hot(rng, heat, contact),
        }
    }
}

#[test]
fn removals() {
    for (whim, breach) in [
        (Whim::EndsUsefulRumors, "ended by Useful"),
        (Whim::EndsAtUnknown, "ended by Sent"),
        (Whim::NeverEnds, "a rumor without end"),
    ] {
        caught(breach, || removal_laws(&whim, 0..5));
    }
}

/// What a detector does that breaks a law.
#[derive(Clone, Copy, Debug)]
enum Vice {
    CallsNobodyDead,
    ForgetsNobody,
    HearsNobody,
    Insists,
    Panics,
    SuspectsNobody,
    WatchesAnew,
}

#[derive(Debug)]
struct LawlessDetector {
    inner: Heartbeat,
    vice: Vice,
}

impl Detector for LawlessDetector {
    fn name(&self) -> &'static str {
        "lawless"
    }

    fn watch(&mut self, cx: &mut DetectorCx<'_>, member: NodeId) {
        if matches!(self.vice, Vice::WatchesAnew) {
            self.inner.forget(member);
        }
        self.inner.watch(cx, member);
    }

    fn forget(&mut self, member: NodeId) {
        if !matches!(self.vice, Vice::ForgetsNobody) {
            self.inner.forget(member);
        }
    }

    fn sign(&mut self, cx: &mut DetectorCx<'_>, member: NodeId, sign: Sign) {
        if matches!(self.vice, Vice::HearsNobody) {
            return;
        }
        self.inner.sign(cx, member, sign);
        if matches!(self.vice, Vice::Insists) {
            cx.findings.iter_mut().for_each(|finding| *finding = Finding::Dead(member));
        }
    }

    fn poll(&mut self, cx: &mut DetectorCx<'_>) {
        self.inner.poll(cx);
        match self.vice {
            Vice::CallsNobodyDead => cx.findings.retain(|f| !matches!(f, Finding::Dead(_))),
            Vice::SuspectsNobody => cx.findings.retain(|f| !matches!(f, Finding::Suspect(_))),
            Vice::Panics => {
                for finding in cx.findings.iter_mut() {
                    if let Finding::Probe(member) = *finding {
                        *finding = Finding::Suspect(member);
                    }
                }
            }
            Vice::ForgetsNobody | Vice::HearsNobody | Vice::Insists | Vice::WatchesAnew => {}
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.inner.deadline()
    }
}

#[test]
fn detectors() {
    for (vice, breach) in [
        (Vice::CallsNobodyDead, "who is silent is not called dead"),
        (Vice::ForgetsNobody, "finds who left"),
        (Vice::HearsNobody, "suspects who answers"),
        (Vice::Insists, "dead for ever"),
        (Vice::Panics, "convicted unheard"),
        (Vice::SuspectsNobody, "convicted unheard"),
        (Vice::WatchesAnew, "who is silent is not called dead"),
    ] {
        let inner = Heartbeat::new(HeartbeatConfig::default());
        let make = || Box::new(LawlessDetector { inner: inner.clone(), vice }) as Box<dyn Detector>;
        caught(breach, || detector_laws(make));
    }
}

/// What a repair does that breaks a law.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Gives every fact twice.
    Generous,
    /// Never gives some facts.
    Keeps,
    /// Gives the last fact again at every round, half a minute after it was needed.
    Restless,
}

#[derive(Debug)]
struct LawlessReconcile {
    inner: Repair,
    last: Option<(Mono, NodeId, Envelope)>,
    fault: Fault,
}

impl LawlessReconcile {
    fn spoil(&mut self, cx: &mut Cx<'_>, before: usize) {
        let effects = cx.effects.split_off(before);
        for effect in effects {
            if let Effect::Fact { to, fact, .. } = &effect {
                self.last = Some((cx.now.mono, *to, fact.clone()));
                match self.fault {
                    Fault::Generous => cx.effects.push(effect.clone()),
                    Fault::Keeps if fact.id().as_bytes()[0] < 64 => continue,
                    Fault::Keeps | Fault::Restless => {}
                }
            }
            cx.effects.push(effect);
        }
    }
}

impl Reconcile for LawlessReconcile {
    fn name(&self) -> &'static str {
        "lawless"
    }

    fn heard(&mut self, cx: &mut Cx<'_>, from: NodeId, talk: Talk) {
        let before = cx.effects.len();
        self.inner.heard(cx, from, talk);
        self.spoil(cx, before);
    }

    fn stored(&mut self, cx: &mut Cx<'_>, token: SlotToken, reply: Option<StoreReply>) {
        let before = cx.effects.len();
        self.inner.stored(cx, token, reply);
        self.spoil(cx, before);
    }

    fn survey(&mut self, cx: &mut Cx<'_>) {
        self.inner.survey(cx);
    }

    fn changed(&mut self, now: Mono) {
        self.inner.changed(now);
    }

    fn gone(&mut self, member: NodeId) {
        self.inner.gone(member);
    }

    fn wake(&mut self, cx: &mut Cx<'_>) {
        let is_due = self.deadline() <= Some(cx.now.mono);
        self.inner.wake(cx);
        if let (Fault::Restless, true, Some((at, to, fact))) = (self.fault, is_due, &self.last)
            && cx.now.mono.since(*at) > Duration::from_secs(30)
        {
            cx.fact(*to, fact.clone(), false);
        }
    }

    fn answering(&self) -> usize {
        self.inner.answering()
    }

    fn deadline(&self) -> Option<Mono> {
        self.inner.deadline()
    }
}

#[test]
fn reconcilers() {
    for (fault, breach) in [
        (Fault::Generous, "facts sent to who has them"),
        (Fault::Keeps, "different after 60s"),
        (Fault::Restless, "equal, and not silent"),
    ] {
        let make = move || {
            let inner = Repair::new(RepairConfig::default());
            Box::new(LawlessReconcile { inner, last: None, fault }) as Box<dyn Reconcile>
        };
        caught(breach, || reconcile_laws(&(Rc::new(make) as Rc<_>), 0..10));
    }
    let never_repeats = || {
        let reply_timeout = Duration::from_secs(3_600);
        let config = RepairConfig { reply_timeout, ..RepairConfig::default() };
        Box::new(Repair::new(config)) as Box<dyn Reconcile>
    };
    // An opening that overtakes the session is lost even on a calm network.
    caught("different after", || {
        reconcile_laws(&(Rc::new(never_repeats) as Rc<_>), 0..100);
    });
}

/// Rumors that never end: what it was told, it tells at every round.
#[derive(Debug)]
struct Endless(RumorMongering);

impl Dissemination for Endless {
    fn gone(&mut self, _: NodeId) {}

    fn name(&self) -> &'static str {
        "endless"
    }

    fn fresh(&mut self, cx: &mut Cx<'_>, fact: &Envelope, from: Option<NodeId>) {
        self.0.fresh(cx, fact, from);
    }

    fn displaced(&mut self, id: FactId) {
        self.0.displaced(id);
    }

    fn feedback(&mut self, _: &mut Cx<'_>, _: NodeId, _: &[[u8; 8]], _: &[[u8; 8]]) {}

    fn pulled(&mut self, cx: &mut Cx<'_>, from: NodeId, have: &[[u8; 8]]) {
        self.0.pulled(cx, from, have);
    }

    fn wake(&mut self, cx: &mut Cx<'_>) {
        self.0.wake(cx);
    }

    fn deadline(&self) -> Option<Mono> {
        self.0.deadline()
    }

    fn counts(&self) -> (usize, u64) {
        self.0.counts()
    }
}

fn rumors(config: RumorConfig) -> RumorMongering {
    RumorMongering::new(config, Box::new(Feedback::new(Limit::Counter(2))))
}

#[test]
fn disseminators() {
    let mute = || Box::new(Mute::default()) as Box<dyn Dissemination>;
    caught("of 128 alone", || dissemination_laws(&(Rc::new(mute) as Rc<_>), 0..1));
    let endless = || {
        let config = RumorConfig { eager: 0, rounds: u32::MAX, ..RumorConfig::default() };
        Box::new(Endless(rumors(config))) as Box<dyn Dissemination>
    };
    caught("a rumor without end", || dissemination_laws(&(Rc::new(endless) as Rc<_>), 0..1));
}

#[test]
fn exclusions() {
    for (recipients, sender, breach) in
        [(false, true, "told twice"), (true, false, "told to who brought it")]
    {
        let make = move || {
            let exclusions = Exclusions { recipients, sender };
            let config = RumorConfig { eager: 0, exclusions, ..RumorConfig::default() };
            Box::new(rumors(config)) as Box<dyn Dissemination>
        };
        caught(breach, || exclusion_laws(&(Rc::new(make) as Rc<_>), 0..2));
    }
}
