//! What a transfer cannot do without: signatures checked, rows written, bytes moved.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use gossip_benches::bare::{Bare, Rows};
use gossip_benches::table::{cpu_seconds, seconds};
use gossip_core::fact::{Envelope, Job, MAX_BATCH, Verified, Verifier};
use gossip_core::testkit::facts;

/// Entries per second, and what one verification takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floors {
    /// In batches as large as a node's, by two threads.
    pub(crate) verification: f64,
    /// CPU seconds per entry.
    pub(crate) verification_cpu: f64,
    /// By one thread, in batches of 1,000, without a sync.
    pub(crate) ingestion: f64,
    /// In writes of 64 KiB.
    pub(crate) loopback: f64,
}

/// At most so many entries are enough for a floor.
const MOST: usize = 200_000;

pub(crate) fn measure(facts: &[Verified<Envelope>], path: &Path) -> Floors {
    let facts = facts.get(..facts.len().min(MOST)).unwrap_or_default();
    let count = facts.len() as f64;
    let mut cpu = 0.0;
    let verification = count / seconds(|| cpu = verify(facts));
    Floors {
        verification,
        verification_cpu: cpu / count,
        ingestion: count / ingest(facts, path),
        loopback: count / seconds(|| send(facts)),
    }
}

/// The CPU seconds of two threads.
fn verify(facts: &[Verified<Envelope>]) -> f64 {
    let (lower, upper) = facts.split_at(facts.len() / 2);
    let check = |facts: &[Verified<Envelope>]| {
        let mut seconds = 0.0;
        for facts in facts.chunks(MAX_BATCH) {
            let facts = facts.iter().map(|fact| fact.clone().into_inner()).collect();
            let job = Job::new(facts::domain(), facts);
            let begun = cpu_seconds();
            drop(job.run(&Verifier::new()));
            seconds += cpu_seconds() - begun;
        }
        seconds
    };
    thread::scope(|scope| {
        let other = scope.spawn(move || check(upper));
        check(lower) + other.join().expect("signatures are checked")
    })
}

/// The seconds that it takes to write what a store writes for them.
fn ingest(facts: &[Verified<Envelope>], path: &Path) -> f64 {
    let bare = Bare::open(path);
    let rows: Vec<_> = facts.iter().map(|fact| Rows::of(fact, None)).collect();
    seconds(|| rows.chunks(1_000).for_each(|rows| bare.write(rows, false)))
}

fn send(facts: &[Verified<Envelope>]) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            let mut buffer = vec![0; 64 * 1024];
            while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
        let mut stream = TcpStream::connect(address).expect("it listens");
        let mut buffer = Vec::new();
        for fact in facts {
            buffer.extend_from_slice(fact.bytes());
            if buffer.len() >= 64 * 1024 {
                stream.write_all(&buffer).expect("the stream is open");
                buffer.clear();
            }
        }
        stream.write_all(&buffer).expect("the stream is open");
    });
}
