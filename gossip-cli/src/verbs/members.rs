//! `members`: who a node knows, and how they stand.

use std::time::Duration;

use anstyle::Style;
use regex_lite::Regex;

use crate::admin::client::Client;
use crate::admin::documents::{MemberChangeDocument, MemberDocument, MembersDocument};
use crate::args::{Global, MembersArgs};
use crate::failure::Failure;
use crate::output::{self, BAD, DOUBTFUL, FAINT, GOOD, paint};

/// Carries the command out.
///
/// # Errors
/// When the expression is none, or the node does not answer.
pub(crate) fn run(global: &Global, arguments: &MembersArgs) -> anyhow::Result<()> {
    let status = arguments.status.as_deref().map(expression).transpose()?;
    let matches = |text: &str| status.as_ref().is_none_or(|status| status.is_match(text));
    let show = |mut document: MembersDocument| {
        // Who no longer stands as was asked has changed too.
        let before = document.change.as_ref().and_then(|change| change.before.clone());
        let left = before.is_some_and(|before| matches(&before));
        document.members.retain(|member| left || matches(&member.status));
        match &document.change {
            Some(_) if document.members.is_empty() => Ok(()),
            _ if global.json => output::json(&document),
            None if document.forgotten.is_some() => {
                let id = document.forgotten.as_deref().unwrap_or_default();
                output::line(&format!("{}  {}", paint(FAINT, "forgotten"), output::short(id)))
            }
            Some(change) => output::line(&changed(&document.members, change)),
            None => output::line(&human(&document)),
        }
    };
    if !arguments.watch {
        return show(Client::new(global)?.get("/v1/members", &[])?);
    }
    let client = Client::with_timeout(global, global.timeout)?;
    for document in client.lines("/v1/members/watch", &[])? {
        show(document?)?;
    }
    Err(Failure::failed("the node has stopped"))
}

/// The whole status must match.
fn expression(text: &str) -> anyhow::Result<Regex> {
    let wrong = |error| Failure::usage(format!("--status is no regular expression: {error}"));
    Regex::new(&format!("^(?:{text})$")).map_err(wrong)
}

fn human(document: &MembersDocument) -> String {
    let heads = ["STATUS", "FOR", "NAME", "ADDRESS", "RTT", "ID"];
    let rows: Vec<_> = document.members.iter().map(row).collect();
    let table = output::table(&heads, &rows);
    let mut lines: Vec<_> = table.lines().map(str::to_owned).collect();
    for (line, member) in lines.iter_mut().skip(1).zip(&document.members) {
        let (status, rest) = line.split_at(member.status.len());
        *line = format!("{}{rest}", paint(style(&member.status), status));
    }
    let count = format!("{} members", document.members.len());
    lines.push(paint(FAINT, &count));
    lines.join("\n")
}

/// One line for a change.
fn changed(members: &[MemberDocument], change: &MemberChangeDocument) -> String {
    let lines = members.iter().map(|member| {
        let status = paint(style(&member.status), &format!("{:7}", member.status));
        let name = output::called(&member.name, &member.id);
        let before = match &change.before {
            None => "new".to_owned(),
            Some(before) if *before == member.status => "says something new".to_owned(),
            Some(before) => format!("was {before}"),
        };
        let by = paint(FAINT, &format!("by {}", output::short(&change.by)));
        format!("{status}  {name}  {before}: {}, {by}", change.cause)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn row(member: &MemberDocument) -> Vec<String> {
    let mut addresses = member.endpoints.datagram.iter().chain(&member.endpoints.stream);
    vec![
        member.status.clone(),
        output::time(Duration::from_millis(member.since_ms)),
        if member.name.is_empty() { "-".into() } else { member.name.clone() },
        addresses.next().cloned().unwrap_or_else(|| "-".into()),
        member.rtt_ms.map_or_else(|| "-".into(), |rtt| format!("{rtt:.1} ms")),
        output::short(&member.id).to_owned(),
    ]
}

/// In which style a status is shown.
pub(crate) fn style(status: &str) -> Style {
    match status {
        "alive" => GOOD,
        "suspect" => DOUBTFUL,
        "dead" | "evicted" => BAD,
        _ => FAINT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_status_must_match() {
        let either = expression("alive|left").unwrap();
        assert!(either.is_match("alive") && either.is_match("left"));
        assert!(!expression("li").unwrap().is_match("alive"));
        assert!(expression("(").is_err());
    }
}
