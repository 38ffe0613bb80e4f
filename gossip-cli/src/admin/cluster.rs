//! Members, counters, joining and leaving.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use futures_util::stream;
use gossip_core::io::{AtEpoch, Event};
use gossip_core::membership::{Member, MemberStatus};
use gossip_core::runtime::MemberNews;
use gossip_core::status::{Status, Taking};
use gossip_core::time::Wall;

use super::Admin;
use super::documents::{
    EndpointsDocument, JoinDocument, MemberChangeDocument, MemberDocument, MembersDocument,
    PeersDocument, StatusDocument, StoreDocument, TakingDocument, VerifyDocument, WireDocument,
};
use super::error::Refusal;
use super::stream::lines;
use crate::clock;

/// Everybody known.
pub(super) async fn members(
    State(admin): State<Arc<Admin>>,
) -> Result<Json<MembersDocument>, Refusal> {
    let (members, version) = admin.node.gossip.versioned_members().await?;
    Ok(Json(all(&members, version)))
}

/// Everybody known, then every change; everybody again for whoever was too slow.
pub(super) async fn watch(State(admin): State<Arc<Admin>>) -> Body {
    let changes = admin.node.gossip.follow_members();
    lines(stream::unfold(changes, async |mut changes| {
        let news = changes.next().await?;
        Some((news.map(|news| told(&news).into_iter().collect()), changes))
    }))
}

/// Counters and queues.
pub(super) async fn status(
    State(admin): State<Arc<Admin>>,
) -> Result<Json<StatusDocument>, Refusal> {
    let status = admin.node.gossip.status().await?;
    let (_, totals) =
        admin.node.gossip.total(admin.node.gossip.main_channel(), AtEpoch::This).await?;
    Ok(Json(document(&admin, status, totals.entries)))
}

/// Talks to more seeds from now on.
pub(super) async fn join(
    State(admin): State<Arc<Admin>>,
    Json(JoinDocument { seeds }): Json<JoinDocument>,
) -> Result<Json<JoinDocument>, Refusal> {
    let parsed = seeds.iter().map(|seed| crate::config::parse_seed(seed)).collect::<Result<_, _>>();
    admin.node.gossip.join(parsed.map_err(Refusal::bad_request)?).await?;
    Ok(Json(JoinDocument { seeds }))
}

/// Compares with every partner now; the status tells how it went.
pub(super) async fn compare(State(admin): State<Arc<Admin>>) -> Result<Json<()>, Refusal> {
    admin.node.gossip.compare(admin.node.gossip.main_channel()).await?;
    Ok(Json(()))
}

/// Says goodbye, then has the process end.
pub(super) async fn leave(State(admin): State<Arc<Admin>>) -> Result<Json<()>, Refusal> {
    admin.node.gossip.leave().await?;
    admin.leave.notify_one();
    Ok(Json(()))
}

fn all(members: &[Member], view_version: u64) -> MembersDocument {
    let now = clock::now();
    let members = members.iter().map(|member| one(member, now)).collect();
    MembersDocument { members, view_version, change: None, forgotten: None }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of members")]
fn told(news: &MemberNews) -> Option<MembersDocument> {
    let event = match news {
        MemberNews::All { members, version } => return Some(all(members, *version)),
        MemberNews::Changed(event) => event,
    };
    Some(match &**event {
        Event::Member { member, before, cause, by, version } => MembersDocument {
            members: vec![one(member, clock::now())],
            view_version: *version,
            change: Some(MemberChangeDocument {
                before: before.map(|status| MemberStatus::name(status).to_owned()),
                cause: cause.name().to_owned(),
                by: by.to_string(),
            }),
            forgotten: None,
        },
        Event::Forgotten { member, version } => MembersDocument {
            members: Vec::new(),
            view_version: *version,
            change: None,
            forgotten: Some(member.to_string()),
        },
        _ => return None,
    })
}

fn one(member: &Member, now: Wall) -> MemberDocument {
    let Member { id, alive, status, since, rtt_us, moved_at: _, said_at: _ } = member;
    let texts =
        |addresses: &[std::net::SocketAddr]| addresses.iter().map(ToString::to_string).collect();
    MemberDocument {
        id: id.to_string(),
        name: alive.name.clone(),
        org: None,
        endpoints: EndpointsDocument {
            datagram: texts(&alive.endpoints.datagram),
            stream: texts(&alive.endpoints.stream),
        },
        status: status.name().to_owned(),
        incarnation: alive.incarnation,
        since_ms: millis(now.since(*since)),
        rtt_ms: rtt_us.map(round_trip),
        tags: alive.tags.clone(),
        version: alive.program.clone(),
    }
}

fn document(admin: &Admin, status: Status, entries: u64) -> StatusDocument {
    let named = |(name, count): (&'static str, usize)| (name.to_owned(), count);
    StatusDocument {
        id: admin.node.gossip.id().to_string(),
        name: admin.name.clone(),
        uptime_ms: millis(status.uptime),
        channels: admin.channels(),
        peers: PeersDocument {
            alive: status.peers.alive,
            suspect: status.peers.suspect,
            dead: status.peers.dead,
            left: status.peers.left,
            evicted: status.peers.evicted,
        },
        queues: status.queues.into_iter().map(named).collect(),
        entries,
        partners: status.partners,
        equal_partners: status.equal_partners,
        rounds: status.rounds,
        wire: WireDocument {
            sent_bytes: status.wire.sent_bytes,
            spared_bytes: status.wire.spared_bytes,
            received_bytes: status.wire.received_bytes,
            sent_frames: status.wire.sent_frames,
            received_frames: status.wire.received_frames,
        },
        verify: VerifyDocument {
            checked: status.verify.checked,
            skipped_known: status.verify.skipped_known,
            failed: status.verify.failed,
        },
        rejected: status.rejected.iter().map(|(why, n)| (why.name().to_owned(), *n)).collect(),
        store: StoreDocument {
            kind: admin.node.gossip.store_kind().to_owned(),
            healthy: status.store.is_healthy(),
            read_only: status.store.read_only,
            reason: status.store.reason,
            commit: status.store.commit,
            durable: status.store.durable,
        },
        taking: status.taking.map(|Taking { taken, left, partners }| TakingDocument {
            taken,
            left,
            partners,
        }),
        duplicates: status.duplicates,
        facts_sent: status.facts_sent,
        refused: status.refused,
        relayed: status.relayed,
        renewing: status.renewing,
        parked: status.parked,
        collected: status.collected,
        unknown_records: status.unknown_records,
    }
}

/// Milliseconds of a round trip of so many microseconds.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a round trip are few")]
pub(super) fn round_trip(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
