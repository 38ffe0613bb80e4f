//! A member that no datagram reaches any more, and a stream does.

use gossip_core::id::Endpoints;
use gossip_core::store::MemoryState;
use gossip_core::strategy::detector::{Swim, SwimConfig};
use gossip_core::testkit::lone::{BULK_BYTES, LISTEN, Lone, Puppet};
use gossip_core::transport::{Address, DATAGRAM_BYTES, Inbound, LinkId, Payloads};
use gossip_core::wire::{Frame, Parcel, Record, Records, Talk, decode_frame};

use super::*;

/// How a member stands after two minutes in which no datagram reaches it; over a stream it answers, or does not.
fn stands_after_silence(answers: bool) -> MemberStatus {
    let both = Endpoints { datagram: vec![LISTEN], stream: vec![LISTEN] };
    let payloads = Payloads { gossip: DATAGRAM_BYTES, bulk: BULK_BYTES };
    let swim = Box::new(Swim::new(SwimConfig::default()));
    let spec = ConfigSpec::default();
    let mut lone = Lone::watching(swim, payloads, both, MemoryState::new(), spec, 1);
    let mut puppet = Puppet::new(1, lone.config());
    let at = puppet.endpoints.datagram[0];
    puppet.endpoints.stream = vec![at];
    assert!(puppet.greet(&mut lone));
    let link = LinkId(1);
    lone.input(gossip_core::io::Input::Network(Inbound::Up(link, at)));
    for _ in 0..1_200 {
        lone.pass(seconds(1) / 10);
        for sent in lone.take_sent().iter().filter(|sent| sent.to != Address::Socket(at)) {
            let Ok(Frame::Data { sealed, .. }) = decode_frame(&sent.bytes) else { continue };
            for record in Records::new(sealed).filter_map(Result::ok) {
                if let Record::Talk(Talk::Ping(number)) = record
                    && answers
                {
                    let ack = puppet.frame(&[(None, Parcel::Talk(Talk::Ack(number)))]);
                    lone.frame(Address::Link(link), ack);
                }
            }
        }
    }
    let request = lone.command(Command::Members);
    let Some(Answer::Members { members: all, .. }) = lone.answers.remove(&request) else {
        panic!("no answer")
    };
    all.into_iter().find(|member| member.id == puppet.id()).unwrap().status
}

#[test]
fn who_answers_over_a_stream_alone_lives() {
    assert_eq!(stands_after_silence(true), MemberStatus::Alive);
    assert_eq!(stands_after_silence(false), MemberStatus::Dead);
}
