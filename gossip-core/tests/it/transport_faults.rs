//! The conformance suite of the transport port refuses broken transports.

#![expect(clippy::wildcard_enum_match_arm, reason = "a fault changes one thing and no other")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use gossip_core::id::Endpoints;
use gossip_core::testkit::transport::{Capabilities, transport_conformance};
use gossip_core::transport::{
    Address, Class, Inbound, MemoryLimits, MemoryNet, MemoryTransport, SendReport, Transmit,
    Transport, TransportError,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    CloseDoesNotEndRecv,
    CorruptsAByte,
    DropsInSilence,
    ForgetsRoom,
    LosesWhenCancelled,
    None,
    RepeatsRoom,
    SendsAfterClose,
    SendsOversize,
    StarvesOthers,
    TakesAnyLink,
    WrongSender,
}

#[tokio::test(start_paused = true)]
async fn the_harness_itself_conforms() {
    run(Fault::None).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "was altered")]
async fn a_corrupted_byte_is_caught() {
    run(Fault::CorruptsAByte).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "frames did not arrive")]
async fn a_wrong_sender_is_caught() {
    run(Fault::WrongSender).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "with a limit of 1200")]
async fn an_oversize_frame_that_is_sent_is_caught() {
    run(Fault::SendsOversize).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "unroutable: 1")]
async fn a_link_out_of_nowhere_is_caught() {
    run(Fault::TakesAnyLink).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "frames did not arrive")]
async fn a_frame_lost_to_cancelling_is_caught() {
    run(Fault::LosesWhenCancelled).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "close ends recv")]
async fn a_recv_that_outlives_close_is_caught() {
    run(Fault::CloseDoesNotEndRecv).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "sent after close")]
async fn a_send_after_close_is_caught() {
    run(Fault::SendsAfterClose).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "each frame is accepted or told")]
async fn a_silent_drop_is_caught() {
    run(Fault::DropsInSilence).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "room after a drop")]
async fn a_forgotten_room_is_caught() {
    run(Fault::ForgetsRoom).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "room is said once")]
async fn a_repeated_room_is_caught() {
    run(Fault::RepeatsRoom).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "accepted: 0")]
async fn a_starved_neighbour_is_caught() {
    run(Fault::StarvesOthers).await;
}

async fn run(fault: Fault) {
    let make = async |count: usize| {
        let net = MemoryNet::new(MemoryLimits::default());
        let transport = |port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let flag = AtomicBool::new(false);
            Arc::new(Faulty { fault, flag, inner: net.transport(address) }) as Arc<dyn Transport>
        };
        (1..).take(count).map(transport).collect()
    };
    transport_conformance(make, Capabilities { bounded_queue: true, links: false }).await;
}

/// A memory transport with one fault.
#[derive(Debug)]
struct Faulty {
    fault: Fault,
    /// What the fault remembers.
    flag: AtomicBool,
    inner: MemoryTransport,
}

#[async_trait]
impl Transport for Faulty {
    fn endpoints(&self) -> Endpoints {
        self.inner.endpoints()
    }

    fn max_payload(&self, class: Class) -> usize {
        self.inner.max_payload(class)
    }

    fn send(&self, batch: Vec<Transmit>) -> SendReport {
        let frames = batch.len();
        let mut report = self.inner.send(batch);
        match self.fault {
            Fault::DropsInSilence => report.full.clear(),
            Fault::SendsAfterClose if self.flag.load(Ordering::Relaxed) => {
                report = SendReport { accepted: frames, ..SendReport::default() };
            }
            Fault::SendsOversize => report.accepted += std::mem::take(&mut report.oversize),
            Fault::StarvesOthers if !report.full.is_empty() => {
                self.flag.store(true, Ordering::Relaxed);
            }
            Fault::StarvesOthers if self.flag.load(Ordering::Relaxed) && frames == 1 => {
                report = SendReport::default();
            }
            Fault::TakesAnyLink => report.accepted += std::mem::take(&mut report.unroutable),
            _ => {}
        }
        report
    }

    async fn recv(&self) -> Result<Vec<Inbound>, TransportError> {
        loop {
            let mut received = match self.inner.recv().await {
                Err(_) if self.fault == Fault::CloseDoesNotEndRecv => std::future::pending().await,
                received => received?,
            };
            match self.fault {
                Fault::CorruptsAByte => received.iter_mut().for_each(corrupt),
                Fault::ForgetsRoom => received.retain(|item| !matches!(item, Inbound::Room(_))),
                Fault::LosesWhenCancelled => tokio::task::yield_now().await,
                Fault::RepeatsRoom => repeat_room(&mut received),
                Fault::WrongSender => received.iter_mut().for_each(change_sender),
                _ => {}
            }
            if !received.is_empty() {
                return Ok(received);
            }
        }
    }

    async fn close(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.inner.close().await;
    }
}

fn corrupt(item: &mut Inbound) {
    if let Inbound::Frame { bytes, .. } = item {
        let mut changed = bytes.to_vec();
        if let Some(last) = changed.last_mut() {
            *last ^= 1;
        }
        *bytes = changed.into();
    }
}

fn change_sender(item: &mut Inbound) {
    if let Inbound::Frame { from, .. } = item {
        *from = Address::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)));
    }
}

fn repeat_room(received: &mut Vec<Inbound>) {
    if let Some(room @ Inbound::Room(_)) = received.first().cloned() {
        received.push(room);
    }
}
