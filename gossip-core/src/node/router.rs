//! From the network to the machines: frames taken apart, records handed on.

use bytes::{Buf as _, Bytes};

use super::Node;
use crate::fact::{Blame, Why};
use crate::id::{ChannelId, NodeId, SessionId};
use crate::membership::MemberStatus;
use crate::peering::Sender;
use crate::transport::{Address, Inbound};
use crate::wire::{
    DATA_HEADER_BYTES, Frame, Record, Records, Talk, decode_frame, decompressed, session_of,
};

/// What the records of a frame are about, until the next channel is named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Channel(ChannelId),
    /// A channel that we are not in.
    Nothing,
    Session,
}

impl Node {
    pub(super) fn network(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Frame { from, bytes } => self.frame(from, bytes),
            Inbound::Down(link) => self.peering.down(self.now.mono, link),
            // What a full queue dropped is repair's business: a node that sends at its own pace
            // needs no word of when there is room again.
            Inbound::Room(_) => {}
            Inbound::Up(link, peer) => self.peering.up(link, peer),
        }
    }

    fn frame(&mut self, from: Address, bytes: Bytes) {
        self.status.wire.received_frames += 1;
        self.status.wire.received_bytes += bytes.len() as u64;
        let session = session_of(&bytes);
        let member = session.and_then(|session| self.peering.sender(session, from));
        let sender = member.map_or(Sender::Stranger(from), |_| Sender::Session(from));
        if !self.peering.hears(self.now.mono, sender) {
            return self.reject(member, Some(from), Why::Slowed);
        }
        // Whoever was taken for dead goes on where it was, once a frame of it is opened.
        let buried = match (member, session) {
            (None, Some(session)) => self.buried(session, from),
            _ => None,
        };
        let payloads = self.config.payloads();
        let most = match from {
            Address::Socket(_) => payloads.gossip,
            Address::Stream(_) | Address::Link(_) => payloads.bulk,
        };
        if bytes.len() > most {
            return self.blame(sender, member, Why::TooLarge);
        }
        if let Some((session, member)) = session.zip(member.or(buried)) {
            let mut sealed = bytes;
            sealed.advance(DATA_HEADER_BYTES);
            // What is compressed holds no more than what would have come the same way without.
            let opened = self.keys.open(session, sealed);
            let most = most - DATA_HEADER_BYTES;
            return match opened.and_then(|records| decompressed(records, most)) {
                Ok(records) => {
                    if buried.is_some() {
                        self.raise(member, session);
                    }
                    self.peering.arrived(&member, from);
                    self.records(member, from, records);
                }
                Err(why) => self.blame(sender, Some(member), why),
            };
        }
        match decode_frame(&bytes) {
            Ok(frame) => self.other_frame(from, frame),
            Err(why) => self.blame(sender, None, why),
        }
    }

    /// Who was taken for dead, has not left since, and may go on with this session.
    fn buried(&self, session: SessionId, from: Address) -> Option<NodeId> {
        let member = self.peering.buried(self.now.mono, session, from)?;
        let is_gone = [MemberStatus::Left, MemberStatus::Evicted].map(Some);
        (!is_gone.contains(&self.roster.status(&member))).then_some(member)
    }

    /// A member that was taken for dead goes on with its session.
    fn raise(&mut self, member: NodeId, session: SessionId) {
        self.peering.raise(session);
        if self.stands(member) {
            for id in self.channels.keys().copied().collect::<Vec<_>>() {
                self.in_channel(id, |channel, env| channel.met(env, member, true));
            }
        }
    }

    fn other_frame(&mut self, from: Address, frame: Frame) {
        if !self.life.is_known() {
            return self.reject(None, Some(from), Why::NotReady);
        }
        let us = self.introduction();
        self.peering.on_frame(self.now, from, frame, &us, &mut self.next_ticket);
    }

    fn records(&mut self, member: NodeId, from: Address, records: Bytes) {
        if self.turns_away(member, from) {
            return;
        }
        self.heard(member);
        let mut about = About::Session;
        for record in Records::new(records) {
            match record {
                Ok(Record::Channel(tag)) => {
                    let named = self.channels.keys().find(|id| id.tag() == tag);
                    about = named.map_or(About::Nothing, |id| About::Channel(*id));
                    if about == About::Nothing {
                        self.reject(Some(member), Some(from), Why::UnknownChannel);
                    }
                }
                Ok(Record::Unknown(_)) => self.status.unknown_records += 1,
                Ok(record) => {
                    self.record(member, from, about, record);
                }
                Err(why) => self.blame(Sender::Session(from), Some(member), why),
            }
        }
    }

    fn record(&mut self, from: NodeId, at: Address, about: About, record: Record) {
        match (about, record) {
            (About::Session, Record::Talk(Talk::Ping(nonce))) => self.on_ping(from, at, nonce),
            (About::Session, Record::Talk(Talk::PingReq(asked))) => self.on_ping_req(from, asked),
            (About::Session, Record::Talk(Talk::Ack(nonce))) => self.on_ack(from, at, nonce),
            (About::Session, Record::Talk(Talk::Nack(nonce))) => self.on_nack(from, at, nonce),
            (About::Session, Record::Talk(Talk::Query(query))) => self.on_query(from, query),
            (About::Session, Record::Talk(Talk::Report(report))) => {
                self.on_report(from, at, report);
            }
            (About::Session, _) => self.blame(Sender::Session(at), Some(from), Why::BadRecord),
            (About::Channel(id), Record::Fact { bytes, feedback }) => {
                self.in_channel(id, |channel, env| channel.on_fact(env, from, bytes, feedback));
                // It moves on together with all that come with it.
                self.unpumped.insert(id);
            }
            (About::Channel(id), Record::Talk(talk)) => {
                if let Talk::Feedback { known, new } = &talk
                    && id == self.view_id
                {
                    self.confirmed(from, known, new);
                }
                self.in_channel(id, |channel, env| channel.on_talk(env, from, talk));
            }
            (About::Channel(_), Record::Channel(_) | Record::Unknown(_)) | (About::Nothing, _) => {}
        }
    }

    /// Counts a rejection, and slows the sender down if it is to blame.
    pub(super) fn blame(&mut self, sender: Sender, from: Option<NodeId>, why: Why) {
        let (Sender::Session(address) | Sender::Stranger(address)) = sender;
        self.reject(from, Some(address), why);
        if matches!(why.blame(), Blame::Malformed | Blame::Unproven) {
            self.peering.blame(self.now.mono, sender);
        }
    }
}
