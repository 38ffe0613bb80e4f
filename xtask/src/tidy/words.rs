//! What a file begins with, and words that have no place in finished code.

use super::rust::{Function, Source, closing, is_word};
use super::{Finding, Tree};

/// Macros that stand for unfinished work.
const MACROS: &[&str] = &["dbg", "todo", "unimplemented"];

/// Words in comments that stand for unfinished work.
const NOTES: &[&str] = &["TODO", "FIXME", "XXX"];

/// Test helpers that may sleep: they look at a condition again and again until a deadline, and a
/// pause between two looks is no synchronisation.
const POLLING_HELPERS: &[&str] = &["eventually", "wait_for", "wait_until"];

/// Tests that may sleep elsewhere: path, function, reason.
const SLEEPERS: &[(&str, &str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rules = [first_line, comments, macros, attributes, sleeps];
    tree.sources("").flat_map(|source| rules.iter().flat_map(|rule| rule(source))).collect()
}

fn first_line(source: &Source) -> Vec<Finding> {
    let says = source.first_line.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    let what = "the first line does not say what the file is";
    let finding = Finding::new(&source.path, 1, what, "begin it with `//! ..`");
    if says { Vec::new() } else { vec![finding] }
}

fn comments(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in &source.comments {
        let mut words = text.split(|sign: char| !sign.is_alphanumeric());
        if let Some(note) = words.find(|word| NOTES.contains(word)) {
            let what = format!("a comment says {note}");
            findings.push(Finding::new(&source.path, *line, what, "do it now, or open an issue"));
        }
    }
    findings
}

fn macros(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        if MACROS.contains(&token.text.as_str()) && source.text(at + 1) == "!" {
            let what = format!("`{}!` stands for unfinished work", token.text);
            findings.push(Finding::new(&source.path, token.line, what, "finish it"));
        }
    }
    findings
}

/// `#[allow]` and `#[expect]` give their reasons, and no test is ignored.
fn attributes(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        if token.text != "#" {
            continue;
        }
        let open = if source.text(at + 1) == "!" { at + 2 } else { at + 1 };
        let Some(close) = closing(&source.tokens, open).filter(|_| source.text(open) == "[") else {
            continue;
        };
        let words: Vec<&str> = (open..close).map(|at| source.text(at)).collect();
        let lifts = words.windows(2).any(|two| matches!(two, ["allow" | "expect", "("]));
        if lifts && !words.contains(&"reason") {
            let what = "a lint is lifted without a reason";
            let mend = "write `#[expect(lint, reason = \"..\")]` or mend the code";
            findings.push(Finding::new(&source.path, token.line, what, mend));
        }
        if words.contains(&"ignore") {
            let mend = "make it fast and reliable, or remove it";
            findings.push(Finding::new(&source.path, token.line, "a test is ignored", mend));
        }
    }
    findings
}

fn sleeps(source: &Source) -> Vec<Finding> {
    let functions = source.functions();
    let sleeper = |line: usize| innermost(&functions, line);
    let mut findings = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let sleeps = ["sleep", "sleep_ms", "sleep_until"].contains(&token.text.as_str())
            && source.text(at + 1) == "("
            && !is_word(source.text(at.saturating_sub(1)));
        let name = sleeper(token.line);
        let listed =
            SLEEPERS.iter().any(|(path, function, _)| (*path, *function) == (&source.path, name));
        if sleeps && source.is_test(token.line) && !POLLING_HELPERS.contains(&name) && !listed {
            let mend = "wait for the condition with a deadline, in a helper named `eventually`";
            findings.push(Finding::new(&source.path, token.line, "a test sleeps", mend));
        }
    }
    findings
}

fn innermost<'a>(functions: &[Function<'a>], line: usize) -> &'a str {
    let around = functions.iter().filter(|function| function.lines.contains(&line));
    around.max_by_key(|function| *function.lines.start()).map_or("", |function| function.name)
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn files_say_what_they_are() {
        assert_finds(check, &[("a.rs", "//! A file.\n")], &[]);
        assert_finds(check, &[("a.rs", "use b;\n")], &["a.rs:1: the first line"]);
        assert_finds(check, &[("a.rs", "//!\n")], &["a.rs:1: the first line"]);
        assert_finds(check, &[("a.rs", "")], &["a.rs:1: the first line"]);
    }

    #[test]
    fn finds_unfinished_work() {
        let text = "//! A.\nfn f() {\n    todo!()\n}\n// TODO: more\n/* a\nFIXME */\nlet x = dbg!(1);\n\
                    fn g() { unimplemented!() }\n// XXX\n";
        assert_finds(
            check,
            &[("a.rs", text)],
            &["a.rs:5: ", "a.rs:7: ", "a.rs:10: ", "a.rs:3: ", "a.rs:8: ", "a.rs:9: "],
        );
        let fine = "//! A.\nlet todo = \"TODO\";\nlet s = \"todo!()\"; // mastodon\n";
        assert_finds(check, &[("a.rs", fine)], &[]);
    }

    #[test]
    fn lifted_lints_give_reasons() {
        let text = "//! A.\n#[allow(dead_code)]\nfn f() {}\n#![expect(unused)]\n\
                    #[cfg_attr(test, allow(unused))]\nfn g() { x.expect(\"y\") }\n\
                    #[expect(a, reason = \"b\")]\nfn h() {}\n";
        assert_finds(
            check,
            &[("a.rs", text)],
            &["a.rs:2: a lint", "a.rs:4: a lint", "a.rs:5: a lint"],
        );
    }

    #[test]
    fn no_test_is_ignored() {
        let text = "//! A.\n#[ignore]\nfn f() {}\n#[ignore = \"slow\"]\nfn g() {}\n";
        assert_finds(check, &[("a.rs", text)], &["a.rs:2: a test is", "a.rs:4: a test is"]);
    }

    #[test]
    fn tests_do_not_sleep() {
        let text = "//! A.\nfn f() { thread::sleep(d) }\nmod tests {\n    fn g() {\n\
                    \n        tokio::time::sleep(d).await;\n    }\n    fn eventually() { sleep(d) }\n}\n";
        assert_finds(check, &[("src/a.rs", text)], &["src/a.rs:6: a test sleeps"]);
        assert_finds(
            check,
            &[("tests/it/a.rs", "//! A.\nfn f() { sleep_until(d) }\nfn sleep() {}\n")],
            &["tests/it/a.rs:2: a test sleeps"],
        );
    }
}
