//! What the admin port answers when it does not do what it was asked.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gossip_core::io::WriteError;
use gossip_core::runtime::GossipError;
use gossip_core::store::StoreError;

use super::documents::ErrorDocument;

/// The code that asks to say more clearly what is meant.
pub(crate) const AMBIGUOUS: &str = "ambiguous";

/// The code that asks to try again later.
pub(crate) const BUSY: &str = "busy";

/// The code that says that the node holds something as new.
pub(crate) const SUPERSEDED: &str = "superseded";

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    document: ErrorDocument,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &str, text: impl Into<String>) -> Self {
        Self { status, document: ErrorDocument { code: code.to_owned(), text: text.into() } }
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", text)
    }

    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", text)
    }
}

impl From<GossipError> for Refusal {
    fn from(error: GossipError) -> Self {
        let (status, code) = match error {
            GossipError::Busy => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
            GossipError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
            GossipError::Write(error) => (StatusCode::CONFLICT, write_code(error)),
            GossipError::Refused(_) | _ => (StatusCode::INTERNAL_SERVER_ERROR, "refused"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store-failed", error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.document)).into_response()
    }
}

/// The stable name of a write's failure.
pub(crate) fn write_error(error: WriteError) -> ErrorDocument {
    ErrorDocument { code: write_code(error).to_owned(), text: error.to_string() }
}

/// The refusal of a write that the node holds something as new for.
pub(crate) fn superseded() -> ErrorDocument {
    let text = "the node holds this version of the key, or a newer one";
    ErrorDocument { code: SUPERSEDED.to_owned(), text: text.to_owned() }
}

/// Answers paths that lead nowhere.
pub(super) async fn no_such_route() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "no-such-route", "the admin port has no such path")
}

const fn write_code(error: WriteError) -> &'static str {
    match error {
        WriteError::Busy { .. } | WriteError::Unsettled { .. } => BUSY,
        WriteError::ClockDisagrees { .. } => "clock-disagrees",
        WriteError::KeyTooLong { .. } => "key-too-long",
        WriteError::Left => "left",
        WriteError::ReadOnly => "read-only",
        WriteError::Renewing => "renewing",
        WriteError::StoreFailed => "store-failed",
        WriteError::TooLarge { .. } => "too-large",
        _ => "refused",
    }
}
