//! Whom we can talk to: a view of a list that may be shared.

use crate::id::NodeId;

/// Live members that we can talk to at once, distinct and in ascending order, ourselves excluded.
///
/// A list that many nodes share contains us; then the view is what stands before our place in it
/// and what stands behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Partners<'a> {
    before: &'a [NodeId],
    behind: &'a [NodeId],
}

impl<'a> Partners<'a> {
    /// These nodes, which are distinct, in ascending order, and not us.
    #[must_use]
    pub const fn new(nodes: &'a [NodeId]) -> Self {
        Self { before: nodes, behind: &[] }
    }

    /// All of these nodes, which are distinct and in ascending order, but ours at this place.
    #[must_use]
    pub fn shared(nodes: &'a [NodeId], place: usize) -> Self {
        let (before, rest) = nodes.split_at(place.min(nodes.len()));
        Self { before, behind: rest.split_first().map_or(&[], |(_, behind)| behind) }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.before.len() + self.behind.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one at this place in ascending order.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<NodeId> {
        let behind = || self.behind.get(place.checked_sub(self.before.len())?);
        self.before.get(place).or_else(behind).copied()
    }

    /// Whether this node is one of them.
    #[must_use]
    pub fn contains(&self, node: &NodeId) -> bool {
        [self.before, self.behind].iter().any(|half| half.binary_search(node).is_ok())
    }

    /// All of them, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + use<'a> {
        self.before.iter().chain(self.behind).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(partners: Partners<'_>, expected: &[u8]) {
        let expected: Vec<_> = expected.iter().map(|number| node(*number)).collect();
        assert_eq!(partners.iter().collect::<Vec<_>>(), expected);
        assert_eq!(partners.len(), expected.len());
        assert_eq!(partners.is_empty(), expected.is_empty());
        for place in 0..=expected.len() {
            assert_eq!(partners.get(place), expected.get(place).copied());
        }
        for number in 0..=9 {
            let node = node(number);
            assert_eq!(partners.contains(&node), expected.contains(&node));
        }
    }

    #[test]
    fn our_own_place_is_left_out() {
        let nodes: Vec<_> = [1, 3, 5, 7].map(node).into();
        check(Partners::new(&nodes), &[1, 3, 5, 7]);
        check(Partners::shared(&nodes, 0), &[3, 5, 7]);
        check(Partners::shared(&nodes, 2), &[1, 3, 7]);
        check(Partners::shared(&nodes, 3), &[1, 3, 5]);
        check(Partners::shared(&nodes, 4), &[1, 3, 5, 7]);
        check(Partners::shared(&[node(1)], 0), &[]);
        check(Partners::default(), &[]);
    }

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }
}
