//! Drives the fuzz targets on stable Rust: `-- [TARGET] [--seconds N] [--seed S]`.
//!
//! TARGET is `decode`, `inputs` (both, if none is named) or `storm`, which sends `--frames N`
//! bent frames into one node. `--replay FILE` runs a target on one input. A failure writes its
//! input to a file and prints the command that replays it.

#![expect(clippy::print_stdout, reason = "a program that reports to whoever runs it")]
#![expect(clippy::disallowed_methods, reason = "a driver measures time; the core does not")]

use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gossip_core::rng::Rng;
use gossip_core::testkit::fuzz::{Mutator, TARGETS, Target, storm};

const USAGE: &str = "fuzz [decode|inputs|storm] [--seconds N] [--seed S] [--frames N] \
                     [--replay FILE]";

/// So many inputs are run between two looks at the clock.
const ROUND: u64 = 256;

struct Arguments {
    frames: u64,
    replay: Option<PathBuf>,
    seconds: u64,
    seed: u64,
    target: Option<String>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        println!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    if arguments.target.as_deref() == Some("storm") {
        return run_storm(&arguments);
    }
    let wanted = |name: &str| arguments.target.as_deref().is_none_or(|target| target == name);
    let targets: Vec<_> = TARGETS.into_iter().filter(|(name, _)| wanted(name)).collect();
    for (name, target) in &targets {
        let fine = match &arguments.replay {
            Some(file) => replay(*target, file),
            None => fuzz(name, *target, &arguments, targets.len() as u64),
        };
        if !fine {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::from(if targets.is_empty() { 2 } else { 0 })
}

fn arguments() -> Option<Arguments> {
    let mut found =
        Arguments { frames: 10_000_000, replay: None, seconds: 60, seed: 1, target: None };
    let mut rest = std::env::args().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--frames" => found.frames = rest.next()?.parse().ok()?,
            "--replay" => found.replay = Some(rest.next()?.into()),
            "--seconds" => found.seconds = rest.next()?.parse().ok()?,
            "--seed" => found.seed = rest.next()?.parse().ok()?,
            "decode" | "inputs" | "storm" => found.target = Some(argument),
            _ => return None,
        }
    }
    Some(found)
}

fn run_storm(arguments: &Arguments) -> ExitCode {
    let Arguments { frames, seed, .. } = *arguments;
    println!("storm: {frames} frames, seed {seed}");
    let start = Instant::now();
    let Ok(report) = catch_unwind(|| storm(frames, seed)) else {
        println!("replay: cargo xtask fuzz storm --frames {frames} --seed {seed}");
        return ExitCode::FAILURE;
    };
    let rate = report.frames as f64 / start.elapsed().as_secs_f64();
    println!("storm: {rate:.0} frames/s, {} rejected", report.rejected);
    for (why, count) in report.reasons {
        println!("  {count:>10} {why}");
    }
    ExitCode::SUCCESS
}

/// Runs a target until its share of the time is over; whether nothing was found.
fn fuzz(name: &str, target: Target, arguments: &Arguments, shares: u64) -> bool {
    let Arguments { seconds, seed, .. } = *arguments;
    println!("{name}: seed {seed}");
    let mut mutator = Mutator::new(Rng::from_number(seed));
    let (start, mut executions) = (Instant::now(), 0);
    let share = Duration::from_secs(seconds) / shares.max(1) as u32;
    while start.elapsed() < share {
        for _ in 0..ROUND {
            let input = mutator.next_input();
            executions += 1;
            if catch_unwind(|| target(&input)).is_err() {
                keep(name, seed, executions, &input);
                return false;
            }
        }
    }
    let rate = executions as f64 / start.elapsed().as_secs_f64();
    println!("{name}: {executions} executions, {rate:.0} per second, nothing found");
    true
}

fn replay(target: Target, file: &PathBuf) -> bool {
    let Ok(input) = std::fs::read(file) else {
        println!("{} cannot be read", file.display());
        return false;
    };
    target(&input);
    println!("{} did no harm", file.display());
    true
}

fn keep(name: &str, seed: u64, execution: u64, input: &[u8]) {
    let file = std::env::temp_dir().join(format!("gossip-fuzz-{name}-{seed}-{execution}"));
    println!("{name}: execution {execution} of seed {seed} failed");
    match std::fs::write(&file, input) {
        Ok(()) => println!("replay: cargo xtask fuzz {name} --replay {}", file.display()),
        Err(error) => println!("the input could not be kept: {error}"),
    }
}
