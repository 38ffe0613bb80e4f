//! The members as this node sees them: their last words, and its own verdicts.

use std::collections::{BTreeMap, BTreeSet};

use super::alive::{Alive, Leave};
use crate::fact::{Envelope, FactKind};
use crate::id::NodeId;
use crate::time::Wall;

/// How a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows members must consider each of them")]
pub enum MemberStatus {
    /// It gives signs of life.
    Alive,
    /// It is silent, and attempts to reach it go on.
    Suspect,
    /// It stayed silent through all attempts; redialled, slowly, until it is forgotten.
    Dead,
    /// It said goodbye.
    Left,
    /// Somebody threw it out. It may come back with a later incarnation, as after a restart.
    Evicted,
}

impl MemberStatus {
    /// All of them, in the order of their numbers in a [`Report`](crate::wire::Report).
    pub const ALL: [Self; 5] = [Self::Alive, Self::Suspect, Self::Dead, Self::Left, Self::Evicted];

    /// Its number in a report.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The status of this number in a report.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The status's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
            Self::Left => "left",
            Self::Evicted => "evicted",
        }
    }
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "applications take it apart")]
pub struct Member {
    /// Who it is.
    pub id: NodeId,
    /// What it last said of itself.
    pub alive: Alive,
    /// How it stands.
    pub status: MemberStatus,
    /// Since when.
    pub since: Wall,
    /// The last measured round trip in microseconds.
    pub rtt_us: Option<u64>,
    /// When we last learned that it is somewhere else than before.
    pub moved_at: Option<Wall>,
    /// When its last word was signed, by its own clock.
    pub said_at: Wall,
}

/// What changed of a member: the member as it is now, and its status before; `None`: it is new.
pub type Said = (Member, Option<MemberStatus>);

/// All members, ourselves included, by id.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Up to which incarnation members are evicted, known ones or not.
    evicted: BTreeMap<NodeId, u64>,
    members: BTreeMap<NodeId, Member>,
    /// Who said goodbye for now.
    returning: BTreeSet<NodeId>,
    /// How many changes there were.
    version: u64,
}

impl Roster {
    /// A member.
    #[must_use]
    pub fn member(&self, id: &NodeId) -> Option<&Member> {
        self.members.get(id)
    }

    /// All members, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Whether a member is evicted, as far as we know it.
    #[must_use]
    pub fn is_evicted(&self, id: &NodeId) -> bool {
        // Hardly ever is anybody evicted, and this is asked for every frame.
        !self.evicted.is_empty()
            && self.member(id).is_some_and(|member| member.status == MemberStatus::Evicted)
    }

    /// Whether a member may come back with what it holds: everybody but who left for good. Who was evicted
    /// may: it did not agree to forget anything.
    #[must_use]
    pub fn may_return(&self, member: &Member) -> bool {
        member.status != MemberStatus::Left || self.returning.contains(&member.id)
    }

