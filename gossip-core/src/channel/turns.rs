//! Answers in turn: what happened to the shard is heard of in the order in which it happened.
//!
//! A store may answer a later merge first. Taken so, a watcher would see an old value after the
//! new one, and a fact that was displaced or wiped meanwhile would count as known.

use std::collections::BTreeMap;

use crate::io::Ticket;
use crate::mistake::{Mistake, made};
use crate::store::{StoreError, StoreOp, StoreReply};

type Reply = Result<StoreReply, StoreError>;

/// Ops that have a turn and are not answered yet, each with its answer if that came too
/// early. As many as the pipeline and own writes have on their way.
#[derive(Debug, Default)]
pub(super) struct Turns(BTreeMap<Ticket, Option<Reply>>);

impl Turns {
    /// Whether an op's answer is heard in turn: those that change the shard, and those that say
    /// what is known. Other reads are of no more than their moment, and durability is for later.
    pub(super) fn has(op: &StoreOp) -> bool {
        use StoreOp::{Merge, Sift, Sweep, Wipe};
        !made(Mistake::TakeAnswersAsTheyCome)
            && matches!(op, Merge(_) | Sift { .. } | Sweep { .. } | Wipe { .. })
    }

    /// The answer to this op is heard after those of all asked before that have a turn.
    pub(super) fn wait(&mut self, ticket: Ticket) {
        self.0.insert(ticket, None);
    }

    /// An answer came: all those whose turn it is now.
    pub(super) fn take(&mut self, ticket: Ticket, reply: Reply) -> Vec<(Ticket, Reply)> {
        let Some(place) = self.0.get_mut(&ticket) else { return vec![(ticket, reply)] };
        *place = Some(reply);
        let mut due = Vec::new();
        while let Some(first) = self.0.first_entry()
            && first.get().is_some()
        {
            let (ticket, reply) = first.remove_entry();
            due.extend(reply.map(|reply| (ticket, reply)));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_answers_wait_for_their_turn() {
        let reply = || Ok(StoreReply::Synced { commit: 1 });
        let mut turns = Turns::default();
        [2, 4, 6].map(Ticket).into_iter().for_each(|ticket| turns.wait(ticket));
        let mut take = |ticket| -> Vec<_> {
            turns.take(Ticket(ticket), reply()).into_iter().map(|(ticket, _)| ticket.0).collect()
        };
        assert!(take(6).is_empty());
        assert_eq!(take(3), [3], "what has no turn waits for nobody");
        assert_eq!(take(2), [2]);
        assert_eq!(take(4), [4, 6]);
    }
}
