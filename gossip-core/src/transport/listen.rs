//! Where others reach a socket, and what to do when there is none: the same for every kind.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why others could not reach a socket that listens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AdvertiseError {
    /// The advertised address cannot lead to the socket.
    #[error(
        "nobody reaches {listen} by {advertise}: advertise one address of this machine, of the \
         same family (IPv4 or IPv6) as the one it listens on"
    )]
    Elsewhere {
        /// The configured address.
        advertise: SocketAddr,
        /// Where it would listen.
        listen: SocketAddr,
    },
    /// It listens on every interface, and others need one address.
    #[error(
        "listening on {listen} does not tell others where this node is: set `advertise` to the \
         address they reach it at"
    )]
    Missing {
        /// The unspecified address.
        listen: SocketAddr,
    },
}

/// Checks that others can be told where a socket that listens there is.
///
/// # Errors
/// [`AdvertiseError`]; nothing was bound.
pub fn check_advertise(
    listen: SocketAddr,
    advertise: Option<SocketAddr>,
) -> Result<(), AdvertiseError> {
    match advertise {
        None if listen.ip().is_unspecified() => Err(AdvertiseError::Missing { listen }),
        Some(advertise)
            if advertise.ip().is_unspecified() || advertise.is_ipv4() != listen.is_ipv4() =>
        {
            Err(AdvertiseError::Elsewhere { advertise, listen })
        }
        None | Some(_) => Ok(()),
    }
}

/// Where others reach a socket that is bound there; port 0 stands for the one it got.
#[must_use]
pub fn advertised(bound: SocketAddr, advertise: Option<SocketAddr>) -> SocketAddr {
    let mut endpoint = advertise.unwrap_or(bound);
    if endpoint.port() == 0 {
        endpoint.set_port(bound.port());
    }
    endpoint
}

/// What a person can do about a socket that the system refused.
#[must_use]
pub fn next_step(source: &io::Error) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system has many other reasons")]
    match source.kind() {
        io::ErrorKind::AddrInUse => "stop the process that uses it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "choose an address that this machine has",
        io::ErrorKind::PermissionDenied => "choose a port from 1024 on",
        _ => "choose another address or port",
    }
}
