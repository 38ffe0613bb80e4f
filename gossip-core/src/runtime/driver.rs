//! The driver task: the one owner of a running node.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::clock::Clock;
use super::events::publish;
use super::exports::Exports;
use super::resolver::Resolver;
use super::verifiers::Verifiers;
use super::writer::Writer;
use super::{DriverError, GossipError, RuntimeConfig};
use crate::io::{Answer, Command, Event, Input, Output, RequestId};
use crate::node::Node;
use crate::store::Store;
use crate::transport::Transport;

/// Commands that wait for the driver before their senders wait as well (guess).
const COMMANDS: usize = 1_024;

/// Most commands that wait for the store; more are told that the node is busy (guess: as many as
/// `Limits::writes`).
const PENDING: usize = 65_536;

/// Most inputs of one source in a row, and most inputs before other tasks of the thread get their
/// turn (guess: well under a millisecond). A transport's batch is taken as it comes.
const TURN: usize = 64;

/// How long a stop waits for the store's answers, for its worker to end, and for the transport to
/// close: each.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a handle asks for.
#[derive(Debug)]
pub(super) enum Request {
    Command(Command, Reply),
    Stop,
}

/// Where an answer goes; perhaps nobody is there any more.
pub(super) type Reply = oneshot::Sender<Result<Answer, GossipError>>;

/// Why a driver ended.
pub(super) type Outcome = Result<(), Arc<DriverError>>;

/// What handles hold of a driver.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Weak, so that subscriptions end with the driver and not with the last handle.
    pub(super) events: broadcast::WeakSender<Arc<Event>>,
    pub(super) requests: mpsc::Sender<Request>,
    /// Closed once the driver has stopped; then it says why.
    pub(super) stopped: watch::Receiver<Outcome>,
}

/// Carries inputs in and effects out until it is told to stop or cannot go on.
#[derive(Debug)]
pub(super) struct Driver {
    clock: Clock,
    events: broadcast::Sender<Arc<Event>>,
    exports: Exports,
    /// Why the node cannot go on, once it has said so.
    fatal: Option<DriverError>,
    last_request: u64,
    node: Node,
    pending: BTreeMap<RequestId, Reply>,
    requests: mpsc::Receiver<Request>,
    resolver: Resolver,
    store_kind: &'static str,
    transport: Arc<dyn Transport>,
    verifiers: Verifiers,
    wake: Option<Instant>,
    writer: Writer,
}

impl Driver {
    pub(super) fn start(
        clock: Clock,
        node: Node,
        transport: Arc<dyn Transport>,
        store: Arc<dyn Store>,
        options: RuntimeConfig,
    ) -> Line {
        // What holds if the driver vanishes without a word.
        let vanished = Err(Arc::new(DriverError::Vanished { part: "driver" }));
        let (stopped, watch_stopped) = watch::channel(vanished);
        let (send_request, requests) = mpsc::channel(COMMANDS);
        let events = broadcast::Sender::new(options.events.max(1));
        let line =
            Line { events: events.downgrade(), requests: send_request, stopped: watch_stopped };
        let driver = Self {
            clock,
            events,
            exports: Exports::new(options.exporter),
            fatal: None,
            last_request: 0,
            node,
            pending: BTreeMap::new(),
            requests,
            resolver: Resolver::default(),
            store_kind: store.kind(),
            transport,
            verifiers: Verifiers::new(options.verifiers, options.verifier),
            wake: None,
            writer: Writer::start(store),
        };
        tokio::spawn(driver.run(stopped));
        line
    }

    async fn run(mut self, stopped: watch::Sender<Outcome>) {
        let outcome = self.serve().await;
        if let Err(error) = &outcome {
            tracing::error!(%error, "the node stops");
        }
        self.stop().await;
        // Nobody may hold a handle any more.
        let _ = stopped.send(outcome.map_err(Arc::new));
    }

    /// Takes whatever is ready, at random where several are, so that none starves another.
    async fn serve(&mut self) -> Result<(), DriverError> {
        let transport = Arc::clone(&self.transport);
        let mut receiving = transport.recv();
        let mut sleep = pin!(sleep_until(Instant::now()));
        let (mut requests, mut answers) = (Vec::with_capacity(TURN), Vec::with_capacity(TURN));
        let mut inputs = 0;
        loop {
            self.carry_out();
            if let Some(error) = self.fatal.take() {
                return Err(error);
            }
            if inputs >= TURN {
                inputs = 0;
                yield_now().await;
            }
            if let Some(wake) = self.wake {
                sleep.as_mut().reset(wake);
            }
            inputs += select! {
                inbound = &mut receiving => {
                    receiving = transport.recv();
                    self.take(inbound?.into_iter().map(Input::Network))
                }
                count = self.requests.recv_many(&mut requests, TURN) => {
                    if count == 0 || !self.take_requests(requests.drain(..)) {
                        return Ok(());
                    }
                    count
                }
                alive = self.writer.answers(&mut answers, TURN) => {
                    if !alive {
                        return Err(DriverError::Vanished { part: "store" });
                    }
                    self.take(answers.drain(..).map(|(ticket, reply)| Input::Stored(ticket, reply)))
                }
                Some(verified) = self.verifiers.next() => {
                    let Ok((ticket, verdicts)) = verified else {
                        return Err(DriverError::Vanished { part: "verifier" });
                    };
                    self.take([Input::Verified(ticket, verdicts)])
                }
                Some(exported) = self.exports.next() => {
                    let Some((ticket, result)) = exported else {
                        return Err(DriverError::Vanished { part: "exporter" });
                    };
                    self.take([Input::Exported(ticket, result)])
                }
                Some((name, addresses)) = self.resolver.next() => {
                    self.take([Input::Resolved { name, addresses }])
                }
                () = &mut sleep, if self.wake.is_some() => self.take([Input::Wake]),
            };
        }
    }

