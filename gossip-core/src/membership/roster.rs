//! The members as this node sees them: their last words, and its own verdicts.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::alive::{self, Alive, Leave};
use super::evidence::Dossier;
use super::member::{Member, MemberStatus};
use crate::fact::{Envelope, FactKind};
use crate::id::{ById, Endpoints, NodeId};
use crate::time::{Mono, Wall};

/// What changed of a member: the member as it is now, and its status before; `None`: it is new.
pub(crate) type Said = (Member, Option<MemberStatus>);

/// What is kept of a member: its last word stays encoded, in the bytes that the view keeps anyway. Thousands are.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) dossier: Dossier,
    /// The incarnation of its last word, of its goodbye if that was a later one.
    pub(crate) incarnation: u64,
    pub(crate) said_at: Wall,
    pub(crate) status: MemberStatus,
    moved_at: Option<Wall>,
    /// Whether it said goodbye for now.
    returns: bool,
    rtt_us: Option<u32>,
    since: Wall,
    /// The content of its last alive fact; empty: nothing but its goodbye was ever heard.
    word: Bytes,
}

impl Known {
    fn new(
        incarnation: u64,
        word: Bytes,
        status: MemberStatus,
        (since, by): (Wall, NodeId),
        said_at: Wall,
    ) -> Self {
        let (moved_at, returns, rtt_us) = (None, false, None);
        let dossier = Dossier::open(since, by);
        Self { dossier, incarnation, said_at, status, moved_at, returns, rtt_us, since, word }
    }

    /// Where it listens.
    pub(crate) fn endpoints(&self) -> Endpoints {
        alive::endpoints(&self.word)
    }

    /// What it last said of itself, to be compared with what it says next.
    pub(crate) const fn word(&self) -> &Bytes {
        &self.word
    }

    /// The last measured round trip in microseconds.
    pub(crate) const fn rtt_us(&self) -> Option<u32> {
        self.rtt_us
    }

    /// Whether it may come back with what it holds: everybody but who left for good. Who was evicted
    /// may: it did not agree to forget anything.
    pub(crate) fn may_return(&self) -> bool {
        self.status != MemberStatus::Left || self.returns
    }

    fn tell(&self, id: NodeId) -> Member {
        Member {
            id,
            alive: Alive { incarnation: self.incarnation, ..Alive::read(&self.word) },
            status: self.status,
            since: self.since,
            rtt_us: self.rtt_us.map(u64::from),
            moved_at: self.moved_at,
            said_at: self.said_at,
        }
    }
}

/// All members, ourselves included, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    /// Up to which incarnation members are evicted, known ones or not.
    evicted: BTreeMap<NodeId, u64>,
    /// Boxed, for up to half of the slots are empty.
    members: ById<Box<Known>>,
    /// How many changes there were.
    version: u64,
}

impl Roster {
    /// What is kept of a member.
    pub(crate) fn member(&self, id: &NodeId) -> Option<&Known> {
        self.members.get(id).map(|known| &**known)
    }

    /// The evidence about a member that is known.
    pub(crate) fn dossier(&mut self, id: &NodeId) -> Option<&mut Dossier> {
        self.members.get_mut(id).map(|known| &mut known.dossier)
    }

    /// How a member stands.
    pub(crate) fn status(&self, id: &NodeId) -> Option<MemberStatus> {
        self.member(id).map(|known| known.status)
    }

    /// A member as it is told of.
    pub(crate) fn tell(&self, id: &NodeId) -> Option<Member> {
        self.member(id).map(|known| known.tell(*id))
    }

    /// All members as they are told of, by id.
    pub(crate) fn tell_all(&self) -> Vec<Member> {
        self.iter().map(|(id, known)| known.tell(*id)).collect()
    }

