//! The JSON documents of the admin port, which are also what `--json` prints.

pub(crate) mod health;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gossip_core::runtime::Entry;
use gossip_core::time::Hlc;
use serde::{Deserialize, Serialize};

use crate::binary::split;

/// A live entry.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EntryDocument {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) value_base64: String,
    pub(crate) version: String,
    pub(crate) author: String,
    pub(crate) expires_at: Option<u64>,
}

/// A write that took place.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WrittenDocument {
    pub(crate) key: String,
    pub(crate) version: String,
    pub(crate) id: String,
}

/// A change of a key, or how many changes this watcher missed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum ChangeDocument {
    Delete(Changed),
    Expire(Changed),
    Missed { missed: u64 },
    Put(Changed),
}

/// What changed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Changed {
    pub(crate) key: String,
    pub(crate) value: Option<String>,
    pub(crate) version: String,
    pub(crate) author: String,
}

/// A channel's compared set.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct HashDocument {
    pub(crate) channel: String,
    pub(crate) epoch: u32,
    pub(crate) entries: u64,
    pub(crate) tombstones: u64,
    pub(crate) state_hash: String,
}

/// Writes to one channel.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WriteBatch {
    pub(crate) channel: String,
    pub(crate) writes: Vec<WriteDocument>,
}

/// One write; without a value it deletes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_ms: Option<u64>,
    /// Where the node holds this version of the key or a newer one, nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

/// One result per write, in order.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WriteResults {
    pub(crate) results: Vec<WriteResult>,
}

/// What became of a write.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WriteResult {
    Error(ErrorDocument),
    Written { id: String, version: String },
}

/// Why something was refused.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ErrorDocument {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// Seeds to talk to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct JoinDocument {
    pub(crate) seeds: Vec<String>,
}

/// Everybody known, or whoever has changed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MembersDocument {
    pub(crate) members: Vec<MemberDocument>,
    /// Grows by one with every change.
    pub(crate) view_version: u64,
    /// What changed, where only that is told; otherwise these are all members, and none else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<MemberChangeDocument>,
    /// Who is no member any more, where that is what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) forgotten: Option<String>,
}

/// A change of one member.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MemberChangeDocument {
    /// How it stood; `None`: it is new.
    pub(crate) before: Option<String>,
    pub(crate) cause: String,
    /// Who brought it.
    pub(crate) by: String,
}

/// One member.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MemberDocument {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) org: Option<String>,
    pub(crate) endpoints: EndpointsDocument,
    pub(crate) status: String,
    pub(crate) incarnation: u64,
    /// For how long it has stood so.
    pub(crate) since_ms: u64,
    pub(crate) rtt_ms: Option<f64>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) version: String,
}

/// Where a member listens.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EndpointsDocument {
    pub(crate) datagram: Vec<String>,
    pub(crate) stream: Vec<String>,
}

/// A node in numbers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StatusDocument {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) uptime_ms: u64,
    pub(crate) channels: Vec<String>,
    pub(crate) peers: PeersDocument,
    pub(crate) queues: BTreeMap<String, usize>,
    pub(crate) entries: u64,
    pub(crate) partners: usize,
    pub(crate) equal_partners: usize,
    pub(crate) rounds: u64,
    pub(crate) wire: WireDocument,
    pub(crate) verify: VerifyDocument,
    pub(crate) rejected: BTreeMap<String, u64>,
    pub(crate) store: StoreDocument,
    /// What is being taken from partners, while this node holds next to nothing of it.
    pub(crate) taking: Option<TakingDocument>,
    pub(crate) duplicates: u64,
    pub(crate) facts_sent: u64,
    pub(crate) refused: u64,
    pub(crate) relayed: u64,
    pub(crate) renewing: bool,
    pub(crate) parked: u64,
    pub(crate) collected: u64,
    pub(crate) unknown_records: u64,
}

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct TakingDocument {
    /// Entries and deletions that were sent so far.
    pub(crate) taken: u64,
    /// About how many are left.
    pub(crate) left: u64,
    pub(crate) partners: usize,
}

/// Members by status.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct PeersDocument {
    pub(crate) alive: usize,
    pub(crate) suspect: usize,
    pub(crate) dead: usize,
    pub(crate) left: usize,
    pub(crate) evicted: usize,
}

/// Frames and bytes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct WireDocument {
    pub(crate) sent_bytes: u64,
    pub(crate) spared_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_frames: u64,
    pub(crate) received_frames: u64,
}

/// Signatures.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct VerifyDocument {
    pub(crate) checked: u64,
    pub(crate) skipped_known: u64,
    pub(crate) failed: u64,
}

/// The store.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StoreDocument {
    pub(crate) kind: String,
    pub(crate) healthy: bool,
    /// Whether it refuses writes until the node is started anew.
    pub(crate) read_only: bool,
    /// Why it failed, if it has.
    pub(crate) reason: Option<String>,
    /// The last commit, and the last one that is durable.
    pub(crate) commit: u64,
    pub(crate) durable: u64,
}

impl From<&Entry> for EntryDocument {
    fn from(entry: &Entry) -> Self {
        Self {
            key: lossy(entry.key()),
            value: lossy(entry.value()),
            value_base64: BASE64_STANDARD.encode(entry.value()),
            version: version(entry.version()),
            author: entry.author().to_string(),
            expires_at: entry.expires_at().map(|at| at.millis()),
        }
    }
}

impl WriteDocument {
    /// A write of these bytes; without a value it deletes.
    pub(crate) fn new(key: &[u8], value: Option<&[u8]>) -> Self {
        let (key, key_base64) = split(key);
        let (value, value_base64) = value.map_or((None, None), split);
        Self { key, key_base64, value, value_base64, ttl_ms: None, version: None }
    }
}

/// Bytes as text, whatever they are.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A version as 16 hex digits.
pub(crate) fn version(version: Hlc) -> String {
    format!("{:016x}", version.bits())
}

/// The version that these 16 hex digits are.
///
/// # Errors
/// When they are something else.
pub(crate) fn parse_version(text: &str) -> Result<Hlc, String> {
    let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = Some(text).filter(|_| digits).map(|text| u64::from_str_radix(text, 16));
    let bits = bits.and_then(Result::ok).ok_or("`version` is not 16 hex digits")?;
    Ok(Hlc::from_bits(bits))
}