    /// Takes nothing more but what the store still answers, then ends every part.
    async fn stop(mut self) {
        self.requests.close();
        let until = Instant::now() + FAREWELL;
        let mut answers = Vec::new();
        self.carry_out();
        while self.writer.in_flight() > 0
            && let Ok(true) = timeout_at(until, self.writer.answers(&mut answers, TURN)).await
        {
            self.take(answers.drain(..).map(|(ticket, reply)| Input::Stored(ticket, reply)));
            self.carry_out();
        }
        // Whoever still waits for an answer hears that the node has stopped.
        self.pending.clear();
        self.writer.stop(FAREWELL).await;
        self.verifiers.stop().await;
        self.exports.stop().await;
        if timeout(FAREWELL, self.transport.close()).await.is_err() {
            tracing::warn!("the transport did not close in time");
        }
    }

    /// Hands inputs to the node; says how many.
    fn take(&mut self, inputs: impl IntoIterator<Item = Input>) -> usize {
        let inputs = inputs.into_iter().map(|input| self.node.handle(self.clock.now(), input));
        inputs.count()
    }

    /// False if one of them says to stop.
    fn take_requests(&mut self, requests: impl Iterator<Item = Request>) -> bool {
        for request in requests {
            let Request::Command(command, reply) = request else { return false };
            if self.pending.len() >= PENDING && needs_store(&command) {
                let _ = reply.send(Err(GossipError::Busy));
                continue;
            }
            self.last_request += 1;
            let id = RequestId(self.last_request);
            self.pending.insert(id, reply);
            self.take([Input::Command(id, command)]);
        }
        true
    }

    /// Drains the node. Frames leave as one batch.
    fn carry_out(&mut self) {
        let (mut frames, mut answers) = (Vec::new(), Vec::new());
        loop {
            match self.node.poll_output() {
                Output::Answer(request, answer) => self.answer(request, answer),
                Output::Event(event) => {
                    if matches!(event, Event::IdentityInUse) {
                        self.fatal = Some(DriverError::IdentityInUse);
                    }
                    publish(&self.events, event);
                }
                Output::Export(ticket, export) => self.exports.push(ticket, export),
                Output::Resolve(name) => self.resolver.push(name),
                Output::Store(ticket, op) => answers.extend(self.writer.push(ticket, op)),
                Output::Transmit(frame) => frames.push(frame),
                Output::Verify(ticket, job) => self.verifiers.push(ticket, job),
                Output::Wait(_) if !answers.is_empty() => {
                    let answers = answers.drain(..);
                    self.take(answers.map(|(ticket, reply)| Input::Stored(ticket, reply)));
                }
                Output::Wait(until) => {
                    self.wake = until.and_then(|until| self.clock.instant(until));
                    break;
                }
            }
        }
        if frames.is_empty() {
            return;
        }
        let report = self.transport.send(frames);
        let (full, oversize, unroutable) = (report.full.len(), report.oversize, report.unroutable);
        if full + oversize + unroutable > 0 {
            tracing::debug!(full, oversize, unroutable, "frames dropped");
        }
    }

    fn answer(&mut self, request: RequestId, mut answer: Answer) {
        let Some(reply) = self.pending.remove(&request) else { return };
        if let Answer::Status(status) = &mut answer {
            status.store.kind = self.store_kind;
            status.queues.extend([
                ("commands", self.pending.len()),
                ("lookups", self.resolver.len()),
                ("store-ops", self.writer.in_flight()),
                ("verifier-jobs", self.verifiers.len()),
            ]);
        }
        let _ = reply.send(Ok(answer));
    }
}

/// Whether a command waits for the store; the others are answered soon, whatever it does.
const fn needs_store(command: &Command) -> bool {
    match command {
        Command::Get { .. }
        | Command::Scan { .. }
        | Command::Total { .. }
        | Command::Write { .. } => true,
        Command::Compare { .. }
        | Command::Evict(_)
        | Command::Join(_)
        | Command::Leave
        | Command::Members
        | Command::Reports { .. }
        | Command::Status
        | Command::Stop
        | Command::Why(_) => false,
    }
}
