//! The other end of the admin port.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::documents::ErrorDocument;
use super::error::{AMBIGUOUS, BUSY};
use super::token::Token;
use crate::args::Global;
use crate::config::DEFAULT_ADMIN;
use crate::failure::{Exit, Failure};

/// How long a node may take to answer, unless --timeout says otherwise (house decision).
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Talks to one node. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    /// How long an answer may take; `None`: for ever.
    timeout: Option<Duration>,
    token: Option<Token>,
}

impl Client {
    /// A client of the node that the command line names, which waits for answers as it says.
    ///
    /// # Errors
    /// When the token cannot be read.
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        Self::with_timeout(global, Some(global.timeout.unwrap_or(TIMEOUT)))
    }

    /// A client whose requests end by themselves after `timeout`; `None`: never.
    ///
    /// # Errors
    /// When the token cannot be read.
    pub(crate) fn with_timeout(global: &Global, timeout: Option<Duration>) -> anyhow::Result<Self> {
        let admin = global.admin.as_deref().unwrap_or(DEFAULT_ADMIN);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(timeout.unwrap_or(TIMEOUT)))
            .build()
            .into();
        let token = global.admin_token_file.as_deref().map(Token::read).transpose()?;
        Ok(Self { agent, base: format!("http://{admin}"), timeout, token })
    }

    /// The same client, which waits no longer than this for each answer.
    pub(crate) fn within(&self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self.clone() }
    }

    /// Asks.
    ///
    /// # Errors
    /// A [`Failure`] with the exit code that fits.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<T> {
        self.parse(self.ask(path, query)?)
    }

    /// Tells.
    ///
    /// # Errors
    /// A [`Failure`] with the exit code that fits.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        document: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let mut request = request.config().timeout_global(self.timeout).build();
        if let Some(token) = &self.token {
            request = request.header("authorization", token.header());
        }
        self.parse(request.send_json(document).map_err(|error| self.unanswered(error))?)
    }

    /// Follows an answer that goes on, line by line.
    ///
    /// # Errors
    /// A [`Failure`] with the exit code that fits; later lines fail on their own.
    pub(crate) fn lines<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<T>>> {
        let lines = self.raw_lines(path, query)?;
        Ok(lines.map(|line| Ok(serde_json::from_slice(&line?)?)))
    }

    /// Follows an answer that goes on, lines as they are, each with its end.
    ///
    /// # Errors
    /// A [`Failure`] with the exit code that fits; later lines fail on their own.
    pub(crate) fn raw_lines(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Vec<u8>>>> {
        let mut body = self.body(path, query)?;
        let client = self.clone();
        Ok(std::iter::from_fn(move || {
            let mut line = Vec::new();
            match body.read_until(b'\n', &mut line) {
                Ok(0) => None,
                Ok(_) => Some(Ok(line)),
                Err(error) => Some(Err(client.broken_off(error))),
            }
        }))
    }

    /// An answer that goes on, as it is.
    ///
    /// # Errors
    /// A [`Failure`] with the exit code that fits.
    pub(crate) fn body(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<impl BufRead + use<>> {
        let response = self.accept(self.ask(path, query)?)?;
        Ok(BufReader::new(response.into_body().into_reader()))
    }

    /// The failure when an answer does not come to its end.
    pub(crate) fn broken_off(&self, error: std::io::Error) -> anyhow::Error {
        self.unanswered(ureq::Error::from(error))
    }

    fn ask(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Response<Body>> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.config().timeout_global(self.timeout).build();
        let mut request = request.query_pairs(query.iter().copied());
        if let Some(token) = &self.token {
            request = request.header("authorization", token.header());
        }
        request.call().map_err(|error| self.unanswered(error))
    }

    fn parse<T: DeserializeOwned>(&self, response: Response<Body>) -> anyhow::Result<T> {
        let mut response = self.accept(response)?;
        response.body_mut().read_json().map_err(|error| self.unanswered(error))
    }

    /// Lets a good answer through.
    fn accept(&self, mut response: Response<Body>) -> anyhow::Result<Response<Body>> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.body_mut().read_to_string().map_err(|error| self.unanswered(error))?;
        let document: Result<ErrorDocument, _> = serde_json::from_str(&body);
        Err(match document {
            Ok(document) if document.code == BUSY => anyhow::Error::new(Busy),
            Ok(document) if document.code == AMBIGUOUS => Failure::usage(document.text),
            Ok(document) => Failure::failed(document.text),
            Err(_) => Failure::failed(format!("{} answers {status}: {}", self.base, body.trim())),
        })
    }

    /// The failure when no answer came.
    fn unanswered(&self, error: ureq::Error) -> anyhow::Error {
        let place = self.base.trim_start_matches("http://");
        #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is wrong, it is no node")]
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::Io(_) => Failure::ending(
                Exit::NoNode,
                format!(
                    "no node answers at {place} ({error}); start one with `gossip-cli node`, or \
                     name another with --admin"
                ),
            ),
            ureq::Error::Timeout(_) => Failure::ending(
                Exit::TimedOut,
                format!("{place} did not answer in time; give it longer with --timeout"),
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Failure::usage(format!("`{place}` is no admin address: write host:port"))
            }
            other => Failure::ending(
                Exit::NoNode,
                format!("what answers at {place} is not a node's admin port: {other}"),
            ),
        }
    }
}

/// The node asks to try again later.
#[derive(Debug)]
pub(crate) struct Busy;

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the node is busy; try again later")
    }
}

impl std::error::Error for Busy {}
