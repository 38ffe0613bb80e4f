//! What everybody reports, put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use gossip_core::id::NodeId;
use gossip_core::membership::{
    Link, Member, MemberStatus, Severity, Symptom, Testimony, diagnose, prefix,
};
use gossip_core::runtime::Gossip;
use serde::Deserialize;

use super::super::Admin;
use super::super::documents::health::{
    DiffDocument, DifferenceDocument, DoctorDocument, FindingDocument, LinkDocument,
    ReachabilityDocument, ReporterDocument, SeenDocument, ViewDocument, ViewsDocument,
};
use super::super::error::Refusal;
use super::{find, name};

#[derive(Debug, Deserialize)]
pub(in super::super) struct DiffQuery {
    a: Option<String>,
    b: Option<String>,
}

/// What is wrong, the worst first.
pub(in super::super) async fn doctor(
    State(admin): State<Arc<Admin>>,
) -> Result<Json<DoctorDocument>, Refusal> {
    let reports = admin.node.gossip.reports(None, false).await?;
    let symptoms = diagnose(&admin.node.gossip.members().await?, &reports);
    let ok = symptoms.iter().all(|symptom| symptom.severity == Severity::Note);
    let findings = symptoms.into_iter().map(finding).collect();
    Ok(Json(DoctorDocument { ok, findings, views: views_of(&reports) }))
}

/// All views; between two nodes that are named, how they differ.
pub(in super::super) async fn views(
    State(admin): State<Arc<Admin>>,
    Query(DiffQuery { a, b }): Query<DiffQuery>,
) -> Result<Json<ViewsDocument>, Refusal> {
    let gossip = &admin.node.gossip;
    let members = gossip.members().await?;
    let pair = match a.zip(b) {
        Some((a, b)) => Some((find(&members, &a)?.id, find(&members, &b)?.id)),
        None => None,
    };
    let reports = gossip.reports(None, pair.is_some()).await?;
    let diff = pair.map(|pair| difference(&members, &reports, pair)).transpose()?;
    let names = members.iter().map(|it| (it.id.to_string(), it.alive.name.clone())).collect();
    Ok(Json(ViewsDocument { views: views_of(&reports), names, diff }))
}

/// Who reaches whom, as everybody sees it.
pub(in super::super) async fn reachability(
    State(admin): State<Arc<Admin>>,
) -> Result<Json<ReachabilityDocument>, Refusal> {
    let gossip: &Gossip = &admin.node.gossip;
    let reports = gossip.reports(None, true).await?;
    let members = gossip.members().await?;
    let ids: BTreeMap<_, _> = members.iter().map(|it| (prefix(&it.id), it.id)).collect();
    let mut links = Vec::new();
    for Testimony { by, report, .. } in &reports {
        for sighting in &report.sightings {
            let Some(to) = ids.get(&sighting.member) else { continue };
            let link = Link::of_number(sighting.link).map_or("unknown", Link::name);
            links.push(LinkDocument {
                from: by.to_string(),
                to: to.to_string(),
                link: link.to_owned(),
                loss_percent: sighting.loss,
                heard_ms: sighting.heard_ms.map(u64::from),
                answered_ms: sighting.answered_ms.map(u64::from),
                rtt_ms: sighting.rtt_ms.map(f64::from),
            });
        }
    }
    let nodes = members.iter().map(|member| ReporterDocument {
        id: member.id.to_string(),
        name: member.alive.name.clone(),
        status: member.status.name().to_owned(),
        reports: reports.iter().any(|report| report.by == member.id),
    });
    Ok(Json(ReachabilityDocument { nodes: nodes.collect(), links }))
}

fn finding(symptom: Symptom) -> FindingDocument {
    let Symptom { severity, code, nodes, text, next } = symptom;
    FindingDocument {
        severity: severity.name().to_owned(),
        code: code.to_owned(),
        nodes: nodes.iter().map(ToString::to_string).collect(),
        text,
        next,
    }
}

/// Nodes by the hash of their view, the hash of most nodes first.
fn views_of(reports: &[Testimony]) -> Vec<ViewDocument> {
    let mut views: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for Testimony { by, report, .. } in reports {
        views.entry(u64::from_be_bytes(report.view)).or_default().push(by.to_string());
    }
    let view = |(hash, mut nodes): (_, Vec<_>)| {
        nodes.sort_unstable();
        ViewDocument { state_hash: format!("{hash:016x}"), nodes }
    };
    let mut views: Vec<_> = views.into_iter().map(view).collect();
    views.sort_by_key(|view| std::cmp::Reverse(view.nodes.len()));
    views
}

/// Whom two nodes see differently.
fn difference(
    members: &[Member],
    reports: &[Testimony],
    (a, b): (NodeId, NodeId),
) -> Result<DiffDocument, Refusal> {
    let report = |by: NodeId| {
        reports.iter().find(|report| report.by == by).ok_or_else(|| {
            let name = name(members, &by);
            let text = format!("{name} {by} does not answer; `gossip-cli why {by}` says why");
            Refusal::new(StatusCode::BAD_GATEWAY, "no-report", text)
        })
    };
    let (by_a, by_b) = (report(a)?, report(b)?);
    let (seen_by_a, seen_by_b) = (seen(members, by_a), seen(members, by_b));
    // Where no stream leads, a report speaks of some only.
    let (a_told_all, b_told_all) = (is_whole(by_a), is_whole(by_b));
    let differs = members.iter().filter_map(|member| {
        let (a, b) = (seen_by_a.get(&member.id), seen_by_b.get(&member.id));
        let is_told = (a.is_some() || a_told_all) && (b.is_some() || b_told_all);
        let (id, name) = (member.id.to_string(), member.alive.name.clone());
        (is_told && a != b).then(|| DifferenceDocument { id, name, a: a.cloned(), b: b.cloned() })
    });
    let members = differs.collect();
    Ok(DiffDocument { a: a.to_string(), b: b.to_string(), members })
}

/// Whether a report speaks of everybody whom its maker knows.
fn is_whole(Testimony { report, .. }: &Testimony) -> bool {
    let known: u64 = report.counts.iter().map(|count| u64::from(*count)).sum();
    report.sightings.len() as u64 + 1 >= known
}

/// Members as a report shows them; who makes it is alive.
fn seen(
    members: &[Member],
    Testimony { by, report, .. }: &Testimony,
) -> BTreeMap<NodeId, SeenDocument> {
    let ids: BTreeMap<_, _> = members.iter().map(|it| (prefix(&it.id), it.id)).collect();
    let others = report.sightings.iter().filter_map(|sighting| {
        let id = *ids.get(&sighting.member)?;
        Some((id, MemberStatus::of_number(sighting.status), sighting.incarnation))
    });
    let own = members.iter().filter(|member| member.id == *by);
    let own = own.map(|own| (own.id, Some(MemberStatus::Alive), own.alive.incarnation));
    let document = |(id, status, incarnation): (_, Option<MemberStatus>, _)| {
        let status = status.map_or("unknown", MemberStatus::name).to_owned();
        (id, SeenDocument { status, incarnation })
    };
    others.chain(own).map(document).collect()
}
