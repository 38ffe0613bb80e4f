//! `plot`: draws a picture that is described in JSON, as the simulator's reports draw theirs.

use std::io::{self, Read as _};

use anyhow::Context as _;

use crate::failure::Failure;
use crate::{output, sim};

/// Carries the command out.
///
/// # Errors
/// When standard input holds no picture.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    let drawn = sim::picture(&text)
        .map_err(|error| Failure::usage(format!("standard input holds no picture: {error:#}")))?;
    Ok(output::write(drawn.as_bytes())?)
}
