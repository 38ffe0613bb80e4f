//! `cargo xtask test`: one step after the other, each under a heading with the time so far.

use std::fmt::Display;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::program::Program;
use crate::{loom, netns, prerequisites, soak, tidy};

/// Everything that must hold before a change is accepted.
///
/// All compiles share the dev profile and the same features (`--workspace --all-features`), so
/// that a dependency, above all a native one, is built once: clippy, rustdoc and the tests reuse
/// each other's work, and benches are compiled as tests rather than by `cargo bench`, which would
/// build the world again in release.
pub(crate) fn test() -> Result<()> {
    let mut steps = Steps::begin();
    steps.check("prerequisites", "cargo xtask test", || {
        prerequisites::check()?;
        prerequisites::check_tracing()
    })?;
    steps.run("format", &Program::new("cargo fmt --all --check"))?;
    steps.run("lints", &deny_warnings("cargo clippy --workspace --all-targets --all-features"))?;
    // They are no tests of a bare `cargo test`, so that `--all-targets` passes them by.
    for (name, tests) in [("netns", netns::TESTS), ("soak", soak::TESTS)] {
        let clippy = format!("cargo clippy {tests} --all-features");
        steps.run(&format!("lints of {name}"), &deny_warnings(&clippy))?;
    }
    steps.run(
        "documentation",
        &Program::new("cargo doc --workspace --no-deps --all-features")
            .environment("RUSTDOCFLAGS", "-D warnings"),
    )?;
    steps.check("tidiness", "cargo xtask tidy", tidy::tidy)?;
    steps.check("no runtime in the core", core_tree(), core_is_pure)?;
    steps.run("tests", &Program::new("cargo test --workspace --all-features"))?;
    steps.check("loom models", "cargo xtask loom", loom::loom)?;
    steps.run(
        "benches compile",
        &Program::new("cargo test --workspace --all-features --benches --no-run"),
    )?;
    steps.end();
    Ok(())
}

/// A clippy command line whose warnings are errors.
pub(crate) fn deny_warnings(clippy: &str) -> Program {
    Program::new(&format!("{clippy} -- -D warnings"))
}

/// A run of named steps that stops at the first failure.
#[derive(Debug)]
pub(crate) struct Steps {
    begun: Instant,
    times: Vec<(String, f64)>,
}

impl Steps {
    /// Starts the clock.
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), times: Vec::new() }
    }

    /// Runs a program as a step.
    pub(crate) fn run(&mut self, title: &str, program: &Program) -> Result<()> {
        self.check(title, program, || program.run())
    }

    /// Runs a function as a step; `again` is the command that repeats it alone.
    pub(crate) fn check(
        &mut self,
        title: &str,
        again: impl Display,
        step: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let before = self.begun.elapsed().as_secs_f64();
        println!("\n== {title} (after {before:.0} s): {again}");
        step().with_context(|| format!("step `{title}` failed; to repeat it alone: {again}"))?;
        self.times.push((title.to_owned(), self.begun.elapsed().as_secs_f64() - before));
        Ok(())
    }

    /// Shows where the time went.
    pub(crate) fn end(&self) {
        println!("\n== all {} steps passed", self.times.len());
        for (title, seconds) in &self.times {
            println!("{seconds:8.1} s  {title}");
        }
        println!("{:8.1} s  in all", self.begun.elapsed().as_secs_f64());
    }
}

/// The promise that the core is a library of pure functions, kept where dependencies are resolved.
fn core_is_pure() -> Result<()> {
    let tree = core_tree().read()?;
    let banned = runtimes(&tree);
    ensure!(banned.is_empty(), "gossip-core without features depends on {}", banned.join(", "));
    println!("{} crates, none of them a runtime", tree.lines().count());
    Ok(())
}

fn core_tree() -> Program {
    Program::new("cargo tree -p gossip-core --no-default-features -e normal --prefix none")
}

fn runtimes(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| *name == "mio" || *name == "tokio" || name.starts_with("tokio-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_names_its_repetition_and_stops() {
        let mut steps = Steps::begin();
        let program = Program::new("false");
        let error = steps.run("broken", &program).unwrap_err();
        assert!(error.to_string().contains("to repeat it alone: false"));
        assert!(steps.times.is_empty());
    }

    #[test]
    fn finds_a_runtime_in_a_tree() {
        let tree = "gossip-core v0.1.0 (/here)\nblake3 v1.8.7\ntokio v1.54.0\ntokio-util v0.7.0";
        assert_eq!(runtimes(tree), ["tokio", "tokio-util"]);
    }

    #[test]
    fn the_core_is_pure() {
        core_is_pure().unwrap();
    }
}
