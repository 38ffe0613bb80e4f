//! The workspace's top level is fixed: crates, and the pages that belong to all of them.

use super::{Finding, Tree};

/// Everything that may stand there, beside names that begin with a dot and `target`.
const ALLOWED: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "clippy.toml",
    "docs",
    "gossip-cli",
    "gossip-core",
    "gossip-store-rocks",
    "gossip-transport-tcp",
    "gossip-transport-udp",
    "rustfmt.toml",
    "target",
    "xtask",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let names = tree.paths.keys().filter(|path| !path.contains('/') && !path.starts_with('.'));
    let foreign = names.filter(|name| !ALLOWED.contains(&name.as_str()));
    let mend = "move it into a crate or out of the tree; the list is in tidy/top_level.rs";
    foreign.map(|name| Finding::new(name, 1, "does not belong at the top level", mend)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn names_what_does_not_belong() {
        let fine = ("gossip-core/src/lib.rs", "");
        assert_finds(check, &[fine, (".ci/run", ""), ("Cargo.toml", "")], &[]);
        assert_finds(
            check,
            &[fine, ("gossip-extra/src/lib.rs", ""), ("notes.txt", "")],
            &["gossip-extra:1: ", "notes.txt:1: "],
        );
    }
}
