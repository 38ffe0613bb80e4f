//! Followers of `members --watch` at every node: how each showed each other one, and when.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::lines::Host;
use crate::support::{PATIENCE, Running};

/// A node showed a member so.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) at: Instant,
    pub(crate) by: Host,
    pub(crate) about: Host,
    pub(crate) status: String,
    pub(crate) cause: String,
}

/// Follows what every node shows, from its start to its end.
#[derive(Debug)]
pub(crate) struct Watch {
    /// When the trouble began.
    begun: Instant,
    followers: BTreeMap<Host, Running>,
    shown: Arc<Mutex<Vec<Shown>>>,
}

impl Watch {
    /// Follows all nodes, and returns once each has shown whom it knows.
    #[track_caller]
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let begun = Instant::now();
        let mut watch = Self { begun, followers: BTreeMap::new(), shown: Arc::default() };
        for host in cluster.network.hosts() {
            watch.follow(cluster, host);
        }
        watch.begun = Instant::now();
        watch
    }

    /// Follows a node that was started anew.
    #[track_caller]
    pub(crate) fn follow(&mut self, cluster: &Cluster, by: Host) {
        let mut follower = cluster.follow(by, &["members", "--watch"]);
        let lines = mem::replace(&mut follower.lines, channel().1);
        let first = lines.recv_timeout(PATIENCE);
        let first = first.unwrap_or_else(|_| panic!("n{by}: {:?}", follower.said()));
        self.lock().extend(shown(by, &first));
        let all = Arc::clone(&self.shown);
        thread::spawn(move || {
            for line in lines {
                all.lock().unwrap_or_else(PoisonError::into_inner).extend(shown(by, &line));
            }
        });
        self.followers.insert(by, follower);
    }

    /// The trouble begins.
    pub(crate) fn begin(&mut self) -> Instant {
        self.begun = Instant::now();
        self.begun
    }

    /// Everything shown since the trouble began.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let shown = self.lock();
        shown.iter().filter(|shown| shown.at >= self.begun).cloned().collect()
    }

    /// After what time a member was first shown so.
    pub(crate) fn first(&self, status: &str) -> Option<Duration> {
        let mut shown = self.shown().into_iter().filter(|shown| shown.status == status);
        shown.next().map(|shown| shown.at - self.begun)
    }

    /// Fails if anybody was shown as gone, but for those whom this excuses.
    #[track_caller]
    pub(crate) fn nobody_died(&self, cluster: &Cluster, excused: impl Fn(&Shown) -> bool) {
        let gone = |shown: &Shown| matches!(&*shown.status, "dead" | "left" | "evicted");
        let mut deaths = self.shown();
        deaths.retain(|shown| gone(shown) && !excused(shown));
        assert!(deaths.is_empty(), "{deaths:#?}\n{self}\n{cluster}");
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was shown, for people.
impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().iter().try_for_each(|Shown { at, by, about, status, cause }| {
            let after = *at - self.begun;
            writeln!(f, "{after:>9.1?} n{by} shows n{about} {status}: {cause}")
        })
    }
}

/// What a line of a follower shows.
fn shown(by: Host, line: &str) -> Vec<Shown> {
    let at = Instant::now();
    let document: Value = serde_json::from_str(line).unwrap();
    let cause = document["change"]["cause"].as_str().unwrap_or("first").to_owned();
    let members = document["members"].as_array().unwrap().iter();
    members
        .map(|member| {
            let text = |field: &str| member[field].as_str().unwrap().to_owned();
            let about = text("name").trim_start_matches('n').parse().unwrap();
            Shown { at, by, about, status: text("status"), cause: cause.clone() }
        })
        .collect()
}
