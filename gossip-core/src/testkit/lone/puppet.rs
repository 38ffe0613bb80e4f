//! A peer on strings: it says what it is told, well-formed or not.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::Lone;
use crate::config::Config;
use crate::fact::{Domain, Draft, Envelope, FactKind, Keys as _, SimKeys, Verified};
use crate::id::{BootId, ChannelId, Endpoints, NodeId, SessionId, TopicId};
use crate::membership::Alive;
use crate::testkit::facts::Author;
use crate::time::{Hlc, Wall};
use crate::transport::Address;
use crate::wire::{Frame, Hello, Packer, Parcel, Record, Records, Talk, data_header, decode_frame};

/// A peer with a key, an address and a session of its own.
#[derive(Clone, Debug)]
pub struct Puppet {
    /// Where it is.
    pub address: Address,
    /// What its Hello says that it can do; nothing unless changed.
    pub capabilities: u64,
    /// Where it says that it listens; its address takes datagrams unless changed.
    pub endpoints: Endpoints,
    /// The session that its frames carry.
    pub session: SessionId,
    config: Config,
    keys: SimKeys,
}

impl Puppet {
    /// The puppet with this number.
    #[must_use]
    pub fn new(number: u32, config: &Config) -> Self {
        let [_, a, b, c] = number.to_be_bytes();
        let listen = SocketAddr::from(([172, a, b, c], 7946));
        let session = SessionId((0xa000_0000_0000_0000 | u64::from(number)).to_be_bytes());
        let keys = SimKeys::new(1_000 + u64::from(number));
        let (address, endpoints) = (Address::Socket(listen), Endpoints::datagram(listen));
        Self { address, capabilities: 0, endpoints, session, config: config.clone(), keys }
    }

    /// The same peer in another session.
    #[must_use]
    pub fn in_session(&self, session: u64) -> Self {
        Self { session: SessionId(session.to_be_bytes()), ..self.clone() }
    }

    /// The same peer somewhere else; it announces where it was.
    #[must_use]
    pub fn at(&self, address: impl Into<Address>) -> Self {
        Self { address: address.into(), ..self.clone() }
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.keys.id()
    }

    /// Its hand in the main channel.
    #[must_use]
    pub fn author(&self) -> Author {
        let (cluster, channel) = (self.config.cluster(), self.config.main_channel());
        Author::new(Box::new(self.keys), &Domain::new(cluster, channel))
    }

    /// What it says about itself.
    ///
    /// # Panics
    /// Never: the statement is within limits.
    #[must_use]
    pub fn alive(&self, wall: Wall) -> Verified<Envelope> {
        let alive = Alive {
            incarnation: 1,
            boot: BootId(self.session.0),
            box_key: [0; 32],
            endpoints: self.endpoints.clone(),
            name: String::new(),
            tags: std::collections::BTreeMap::new(),
            versions: Alive::VERSIONS,
            capabilities: 0,
            program: String::new(),
        };
        let draft = Draft {
            context: Vec::new(),
            expires_at: Wall::ZERO,
            hlc: Hlc::from_wall(wall),
            key: Bytes::copy_from_slice(self.id().as_bytes()),
            kind: FactKind::ALIVE,
            topic: TopicId(0),
            value: Some(alive.encode()),
        };
        let cluster = self.config.cluster();
        let view = Domain::new(cluster, ChannelId::view(cluster));
        draft.sign(&self.keys, &view).expect("a short statement is within limits")
    }

    /// Its Hello.
    #[must_use]
    pub fn hello(&self, wall: Wall, cookie: Option<[u8; 16]>) -> Hello {
        Hello {
            answers: None,
            alive: self.alive(wall).bytes().clone(),
            capabilities: self.capabilities,
            cluster: self.config.cluster(),
            commit: 0,
            constants: self.config.clone().for_rule("last-write").constants().hash(),
            cookie,
            fact_limit: self.config.fact_limit(),
            session: self.session,
            versions: Alive::VERSIONS,
            wall,
        }
    }

