//! What was asked for and has not come: nobody else is asked for it meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::hot::Short;
use crate::id::NodeId;
use crate::time::Mono;

/// Most facts asked for at a time; beyond it who was asked for most makes room, or nothing is asked, and
/// the next offer tries again.
const MOST: usize = 4_096;

/// Most of them asked of one member: an eighth, as of what one author may park.
const SHARE: usize = MOST / 8;

/// One that is waited for.
#[derive(Debug)]
struct Wait {
    /// Who was asked.
    of: NodeId,
    until: Mono,
    /// Who offered it last meanwhile: the next to be asked.
    other: Option<NodeId>,
}

/// Of whom each was asked, and until when that is waited for.
#[derive(Debug, Default)]
pub(super) struct Asking {
    due: BTreeSet<(Mono, Short)>,
    shares: BTreeMap<NodeId, usize>,
    waits: BTreeMap<Short, Wait>,
}

impl Asking {
    /// Whether to ask this member now; if so, it is waited for. If not since another was asked, it is
    /// remembered.
    pub(super) fn begin(&mut self, key: Short, of: NodeId, until: Mono) -> bool {
        if let Some(wait) = self.waits.get_mut(&key) {
            if wait.of != of {
                wait.other = Some(of);
            }
            return false;
        }
        let begins = self.make_room(of);
        if begins {
            *self.shares.entry(of).or_default() += 1;
            self.due.insert((until, key));
            self.waits.insert(key, Wait { of, until, other: None });
        }
        begins
    }

    /// It is waited for no more, whatever came of it.
    pub(super) fn end(&mut self, key: &Short) {
        self.take(key);
    }

    /// A member is gone.
    pub(super) fn gone(&mut self, member: NodeId) {
        let theirs = self.waits.iter().filter(|(_, wait)| wait.of == member);
        for key in theirs.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.take(&key);
        }
        for wait in self.waits.values_mut() {
            wait.other = wait.other.filter(|other| *other != member);
        }
    }

    /// When the first has not come in time.
    pub(super) fn expiry(&self) -> Option<Mono> {
        self.due.first().map(|(until, _)| *until)
    }

    /// Ends what has not come in time, and returns who else has offered it.
    pub(super) fn expire(&mut self, now: Mono) -> Vec<(Short, NodeId)> {
        let mut others = Vec::new();
        while let Some((until, key)) = self.due.first().copied()
            && until <= now
        {
            let other = self.take(&key).and_then(|wait| wait.other);
            others.extend(other.map(|other| (key, other)));
        }
        others
    }

    /// Whether there is room to ask this member for one more, if need be at the expense of who has been
    /// asked for most.
    fn make_room(&mut self, of: NodeId) -> bool {
        let share = self.shares.get(&of).copied().unwrap_or(0);
        if share >= SHARE || self.waits.len() < MOST {
            return share < SHARE;
        }
        let heaviest = self.shares.iter().max_by_key(|(_, share)| **share);
        let Some(heaviest) = heaviest.filter(|(_, most)| **most > share + 1) else { return false };
        let is_theirs =
            |key: &Short| self.waits.get(key).is_some_and(|wait| wait.of == *heaviest.0);
        let first = self.due.iter().map(|(_, key)| *key).find(is_theirs);
        first.is_some_and(|key| self.take(&key).is_some())
    }

    fn take(&mut self, key: &Short) -> Option<Wait> {
        let wait = self.waits.remove(key)?;
        self.due.remove(&(wait.until, *key));
        if let Some(share) = self.shares.get_mut(&wait.of) {
            *share -= 1;
            if *share == 0 {
                self.shares.remove(&wait.of);
            }
        }
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LATER: Mono = Mono::from_nanos(10);

    fn member(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    #[test]
    fn asks_one_at_a_time() {
        let mut asking = Asking::default();
        assert!(asking.begin([1; 8], member(1), LATER));
        assert!(!asking.begin([1; 8], member(2), LATER), "asked of somebody already");
        assert!(asking.begin([2; 8], member(2), LATER));
        asking.gone(member(1));
        assert!(asking.begin([1; 8], member(3), LATER), "who was asked is gone");
        assert_eq!(asking.expiry(), Some(LATER));
        assert_eq!(asking.expire(LATER), []);
        assert!(asking.begin([1; 8], member(2), LATER), "it did not come in time");
        assert!(asking.begin([2; 8], member(2), LATER));
        asking.end(&[2; 8]);
        assert!(asking.begin([2; 8], member(1), LATER));
        assert_eq!(asking.waits.len(), asking.due.len());
    }

    #[test]
    fn who_offered_last_is_next() {
        let mut asking = Asking::default();
        for key in [[1; 8], [2; 8]] {
            let begins = [1, 2, 3, 1].map(|number| asking.begin(key, member(number), LATER));
            assert_eq!(begins, [true, false, false, false]);
        }
        asking.end(&[2; 8]);
        assert_eq!(asking.expire(LATER), [([1; 8], member(3))]);
        assert_eq!(asking.expire(LATER + Duration::from_secs(1)), [], "once");
        assert!(asking.shares.is_empty());
    }

    #[test]
    fn nobody_takes_all_places() {
        let mut asking = Asking::default();
        let mut key = 0_u64;
        let mut begin = |asking: &mut Asking, of: u8, count: usize| {
            let keys = (0..count).map(|_| {
                key += 1;
                key.to_be_bytes()
            });
            keys.filter(|key| asking.begin(*key, member(of), LATER)).count()
        };
        assert_eq!(begin(&mut asking, 1, 2 * MOST), SHARE);
        for of in 2..=8 {
            assert_eq!(begin(&mut asking, of, SHARE), SHARE);
        }
        assert_eq!(asking.waits.len(), MOST);
        assert_eq!(begin(&mut asking, 9, 100), 100, "those with the most make room");
        assert_eq!(asking.waits.len(), MOST);
        let fair = begin(&mut asking, 9, MOST) + 100;
        assert!((MOST / 9..=MOST / 9 + 1).contains(&fair), "{fair} of {MOST} among nine");
        asking.expire(LATER);
        assert_eq!(begin(&mut asking, 1, 1), 1);
    }
}
