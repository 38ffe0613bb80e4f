//! Why a node believes what it believes, and what is wrong with its cluster.

mod clues;
mod reports;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use gossip_core::id::NodeId;
use gossip_core::membership::{Clue, Evidence, Grounds, Member, Testimony};
use gossip_core::time::{Mono, Wall};

pub(super) use self::reports::{doctor, reachability, views};
use super::Admin;
use super::cluster::{millis, round_trip};
use super::documents::health::{
    AccuserDocument, EvictedDocument, EvidenceDocument, LinkDocument, NodeDocument,
    SuspicionDocument, WhyDocument,
};
use super::error::{AMBIGUOUS, Refusal};
use crate::clock;

/// Why a member stands as it does. Whether it stood still, it is asked itself.
pub(super) async fn why(
    State(admin): State<Arc<Admin>>,
    Query(NodeDocument { node }): Query<NodeDocument>,
) -> Result<Json<WhyDocument>, Refusal> {
    let gossip = &admin.node.gossip;
    let members = gossip.members().await?;
    let id = find(&members, &node)?.id;
    let (grounds, reports) = tokio::join!(gossip.why(id), gossip.reports(Some(id), false));
    let mut grounds = grounds?;
    let own = reports?.into_iter().find(|it| it.by == id && id != gossip.id());
    grounds.evidence.extend(own.and_then(|own| standstill(&own)));
    grounds.evidence.sort_by_key(|line| line.at);
    Ok(Json(document(gossip.id(), &grounds, &members)))
}

/// Throws a member out.
pub(super) async fn evict(
    State(admin): State<Arc<Admin>>,
    Json(NodeDocument { node }): Json<NodeDocument>,
) -> Result<Json<EvictedDocument>, Refusal> {
    let members = admin.node.gossip.members().await?;
    let Member { id, alive, status, .. } = find(&members, &node)?;
    admin.node.gossip.evict(*id).await?;
    let before = status.name().to_owned();
    Ok(Json(EvictedDocument { node: id.to_string(), name: alive.name.clone(), before }))
}

/// The one member of this id or name, or whose id begins so.
fn find<'a>(members: &'a [Member], text: &str) -> Result<&'a Member, Refusal> {
    let named = |member: &&Member| member.alive.name == text && !text.is_empty();
    let is_prefix = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let begins = text.to_ascii_lowercase();
    let begins = |member: &&Member| is_prefix && member.id.to_string().starts_with(&begins);
    let mut found: Vec<_> = members.iter().filter(named).collect();
    if found.is_empty() {
        found = members.iter().filter(begins).collect();
    }
    match *found {
        [member] => Ok(member),
        [] => {
            let text = format!(
                "no member has the name `{text}`, nor an id that begins so; `gossip-cli members` lists them"
            );
            Err(Refusal::new(StatusCode::NOT_FOUND, "unknown-member", text))
        }
        _ => {
            let ids: Vec<_> = found.iter().map(|member| member.id.to_string()).collect();
            let text = format!("`{text}` may be any of these; name one: {}", ids.join(", "));
            Err(Refusal::new(StatusCode::BAD_REQUEST, AMBIGUOUS, text))
        }
    }
}

/// What a member says of its own standstill.
fn standstill(Testimony { by, report, .. }: &Testimony) -> Option<Evidence> {
    let (ago, lasted) = report.stood_still?;
    let at = Wall::from_millis(clock::now().millis().saturating_sub(ago));
    Some(Evidence { at, last: at, times: 1, clue: Clue::StoodStill(lasted), by: *by })
}

fn document(us: NodeId, grounds: &Grounds, members: &[Member]) -> WhyDocument {
    let Grounds { member, evidence, contact, now, has_session, accusers, due } = grounds;
    let ago = |at: Option<Mono>| at.map(|at| millis(now.since(at)));
    let accuser = |it: &gossip_core::membership::Accuser| AccuserDocument {
        by: it.by.to_string(),
        name: name(members, &it.by),
        charge: clues::charge(it.charge).to_owned(),
    };
    WhyDocument {
        node: member.id.to_string(),
        name: member.alive.name.clone(),
        status: member.status.name().to_owned(),
        since_ms: millis(clock::now().since(member.since)),
        evidence: evidence.iter().map(|line| line_of(line, members)).collect(),
        link: LinkDocument {
            from: us.to_string(),
            to: member.id.to_string(),
            link: contact.link(*now).name().to_owned(),
            loss_percent: contact.loss_percent(),
            heard_ms: ago(contact.heard),
            answered_ms: ago(contact.answered),
            rtt_ms: member.rtt_us.map(round_trip),
        },
        vouched_ms: ago(contact.vouched),
        has_session: *has_session,
        accusers: accusers.iter().map(accuser).collect(),
        suspicion: due.map(|due| SuspicionDocument {
            left_ms: millis(due.left),
            last_attempt: due.last_attempt,
        }),
    }
}

fn line_of(line: &Evidence, members: &[Member]) -> EvidenceDocument {
    EvidenceDocument {
        at_ms: line.at.millis(),
        kind: line.clue.name().to_owned(),
        by: line.by.to_string(),
        by_name: name(members, &line.by),
        detail: clues::detail(line),
        times: line.times,
        last_ms: line.last.millis(),
    }
}

/// A member's name; empty when it has none, or is not known.
fn name(members: &[Member], id: &NodeId) -> String {
    let member = members.iter().find(|member| member.id == *id);
    member.map(|member| member.alive.name.clone()).unwrap_or_default()
}
