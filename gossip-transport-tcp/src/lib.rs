//! TCP transport.

mod accept;
mod back_off;
mod bind;
mod config;
mod counters;
mod dial;
mod framing;
mod inbox;
mod intake;
mod link;
mod outgoing;
mod pace;
mod pool;
mod preamble;
mod shared;
mod transport;

pub use bind::BindError;
pub use config::{TcpConfig, TcpLimits, TcpTimes};
pub use counters::TcpStats;
pub use transport::TcpTransport;
