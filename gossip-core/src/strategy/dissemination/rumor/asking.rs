//! What was asked for and has not come: nobody is asked for it a second time meanwhile.

use std::collections::BTreeMap;

use super::hot::Short;
use crate::id::NodeId;
use crate::time::Mono;

/// Most facts asked for at a time; beyond it nothing is asked, and the next offer tries again.
const MOST: usize = 4_096;

/// Of whom each was asked, and until when that is waited for.
#[derive(Debug, Default)]
pub(super) struct Asking(BTreeMap<Short, (NodeId, Mono)>);

impl Asking {
    /// Whether to ask this member now; if so, it is waited for.
    pub(super) fn begin(&mut self, key: Short, of: NodeId, now: Mono, until: Mono) -> bool {
        let waits = self.0.get(&key).is_some_and(|(_, until)| *until > now);
        let asks = !waits && (self.0.len() < MOST || self.0.contains_key(&key));
        if asks {
            self.0.insert(key, (of, until));
        }
        asks
    }

    pub(super) fn came(&mut self, key: &Short) {
        self.0.remove(key);
    }

    pub(super) fn gone(&mut self, member: NodeId) {
        self.0.retain(|_, (of, _)| *of != member);
    }

    pub(super) fn expire(&mut self, now: Mono) {
        self.0.retain(|_, (_, until)| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn asks_one_at_a_time() {
        let (now, later) = (Mono::ZERO, (Mono::ZERO + Duration::from_millis(10)));
        let member = |n: u8| NodeId::from_bytes([n; 32]);
        let mut asking = Asking::default();
        assert!(asking.begin([1; 8], member(1), now, later));
        assert!(!asking.begin([1; 8], member(2), now, later), "asked of somebody already");
        assert!(asking.begin([2; 8], member(2), now, later));
        asking.gone(member(1));
        assert!(asking.begin([1; 8], member(3), now, later), "who was asked is gone");
        assert!(asking.begin([1; 8], member(2), later, later), "it did not come in time");
        asking.came(&[2; 8]);
        assert!(asking.begin([2; 8], member(1), now, later));
    }

    #[test]
    fn is_bounded() {
        let (member, until) =
            (NodeId::from_bytes([1; 32]), (Mono::ZERO + Duration::from_millis(10)));
        let mut asking = Asking::default();
        let asked = (0..2 * MOST as u64)
            .filter(|n| asking.begin(n.to_be_bytes(), member, Mono::ZERO, until))
            .count();
        assert_eq!(asked, MOST);
        asking.expire(until);
        assert!(asking.begin([9; 8], member, Mono::ZERO, until));
    }
}
