//! `why`: why a node believes of a member what it believes.

use std::time::Duration;

use crate::admin::client::Client;
use crate::admin::documents::health::{EvidenceDocument, LinkDocument, WhyDocument};
use crate::args::Global;
use crate::clock;
use crate::output::{self, BAD, DOUBTFUL, FAINT, GOOD, STRONG, called, paint};
use crate::verbs::members::style;

/// Carries the command out.
///
/// # Errors
/// When there is no such member, or the node does not answer.
pub(crate) fn run(global: &Global, node: &str) -> anyhow::Result<()> {
    let why: WhyDocument = Client::new(global)?.get("/v1/why", &[("node", node)])?;
    if global.json { output::json(&why) } else { output::line(&human(&why)) }
}

fn human(why: &WhyDocument) -> String {
    let title = paint(STRONG, called(&why.name, &why.node));
    let status = paint(style(&why.status), &why.status);
    let mut lines = vec![format!("{title} {}", paint(FAINT, &why.node))];
    lines.push(format!("status     {status} for {}", time(why.since_ms)));
    if why.link.from == why.link.to {
        lines.push("link       none: it is the node that was asked".to_owned());
    } else {
        lines.push(format!("link       {}", link(&why.link)));
        lines.push(format!("contact    {}", contact(why)));
    }
    if !why.accusers.is_empty() {
        let accusers = why
            .accusers
            .iter()
            .map(|accuser| format!("{} ({})", called(&accuser.name, &accuser.by), accuser.charge));
        lines.push(format!("accused by {}", accusers.collect::<Vec<_>>().join(", ")));
    }
    lines.extend(why.suspicion.map(|suspicion| {
        let attempt = if suspicion.last_attempt { ", the last attempt is under way" } else { "" };
        format!("suspicion  ends in {}{attempt}", time(suspicion.left_ms))
    }));
    let rows: Vec<_> = why.evidence.iter().map(row).collect();
    lines.push(String::new());
    lines.push(output::table(&["AGO", "WHAT", "BY", "TIMES", "WHICH MEANS"], &rows));
    lines.join("\n")
}

/// What a link's name means, from the node that was asked.
fn link(link: &LinkDocument) -> String {
    let (style, meaning) = match link.link.as_str() {
        "good" => (GOOD, "it answers"),
        "heard" => (BAD, "its frames arrive, and it answers nothing: we do not reach it"),
        "vouched" => {
            (BAD, "nothing of it arrives, and others have its answers: it does not reach us")
        }
        "silent" => (DOUBTFUL, "nothing of it arrives, and nobody has an answer of it"),
        _ => (FAINT, "unknown"),
    };
    let loss = link.loss_percent.filter(|loss| *loss > 0);
    let loss = loss.map(|loss| format!("; {loss} % of probes are lost")).unwrap_or_default();
    format!("{}, {meaning}{loss}", paint(style, &link.link))
}

fn contact(why: &WhyDocument) -> String {
    let ago = |what: &str, ms: u64| format!("{what} {} ago", time(ms));
    let never = |what: &str, ms: Option<u64>| match ms {
        Some(ms) => ago(what, ms),
        None => format!("never {what}"),
    };
    let session = if why.has_session { "a session stands" } else { "no session" };
    let mut parts =
        vec![never("heard", why.link.heard_ms), never("answered", why.link.answered_ms)];
    parts.extend(why.link.rtt_ms.map(|ms| format!("round trip {ms:.1} ms")));
    parts.extend(why.vouched_ms.map(|ms| ago("vouched for", ms)));
    parts.push(session.to_owned());
    parts.join(", ")
}

fn row(line: &EvidenceDocument) -> Vec<String> {
    let ago = |at: u64| time(clock::now().millis().saturating_sub(at));
    let (first, last) = (ago(line.at_ms), ago(line.last_ms));
    let when = if first == last { first } else { format!("{first} to {last}") };
    let times = if line.times > 1 { line.times.to_string() } else { String::new() };
    let by = called(&line.by_name, &line.by).to_owned();
    vec![when, line.kind.clone(), by, times, line.detail.clone()]
}

fn time(ms: u64) -> String {
    output::time(Duration::from_millis(ms))
}
