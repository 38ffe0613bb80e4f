//! `cargo xtask tidy`: the house rules that no compiler checks. It also runs as a test.
//!
//! Each rule is a function from the tree of files to findings, so that its tests feed it broken
//! trees. Every finding says where it is and how to mend it.

mod layers;
mod pages;
mod rust;
mod sizes;
mod top_level;
mod tree;
mod words;

use std::fmt;

use anyhow::{Result, bail};

pub(crate) use self::tree::Tree;
use crate::program::root;

/// Checks the workspace and prints what it finds.
pub(crate) fn tidy() -> Result<()> {
    let tree = Tree::load(&root())?;
    for (path, lines) in sizes::large_files(&tree) {
        println!("note: {path} has {lines} lines without its tests; files aim at 300 or fewer");
    }
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("{} Rust files are tidy", tree.sources("").count());
    Ok(())
}

/// One broken rule at one place.
#[derive(Debug)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
    mend: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, mend } = self;
        write!(f, "{path}:{line}: {what}; {mend}")
    }
}

fn check(tree: &Tree) -> Vec<Finding> {
    let rules = [layers::check, pages::check, sizes::check, top_level::check, words::check];
    let mut findings: Vec<_> = rules.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

/// Asserts that a rule finds exactly this in a tree of files given as (path, text).
#[cfg(test)]
fn assert_finds(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)], expected: &[&str]) {
    let findings: Vec<_> = rule(&Tree::of(files)).iter().map(ToString::to_string).collect();
    let as_expected = findings.len() == expected.len()
        && findings.iter().zip(expected).all(|(finding, start)| finding.starts_with(start));
    assert!(as_expected, "expected {expected:#?}, found {findings:#?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        tidy().unwrap();
    }

    #[test]
    fn every_rule_runs() {
        let broken = [
            ("gossip-core/src/rng.rs", "//! Random.\nuse crate::node::Node;\nfn f() { todo!() }\n"),
            ("junk.rs", "fn main() {}\n"),
            ("README.md", "[gone](gone.md)\n"),
        ];
        assert_finds(
            check,
            &broken,
            &[
                "README.md:1: ",
                "gossip-core/src/rng.rs:2: ",
                "gossip-core/src/rng.rs:3: ",
                "junk.rs:1: ",
                "junk.rs:1: ",
            ],
        );
    }
}
