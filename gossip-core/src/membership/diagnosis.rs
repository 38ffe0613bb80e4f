//! What is wrong with a cluster, concluded from what its members report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::contact::Link;
use super::member::{Member, MemberStatus};
use crate::id::NodeId;
use crate::wire::{Report, Sighting};

/// Lost probes that are worth a word, in percent (a guess: 10 % of the datagrams each way).
const LOSS_PERCENT: u8 = 20;

/// A round trip that takes so long is worth a word, in milliseconds (a guess: what the way to the antipodes and back
/// takes).
pub(crate) const SLOW_MS: u16 = 300;

/// Members that fell silent within so many milliseconds of one another did so together (a guess: eight periods
/// of the default detector; each member is heard by somebody within about two).
const TOGETHER_MS: u32 = 2_000;

/// A clock that is off by more is worth a word (a guess: far above what NTP leaves).
const SKEW_MS: i64 = 1_000;

/// What has passed is worth a word for so long (a guess: who looks after an alarm should still see it).
const RECENT_MS: u64 = 600_000;

/// How bad a symptom is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows symptoms must consider each of them")]
pub enum Severity {
    /// Good to know.
    Note,
    /// It may pass by itself; look again.
    Doubt,
    /// It will not pass by itself.
    Fault,
}

impl Severity {
    /// The severity's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Doubt => "doubt",
            Self::Fault => "fault",
        }
    }
}

/// A report, and who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Testimony {
    /// Who made it.
    pub by: NodeId,
    /// What it says.
    pub report: Report,
    /// By how many milliseconds the clock of its maker is ahead of ours.
    pub ahead_ms: i64,
    /// How uncertain that is: half of the round trip, in milliseconds.
    pub unsure_ms: u64,
}

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Symptom {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable name, kebab-case.
    pub code: &'static str,
    /// Whom it concerns; of a link: from whom to whom.
    pub nodes: Vec<NodeId>,
    /// What it is, for people.
    pub text: String,
    /// What to do next, for people.
    pub next: String,
}

/// What is wrong, the worst first; `members` are those that the asker knows.
#[must_use]
pub fn diagnose(members: &[Member], testimonies: &[Testimony]) -> Vec<Symptom> {
    let case = Case::new(members, testimonies);
    let cut = case.cut();
    let mut symptoms = case.unanswered(&cut);
    symptoms.extend(case.cut_links(&cut));
    let apart = case.apart();
    symptoms.extend(case.partitions(&apart));
    symptoms.extend(case.verdicts(&apart));
    symptoms.extend(case.losses());
    symptoms.extend(case.slow());
    symptoms.extend(case.clocks());
    symptoms.extend(case.views());
    symptoms.extend(case.standstills());
    symptoms.extend(case.astray());
    symptoms.extend(case.moves());
    symptoms.extend(case.programs());
    symptoms.sort_by_key(|symptom| std::cmp::Reverse(symptom.severity));
    symptoms
}

/// What is known, ready to be looked at.
struct Case<'a> {
    members: &'a [Member],
    testimonies: &'a [Testimony],
    /// Everybody, by the first bytes of their ids.
    ids: BTreeMap<[u8; 8], NodeId>,
    /// What is said, by who says it and about whom.
    sightings: BTreeMap<(NodeId, NodeId), &'a Sighting>,
}

impl<'a> Case<'a> {
    fn new(members: &'a [Member], testimonies: &'a [Testimony]) -> Self {
        let all = members.iter().map(|member| member.id).chain(testimonies.iter().map(|it| it.by));
        let ids: BTreeMap<_, _> = all.map(|id| (prefix(&id), id)).collect();
        let said = testimonies.iter().flat_map(|testimony| {
            let sightings = testimony.report.sightings.iter();
            sightings.filter_map(|it| Some(((testimony.by, *ids.get(&it.member)?), it)))
        });
        Self { members, testimonies, sightings: said.collect(), ids: ids.clone() }
    }

