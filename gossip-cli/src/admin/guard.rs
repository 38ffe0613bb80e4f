//! Who may talk to the admin port.
//!
//! A web page that a user visits can send requests to loopback, under its own name (another
//! `Origin`) or under a name that it bends to 127.0.0.1 (another `Host`): both are refused.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::BODY_BYTES;
use super::error::Refusal;
use super::token::Token;
use crate::failure::Failure;

/// How long a request may take until its answer begins: a body that trickles in ends here
/// (a guess: ten times what the largest write takes).
const PATIENCE: Duration = Duration::from_secs(30);

/// What requests must show.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Names by which we may be called, beside addresses and localhost.
    hosts: Vec<String>,
    listen: SocketAddr,
    token: Option<Token>,
}

impl Guard {
    /// A guard of a port that listens here.
    ///
    /// # Errors
    /// When others than this machine could come and no token protects the port.
    pub(crate) fn new(
        listen: SocketAddr,
        token: Option<Token>,
        hosts: Vec<String>,
    ) -> anyhow::Result<Self> {
        if !listen.ip().is_loopback() && token.is_none() {
            return Err(Failure::usage(format!(
                "the admin port at {listen} would be open to other machines: give it a token \
                 with --admin-token-file FILE, or listen on 127.0.0.1"
            )));
        }
        Ok(Self { hosts, listen, token })
    }

    fn judge(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        if hosts.next().is_some() || !self.is_ours(host) {
            let text = format!("the Host header `{host}` is not this admin port's");
            return Err(Refusal::forbidden(text));
        }
        let same = format!("http://{host}");
        if headers.get_all(ORIGIN).iter().any(|origin| *origin != *same) {
            return Err(Refusal::forbidden("web pages of other origins may not use this port"));
        }
        let shown = headers.get(AUTHORIZATION).map_or(&[] as &[u8], |header| header.as_bytes());
        match &self.token {
            Some(token) if !token.is_shown_by(shown) => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "unauthorised",
                "this admin port asks for its token: name its file with --admin-token-file or \
                 GOSSIP_ADMIN_TOKEN_FILE",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a host is an address that leads here, localhost, or a name that we were given.
    fn is_ours(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        if port != Some(self.listen.port()) {
            return false;
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            // Elsewhere than on loopback we may be reached by any address of the machine.
            Ok(address) => address.is_loopback() || !self.listen.ip().is_loopback(),
            Err(_) => {
                let known = ["localhost"].into_iter().chain(self.hosts.iter().map(String::as_str));
                known.into_iter().any(|known| known.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// Lets a request through, if the guard permits it, for a bounded time.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(refusal) = guard.judge(request.headers()) {
        return refusal.into_response();
    }
    // What announces itself as too large is not read at all.
    if request.body().size_hint().lower() > BODY_BYTES as u64 {
        let text = format!("a request may have {BODY_BYTES} bytes");
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", text).into_response();
    }
    tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| {
        let text = "the answer took too long";
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, "too-slow", text).into_response()
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn judge(guard: &Guard, headers: &[(HeaderName, &'static str)]) -> bool {
        let pairs = headers.iter().cloned();
        let headers = pairs.map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        guard.judge(&headers).is_ok()
    }

    #[test]
    fn only_our_own_names_pass_on_loopback() {
        let listen = "127.0.0.1:7980".parse().unwrap();
        let guard = Guard::new(listen, None, vec!["node1".into()]).unwrap();
        for host in
            ["127.0.0.1:7980", "localhost:7980", "LOCALHOST:7980", "[::1]:7980", "node1:7980"]
        {
            assert!(judge(&guard, &[(HOST, host)]), "{host}");
        }
        for host in
            ["", "evil.example:7980", "127.0.0.1", "127.0.0.1:80", "10.0.0.1:7980", "node2:7980"]
        {
            assert!(!judge(&guard, &[(HOST, host)]), "{host}");
        }
        assert!(judge(&guard, &[(HOST, "localhost:7980"), (ORIGIN, "http://localhost:7980")]));
        for origin in
            ["http://evil.example", "null", "http://localhost:81", "https://localhost:7980"]
        {
            assert!(!judge(&guard, &[(HOST, "localhost:7980"), (ORIGIN, origin)]), "{origin}");
        }
    }

    #[test]
    fn elsewhere_a_token_is_asked_for() {
        let listen = "0.0.0.0:7980".parse().unwrap();
        assert!(Guard::new(listen, None, Vec::new()).is_err());
        let path = std::env::temp_dir().join(format!("gossip-cli-token-{}", std::process::id()));
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let token = Token::read(&path).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(Token::read(&path).is_err());
        std::fs::remove_file(&path).unwrap();
        let guard = Guard::new(listen, Some(token), Vec::new()).unwrap();
        let host = (HOST, "10.0.0.1:7980");
        assert!(judge(&guard, &[host.clone(), (AUTHORIZATION, "Bearer 0123456789abcdef")]));
        assert!(!judge(&guard, &[host.clone(), (AUTHORIZATION, "Bearer 0123456789abcdeg")]));
        assert!(!judge(&guard, &[host]));
    }
}