    /// Proves its address, as any node that dials does; the cookie.
    pub fn cookie(&self, lone: &mut Lone) -> Option<[u8; 16]> {
        let hello = self.hello(lone.now.wall, None);
        lone.frame(self.address, Frame::Hello(Box::new(hello)).encode());
        self.frames(lone).find_map(|frame| match frame {
            Frame::Retry { session, cookie } => (session == self.session).then_some(cookie),
            Frame::Data { .. } | Frame::Hello(_) | Frame::Refuse { .. } | Frame::Reset { .. } => {
                None
            }
        })
    }

    /// Makes a session with the node; whether it stands. A connection needs no proof of address.
    pub fn greet(&self, lone: &mut Lone) -> bool {
        let by_datagram = matches!(self.address, Address::Socket(_));
        let cookie = by_datagram.then(|| self.cookie(lone));
        if cookie == Some(None) {
            return false;
        }
        let hello = self.hello(lone.now.wall, cookie.flatten());
        lone.frame(self.address, Frame::Hello(Box::new(hello)).encode());
        self.frames(lone).any(
            |frame| matches!(frame, Frame::Hello(hello) if hello.answers == Some(self.session)),
        )
    }

    /// One data frame of these records, as a node packs them.
    ///
    /// # Panics
    /// If they do not fit one frame.
    #[must_use]
    pub fn frame(&self, records: &[(Option<ChannelId>, Parcel)]) -> Bytes {
        let mut packer = Packer::new(64 * 1024);
        for (channel, parcel) in records {
            assert!(packer.push(channel.map(|channel| channel.tag()), parcel), "it fits");
        }
        let body = packer.finish().concat();
        self.raw(&body)
    }

    /// A data frame around any bytes.
    #[must_use]
    pub fn raw(&self, body: &[u8]) -> Bytes {
        let mut frame = BytesMut::new();
        frame.put_slice(&data_header(self.session));
        frame.put_slice(body);
        frame.freeze()
    }

    /// Offers facts in the main channel.
    pub fn offer(&self, lone: &mut Lone, facts: &[Envelope]) {
        let main = lone.main();
        let parcel =
            |fact: &Envelope| Parcel::Fact { bytes: fact.bytes().clone(), feedback: false };
        let records: Vec<_> = facts.iter().map(|fact| (Some(main), parcel(fact))).collect();
        let frame = self.frame(&records);
        lone.frame(self.address, frame);
    }

    /// Says something in the main channel.
    pub fn say(&self, lone: &mut Lone, talk: Talk) {
        let frame = self.frame(&[(Some(lone.main()), Parcel::Talk(talk))]);
        lone.frame(self.address, frame);
    }

    /// What the node sent to it since it last sent anything was taken.
    pub fn frames<'a>(&self, lone: &'a Lone) -> impl Iterator<Item = Frame> + use<'a> {
        let to = self.address;
        let ours = lone.sent.iter().filter(move |transmit| transmit.to == to);
        ours.filter_map(|transmit| decode_frame(&transmit.bytes).ok())
    }

    /// What was said to it in a channel.
    pub fn talk<'a>(
        &self,
        lone: &'a Lone,
        channel: ChannelId,
    ) -> impl Iterator<Item = Talk> + use<'a> {
        let mut named = None;
        self.records(lone).filter_map(move |record| match record {
            Record::Channel(tag) => {
                named = Some(tag);
                None
            }
            Record::Talk(talk) => (named == Some(channel.tag())).then_some(talk),
            Record::Fact { .. } | Record::Unknown(_) => None,
        })
    }

    /// The records among them.
    pub fn records<'a>(&self, lone: &'a Lone) -> impl Iterator<Item = Record> + use<'a> {
        let sealed = self.frames(lone).filter_map(|frame| match frame {
            Frame::Data { sealed, .. } => Some(sealed),
            Frame::Hello(_) | Frame::Refuse { .. } | Frame::Reset { .. } | Frame::Retry { .. } => {
                None
            }
        });
        sealed.flat_map(Records::new).filter_map(Result::ok)
    }
}
