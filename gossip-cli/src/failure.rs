//! Why a command did not end well, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

/// How a command ends otherwise than well. The numbers are a public interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The thing asked for failed.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// A part of it was done.
    Partial = 3,
    /// No node answers at the admin address.
    NoNode = 4,
    /// It took too long.
    TimedOut = 5,
}

/// A reason, with the next step, for people.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) text: String,
}

impl Failure {
    /// The thing asked for failed.
    pub(crate) fn failed(text: impl Into<String>) -> anyhow::Error {
        Self::ending(Exit::Failed, text)
    }

    /// Wrong usage or configuration.
    pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
        Self::ending(Exit::Usage, text)
    }

    /// A failure that ends with this code.
    pub(crate) fn ending(exit: Exit, text: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { exit, text: text.into() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// The exit code of an error: what its [`Failure`] says, or plain failure.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let exit = error.downcast_ref::<Failure>().map_or(Exit::Failed, |failure| failure.exit);
    ExitCode::from(exit as u8)
}

/// Whether whoever read our output went away, as `head` does: no failure of ours.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
