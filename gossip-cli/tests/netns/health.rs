//! What is wrong is named with its cause: a line that is cut in one direction, a process that stands still.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{Cluster, RECOVERY, Variant, report};
use crate::lines::Host;

/// How long the process stands still.
const STANDSTILL: Duration = Duration::from_secs(20);

const STOPPED: Host = 3;

/// Host 2 does not hear host 1: everybody is told so, and nobody is dead to anybody.
pub(crate) fn a_one_way_cut_is_named(variant: Variant) {
    let cluster = Cluster::start(variant, 8, 5);
    cluster.network.cut(&[1], &[2], true);
    // Connections need both directions.
    let code = if variant.transport.contains("udp") { "one-way-link" } else { "cut-link" };
    let taken =
        cluster.eventually("the cut is named", RECOVERY, || finds(&cluster, 4, code, &[1, 2]));
    report(variant, format_args!("a one-way cut is named after {taken:.1?}"));
    let link = |at: Host, of: Host| why(&cluster, at, of)["link"]["link"].clone();
    cluster.eventually("host 2 knows", RECOVERY, || link(2, 1) == "vouched");
    if code == "one-way-link" {
        cluster.eventually("host 1 knows", RECOVERY, || link(1, 2) == "heard");
    }
    assert_eq!(dead(&cluster, &cluster.network.hosts().collect::<Vec<_>>()), []);

    cluster.network.cut(&[1], &[2], false);
    let taken =
        cluster.eventually("all is well again", RECOVERY, || !finds(&cluster, 4, code, &[1, 2]));
    report(variant, format_args!("and is no more after {taken:.1?}"));
}

/// A stopped process is dead while it lasts, and nobody else is; then it says itself what happened.
pub(crate) fn a_standstill_is_named(variant: Variant) {
    let cluster = Cluster::start(variant, 9, 5);
    let rest: Vec<_> = cluster.network.hosts().filter(|host| *host != STOPPED).collect();
    cluster.signal(STOPPED, "-STOP");
    let begun = Instant::now();
    let taken = cluster.see(&rest, &[STOPPED], "dead", RECOVERY);
    report(variant, format_args!("a stopped process is dead after {taken:.1?}"));
    assert!(finds(&cluster, 1, "dead", &[STOPPED]));
    cluster.eventually("it has stood still", STANDSTILL * 2, || begun.elapsed() >= STANDSTILL);
    assert_eq!(dead(&cluster, &rest).len(), rest.len(), "it alone is dead");

    cluster.signal(STOPPED, "-CONT");
    let taken = cluster.all_alive(RECOVERY);
    report(variant, format_args!("a process that goes on is alive after {taken:.1?}"));
    cluster.eventually("it says so", RECOVERY, || finds(&cluster, 1, "stood-still", &[STOPPED]));
    cluster.eventually("why says so", RECOVERY, || {
        let why = why(&cluster, 1, STOPPED);
        let mut lines = why["evidence"].as_array().unwrap().iter();
        lines.any(|line| line["kind"] == "stood-still" && line["by_name"] == "n3")
    });
}

/// Whether a host's doctor finds this about these hosts, in this order, or in any if it is a link both ways.
fn finds(cluster: &Cluster, at: Host, code: &str, of: &[Host]) -> bool {
    let members = cluster.run(at, &["members"]).code(0).json();
    let name = |id: &Value| {
        let members = members["members"].as_array().unwrap();
        members.iter().find(|member| member["id"] == *id).map(|member| member["name"].clone())
    };
    let doctor = cluster.run(at, &["doctor"]).json();
    let mut findings = doctor["findings"].as_array().unwrap().iter();
    findings.any(|finding| {
        let names: Vec<_> = finding["nodes"].as_array().unwrap().iter().filter_map(name).collect();
        let mut wanted: Vec<_> = of.iter().map(|host| Value::from(format!("n{host}"))).collect();
        let same = names == wanted;
        wanted.reverse();
        finding["code"] == code && (same || (code == "cut-link" && names == wanted))
    })
}

fn why(cluster: &Cluster, at: Host, of: Host) -> Value {
    cluster.run(at, &["why", &format!("n{of}")]).code(0).json()
}

/// Who is dead to whom.
fn dead(cluster: &Cluster, hosts: &[Host]) -> Vec<(Host, Value)> {
    let of = |host: &Host| {
        let dead = cluster.run(*host, &["members", "--status", "dead"]).code(0).json();
        let dead = dead["members"].as_array().unwrap().clone();
        dead.into_iter().map(|member| (*host, member["name"].clone())).collect::<Vec<_>>()
    };
    hosts.iter().flat_map(of).collect()
}
