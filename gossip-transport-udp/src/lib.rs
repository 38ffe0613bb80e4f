//! UDP transport: batched syscalls, segmentation offload, and an honest word about what was lost.

mod bind;
mod counters;
mod flush;
mod receive;
mod transport;

pub use bind::{BindError, SOCKET_BUFFER_BYTES, SocketBuffers, UdpConfig};
pub use counters::UdpStats;
pub use transport::{CLOSE_PATIENCE, UdpTransport};