    /// All members, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Known)> {
        self.members.iter().map(|(id, known)| (id, &**known))
    }

    /// Whether a member is evicted, as far as we know it.
    pub(crate) fn is_evicted(&self, id: &NodeId) -> bool {
        // Hardly ever is anybody evicted, and this is asked for every frame.
        !self.evicted.is_empty() && self.status(id) == Some(MemberStatus::Evicted)
    }

    /// Whether a member is known, or may become so where at most `limit` are.
    pub(crate) fn has_room(&self, id: &NodeId, limit: usize) -> bool {
        self.members.len() < limit || self.members.contains(id)
    }

    /// How many members there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Grows by one with every change that is told: of a member's status, of what it says of itself, of whom is known. Round
    /// trips and the time of its last word are none.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// Takes note of a member's last word, and of who brought it. Returns what changed.
    pub(crate) fn said(&mut self, wall: Wall, fact: &Envelope, by: NodeId) -> Option<Said> {
        let id = fact.author();
        let before = self.status(&id);
        let renewed = match fact.kind() {
            FactKind::ALIVE => self.said_alive((wall, by), fact)?,
            FactKind::LEAVE => {
                self.said_leave((wall, by), fact, Leave::decode(fact).ok()?);
                false
            }
            _ => return None,
        };
        if before.is_some() && before == self.status(&id) && !renewed {
            return None;
        }
        self.version += 1;
        Some((self.tell(&id)?, before))
    }

    /// Changes our verdict about a member that has neither left nor been evicted; `None` when it stands so already.
    pub(crate) fn judge(&mut self, wall: Wall, id: &NodeId, status: MemberStatus) -> Option<Said> {
        let member = self.members.get_mut(id)?;
        let is_gone = matches!(member.status, MemberStatus::Left | MemberStatus::Evicted);
        if member.status == status || is_gone {
            return None;
        }
        let before = member.status;
        member.status = status;
        member.since = wall;
        self.version += 1;
        Some((member.tell(*id), Some(before)))
    }

    /// Takes note that a member is evicted up to this incarnation. Returns what changed, as
    /// [`said`](Self::said) does; a goodbye stays one.
    pub(crate) fn evict(&mut self, wall: Wall, id: NodeId, incarnation: u64) -> Option<Said> {
        let member = self.members.get_mut(&id);
        if member.as_ref().is_some_and(|member| member.incarnation > incarnation) {
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
        Some((member.tell(id), Some(before)))
    }

    /// Forgets a member, its eviction included.
    pub(crate) fn forget(&mut self, id: &NodeId) {
        self.version += u64::from(self.members.remove(id).is_some());
        self.evicted.remove(id);
    }

    /// How many members are evicted, known ones or not.
    pub(crate) fn evictions(&self) -> usize {
        self.evicted.len()
    }

    /// Who is evicted and was never known.
    pub(crate) fn evicted_strangers(&self) -> Vec<NodeId> {
        self.evicted.keys().filter(|id| !self.members.contains(id)).copied().collect()
    }

    /// Takes note of an answer to a probe, and of how long it took.
    pub(crate) fn answered(&mut self, now: Mono, id: &NodeId, trip: Duration) {
        if let Some(member) = self.members.get_mut(id) {
            member.rtt_us = Some(u32::try_from(trip.as_micros()).unwrap_or(u32::MAX));
            member.dossier.contact.answer(now);
        }
    }

    /// How many members stand so.
    pub(crate) fn count(&self, status: MemberStatus) -> usize {
        self.iter().filter(|(_, member)| member.status == status).count()
    }

    /// Whether it says something else of itself than before; `None`: it cannot be read.
    fn said_alive(&mut self, (wall, by): (Wall, NodeId), fact: &Envelope) -> Option<bool> {
        let (id, said_at, word) = (fact.author(), fact.hlc().wall(), fact.shared_value()?);
        let incarnation = alive::incarnation(fact).ok()?;
        if let Some(member) = self.members.get_mut(&id)
            && (member.incarnation, &member.word) == (incarnation, &word)
        {
            // Mostly it says the same again. The bytes are those of the later fact: the view keeps no others.
            (member.said_at, member.word) = (said_at, word);
            return Some(false);
        }
        let alive = Alive::decode(fact).ok()?;
        if self.evicted.get(&id).is_some_and(|evicted| *evicted < incarnation) {
            self.evicted.remove(&id);
        }
        let evicted = self.evicted.contains_key(&id);
        // A new incarnation is alive, or evicted, whatever the old one was.
        let begins = if evicted { MemberStatus::Evicted } else { MemberStatus::Alive };
        let Some(member) = self.members.get_mut(&id) else {
            let new = Known::new(incarnation, word, begins, (wall, by), said_at);
            self.members.insert(id, Box::new(new));
            return Some(false);
        };
        if member.endpoints() != alive.endpoints {
            member.moved_at = Some(wall);
        }
        // A later statement of the same incarnation is a sign of life too; the detector decides
        // what it is worth.
        let restarted = incarnation > member.incarnation;
        (member.said_at, member.word, member.incarnation) = (said_at, word, incarnation);
        if restarted && member.status != begins {
            (member.status, member.since, member.returns) = (begins, wall, false);
        }
        Some(true)
    }

    fn said_leave(&mut self, (wall, by): (Wall, NodeId), fact: &Envelope, leave: Leave) {
        // Somebody of whom we never heard more than its goodbye still counts as known: what it
        // may bring back later is judged as a newcomer's.
        let said_at = fact.hlc().wall();
        let id = fact.author();
        if !self.members.contains(&id) {
            let left = MemberStatus::Left;
            let new = Known::new(leave.incarnation, Bytes::new(), left, (wall, by), said_at);
            self.members.insert(id, Box::new(new));
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        if leave.incarnation < member.incarnation {
            return;
        }
        (member.incarnation, member.returns) = (leave.incarnation, leave.returning);
        if member.status != MemberStatus::Left {
            (member.status, member.since) = (MemberStatus::Left, wall);
        }
    }
}
