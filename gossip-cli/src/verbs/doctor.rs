//! `doctor`: asks every node that can be reached, and says what is wrong.

use crate::admin::client::Client;
use crate::admin::documents::health::{DoctorDocument, FindingDocument};
use crate::args::Global;
use crate::failure::Failure;
use crate::output::{self, BAD, DOUBTFUL, FAINT, GOOD, paint};

/// Carries the command out.
///
/// # Errors
/// When something is wrong, or the node does not answer.
pub(crate) fn run(global: &Global) -> anyhow::Result<()> {
    let doctor: DoctorDocument = Client::new(global)?.get("/v1/doctor", &[])?;
    if global.json {
        output::json(&doctor)?
    } else {
        output::line(&human(&doctor))?
    }
    let grave = doctor.findings.iter().filter(|finding| finding.severity != "note").count();
    if doctor.ok {
        return Ok(());
    }
    let next = doctor.findings.first().map_or("", |finding| &finding.next);
    let what = if grave == 1 { "one thing is".to_owned() } else { format!("{grave} things are") };
    Err(Failure::failed(format!("{what} wrong; {next}")))
}

fn human(doctor: &DoctorDocument) -> String {
    let mut lines: Vec<_> = doctor.findings.iter().map(finding).collect();
    let asked: usize = doctor.views.iter().map(|view| view.nodes.len()).sum();
    let (views, says) = match doctor.views.len() {
        1 => ("one view".to_owned(), if asked == 1 { "reports" } else { "report" }),
        count => (format!("{count} views"), "report"),
    };
    let nodes = if asked == 1 { "node" } else { "nodes" };
    let summary = format!("{asked} {nodes} {says} {views} of the cluster");
    lines.push(if doctor.ok {
        format!("{} {summary}", paint(GOOD, "well:"))
    } else {
        paint(FAINT, &summary)
    });
    lines.join("\n")
}

fn finding(finding: &FindingDocument) -> String {
    let style = match finding.severity.as_str() {
        "fault" => BAD,
        "doubt" => DOUBTFUL,
        _ => FAINT,
    };
    let mark = paint(style, &format!("{:5} {}:", finding.severity, finding.code));
    format!("{mark} {}\n      {}", finding.text, paint(FAINT, &format!("next: {}", finding.next)))
}
