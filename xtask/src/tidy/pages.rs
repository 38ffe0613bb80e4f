//! Markdown: pages that are read from end to end stay short, and links lead somewhere.

use super::{Finding, Tree};

/// Pages with a bound on their lines (house rules).
const PAGE_LINES: &[(&str, usize)] = &[("ARCHITECTURE.md", 200), ("CONTRIBUTING.md", 150)];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.pages() {
        let lines = text.lines().count();
        for (_, bound) in PAGE_LINES.iter().filter(|(page, bound)| *page == path && lines > *bound)
        {
            let what = format!("the page has {lines} lines, of at most {bound}");
            findings.push(Finding::new(path, bound + 1, what, "say it shorter or elsewhere"));
        }
        for (line, link) in links(text) {
            if !exists(tree, path, link) {
                let what = format!("the link `{link}` leads nowhere");
                findings.push(Finding::new(path, line, what, "correct or remove it"));
            }
        }
    }
    findings
}

/// The targets of inline links and of reference definitions outside code, with their lines.
fn links(page: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(page.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every other part between backticks is code.
            for prose in line.split('`').step_by(2) {
                let inline =
                    prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
                links.extend(inline.map(|target| (number, target)));
            }
            let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
            links.extend(definition.map(|(_, target)| (number, target.trim())));
        }
    }
    links
}

/// Whether a link is relative and leads to a file or folder, or is none of ours to check.
fn exists(tree: &Tree, page: &str, link: &str) -> bool {
    let target = link.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            name => parts.push(name),
        }
    }
    parts.is_empty() || tree.paths.contains_key(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn bounds_pages_that_are_read_whole() {
        let just = "line\n".repeat(200);
        assert_finds(check, &[("ARCHITECTURE.md", &just)], &[]);
        assert_finds(check, &[("docs/wire.md", &just.repeat(2))], &[]);
        assert_finds(
            check,
            &[("ARCHITECTURE.md", &format!("{just}one more\n"))],
            &["ARCHITECTURE.md:201: the page has 201 lines"],
        );
    }

    #[test]
    fn follows_relative_links() {
        let docs = "[up](../README.md#start) [here](guide.md) [web](https://example.org/x) [a](#b)\n\
                    `[code](not/a/link)`\n```text\n[code](neither)\n```\n[folder](../docs/)\n";
        let tree = [("README.md", "[docs](docs/guide.md)\n"), ("docs/guide.md", docs)];
        assert_finds(check, &tree, &[]);
    }

    #[test]
    fn finds_links_that_lead_nowhere() {
        let page = "[gone](gone.md) and [out](../../out.md)\n\n[ref]: lost.md\n";
        assert_finds(
            check,
            &[("docs/page.md", page)],
            &[
                "docs/page.md:1: the link `gone.md`",
                "docs/page.md:1: the link `../../out.md`",
                "docs/page.md:3: the link `lost.md`",
            ],
        );
    }
}
