//! The laws of connections refuse broken transports.

use std::sync::Mutex;

use async_trait::async_trait;
use gossip_core::id::Endpoints;
use gossip_core::transport::TransportError;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    ForgetsUp,
    NamesBeforeProof,
    None,
    RepeatsDown,
    RepeatsUp,
    Reorders,
    TakesEndedLinks,
}

#[tokio::test]
async fn the_harness_itself_conforms() {
    run(Fault::None).await;
}

#[tokio::test]
#[should_panic(expected = "carries before it stands")]
async fn a_link_that_nobody_told_of_is_caught() {
    run(Fault::ForgetsUp).await;
}

#[tokio::test]
#[should_panic(expected = "was not dialled and proved nothing")]
async fn a_name_without_proof_is_caught() {
    run(Fault::NamesBeforeProof).await;
}

#[tokio::test]
#[should_panic(expected = "a link ends once")]
async fn a_second_end_is_caught() {
    run(Fault::RepeatsDown).await;
}

#[tokio::test]
#[should_panic(expected = "a link stands once")]
async fn a_second_beginning_is_caught() {
    run(Fault::RepeatsUp).await;
}

#[tokio::test]
#[should_panic(expected = "frames came in another order")]
async fn another_order_is_caught() {
    run(Fault::Reorders).await;
}

#[tokio::test]
#[should_panic(expected = "unroutable: 1")]
async fn a_link_that_outlives_its_end_is_caught() {
    run(Fault::TakesEndedLinks).await;
}

async fn run(fault: Fault) {
    let make = async |count: usize| {
        let known = Arc::new(Mutex::new(Vec::new()));
        let transport = |_| {
            let inner = bind(loopback());
            known.lock().expect("nobody panics with it").push(endpoint(&inner));
            Arc::new(Faulty { fault, inner, known: Arc::clone(&known) }) as Arc<dyn Transport>
        };
        (0..count).map(transport).collect()
    };
    transport_conformance(make, LINKS).await;
}

/// A TCP transport with one fault.
#[derive(Debug)]
struct Faulty {
    fault: Fault,
    inner: TcpTransport,
    /// All transports of the test.
    known: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Faulty {
    fn count(&self) -> usize {
        self.known.lock().expect("nobody panics with it").len()
    }

    /// A peer that somebody who believes every word would take for the sender.
    fn somebody(&self) -> Address {
        let known = self.known.lock().expect("nobody panics with it");
        let own = endpoint(&self.inner);
        Address::Stream(known.iter().copied().find(|at| *at != own).unwrap_or(own))
    }
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
        let to_links = batch.iter().all(|frame| matches!(frame.to, Address::Link(_)));
        let ended = self.fault == Fault::TakesEndedLinks && to_links;
        let mut report = self.inner.send(batch);
        if ended {
            report.accepted += std::mem::take(&mut report.unroutable);
        }
        report
    }

    async fn recv(&self) -> Result<Vec<Inbound>, TransportError> {
        let mut received = self.inner.recv().await?;
        match self.fault {
            Fault::ForgetsUp => received.retain(|item| !matches!(item, Inbound::Up(..))),
            // Among three it is wrong at times; of two it is true, yet not proven.
            Fault::NamesBeforeProof if self.count() <= 3 => {
                for item in &mut received {
                    if let Inbound::Frame { from: from @ Address::Link(_), .. } = item {
                        *from = self.somebody();
                    }
                }
            }
            Fault::RepeatsDown => repeat(&mut received, |item| matches!(item, Inbound::Down(_))),
            Fault::RepeatsUp => repeat(&mut received, |item| matches!(item, Inbound::Up(..))),
            Fault::Reorders => {
                if received.iter().all(|item| matches!(item, Inbound::Frame { .. })) {
                    received.reverse();
                }
            }
            Fault::None | Fault::NamesBeforeProof | Fault::TakesEndedLinks => {}
        }
        if received.is_empty() { self.recv().await } else { Ok(received) }
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

fn repeat(received: &mut Vec<Inbound>, is_it: impl Fn(&Inbound) -> bool) {
    let again = received.iter().find(|item| is_it(item)).cloned();
    received.extend(again);
}
