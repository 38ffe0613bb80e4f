//! `reachability`: who reaches whom, as everybody sees it.

use std::collections::BTreeMap;

use crate::admin::client::Client;
use crate::admin::documents::health::{LinkDocument, ReachabilityDocument, ReporterDocument};
use crate::args::{Global, ReachabilityArgs};
use crate::output::{self, BAD, DOUBTFUL, FAINT, GOOD, called, paint};

/// Carries the command out.
///
/// # Errors
/// When the node does not answer.
pub(crate) fn run(global: &Global, arguments: &ReachabilityArgs) -> anyhow::Result<()> {
    let mut links: ReachabilityDocument = Client::new(global)?.get("/v1/reachability", &[])?;
    if global.json {
        return output::json(&links);
    }
    links.nodes.sort_by(|a, b| label(a).cmp(label(b)));
    output::line(&if arguments.matrix { matrix(&links) } else { list(&links) })
}

/// Links that are not good.
fn list(links: &ReachabilityDocument) -> String {
    let names: BTreeMap<_, _> =
        links.nodes.iter().map(|node| (node.id.as_str(), called(&node.name, &node.id))).collect();
    let name = |id: &str| names.get(id).map_or_else(|| id.to_owned(), |name| (*name).to_owned());
    let bad: Vec<_> = links.links.iter().filter(|link| link.link != "good").collect();
    let good = links.links.len() - bad.len();
    let summary = format!("{good} of {} links are good", links.links.len());
    if bad.is_empty() {
        return paint(GOOD, &summary);
    }
    let row = |link: &&LinkDocument| {
        vec![name(&link.from), name(&link.to), link.link.clone(), meaning(&link.link).to_owned()]
    };
    let rows: Vec<_> = bad.iter().map(row).collect();
    let table = output::table(&["TO", "LINK WITH", "IS", "WHICH MEANS"], &rows);
    format!("{table}\n{}", paint(FAINT, &summary))
}

/// A row for each node that reports, a column for each member.
fn matrix(links: &ReachabilityDocument) -> String {
    let cells: BTreeMap<_, _> = links
        .links
        .iter()
        .map(|link| ((link.from.as_str(), link.to.as_str()), link.link.as_str()))
        .collect();
    let width = links.nodes.iter().map(|node| label(node).chars().count()).max().unwrap_or(0);
    let digits = links.nodes.len().saturating_sub(1).to_string().len();
    let heads = (0..links.nodes.len()).map(|number| format!("{number:>digits$}"));
    let head = format!("{:>digits$}  {:width$}  {}", "", "", heads.collect::<Vec<_>>().join(" "));
    let mut lines = vec![paint(FAINT, &head)];
    for (number, from) in links.nodes.iter().enumerate() {
        let row = links.nodes.iter().map(|to| {
            let sign = if from.id == to.id {
                paint(FAINT, "\\")
            } else if !from.reports {
                paint(FAINT, "?")
            } else {
                // Who is not told of is well.
                sign(cells.get(&(from.id.as_str(), to.id.as_str())).copied().unwrap_or("good"))
            };
            format!("{}{sign}", " ".repeat(digits - 1))
        });
        let row = row.collect::<Vec<_>>().join(" ");
        lines.push(format!("{number:>digits$}  {:width$}  {row}", label(from)));
    }
    let legend = "each row as that node sees it: . good   h hears it, is not answered   \
                  v only others have its answers   x silent   ? does not report";
    lines.push(paint(FAINT, legend));
    lines.join("\n")
}

fn label(node: &ReporterDocument) -> &str {
    called(&node.name, &node.id)
}

fn sign(link: &str) -> String {
    match link {
        "good" => paint(GOOD, "."),
        "heard" => paint(BAD, "h"),
        "vouched" => paint(BAD, "v"),
        "silent" => paint(DOUBTFUL, "x"),
        _ => paint(FAINT, "?"),
    }
}

fn meaning(link: &str) -> &'static str {
    match link {
        "heard" => "it is heard, and answers nothing: it is not reached",
        "vouched" => "only others have answers of it: it does not reach this one",
        "silent" => "nothing of it arrives",
        _ => "unknown",
    }
}
