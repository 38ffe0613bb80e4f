//! Two transports as one: datagrams for gossip, streams for bulk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::{Address, Class, Inbound, SendReport, Transmit, Transport, TransportError};
use crate::id::Endpoints;

/// Joins a transport of datagrams and one of streams, told apart by the kind of an address.
///
/// Frames to [`Address::Socket`] leave as datagrams, frames to [`Address::Stream`] and
/// [`Address::Link`] by streams; what comes says by its address how it came. A
/// datagram is as small as the datagrams want it, whatever its class, and both classes are as large
/// as the streams can where they go by stream.
#[derive(Debug)]
pub struct Split {
    datagrams: Arc<dyn Transport>,
    streams: Arc<dyn Transport>,
    /// Who was asked first last time: the two take turns.
    streams_first: AtomicBool,
}

impl Split {
    /// Joins the two. Addresses of datagrams that the stream transport has are not announced, nor
    /// the other way round.
    #[must_use]
    pub fn new(datagrams: Arc<dyn Transport>, streams: Arc<dyn Transport>) -> Self {
        Self { datagrams, streams, streams_first: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Transport for Split {
    fn endpoints(&self) -> Endpoints {
        let datagram = self.datagrams.endpoints().datagram;
        Endpoints { datagram, stream: self.streams.endpoints().stream }
    }

    fn max_payload(&self, class: Class) -> usize {
        match class {
            Class::Gossip => self.datagrams.max_payload(class),
            Class::Bulk => self.streams.max_payload(class),
        }
    }

    fn send(&self, mut batch: Vec<Transmit>) -> SendReport {
        let frames = batch.len();
        let most = |to: &Address| match to {
            Address::Socket(_) => self.max_payload(Class::Gossip),
            Address::Link(_) | Address::Stream(_) => self.max_payload(Class::Bulk),
        };
        batch.retain(|frame| frame.bytes.len() <= most(&frame.to));
        let oversize = frames - batch.len();
        let (datagrams, streams) =
            batch.into_iter().partition(|frame| matches!(frame.to, Address::Socket(_)));
        let mut report = SendReport { oversize, ..SendReport::default() };
        for (transport, batch) in [(&self.datagrams, datagrams), (&self.streams, streams)] {
            let batch: Vec<_> = batch;
            if !batch.is_empty() {
                add(&mut report, transport.send(batch));
            }
        }
        report
    }

    async fn recv(&self) -> Result<Vec<Inbound>, TransportError> {
        let streams_first = !self.streams_first.fetch_xor(true, Ordering::Relaxed);
        let (first, second) = if streams_first {
            (&self.streams, &self.datagrams)
        } else {
            (&self.datagrams, &self.streams)
        };
        tokio::select! {
            biased;
            received = first.recv() => received,
            received = second.recv() => received,
        }
    }

    async fn close(&self) {
        tokio::join!(self.datagrams.close(), self.streams.close());
    }
}

fn add(report: &mut SendReport, part: SendReport) {
    let SendReport { accepted, full, oversize, unroutable } = part;
    report.accepted += accepted;
    report.full.extend(full);
    report.oversize += oversize;
    report.unroutable += unroutable;
}
