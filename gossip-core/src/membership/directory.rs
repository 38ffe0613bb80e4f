//! Members that the hosts of one machine share, so that none of them needs a list of its own.

use std::net::SocketAddr;

use crate::id::NodeId;

/// All members of a simulated cluster and where each of them listens: one list for all its nodes.
///
/// For a node that is listed in it, everybody else in it is a partner: alive, at its address, in a
/// session that stands. Such a node has no first contact with anybody and detects nothing.
#[derive(Debug)]
pub struct Directory {
    addresses: Vec<SocketAddr>,
    /// In ascending order.
    nodes: Vec<NodeId>,
    /// Where in the list the nodes of each bucket begin, and where the last one ends. There are as
    /// many buckets as nodes, and ids are spread evenly over them.
    buckets: Vec<u32>,
}

impl Directory {
    /// A directory of these members.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = (NodeId, SocketAddr)>) -> Self {
        let members: std::collections::BTreeMap<_, _> = members.into_iter().collect();
        let (nodes, addresses): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let mut place = 0;
        let begin = |bucket| {
            let before = |node: &NodeId| bucket_of(node, nodes.len()) < bucket;
            place += nodes.iter().skip(place).take_while(|node| before(node)).count();
            place as u32
        };
        let buckets = (0..=nodes.len()).map(begin).collect();
        Self { addresses, nodes, buckets }
    }

    /// All members, in ascending order.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// A member's place in ascending order.
    #[must_use]
    pub fn place(&self, node: &NodeId) -> Option<usize> {
        let bucket = bucket_of(node, self.nodes.len());
        let begin = *self.buckets.get(bucket)? as usize;
        let end = *self.buckets.get(bucket + 1)? as usize;
        let place = self.nodes.get(begin..end)?.iter().position(|other| other == node)?;
        Some(begin + place)
    }

    /// The member at this place, and where it listens.
    #[must_use]
    pub fn member(&self, place: usize) -> Option<(NodeId, SocketAddr)> {
        Some((*self.nodes.get(place)?, *self.addresses.get(place)?))
    }
}

/// The bucket of an id, of as many as there are nodes.
fn bucket_of(node: &NodeId, nodes: usize) -> usize {
    let [a, b, c, d, e, f, g, h, ..] = *node.as_bytes();
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    ((u128::from(number) * nodes as u128) >> 64) as usize
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;

    fn address(number: u32) -> SocketAddr {
        SocketAddr::from((number.to_be_bytes(), 7_946))
    }

    /// Every member is found at its place, and nobody else is.
    fn check(ids: Vec<NodeId>) {
        let count = ids.len() as u32;
        let directory = Directory::new(ids.iter().copied().zip((0..count).map(address)));
        assert!(directory.nodes().is_sorted());
        for (number, id) in ids.iter().enumerate() {
            let place = directory.place(id).expect("it is listed");
            assert_eq!(directory.member(place), Some((*id, address(number as u32))));
        }
        assert_eq!(directory.member(ids.len()), None);
        for stranger in [[0x00; 32], [0x7f; 32], [0xff; 32]].map(NodeId::from_bytes) {
            assert_eq!(directory.place(&stranger), None);
        }
    }

    #[test]
    fn members_are_found() {
        let id = |number: u32| NodeId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes());
        for count in [0, 1, 2, 3, 1_000] {
            check((0..count).map(id).collect());
        }
        // All in one bucket, at either end.
        let near = |first: u8| {
            move |last: u8| {
                NodeId::from_bytes([[first; 31].as_slice(), &[last]].concat().try_into().unwrap())
            }
        };
        check((1..9).map(near(0)).collect());
        check((1..9).map(near(255)).collect());
    }
}
