//! Two pieces of work on the same input, taken in turns, and the table of their ratios.

use std::hint::black_box;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// What one comparison found.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks build it literally")]
pub struct Row {
    /// What was compared with what.
    pub name: String,
    /// One ratio per turn.
    pub ratios: Vec<f64>,
    /// Medians per entry: ours, and what it is compared with.
    pub nanos: Option<(f64, f64)>,
    /// What the median is held to.
    pub target: Target,
}

/// What a median is held to.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a bound has two sides")]
pub enum Target {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
}

/// What one thing takes, in several units.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "benchmarks build it literally")]
pub struct Figures {
    /// What was measured.
    pub name: String,
    /// Units, each with one value per turn.
    pub values: Vec<(&'static str, Vec<f64>)>,
}

/// Seconds that each of two pieces of work takes; they take turns in going first.
pub fn in_turns<A, B>(turn: u64, ours: impl FnOnce() -> A, bare: impl FnOnce() -> B) -> (f64, f64) {
    if turn.is_multiple_of(2) {
        let ours = seconds(ours);
        (ours, seconds(bare))
    } else {
        let bare = seconds(bare);
        (seconds(ours), bare)
    }
}

/// Seconds that a piece of work takes.
pub fn seconds<A>(work: impl FnOnce() -> A) -> f64 {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed().as_secs_f64()
}

/// CPU time of this thread, in seconds: what else the machine does is not in it, but for its caches.
#[must_use]
pub fn cpu_seconds() -> f64 {
    seconds_of(ClockId::ThreadCPUTime)
}

/// CPU time of this process, in seconds: all of its threads, and what the system does for them.
#[must_use]
pub fn process_cpu_seconds() -> f64 {
    seconds_of(ClockId::ProcessCPUTime)
}

/// CPU seconds of one run of a piece of work, of so many in a row that the clock is no part of it.
pub fn cpu_seconds_each<A>(mut work: impl FnMut() -> A) -> f64 {
    let mut runs = 1_u32;
    loop {
        let begun = cpu_seconds();
        (0..runs).for_each(|_| drop(black_box(work())));
        let seconds = cpu_seconds() - begun;
        // What ran once is warm now, and runs again if that is cheap.
        if seconds > 1e-3 && (runs > 1 || seconds > 0.1) {
            return seconds / f64::from(runs);
        }
        runs *= 4;
    }
}

/// Median nanoseconds per entry of both pieces of work, which take so many entries each.
#[must_use]
pub fn per_entry(pairs: &[(f64, f64)], entries: u64) -> (f64, f64) {
    let nanos = |seconds: Vec<f64>| {
        let [_, median, _] = quartiles(&seconds);
        median * 1e9 / entries as f64
    };
    (
        nanos(pairs.iter().map(|pair| pair.0).collect()),
        nanos(pairs.iter().map(|pair| pair.1).collect()),
    )
}

/// Prints the table, and writes it to a file of this name beside the programs.
///
/// # Errors
/// When the file cannot be written.
pub fn report(rows: &[Row], file: &str) -> std::io::Result<()> {
    report_with(&[], rows, file)
}

/// Prints plain figures and the table below them, and writes both to a file of this name beside the
/// programs.
///
/// # Errors
/// When the file cannot be written.
#[expect(clippy::print_stdout, reason = "its table is what a benchmark is for")]
pub fn report_with(figures: &[Figures], rows: &[Row], file: &str) -> std::io::Result<()> {
    let mut json = Vec::new();
    for Figures { name, values } in figures {
        print!("{name:50}");
        for (unit, values) in values {
            let [low, median, high] = quartiles(values).map(short);
            let spread = if low == high { String::new() } else { format!(" ({low}..{high})") };
            print!("  {:40}", format!("{median} {unit}{spread}"));
            let [low, median, high] = quartiles(values);
            json.push(serde_json::json!({
                "name": name, "unit": unit, "median": median, "quartiles": [low, high],
            }));
        }
        println!();
    }
    println!("\n{:74} {:>7} {:>16} {:>15}", "ratio", "median", "quartiles", "ns per entry");
    for Row { name, ratios, nanos, target } in rows {
        let [low, median, high] = quartiles(ratios);
        let (bound, passed) = match target {
            Target::AtLeast(least) => (format!(">= {least}"), median >= *least),
            Target::AtMost(most) => (format!("<= {most}"), median <= *most),
        };
        let verdict = if passed { "PASS" } else { "MISS" };
        let times = nanos.map_or(String::new(), |(ours, bare)| format!("{ours:.0} to {bare:.0}"));
        println!(
            "{name:74} {median:7.3} {:>16} {times:>15}  {bound} {verdict}",
            format!("{low:.3}..{high:.3}")
        );
        json.push(serde_json::json!({
            "name": name, "median": median, "quartiles": [low, high], "target": bound,
            "passed": passed, "nanos_ours": nanos.map(|pair| pair.0),
            "nanos_bare": nanos.map(|pair| pair.1),
        }));
    }
    // Cargo puts this program into target/release/deps.
    let program = std::env::current_exe()?;
    let folder = program.ancestors().nth(3).unwrap_or(&program).join("bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(file);
    println!("\nwritten to {}", file.display());
    std::fs::write(file, format!("{:#}\n", serde_json::Value::from(json)))
}

fn seconds_of(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A number with as many digits as mean anything.
fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    [1, 2, 3].map(|quarter| sorted.get(last * quarter / 4).copied().unwrap_or(f64::NAN))
}
