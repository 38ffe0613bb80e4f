//! Where members say that they listen, as small as it is said: thousands are kept, and few are ever asked for.

use crate::id::Endpoints;

/// Endpoints in their encoded form: 9 bytes for an address of IPv4, where a list of one takes 56.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announced(Box<[u8]>);

impl Announced {
    pub(super) fn new(endpoints: &Endpoints) -> Self {
        #[expect(clippy::expect_used, reason = "encoding into memory that grows cannot fail")]
        Self(postcard::to_stdvec(endpoints).expect("endpoints encode").into())
    }

    pub(super) fn endpoints(&self) -> Endpoints {
        // These are the bytes that new() made, so the default is never taken.
        postcard::from_bytes(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

    use super::*;

    #[test]
    fn what_is_announced_is_kept_and_small() {
        let at = SocketAddr::from(([10, 0, 0, 1], 7_946));
        let one = Endpoints::datagram(at);
        // Neither flow labels nor scopes are encoded, here or on the wire.
        let far = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7_946, 0, 0).into();
        let many = Endpoints { datagram: vec![at, far], stream: vec![far; 4] };
        for endpoints in [Endpoints::default(), one.clone(), many] {
            assert_eq!(Announced::new(&endpoints).endpoints(), endpoints);
        }
        assert_eq!(Announced::new(&one).0.len(), 9);
    }
}
