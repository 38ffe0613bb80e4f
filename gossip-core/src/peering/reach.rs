//! Which ways lead to a member: by datagrams, by a stream, or back along a connection of its.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::id::Endpoints;
use crate::transport::{Address, LinkId};

/// The kinds of transport that a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    datagram: bool,
    stream: bool,
}

impl Reach {
    pub(crate) const fn of(endpoints: &Endpoints) -> Self {
        Self { datagram: !endpoints.datagram.is_empty(), stream: !endpoints.stream.is_empty() }
    }

    /// Whether anything is known: of a member that was only heard to stop, nothing is.
    pub(crate) const fn is_known(self) -> bool {
        self.datagram || self.stream
    }

    pub(crate) const fn has_streams(self) -> bool {
        self.stream
    }

    /// Whether datagrams go both ways between this node and one that listens there.
    pub(crate) const fn meets_by_datagram(self, theirs: &Endpoints) -> bool {
        self.datagram && !theirs.datagram.is_empty()
    }

    /// Whether two nodes can talk with one another at all.
    pub(crate) const fn meets(self, other: Self) -> bool {
        (self.datagram && other.datagram) || (self.stream && other.stream)
    }

    /// The ways to somebody who listens there: datagrams first, for gossip goes by them; streams
    /// for whom no datagram reaches.
    pub(crate) fn ways(self, theirs: &Endpoints) -> Vec<Address> {
        let datagram = theirs.datagram.iter().filter(|_| self.datagram);
        let stream = theirs.stream.iter().filter(|_| self.stream);
        datagram
            .map(|at| Address::Socket(*at))
            .chain(stream.map(|at| Address::Stream(*at)))
            .collect()
    }

    /// The ways to a socket address of which nobody said what it takes.
    pub(crate) fn guesses(self, addresses: &[SocketAddr]) -> Vec<Address> {
        self.ways(&Endpoints { datagram: addresses.to_vec(), stream: addresses.to_vec() })
    }
}

/// The connections that stand, by what the transport says of them, and who is at the other end.
#[derive(Debug)]
pub(super) struct Links {
    limit: usize,
    peers: BTreeMap<LinkId, SocketAddr>,
}

impl Links {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, peers: BTreeMap::new() }
    }

    pub(super) fn up(&mut self, link: LinkId, peer: SocketAddr) {
        if self.peers.len() < self.limit {
            self.peers.insert(link, peer);
        }
    }

    pub(super) fn down(&mut self, link: LinkId) {
        self.peers.remove(&link);
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether a connection to this listener stands.
    pub(super) fn stands(&self, at: SocketAddr) -> bool {
        self.peers.values().any(|peer| *peer == at)
    }

    /// Where the other end of an address is.
    pub(super) fn peer(&self, address: Address) -> Option<SocketAddr> {
        match address {
            Address::Socket(at) | Address::Stream(at) => Some(at),
            Address::Link(link) => self.peers.get(&link).copied(),
        }
    }

    /// Whether an address is among these endpoints. A connection's port says nothing, so of a
    /// connection it is asked whether it comes from the host of one of them.
    pub(super) fn is_named(&self, endpoints: &Endpoints, address: Address) -> bool {
        match address {
            Address::Socket(at) => endpoints.datagram.contains(&at),
            Address::Stream(at) => endpoints.stream.contains(&at),
            Address::Link(link) => {
                let peer = self.peers.get(&link).map(SocketAddr::ip);
                peer.is_some_and(|peer| endpoints.iter().any(|at| at.ip() == peer))
            }
        }
    }
}
