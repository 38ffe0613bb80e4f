//! Who was told of a rumor, and what each of them may still say of it.

use crate::id::NodeId;

/// Members, ascending by id: most rumors are told to few, who lie side by side.
#[derive(Debug, Default)]
pub(super) struct Told(Vec<Listener>);

#[derive(Debug)]
struct Listener {
    node: NodeId,
    /// Whether it was told, or has named the rumor itself.
    is_told: bool,
    /// How many sendings it has yet to judge.
    judgements: u32,
    /// Whether it may ask for the fact: it was offered, and has not been asked for.
    may_ask: bool,
}

impl Told {
    /// How many were told, or have named the rumor.
    pub(super) fn count(&self) -> usize {
        self.0.iter().filter(|listener| listener.is_told).count()
    }

    /// Whether a member was told, or has named the rumor.
    pub(super) fn contains(&self, node: &NodeId) -> bool {
        self.find(node).is_some_and(|listener| listener.is_told)
    }

    /// The fact is sent or offered to a member, who may judge that once.
    pub(super) fn sent(&mut self, to: NodeId) {
        self.held_by(to).judgements += 1;
    }

    /// A member has the fact, or is about to.
    pub(super) fn holds(&mut self, node: NodeId) {
        self.held_by(node);
    }

    /// A member judges a sending; false if it has judged all that there were.
    pub(super) fn judge(&mut self, by: &NodeId) -> bool {
        let open = self.find_mut(by).filter(|listener| listener.judgements > 0);
        open.map(|listener| listener.judgements -= 1).is_some()
    }

    /// A member is to be told once more.
    pub(super) fn untell(&mut self, node: &NodeId) {
        if let Some(listener) = self.find_mut(node) {
            (listener.is_told, listener.judgements) = (false, 0);
        }
    }

    /// A member may ask for the fact once.
    pub(super) fn offer(&mut self, to: NodeId) {
        self.entry(to).may_ask = true;
    }

    /// Whether a member may ask for the fact.
    pub(super) fn may_ask(&self, node: &NodeId) -> bool {
        self.find(node).is_some_and(|listener| listener.may_ask)
    }

    /// Whether anybody may.
    pub(super) fn may_be_asked(&self) -> bool {
        self.0.iter().any(|listener| listener.may_ask)
    }

    /// A member was sent what it asked for.
    pub(super) fn served(&mut self, node: &NodeId) {
        if let Some(listener) = self.find_mut(node) {
            listener.may_ask = false;
        }
    }

    fn held_by(&mut self, node: NodeId) -> &mut Listener {
        let listener = self.entry(node);
        listener.is_told = true;
        listener
    }

    fn place(&self, node: &NodeId) -> Result<usize, usize> {
        self.0.binary_search_by(|listener| listener.node.cmp(node))
    }

    fn find(&self, node: &NodeId) -> Option<&Listener> {
        self.0.get(self.place(node).ok()?)
    }

    fn find_mut(&mut self, node: &NodeId) -> Option<&mut Listener> {
        let place = self.place(node).ok()?;
        self.0.get_mut(place)
    }

    #[expect(clippy::indexing_slicing, reason = "the place was found or made a moment ago")]
    fn entry(&mut self, node: NodeId) -> &mut Listener {
        let place = self.place(&node).unwrap_or_else(|place| {
            let listener = Listener { node, is_told: false, judgements: 0, may_ask: false };
            self.0.insert(place, listener);
            place
        });
        &mut self.0[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    #[test]
    fn each_says_what_it_may_once() {
        let mut told = Told::default();
        told.sent(member(2));
        told.holds(member(1));
        told.offer(member(3));
        assert_eq!(told.count(), 2, "who may ask was not told by that");
        assert!(told.contains(&member(1)) && !told.contains(&member(3)));
        assert!(told.judge(&member(2)) && !told.judge(&member(2)) && !told.judge(&member(1)));
        assert!(told.may_ask(&member(3)) && told.may_be_asked());
        told.served(&member(3));
        assert!(!told.may_ask(&member(3)) && !told.may_be_asked());
        told.sent(member(2));
        told.untell(&member(2));
        assert!(!told.contains(&member(2)) && !told.judge(&member(2)));
        assert!(told.0.is_sorted_by(|a, b| a.node < b.node));
    }
}
