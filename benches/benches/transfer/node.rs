//! One node in a process of its own, told over its standard input what to do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use gossip_benches::waiting::{Patience, until};
use gossip_core::config::{ConfigSpec, Strategies};
use gossip_core::fact::SigningKeys;
use gossip_core::io::{AtEpoch, Seed};
use gossip_core::runtime::{Gossip, RuntimeConfig, spawn};
use gossip_store_rocks::{RocksConfig, RocksStore};
use gossip_transport_tcp::{TcpConfig, TcpTransport};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use super::Took;

/// The first argument of a process that is a node.
pub(crate) const FLAG: &str = "--node";

/// Of a node that does not compress what it sends.
const PLAIN: &str = "--plain";

/// How often a node looks at how much it holds.
const LOOK: Patience =
    Patience { every: Duration::from_millis(20), most: Duration::from_secs(600) };

/// A node's process, seen from outside.
pub(crate) struct Child {
    pub(crate) address: String,
    answers: Receiver<String>,
    /// An answer that came while nobody asked for it.
    ahead: Option<String>,
    input: ChildStdin,
    process: std::process::Child,
}

impl Child {
    /// Starts a node of this number on a store, with a seed, on so many cores.
    pub(crate) fn start(number: u64, store: &Path, seed: Option<&str>, cores: Option<u64>) -> Self {
        let program = std::env::current_exe().expect("this program has a file");
        let mut command = Command::new(program);
        command.args([FLAG, &number.to_string(), &store.display().to_string()]);
        command.args([seed.unwrap_or("-"), &cores.unwrap_or(0).to_string()]);
        command.args(std::env::args().find(|argument| argument == PLAIN));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the program starts again");
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (send, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut child = Self { address: String::new(), answers, ahead: None, input, process };
        child.address = child.answer();
        child
    }

    /// Waits until it has sessions with all others of so many.
    pub(crate) fn meet(&mut self, nodes: u64) {
        self.ask(&format!("meet {}", nodes - 1));
    }

    /// Milliseconds of each of so many puts, one after the other.
    pub(crate) fn puts(&mut self, count: u64) -> Vec<f64> {
        let answer = self.ask(&format!("puts {count}"));
        answer.split(' ').filter_map(|number| number.parse().ok()).collect()
    }

    /// CPU seconds of its process so far.
    pub(crate) fn cpu(&mut self) -> f64 {
        self.ask("cpu").parse().expect("a number")
    }

    /// Waits until it holds so many entries.
    pub(crate) fn hold(&mut self, entries: u64) {
        self.begin_hold(entries);
        self.finish();
    }

    pub(crate) fn begin_hold(&mut self, entries: u64) {
        writeln!(self.input, "hold {entries}").expect("it listens");
    }

    pub(crate) fn is_done(&mut self, within: Duration) -> bool {
        self.ahead = self.ahead.take().or_else(|| self.answers.recv_timeout(within).ok());
        self.ahead.is_some()
    }

    pub(crate) fn finish(&mut self) -> Took {
        let answer = self.answer();
        let mut numbers = answer.split(' ').map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("two numbers");
        Took { seconds: next(), cpu: next() }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").expect("it listens");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let ahead = self.ahead.take();
        ahead.unwrap_or_else(|| self.answers.recv().expect("the node's process answers"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It has nothing to keep.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The life of such a process.
#[expect(clippy::print_stdout, reason = "its answers are lines")]
pub(crate) fn serve(arguments: &[String]) {
    let [_, number, store, seed, cores, plain @ ..] = arguments else { panic!("{arguments:?}") };
    pin(cores.parse().expect("a number of cores"));
    let number: u8 = number.parse().expect("a small number");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let gossip =
        runtime.block_on(start(number, Path::new(store), seed.parse().ok(), plain.is_empty()));
    println!("{}", gossip.endpoints().iter().next().expect("it listens"));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let (word, argument) = line.split_once(' ').unwrap_or((&line, "0"));
        let argument: u64 = argument.parse().expect("a number");
        let answer = runtime.block_on(async {
            match word {
                "meet" => meet(&gossip, argument as usize).await,
                "puts" => puts(&gossip, argument).await,
                "hold" => {
                    hold(&gossip, argument).await;
                    format!("{} {}", begun.elapsed().as_secs_f64(), cpu_seconds() - cpu)
                }
                _ => cpu_seconds().to_string(),
            }
        });
        println!("{answer}");
    }
}

async fn start(number: u8, store: &Path, seed: Option<SocketAddr>, compress: bool) -> Gossip {
    let store = RocksStore::open(store, RocksConfig::default()).expect("the store opens");
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let transport = TcpTransport::bind(TcpConfig::new(listen)).expect("a port is free");
    let seeds = seed.into_iter().map(Seed::Address).collect();
    let cluster = "test".to_owned();
    let config = ConfigSpec { cluster, compress, seeds, ..ConfigSpec::default() };
    let keys = SigningKeys::new([number + 1; 32], [number + 1; 32]);
    let strategies = Strategies::new(Box::new(keys));
    let options = RuntimeConfig::default();
    let gossip = spawn(config, strategies, Arc::new(transport), Arc::new(store), options).await;
    gossip.expect("the node starts")
}

async fn meet(gossip: &Gossip, partners: usize) -> String {
    until("partners meet", LOOK, async || {
        gossip.status().await.expect("it runs").partners >= partners
    })
    .await;
    String::from("met")
}

async fn hold(gossip: &Gossip, entries: u64) {
    let channel = gossip.main_channel();
    until("all entries are here", LOOK, async || {
        let totals = gossip.total(channel, AtEpoch::This).await;
        totals.expect("it runs").1.entries >= entries
    })
    .await;
}

async fn puts(gossip: &Gossip, count: u64) -> String {
    let mut answer = String::new();
    let mut turns = tokio::time::interval(super::PACE);
    for number in 0..count {
        turns.tick().await;
        let begun = Instant::now();
        gossip.put(format!("put-{number}"), vec![7; 200]).await.expect("it runs");
        answer += &format!("{} ", begun.elapsed().as_secs_f64() * 1e3);
    }
    answer
}

/// Keeps this process to the first so many cores that it has; 0: all.
fn pin(cores: usize) {
    let all = sched_getaffinity(None).expect("the system tells");
    let mut some = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).take(cores).for_each(|it| some.set(it));
    if cores > 0 {
        sched_setaffinity(None, &some).expect("a process may have less");
    }
}

/// CPU time of this process.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
