//! What both sides of a connection say before the first frame.

use std::io;
use std::net::{IpAddr, SocketAddr};

use gossip_core::id::MAX_ADDRESSES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a link begins with. The line break tells a path that alters text.
const MAGIC: [u8; 8] = *b"gossip\r\n";

/// The version of the preamble and of the framing after it.
const VERSION: u8 = 1;

/// A random number that one side chooses for one connection: who knows it, holds that connection
/// or was told by who holds it.
pub(crate) type Nonce = [u8; 16];

/// ```text
/// magic (8) | version (1) | nonce (16) | count (1) | count × address
/// address: 4 | IPv4 (4) | port (2)   or   6 | IPv6 (16) | port (2)      big-endian
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    pub(crate) nonce: Nonce,
    /// Where the sender takes streams; at most [`MAX_ADDRESSES`]. A claim and no more.
    pub(crate) announced: Vec<SocketAddr>,
}

impl Preamble {
    /// Reads what the peer says first, and not a byte more.
    ///
    /// # Errors
    /// The connection failed; or, as [`io::ErrorKind::InvalidData`], the peer says something else.
    pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut start = [0; MAGIC.len() + 1];
        stream.read_exact(&mut start).await?;
        if start.split_last() != Some((&VERSION, &MAGIC)) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut nonce = Nonce::default();
        stream.read_exact(&mut nonce).await?;
        let count = stream.read_u8().await?;
        if usize::from(count) > MAX_ADDRESSES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut announced = Vec::new();
        for _ in 0..count {
            announced.push(read_address(stream).await?);
        }
        Ok(Self { nonce, announced })
    }

    pub(crate) async fn write(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(&self.encode()).await
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend(self.nonce);
        let announced = self.announced.iter().take(MAX_ADDRESSES);
        bytes.push(announced.len() as u8);
        for address in announced {
            match address.ip() {
                IpAddr::V4(ip) => {
                    bytes.push(4);
                    bytes.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    bytes.push(6);
                    bytes.extend(ip.octets());
                }
            }
            bytes.extend(address.port().to_be_bytes());
        }
        bytes
    }
}

async fn read_address(stream: &mut TcpStream) -> io::Result<SocketAddr> {
    let ip: IpAddr = match stream.read_u8().await? {
        4 => stream.read_u32().await?.to_be_bytes().into(),
        6 => stream.read_u128().await?.to_be_bytes().into(),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok((ip, stream.read_u16().await?).into())
}
