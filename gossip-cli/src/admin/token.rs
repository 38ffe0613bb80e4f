//! The secret that protects an admin port: read from a file, never from the command line.

use std::fmt;
use std::path::Path;

use crate::failure::Failure;

/// Shorter ones could be guessed over the network.
const MIN_TOKEN_BYTES: usize = 16;

/// A token.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// The token in a file, white space around it ignored.
    ///
    /// # Errors
    /// When the file cannot be read, or what it holds is no token.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read the token file {}: {error}", path.display()))
        })?;
        let token = text.trim();
        if token.len() < MIN_TOKEN_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::usage(format!(
                "{} holds no token: write one line of at least {MIN_TOKEN_BYTES} visible ASCII \
                 characters, such as `openssl rand -hex 32 > {}` does",
                path.display(),
                path.display()
            )));
        }
        Ok(Self(token.to_owned()))
    }

    /// The header that shows it.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether this header shows it. Hashes are compared, in constant time.
    pub(crate) fn is_shown_by(&self, header: &[u8]) -> bool {
        blake3::hash(self.header().as_bytes()) == blake3::hash(header)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
