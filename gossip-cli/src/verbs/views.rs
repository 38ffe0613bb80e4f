//! `views`: who sees the same members, and how two nodes see them differently.

use crate::admin::client::Client;
use crate::admin::documents::health::{
    DiffDocument, DifferenceDocument, SeenDocument, ViewsDocument,
};
use crate::args::{Global, ViewsArgs};
use crate::output::{self, FAINT, called, paint};

/// Carries the command out.
///
/// # Errors
/// When there is no such member, one does not answer, or the node does not.
pub(crate) fn run(global: &Global, arguments: &ViewsArgs) -> anyhow::Result<()> {
    let query = match arguments.diff.as_slice() {
        [a, b] => vec![("a", a.as_str()), ("b", b.as_str())],
        _ => Vec::new(),
    };
    let views: ViewsDocument = Client::new(global)?.get("/v1/views", &query)?;
    if global.json { output::json(&views) } else { output::line(&human(&views)) }
}

fn human(views: &ViewsDocument) -> String {
    let name = |id: &String| called(views.names.get(id).map_or("", String::as_str), id).to_owned();
    if let Some(diff) = &views.diff {
        return difference(diff, name(&diff.a), name(&diff.b));
    }
    let row = |view: &crate::admin::documents::health::ViewDocument| {
        let mut names: Vec<_> = view.nodes.iter().map(name).collect();
        names.sort_unstable();
        vec![view.state_hash.clone(), view.nodes.len().to_string(), names.join(", ")]
    };
    let rows: Vec<_> = views.views.iter().map(row).collect();
    output::table(&["VIEW", "OF", "NODES"], &rows)
}

fn difference(diff: &DiffDocument, a: String, b: String) -> String {
    if diff.members.is_empty() {
        return format!("{a} and {b} see all others alike");
    }
    let seen = |seen: &Option<SeenDocument>| {
        seen.as_ref().map_or_else(|| "-".into(), |it| format!("{} {}", it.status, it.incarnation))
    };
    let row = |it: &DifferenceDocument| {
        vec![called(&it.name, &it.id).to_owned(), seen(&it.a), seen(&it.b)]
    };
    let rows: Vec<_> = diff.members.iter().map(row).collect();
    let table = output::table(&["MEMBER", &format!("TO {a}"), &format!("TO {b}")], &rows);
    format!("{table}\n{}", paint(FAINT, "status and incarnation; - is unknown"))
}
