//! Sizes: one idea per file, and functions that fit a screen.

use super::rust::Source;
use super::{Finding, Tree};

/// The most lines of a file, `mod tests` aside (house rule).
const FILE_LINES: usize = 700;

/// The lines that a file aims at (house rule); larger ones are listed.
const FILE_AIM: usize = 300;

/// The most lines of a function, from `fn` to its brace (house rule).
const FUNCTION_LINES: usize = 70;

/// Functions that may be longer: path, name, reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<_> = tree.sources("").filter_map(file).collect();
    findings.extend(tree.sources("").flat_map(|source| functions(source, LONG_FUNCTIONS)));
    findings
}

/// The files above the aim, with their lines.
pub(super) fn large_files(tree: &Tree) -> Vec<(&str, usize)> {
    let sizes = tree.sources("").map(|source| (source.path.as_str(), lines_of(source)));
    sizes.filter(|(_, lines)| *lines > FILE_AIM).collect()
}

fn file(source: &Source) -> Option<Finding> {
    let lines = lines_of(source);
    let what = format!("the file has {lines} lines without its tests, of at most {FILE_LINES}");
    (lines > FILE_LINES).then(|| Finding::new(&source.path, 1, what, "split it by its ideas"))
}

fn lines_of(source: &Source) -> usize {
    source.lines - source.tests.as_ref().map_or(0, |tests| tests.clone().count())
}

fn functions(source: &Source, allowed: &[(&str, &str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut stale: Vec<_> = allowed.iter().filter(|(path, ..)| *path == source.path).collect();
    for function in source.functions() {
        let count = function.lines.clone().count();
        if count <= FUNCTION_LINES {
            continue;
        }
        if let Some(at) = stale.iter().position(|(_, name, _)| *name == function.name) {
            stale.remove(at);
            continue;
        }
        let name = function.name;
        findings.push(Finding::new(
            &source.path,
            *function.lines.start(),
            format!("`{name}` has {count} lines, of at most {FUNCTION_LINES}"),
            "split it, or give the reason in LONG_FUNCTIONS of tidy/sizes.rs",
        ));
    }
    findings.extend(stale.iter().map(|(path, name, _)| {
        let what = format!("LONG_FUNCTIONS allows `{name}`, which is not long");
        Finding::new(path, 1, what, "remove the entry")
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    #[test]
    fn bounds_files_without_their_tests() {
        let tests = format!("mod tests {{\n{}}}\n", "// x\n".repeat(500));
        let just = "// x\n".repeat(FILE_LINES) + &tests;
        assert_finds(check, &[("a.rs", &just)], &[]);
        assert_finds(check, &[("a.rs", &format!("// x\n{just}"))], &["a.rs:1: the file has 701"]);
        assert_eq!(large_files(&Tree::of(&[("a.rs", &just)])), [("a.rs", FILE_LINES)]);
        assert_eq!(large_files(&Tree::of(&[("a.rs", "// x\n")])), []);
    }

    #[test]
    fn bounds_functions() {
        assert_finds(check, &[("a.rs", &function("just", 70))], &[]);
        assert_finds(check, &[("a.rs", &function("over", 71))], &["a.rs:1: `over` has 71 lines"]);
    }

    #[test]
    fn allows_a_long_function_only_while_it_is_long() {
        let allowed = [("a.rs", "table", "one row per case")];
        let long = Source::new("a.rs", &function("table", 71));
        assert!(functions(&long, &allowed).is_empty());
        let short = Source::new("a.rs", &function("table", 9));
        assert_eq!(functions(&short, &allowed).len(), 1);
    }
}