    /// Whether a member is known, or may become so where at most `limit` are.
    #[must_use]
    pub fn has_room(&self, id: &NodeId, limit: usize) -> bool {
        self.members.len() < limit || self.members.contains_key(id)
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody, not even ourselves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Grows by one with every change that is told: of a member's status, of what it says of itself, of whom is known. Round
    /// trips and the time of its last word are none.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Takes note of a member's last word. Returns what changed.
    pub fn said(&mut self, wall: Wall, fact: &Envelope) -> Option<Said> {
        let id = fact.author();
        let before = self.members.get(&id).map(|member| member.status);
        let renewed = match fact.kind() {
            FactKind::ALIVE => self.said_alive(wall, fact, Alive::decode(fact).ok()?),
            FactKind::LEAVE => {
                self.said_leave(wall, fact, Leave::decode(fact).ok()?);
                false
            }
            _ => return None,
        };
        let member = self.members.get(&id)?;
        if before == Some(member.status) && !renewed {
            return None;
        }
        self.version += 1;
        Some((member.clone(), before))
    }

    /// Changes our verdict about a member that has neither left nor been evicted; `None` when it stands so already.
    pub fn judge(&mut self, wall: Wall, id: &NodeId, status: MemberStatus) -> Option<Said> {
        let member = self.members.get_mut(id)?;
        let is_gone = matches!(member.status, MemberStatus::Left | MemberStatus::Evicted);
        if member.status == status || is_gone {
            return None;
        }
        let before = member.status;
        member.status = status;
        member.since = wall;
        self.version += 1;
        Some((member.clone(), Some(before)))
    }

    /// Takes note that a member is evicted up to this incarnation. Returns what changed, as
    /// [`said`](Self::said) does; a goodbye stays one.
    pub fn evict(&mut self, wall: Wall, id: NodeId, incarnation: u64) -> Option<Said> {
        let member = self.members.get_mut(&id);
        if member.as_ref().is_some_and(|member| member.alive.incarnation > incarnation) {
            return None;
        }
        let latest = self.evicted.entry(id).or_default();
        *latest = incarnation.max(*latest);
        let member = member.filter(|member| {
            !matches!(member.status, MemberStatus::Left | MemberStatus::Evicted)
        })?;
        let before = member.status;
        member.status = MemberStatus::Evicted;
        member.since = wall;
        self.version += 1;
        Some((member.clone(), Some(before)))
    }

    /// Forgets a member, its eviction included.
    pub fn forget(&mut self, id: &NodeId) {
        self.version += u64::from(self.members.remove(id).is_some());
        self.evicted.remove(id);
        self.returning.remove(id);
    }

    /// How many members are evicted, known ones or not.
    #[must_use]
    pub fn evictions(&self) -> usize {
        self.evicted.len()
    }

    /// Who is evicted and was never known.
    #[must_use]
    pub fn evicted_strangers(&self) -> Vec<NodeId> {
        self.evicted.keys().filter(|id| !self.members.contains_key(id)).copied().collect()
    }

    /// Takes note of a measured round trip.
    pub fn measured(&mut self, id: &NodeId, rtt_us: u64) {
        if let Some(member) = self.members.get_mut(id) {
            member.rtt_us = Some(rtt_us);
        }
    }

    /// How many members stand so.
    #[must_use]
    pub fn count(&self, status: MemberStatus) -> usize {
        self.members.values().filter(|member| member.status == status).count()
    }

    /// Whether it says something else of itself than before.
    fn said_alive(&mut self, wall: Wall, fact: &Envelope, alive: Alive) -> bool {
        let said_at = fact.hlc().wall();
        self.evicted.retain(|id, evicted| *id != fact.author() || *evicted >= alive.incarnation);
        let evicted = self.evicted.contains_key(&fact.author());
        let fresh = Member {
            id: fact.author(),
            alive: alive.clone(),
            status: if evicted { MemberStatus::Evicted } else { MemberStatus::Alive },
            since: wall,
            rtt_us: None,
            moved_at: None,
            said_at,
        };
        let member = self.members.entry(fact.author()).or_insert(fresh);
        let restarted = alive.incarnation > member.alive.incarnation;
        member.said_at = said_at;
        let renewed = member.alive != alive;
        if member.alive.endpoints != alive.endpoints {
            member.moved_at = Some(wall);
        }
        member.alive = alive;
        // A later statement of the same incarnation is a sign of life too; the detector decides
        // what it is worth. A new incarnation is alive, or evicted, whatever the old one was.
        let begins = if evicted { MemberStatus::Evicted } else { MemberStatus::Alive };
        if restarted && member.status != begins {
            member.status = begins;
            member.since = wall;
            self.returning.remove(&fact.author());
        }
        renewed
    }

    fn said_leave(&mut self, wall: Wall, fact: &Envelope, leave: Leave) {
        // Somebody of whom we never heard more than its goodbye still counts as known: what it
        // may bring back later is judged as a newcomer's.
        let unknown = Member {
            id: fact.author(),
            alive: Alive {
                incarnation: leave.incarnation,
                boot: crate::id::BootId::default(),
                box_key: [0; 32],
                endpoints: crate::id::Endpoints::default(),
                name: String::new(),
                tags: BTreeMap::new(),
                versions: Alive::VERSIONS,
                capabilities: 0,
                program: String::new(),
            },
            status: MemberStatus::Left,
            since: wall,
            rtt_us: None,
            moved_at: None,
            said_at: fact.hlc().wall(),
        };
        let member = self.members.entry(fact.author()).or_insert(unknown);
        if leave.incarnation < member.alive.incarnation {
            return;
        }
        member.alive.incarnation = leave.incarnation;
        if leave.returning {
            self.returning.insert(fact.author());
        } else {
            self.returning.remove(&fact.author());
        }
        if member.status != MemberStatus::Left {
            member.status = MemberStatus::Left;
            member.since = wall;
        }
    }
}
