//! The workspace's own tool. `cargo xtask` alone lists its commands.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "it talks to people at a terminal")]

mod bench;
mod ci;
mod loom;
mod netns;
mod papers;
mod prerequisites;
mod program;
mod run;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

/// One command, as the help shows it and as it is run.
struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "",
        about: "everything that must hold: format, lints, docs, tidiness, tests, loom models",
        run: |rest| alone(rest, test::test),
    },
    Command {
        name: "demo",
        arguments: "[ARGS..]",
        about: "a cluster of real nodes on loopback: gossip-cli demo, on RocksDB over UDP and TCP",
        run: run::demo,
    },
    Command {
        name: "tidy",
        arguments: "",
        about: "what no compiler checks: sizes, layers, words, links, the top level",
        run: |rest| alone(rest, tidy::tidy),
    },
    Command {
        name: "loom",
        arguments: "",
        about: "every interleaving of the hand-written concurrent structures",
        run: |rest| alone(rest, loom::loom),
    },
    Command {
        name: "fuzz",
        arguments: "[--seconds N] [--seed S] [TARGET]",
        about: "random and mutated input for the decoder and the node, on stable Rust",
        run: run::fuzz,
    },
    Command {
        name: "netns",
        arguments: "[FILTER]",
        about: "nodes across network namespaces, with loss, delay and cuts; needs root on Linux",
        run: netns::netns,
    },
    Command {
        name: "soak",
        arguments: "[imports|kills] [--cycles N] [--seed S] [--json]",
        about: "Debian's package index through five nodes, then kill -9 at 100 random moments",
        run: soak::soak,
    },
    Command {
        name: "swarm",
        arguments: "[--seeds N] [ARGS..]",
        about: "10,000 seeds of chaos, every promise checked: gossip-cli sim swarm, optimised",
        run: run::swarm,
    },
    Command {
        name: "papers",
        arguments: "[--quick|--at-most RUNS] [--only TABLE,..]",
        about: "published figures against ours, through gossip-cli sim; writes docs/papers.md",
        run: papers::papers,
    },
    Command {
        name: "bench",
        arguments: "[ARGS..]",
        about: "all benchmarks, or those named; then a page of all figures, target/bench/report.html",
        run: bench::bench,
    },
    Command {
        name: "ci",
        arguments: "",
        about: "before a release: test, netns, feature combinations, 60 s of fuzz, deny, semver",
        run: |rest| alone(rest, ci::ci),
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = dispatch(&arguments) {
        // The alternate form has the causes and never a backtrace, which would say nothing here.
        eprintln!("xtask: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Ok(());
    };
    if ["help", "--help", "-h"].contains(&name.as_str()) {
        print!("{}", help());
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        bail!("there is no command `{name}`\n\n{}", help());
    };
    (command.run)(rest)
}

/// Runs a command that takes no arguments.
fn alone(rest: &[String], run: fn() -> Result<()>) -> Result<()> {
    ensure!(rest.is_empty(), "it takes no arguments, and got `{}`", rest.join(" "));
    run()
}

fn help() -> String {
    let mut help = String::from("cargo xtask COMMAND\n\n");
    for Command { name, arguments, about, run: _ } in COMMANDS {
        let usage = format!("{name} {arguments}");
        help += &format!("  {usage:<40} {about}\n");
    }
    help
}
