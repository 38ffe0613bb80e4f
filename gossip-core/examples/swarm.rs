//! Plays seeds of the swarm: `swarm FIRST COUNT`, and shrinks the first that breaks a promise; or
//! makes each deliberate mistake until a checker notices: `swarm mistakes`.

#![expect(clippy::print_stdout, reason = "an example's output")]

use std::collections::BTreeMap;

use gossip_core::sim::swarm::{self, Config, Mistake};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("mistakes") {
        return mistakes();
    }
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let first = arguments.next().and_then(Result::ok).unwrap_or(0);
    let count = arguments.next().and_then(Result::ok).unwrap_or(64);
    let config = Config::default();
    let mut faults = BTreeMap::<_, u64>::new();
    let (mut idle, mut converged, mut slowest) = (0, 0, 0);
    let (mut written, mut refused, mut collected, mut shed, mut frames) = (0, 0, 0, 0, 0);
    let mut failed = Vec::new();
    for seed in first..first + count {
        let outcome = swarm::run(&config, seed);
        for (kind, fired) in &outcome.faults {
            *faults.entry(*kind).or_default() += fired;
        }
        idle += outcome.idle.len();
        let took = outcome.converged.unwrap_or_default().as_millis();
        converged += took;
        slowest = slowest.max(took);
        written += outcome.writes.0;
        refused += outcome.writes.1;
        collected += outcome.collected;
        shed += outcome.shed;
        frames += outcome.frames;
        if let Some(violation) = outcome.violations.first() {
            println!("{seed}: {violation}");
            failed.push(seed);
        }
    }
    println!("{count} seeds, {} failed; {frames} frames", failed.len());
    println!("agreed after {} ms, slowest {slowest} ms", converged / u128::from(count));
    println!("{written} written, {refused} not; {collected} collected, {shed} shed");
    println!("{faults:?}; {idle} never fired");
    if let Some(seed) = failed.first() {
        println!("{}", swarm::replay(&config, *seed));
        if let Some(shrunk) = swarm::shrink(&config, *seed, 300) {
            println!("after {} runs:\n{}", shrunk.runs, shrunk.plan);
            for violation in &shrunk.outcome.violations {
                println!("{violation}");
            }
        }
    }
}

fn mistakes() {
    for mistake in Mistake::ALL {
        let config = Config { mistake: Some(mistake), ..Config::default() };
        let caught = (0..200).find_map(|seed| {
            let outcome = swarm::run(&config, seed);
            outcome.violations.into_iter().next().map(|violation| (seed, violation))
        });
        match caught {
            Some((seed, violation)) => println!("{mistake:?}: {} seeds, {violation}", seed + 1),
            None => println!("{mistake:?}: not noticed"),
        }
    }
}
