//! What `doctor` and `why` say at a node.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::lines::Host;

/// What a doctor found, and about whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) code: String,
    pub(crate) hosts: Vec<Host>,
}

impl Found {
    pub(crate) fn new(code: &str, hosts: &[Host]) -> Self {
        Self { code: code.to_owned(), hosts: hosts.to_vec() }
    }
}

/// What the doctor finds at a host; those of a link are in its direction.
#[track_caller]
pub(crate) fn findings(cluster: &Cluster, host: Host) -> Vec<Found> {
    let outcome = cluster.run(host, &["doctor"]);
    let doctor = outcome.json();
    let found = doctor["findings"].as_array().unwrap().iter();
    let found: Vec<_> = found
        .map(|it| {
            let nodes = it["nodes"].as_array().unwrap().iter();
            let mut hosts: Vec<_> = nodes.map(|id| cluster.host(id.as_str().unwrap())).collect();
            let code = it["code"].as_str().unwrap().to_owned();
            if !code.ends_with("-link") {
                hosts.sort_unstable();
            }
            Found { code, hosts }
        })
        .collect();
    let grave = doctor["findings"].as_array().unwrap().iter().any(|it| it["severity"] != "note");
    assert_eq!((outcome.code, &doctor["ok"]), (i32::from(grave), &Value::Bool(!grave)));
    found
}

/// Waits until doctors at all of these hosts have found just this; returns how long it took.
#[track_caller]
pub(crate) fn all_find(
    cluster: &Cluster,
    hosts: &[Host],
    wanted: &[Found],
    patience: Duration,
) -> Duration {
    let mut left = hosts.to_vec();
    cluster.eventually(&format!("the doctor finds {wanted:?} at {hosts:?}"), patience, || {
        left.retain(|host| findings(cluster, *host) != wanted);
        left.is_empty()
    })
}

/// What a host says of a member.
#[track_caller]
pub(crate) fn why(cluster: &Cluster, host: Host, about: Host) -> Value {
    cluster.run(host, &["why", cluster.id(about)]).code(0).json()
}

/// The kinds of evidence that a host has of a member.
#[track_caller]
pub(crate) fn kinds(cluster: &Cluster, host: Host, about: Host) -> Vec<String> {
    let why = why(cluster, host, about);
    let evidence = why["evidence"].as_array().unwrap().iter();
    evidence.map(|line| line["kind"].as_str().unwrap().to_owned()).collect()
}