    fn name(&self, id: &NodeId) -> String {
        let member = self.members.iter().find(|member| member.id == *id);
        match member.map(|member| member.alive.name.as_str()).filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => id.to_string().chars().take(12).collect(),
        }
    }

    fn names<'b>(&self, ids: impl IntoIterator<Item = &'b NodeId>) -> String {
        let mut names: Vec<_> = ids.into_iter().map(|id| self.name(id)).collect();
        names.sort_unstable();
        names.join(", ")
    }

    fn testifies(&self, id: &NodeId) -> bool {
        self.testimonies.iter().any(|testimony| testimony.by == *id)
    }

    /// Members that should have answered us; a link that is known to be cut is reason enough.
    fn unanswered(&self, cut: &BTreeSet<(NodeId, NodeId)>) -> Vec<Symptom> {
        let Some(us) = self.testimonies.first().map(|own| own.by) else { return Vec::new() };
        let silent = |member: &&Member| {
            let is_cut = cut.contains(&(us, member.id)) || cut.contains(&(member.id, us));
            member.status == MemberStatus::Alive && !self.testifies(&member.id) && !is_cut
        };
        let silent = self.members.iter().filter(silent);
        silent
            .map(|member| Symptom {
                severity: Severity::Doubt,
                code: "no-report",
                nodes: vec![member.id],
                text: format!("{} does not answer this node's questions", self.name(&member.id)),
                next: format!(
                    "look again; then gossip-cli why {}, and ask at its own admin port",
                    self.name(&member.id)
                ),
            })
            .collect()
    }

    /// From whom to whom nothing goes.
    fn cut(&self) -> BTreeSet<(NodeId, NodeId)> {
        let mut cut = BTreeSet::new();
        for ((by, about), sighting) in &self.sightings {
            let back = self.sightings.get(&(*about, *by));
            // Those with whom something is wrong are told of first, so who is not told of is well.
            let good = Link::Good.number();
            let reaches_back = back.map_or_else(|| self.testifies(about), |it| it.link == good);
            match Link::of_number(sighting.link) {
                Some(Link::Heard) if !back.is_some_and(|back| answers_since(back, sighting)) => {
                    cut.insert((*by, *about));
                }
                Some(Link::Vouched) if !reaches_back => _ = cut.insert((*about, *by)),
                Some(Link::Silent) if !reaches_back && self.testifies(about) => {
                    cut.insert((*about, *by));
                }
                Some(_) | None => {}
            }
        }
        cut
    }

    /// Ways between two members that lead one way, or nowhere.
    fn cut_links(&self, cut: &BTreeSet<(NodeId, NodeId)>) -> Vec<Symptom> {
        let one_way = |(from, to): &(NodeId, NodeId)| !cut.contains(&(*to, *from));
        let told = cut.iter().filter(|pair| one_way(pair) || pair.0 < pair.1);
        told.map(|pair| {
            let (from, to) = (self.name(&pair.0), self.name(&pair.1));
            let (code, text) = if one_way(pair) {
                let text =
                    format!("nothing that {from} sends reaches {to}, although {from} hears {to}");
                ("one-way-link", text)
            } else {
                ("cut-link", format!("{from} and {to} do not reach one another"))
            };
            let next = format!("look at routes and firewalls on the way from {from} to {to}");
            let nodes = vec![pair.0, pair.1];
            Symptom { severity: Severity::Fault, code, nodes, text, next }
        })
        .collect()
    }

    /// Members that are dead to all who report, in groups that fell silent together, and how many milliseconds ago.
    fn apart(&self) -> Vec<(u32, BTreeSet<NodeId>)> {
        let mut silent: Vec<_> =
            self.ids.values().filter_map(|id| Some((self.silence(id)?, *id))).collect();
        silent.sort_unstable();
        let together = silent.chunk_by(|(one, _), (next, _)| next - one <= TOGETHER_MS);
        let groups = together.filter_map(|group| {
            let (since, _) = group.first()?;
            (group.len() > 1).then(|| (*since, group.iter().map(|(_, id)| *id).collect()))
        });
        groups.collect()
    }

    /// For how many milliseconds nobody who reports has heard of a member that is dead to all of them.
    fn silence(&self, about: &NodeId) -> Option<u32> {
        let said = || self.sightings.iter().filter(|((_, it), _)| it == about).map(|(_, it)| it);
        let is_dead = said().all(|sighting| sighting.status == MemberStatus::Dead.number());
        let heard = said().filter_map(|sighting| sighting.heard_ms).min();
        heard.filter(|_| is_dead && !self.testifies(about))
    }

    /// Whoever fell silent together is cut off, rather than down.
    fn partitions(&self, apart: &[(u32, BTreeSet<NodeId>)]) -> Vec<Symptom> {
        let here = self.names(self.testimonies.iter().map(|it| &it.by));
        let told = apart.iter().map(|(since, nodes)| {
            let there = self.names(nodes);
            Symptom {
                severity: Severity::Fault,
                code: "partition",
                nodes: nodes.iter().copied().collect(),
                text: format!(
                    "{there} fell silent together {} s ago: cut off from {here}, or stopped together",
                    since / 1_000
                ),
                next: format!(
                    "look at the network between {here} and {there}; gossip-cli doctor at one of them \
                     says how it looks from there"
                ),
            }
        });
        told.collect()
    }

    /// Members that somebody holds for suspect or dead, but for those that are apart.
    fn verdicts(&self, apart: &[(u32, BTreeSet<NodeId>)]) -> Vec<Symptom> {
        let mut symptoms = Vec::new();
        let is_apart = |id: &&NodeId| apart.iter().any(|(_, nodes)| nodes.contains(*id));
        for about in self.ids.values().filter(|id| !is_apart(id)) {
            let of = |status: MemberStatus| -> Vec<NodeId> {
                let said = self.sightings.iter().filter(|((_, it), sighting)| {
                    it == about && sighting.status == status.number()
                });
                said.map(|((by, _), _)| *by).collect()
            };
            let (alive, suspect) = (of(MemberStatus::Alive), of(MemberStatus::Suspect));
            let (dead, evicted) = (of(MemberStatus::Dead), of(MemberStatus::Evicted));
            let name = self.name(about);
            let next = format!("gossip-cli why {name}");
            let (severity, code, text, next) = if !evicted.is_empty() {
                let next = format!("{next} says by whom; start it again to make it a member");
                (Severity::Note, "evicted", format!("{name} is evicted"), next)
            } else if dead.is_empty() && suspect.is_empty() {
                continue;
            } else if dead.is_empty() {
                let text = format!("{name} is suspect to {}", self.names(&suspect));
                (Severity::Doubt, "suspect", text, format!("{next}; then look again"))
            } else if self.testifies(about) || !alive.is_empty() {
                let text = format!("{name} lives, and is dead to {}", self.names(&dead));
                (Severity::Fault, "disputed", text, next)
            } else {
                let text =
                    format!("{name} is dead to {} of {}", dead.len(), self.testimonies.len());
                let next = format!("{next}; see whether it runs, start it again, or evict it");
                (Severity::Doubt, "dead", text, next)
            };
            symptoms.push(Symptom { severity, code, nodes: vec![*about], text, next });
        }
        symptoms
    }

    fn losses(&self) -> Option<Symptom> {
        let lossy = self.sightings.iter().filter_map(|((by, about), sighting)| {
            let loss = sighting.loss.filter(|loss| *loss >= LOSS_PERCENT)?;
            (sighting.link == Link::Good.number()).then_some((loss, *by, *about))
        });
        let lossy: Vec<_> = lossy.collect();
        let (loss, by, about) = *lossy.iter().max()?;
        let mut nodes: Vec<_> = lossy.iter().flat_map(|(_, by, about)| [*by, *about]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let (by, about) = (self.name(&by), self.name(&about));
        Some(Symptom {
            severity: Severity::Doubt,
            code: "loss",
            nodes,
            text: format!(
                "probes are lost between {} pairs, most from {by} to {about}: {loss} %",
                lossy.len()
            ),
            next: "look at the load of these machines, and of the network between them".to_owned(),
        })
    }

    /// Pairs whose round trips are slow as seen from both ends: one slow answer is none, and where probes are lost
    /// answers come over streams, which send again what was lost.
    fn slow(&self) -> Option<Symptom> {
        let slow = self.sightings.iter().filter_map(|((by, about), sighting)| {
            let back = self.sightings.get(&(*about, *by)).filter(|_| by < about)?;
            let is_good = [sighting, back].iter().all(|it| {
                it.link == Link::Good.number() && it.loss.is_none_or(|loss| loss < LOSS_PERCENT)
            });
            let trip = sighting.rtt_ms.min(back.rtt_ms).filter(|trip| *trip >= SLOW_MS)?;
            is_good.then_some((trip, *by, *about))
        });
        let slow: Vec<_> = slow.collect();
        let (trip, by, about) = *slow.iter().max()?;
        let mut nodes: Vec<_> = slow.iter().flat_map(|(_, by, about)| [*by, *about]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let (by, about) = (self.name(&by), self.name(&about));
        Some(Symptom {
            severity: Severity::Doubt,
            code: "slow",
            nodes,
            text: format!(
                "answers are slow between {} pairs, most between {by} and {about}: {trip} ms",
                slow.len()
            ),
            next: "look at the network between them, and at the load of these machines".to_owned(),
        })
    }

    /// Clocks that are off, as seen from the clock in the middle.
    fn clocks(&self) -> Vec<Symptom> {
        let mut ahead: Vec<_> = self.testimonies.iter().map(|it| it.ahead_ms).collect();
        ahead.sort_unstable();
        let Some(middle) = ahead.get(ahead.len() / 2).copied() else { return Vec::new() };
        let mut symptoms = Vec::new();
        for Testimony { by, ahead_ms, unsure_ms, .. } in self.testimonies {
            let off = ahead_ms.saturating_sub(middle);
            let unsure = i64::try_from(*unsure_ms).unwrap_or(i64::MAX);
            if off.saturating_abs().saturating_sub(unsure) <= SKEW_MS {
                continue;
            }
            let name = self.name(by);
            let which = if off > 0 { "ahead of" } else { "behind" };
            symptoms.push(Symptom {
                severity: Severity::Fault,
                code: "clock-skew",
                nodes: vec![*by],
                text: format!("the clock of {name} is {} ms {which} others", off.unsigned_abs()),
                next: format!("set the clock of {name}, and have it kept by NTP"),
            });
        }
        symptoms
    }

    fn views(&self) -> Option<Symptom> {
        let mut views: BTreeMap<[u8; 8], Vec<NodeId>> = BTreeMap::new();
        for testimony in self.testimonies {
            views.entry(testimony.report.view).or_default().push(testimony.by);
        }
        let mut views: Vec<_> = views.into_values().collect();
        views.sort_by_key(|nodes| std::cmp::Reverse(nodes.len()));
        let [most, few @ ..] = views.as_slice() else { return None };
        let nodes: Vec<_> = few.iter().flatten().copied().collect();
        let (one, other) = (most.first()?, nodes.first()?);
        Some(Symptom {
            severity: Severity::Doubt,
            code: "views-differ",
            text: format!("{} see other members than most do", self.names(&nodes)),
            next: format!(
                "gossip-cli views --diff {} {}; then look again",
                self.name(one),
                self.name(other)
            ),
            nodes,
        })
    }

    /// Nodes that were not run for a while: what is said of them meanwhile says nothing of the network.
    fn standstills(&self) -> Vec<Symptom> {
        let recent = self.testimonies.iter().filter_map(|testimony| {
            let (ago, lasted) = testimony.report.stood_still?;
            (ago <= RECENT_MS).then_some((testimony.by, ago, lasted))
        });
        recent
            .map(|(by, ago, lasted)| Symptom {
                severity: Severity::Note,
                code: "stood-still",
                nodes: vec![by],
                text: format!(
                    "{} was not run for {lasted} ms, {} s ago: stopped, suspended, or starved",
                    self.name(&by),
                    ago / 1_000
                ),
                next: "look at what else ran there at that time".to_owned(),
            })
            .collect()
    }

    /// Members that are somewhere else than they were.
    fn moves(&self) -> Vec<Symptom> {
        let Some(now) = self.testimonies.first().map(|own| own.report.wall) else {
            return Vec::new();
        };
        let recent = self.members.iter().filter_map(|member| {
            let ago = now.since(member.moved_at?);
            (ago <= Duration::from_millis(RECENT_MS)).then_some((member, ago))
        });
        recent
            .map(|(member, ago)| {
                let name = self.name(&member.id);
                Symptom {
                    severity: Severity::Note,
                    code: "address-changed",
                    nodes: vec![member.id],
                    text: format!(
                        "{name} has another address since {} s: {}",
                        ago.as_secs(),
                        places(member)
                    ),
                    next: format!(
                        "nothing, if {name} was moved; else look for a second one with its key"
                    ),
                }
            })
            .collect()
    }

    /// Members that are reached somewhere else than they say, and not where they say.
    fn astray(&self) -> Vec<Symptom> {
        let said = self.testimonies.iter().flat_map(|testimony| &testimony.report.astray);
        let said: BTreeMap<_, _> =
            said.filter_map(|it| Some((*self.ids.get(&it.member)?, it.at))).collect();
        let told = self.members.iter().filter_map(|member| {
            let at = said.get(&member.id)?;
            let name = self.name(&member.id);
            Some(Symptom {
                severity: Severity::Doubt,
                code: "unannounced-address",
                nodes: vec![member.id],
                text: format!(
                    "{name} speaks from {at}, and does not answer where it says that it is: {}",
                    places(member)
                ),
                next: format!(
                    "if {name} was moved, start it anew with transport.advertise set to where it is now, for \
                     who does not know it yet cannot dial it; else look for a second one with its key"
                ),
            })
        });
        told.collect()
    }

    fn programs(&self) -> Option<Symptom> {
        let programs: BTreeSet<_> =
            self.testimonies.iter().map(|it| it.report.program.as_str()).collect();
        (programs.len() > 1).then(|| Symptom {
            severity: Severity::Note,
            code: "versions-differ",
            nodes: self.testimonies.iter().map(|it| it.by).collect(),
            text: format!(
                "versions {} run side by side",
                programs.into_iter().collect::<Vec<_>>().join(", ")
            ),
            next: "finish the upgrade".to_owned(),
        })
    }
}

/// Where a member says that it listens.
fn places(member: &Member) -> String {
    let mut places: Vec<_> = member.alive.endpoints.iter().collect();
    places.sort_unstable();
    places.dedup();
    let places: Vec<_> = places.iter().map(ToString::to_string).collect();
    places.join(", ")
}

/// Whether a member had answers of another one long after the other had the last of it: frames go both ways.
fn answers_since(its: &Sighting, others: &Sighting) -> bool {
    let (Some(its), Some(others)) = (its.answered_ms, others.answered_ms) else { return false };
    its < others / 2
}

/// The first bytes of an id, as reports name it.
#[must_use]
pub fn prefix(id: &NodeId) -> [u8; 8] {
    id.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{BootId, Endpoints};
    use crate::membership::Alive;
    use crate::time::Wall;

    const A: NodeId = NodeId::from_bytes([1; 32]);
    const B: NodeId = NodeId::from_bytes([2; 32]);
    const C: NodeId = NodeId::from_bytes([3; 32]);

    fn sighting(of: NodeId, status: MemberStatus, link: Link) -> Sighting {
        Sighting {
            member: prefix(&of),
            status: status.number(),
            link: link.number(),
            loss: Some(0),
            incarnation: 1,
            heard_ms: Some(1),
            answered_ms: Some(1),
            rtt_ms: Some(1),
        }
    }

    fn member(id: NodeId, status: MemberStatus) -> Member {
        let alive = Alive {
            incarnation: 1,
            boot: BootId::default(),
            box_key: [0; 32],
            endpoints: Endpoints::default(),
            name: String::new(),
            tags: BTreeMap::new(),
            versions: Alive::VERSIONS,
            capabilities: 0,
            program: String::new(),
        };
        Member {
            id,
            alive,
            status,
            since: Wall::ZERO,
            rtt_us: None,
            moved_at: None,
            said_at: Wall::ZERO,
        }
    }

    fn says(by: NodeId, sightings: Vec<Sighting>) -> Testimony {
        let report = Report { sightings, program: "1".into(), ..Report::default() };
        Testimony { by, report, ahead_ms: 0, unsure_ms: 1 }
    }

    /// Three that see one another.
    fn well() -> Vec<Testimony> {
        let good = |it| sighting(it, MemberStatus::Alive, Link::Good);
        let others = [(A, [B, C]), (B, [A, C]), (C, [A, B])];
        others.map(|(by, seen)| says(by, seen.map(good).to_vec())).to_vec()
    }

    fn set(all: &mut [Testimony], by: usize, about: usize, status: MemberStatus, link: Link) {
        let sighting = &mut all[by].report.sightings[about];
        (sighting.status, sighting.link) = (status.number(), link.number());
    }

    fn codes(all: &[Testimony]) -> Vec<(&'static str, Vec<NodeId>)> {
        diagnose(&[], all).into_iter().map(|it| (it.code, it.nodes)).collect()
    }

    #[test]
    fn who_is_well_has_no_symptoms() {
        assert_eq!(diagnose(&[], &well()), []);
    }

    #[test]
    fn a_link_that_leads_one_way_is_told_once_with_its_direction() {
        let mut all = well();
        // Of what A sends nothing reaches B.
        set(&mut all, 0, 0, MemberStatus::Alive, Link::Heard);
        assert_eq!(codes(&all), [("one-way-link", vec![A, B])], "as A sees it");
        set(&mut all, 1, 0, MemberStatus::Alive, Link::Vouched);
        assert_eq!(codes(&all), [("one-way-link", vec![A, B])], "as both see it");
        set(&mut all, 1, 0, MemberStatus::Alive, Link::Good);
        all[0].report.sightings[0].answered_ms = Some(30_000);
        assert_eq!(codes(&all), [], "B had an answer of A lately, so it was chance");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_told_once() {
        let mut all = well();
        set(&mut all, 0, 0, MemberStatus::Alive, Link::Vouched);
        set(&mut all, 1, 0, MemberStatus::Alive, Link::Silent);
        assert_eq!(codes(&all), [("cut-link", vec![A, B])]);
    }

    #[test]
    fn the_dead_are_told_from_the_disputed() {
        let mut all = well();
        set(&mut all, 0, 1, MemberStatus::Dead, Link::Silent);
        set(&mut all, 1, 1, MemberStatus::Suspect, Link::Silent);
        assert_eq!(codes(&all)[0], ("disputed", vec![C]), "it testifies itself");
        all.pop();
        let members = [A, B, C].map(|id| member(id, MemberStatus::Dead));
        let told = |all: &[Testimony]| diagnose(&members, all).remove(0).code;
        assert_eq!(told(&all), "dead");
        set(&mut all, 0, 1, MemberStatus::Evicted, Link::Good);
        assert_eq!(told(&all), "evicted");
    }

    #[test]
    fn who_fell_silent_together_is_apart_and_who_did_so_alone_is_dead() {
        const D: NodeId = NodeId::from_bytes([4; 32]);
        let told = |silences: [u32; 3]| -> Vec<_> {
            let dead = |(id, heard): (NodeId, u32)| Sighting {
                heard_ms: Some(heard),
                ..sighting(id, MemberStatus::Dead, Link::Silent)
            };
            let seen = [B, C, D].into_iter().zip(silences).map(dead).collect();
            let members = [A, B, C, D].map(|id| member(id, MemberStatus::Dead));
            let found = diagnose(&members, &[says(A, seen)]).into_iter();
            found.map(|it| (it.code, it.nodes)).collect()
        };
        assert_eq!(told([20_000, 20_500, 22_000]), [("partition", vec![B, C, D])]);
        let wanted = [("partition", vec![B, D]), ("dead", vec![C])];
        assert_eq!(told([20_000, 60_000, 21_000]), wanted);
        assert!(told([1_000, 20_000, 60_000]).iter().all(|(code, _)| *code == "dead"));
    }

    #[test]
    fn a_way_is_slow_if_it_is_so_from_both_ends() {
        let mut all = well();
        all[0].report.sightings[0].rtt_ms = Some(SLOW_MS);
        assert_eq!(codes(&all), [], "one answer came late");
        all[1].report.sightings[0].rtt_ms = Some(SLOW_MS + 100);
        assert_eq!(codes(&all), [("slow", vec![A, B])]);
        all[0].report.sightings[0].loss = Some(LOSS_PERCENT);
        assert_eq!(codes(&all), [("loss", vec![A, B])], "loss is why");
        set(&mut all, 1, 0, MemberStatus::Alive, Link::Silent);
        assert!(codes(&all).iter().all(|(code, _)| *code != "slow"), "it is worse than slow");
    }

    #[test]
    fn who_moved_lately_is_told_with_its_address() {
        let mut all = well();
        all[0].report.wall = Wall::from_millis(RECENT_MS + 5_000);
        let told = |at| {
            let moved =
                Member { moved_at: Some(Wall::from_millis(at)), ..member(C, MemberStatus::Alive) };
            let found = diagnose(&[moved], &all).into_iter();
            found.map(|it| (it.severity, it.code, it.nodes)).collect::<Vec<_>>()
        };
        assert_eq!(told(5_000), [(Severity::Note, "address-changed", vec![C])]);
        assert_eq!(told(4_999), []);
    }

    #[test]
    fn who_does_not_report_is_told_unless_a_cut_says_why() {
        let mut all = well();
        all.pop();
        let members = [A, B, C].map(|id| member(id, MemberStatus::Alive));
        let told = |all: &[Testimony]| -> Vec<_> {
            diagnose(&members, all).into_iter().map(|it| (it.code, it.nodes)).collect()
        };
        assert_eq!(told(&all), [("no-report", vec![C])]);
        set(&mut all, 0, 1, MemberStatus::Alive, Link::Heard);
        assert_eq!(told(&all), [("one-way-link", vec![A, C])]);
    }

    #[test]
    fn the_clock_that_is_off_is_named_and_not_those_that_agree() {
        let mut all = well();
        // Ours is off: all others are ahead of it.
        (all[1].ahead_ms, all[2].ahead_ms) = (5_000, 5_010);
        assert_eq!(codes(&all), [("clock-skew", vec![A])]);
        all[0].unsure_ms = 10_000;
        assert_eq!(codes(&all), [], "a slow answer tells nothing");
    }

    #[test]
    fn losses_views_versions_and_standstills_are_told() {
        let mut all = well();
        all[0].report.sightings[0].loss = Some(31);
        all[1].report.view = [1; 8];
        all[2].report.program = "2".into();
        all[2].report.stood_still = Some((5_000, 20_000));
        let told: Vec<_> = codes(&all).into_iter().map(|(code, _)| code).collect();
        assert_eq!(told, ["loss", "views-differ", "stood-still", "versions-differ"]);
        let severe = diagnose(&[], &all).iter().filter(|it| it.severity > Severity::Note).count();
        assert_eq!(severe, 2);
    }
}
