//! Peers made by hand, byte by byte: the protocol as the document says it, and its abuse.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

pub(super) const NONCE: [u8; 16] = *b"a stranger's 16.";

/// What a connection begins with, from who listens at IPv4 addresses.
pub(super) fn preamble(nonce: [u8; 16], announced: &[SocketAddr]) -> Vec<u8> {
    let mut bytes = b"gossip\r\n\x01".to_vec();
    bytes.extend(nonce);
    bytes.push(announced.len() as u8);
    for address in announced {
        let SocketAddr::V4(address) = address else { panic!("IPv4 only") };
        bytes.push(4);
        bytes.extend(address.ip().octets());
        bytes.extend(address.port().to_be_bytes());
    }
    bytes
}

pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

pub(super) fn control(kind: u8, body: &[u8]) -> Vec<u8> {
    let head = (1 << 31) | (1 + body.len() as u32);
    [&head.to_be_bytes(), [kind].as_slice(), body].concat()
}

/// A connection that says only what a test tells it to say.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) stream: TcpStream,
    /// The nonce that the other side said.
    pub(super) theirs: [u8; 16],
}

/// What a stranger hears after the preambles.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Control(Vec<u8>),
    End,
    Frame(Vec<u8>),
}

impl Stranger {
    /// Dials and claims to listen there.
    pub(super) async fn dial(to: SocketAddr, announced: &[SocketAddr]) -> Self {
        Self::dial_with(to, NONCE, announced).await
    }

    pub(super) async fn dial_with(
        to: SocketAddr,
        nonce: [u8; 16],
        announced: &[SocketAddr],
    ) -> Self {
        let mut stream = TcpStream::connect(to).await.expect("it listens");
        stream.write_all(&preamble(nonce, announced)).await.expect("it reads");
        let theirs = heard_preamble(&mut stream).await;
        Self { stream, theirs }
    }

    /// Accepts what is dialled, and claims to listen nowhere.
    pub(super) async fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = within("a dial", listener.accept()).await.expect("it listens");
        let theirs = heard_preamble(&mut stream).await;
        stream.write_all(&preamble(NONCE, &[])).await.expect("it reads");
        Self { stream, theirs }
    }

    pub(super) async fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the link stands");
    }

    /// The next thing that is no ping.
    pub(super) async fn hear(&mut self) -> Said {
        loop {
            let said = within("a word", self.hear_any()).await;
            if said != Said::Control(vec![0]) {
                return said;
            }
        }
    }

    async fn hear_any(&mut self) -> Said {
        let Ok(head) = self.stream.read_u32().await else { return Said::End };
        let length = head & !(1 << 31);
        let mut body = vec![0; length as usize];
        if self.stream.read_exact(&mut body).await.is_err() {
            return Said::End;
        }
        if head == length { Said::Frame(body) } else { Said::Control(body) }
    }
}

async fn heard_preamble(stream: &mut TcpStream) -> [u8; 16] {
    let mut fixed = [0; 26];
    within("a preamble", stream.read_exact(&mut fixed)).await.expect("a preamble");
    assert_eq!(fixed[..9], *b"gossip\r\n\x01");
    let addresses = usize::from(fixed[25]);
    let mut rest = vec![0; addresses * 7];
    stream.read_exact(&mut rest).await.expect("its addresses");
    fixed[9..25].try_into().expect("16 bytes")
}
