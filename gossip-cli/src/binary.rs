//! Bytes in JSON: as text where they are UTF-8, otherwise as base64 in a field of its own.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Bytes as text, or else as base64.
pub(crate) fn split(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(BASE64_STANDARD.encode(bytes))),
    }
}

/// The bytes of the two forms. Where both are given, base64 counts: text may have been made
/// readable.
///
/// # Errors
/// What is wrong with the field `{name}_base64`.
pub(crate) fn join(
    name: &str,
    text: Option<String>,
    base64: Option<String>,
) -> Result<Option<Vec<u8>>, String> {
    let Some(base64) = base64 else { return Ok(text.map(String::into_bytes)) };
    let bytes = BASE64_STANDARD.decode(base64);
    bytes.map(Some).map_err(|error| format!("`{name}_base64` is no base64: {error}"))
}
