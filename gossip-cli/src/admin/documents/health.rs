//! What a node knows of others, and what is wrong with its cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which member is meant: a name, an id, or the beginning of one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct NodeDocument {
    pub(crate) node: String,
}

/// A member that was thrown out.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EvictedDocument {
    pub(crate) node: String,
    pub(crate) name: String,
    /// How it stood before.
    pub(crate) before: String,
}

/// Why a member stands as it does.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WhyDocument {
    pub(crate) node: String,
    pub(crate) name: String,
    pub(crate) status: String,
    /// For how long it has stood so.
    pub(crate) since_ms: u64,
    pub(crate) evidence: Vec<EvidenceDocument>,
    pub(crate) link: LinkDocument,
    /// How long ago somebody whom this node asked had an answer of it.
    pub(crate) vouched_ms: Option<u64>,
    pub(crate) has_session: bool,
    pub(crate) accusers: Vec<AccuserDocument>,
    /// The suspicion that is under way.
    pub(crate) suspicion: Option<SuspicionDocument>,
}

/// A line of evidence.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EvidenceDocument {
    /// Milliseconds since 1970; of what happened several times, the first time.
    pub(crate) at_ms: u64,
    pub(crate) kind: String,
    /// Who did or said it; of several the last.
    pub(crate) by: String,
    pub(crate) by_name: String,
    pub(crate) detail: String,
    pub(crate) times: u32,
    /// Milliseconds since 1970: the last time.
    pub(crate) last_ms: u64,
}

/// Who says that a member does not answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AccuserDocument {
    pub(crate) by: String,
    pub(crate) name: String,
    pub(crate) charge: String,
}

/// A suspicion that is under way.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct SuspicionDocument {
    /// How long until it ends.
    pub(crate) left_ms: u64,
    pub(crate) last_attempt: bool,
}

/// How a member reaches another one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LinkDocument {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) link: String,
    pub(crate) loss_percent: Option<u8>,
    /// How long ago a frame of the other one arrived, and it answered a probe.
    pub(crate) heard_ms: Option<u64>,
    pub(crate) answered_ms: Option<u64>,
    /// How long the last measured round trip took; as others report it, in whole milliseconds.
    pub(crate) rtt_ms: Option<f64>,
}

/// What is wrong with a cluster.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DoctorDocument {
    pub(crate) ok: bool,
    pub(crate) findings: Vec<FindingDocument>,
    pub(crate) views: Vec<ViewDocument>,
}

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FindingDocument {
    pub(crate) severity: String,
    pub(crate) code: String,
    pub(crate) nodes: Vec<String>,
    pub(crate) text: String,
    pub(crate) next: String,
}

/// Who sees the same members in the same way.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ViewDocument {
    pub(crate) state_hash: String,
    pub(crate) nodes: Vec<String>,
}

/// All views, those of most nodes first.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ViewsDocument {
    pub(crate) views: Vec<ViewDocument>,
    /// Names by id.
    pub(crate) names: BTreeMap<String, String>,
    /// Between two nodes that were named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) diff: Option<DiffDocument>,
}

/// How two nodes see members differently.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DiffDocument {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) members: Vec<DifferenceDocument>,
}

/// A member that two nodes see differently.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DifferenceDocument {
    pub(crate) id: String,
    pub(crate) name: String,
    /// As each sees it; `None`: it does not know it.
    pub(crate) a: Option<SeenDocument>,
    pub(crate) b: Option<SeenDocument>,
}

/// A member as another one sees it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct SeenDocument {
    pub(crate) status: String,
    pub(crate) incarnation: u64,
}

/// Who reaches whom.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ReachabilityDocument {
    /// Everybody, by id.
    pub(crate) nodes: Vec<ReporterDocument>,
    /// Of everybody who was told of; each link from both ends.
    pub(crate) links: Vec<LinkDocument>,
}

/// A member, and whether it was there to be asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ReporterDocument {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) reports: bool,
}
