//! The simulator as a program: built once, asked by command lines, its answers kept.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::program::{Program, target};

/// `gossip-cli`, and where answers of this very program are kept.
#[derive(Debug)]
pub(crate) struct Simulator {
    program: PathBuf,
    /// What its bytes come to: another build has another name.
    name: String,
    kept: PathBuf,
}

/// Somebody pressed Ctrl-C: what is missing is not a failure of the row.
#[derive(Debug)]
struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; finished rows are kept, and the same command goes on from there")
    }
}

impl std::error::Error for Interrupted {}

/// Whether an error is an interruption.
pub(super) fn was_interrupted(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>()
}

impl Simulator {
    /// Builds the program: optimised, and without RocksDB, which no simulation needs.
    pub(crate) fn build() -> Result<Self> {
        let build = "cargo build --release -p gossip-cli --no-default-features";
        println!("{build}");
        Program::new(build).run().context("gossip-cli does not build")?;
        let program = target().join("release").join("gossip-cli");
        let bytes =
            fs::read(&program).with_context(|| format!("{} is not there", program.display()))?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        let kept = target().join("papers").join(&name);
        fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
        Ok(Self { program, name, kept })
    }

    /// A few signs that tell this build from others.
    pub(super) fn build_name(&self) -> &str {
        self.name.get(..8).unwrap_or(&self.name)
    }

    /// What a command prints, line by line; from an earlier run where there was one.
    pub(super) fn run(&self, command: &str) -> Result<Vec<Value>> {
        let kept = self.kept(command);
        if let Ok(text) = fs::read_to_string(&kept) {
            return documents(&text);
        }
        let words = command.split(' ').chain(["--json"]);
        let mut process = Command::new(&self.program);
        let output = process.args(words).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.context("gossip-cli does not start")?;
        match output.status.code() {
            Some(0) => {}
            Some(PARTIAL) => return Err(Interrupted.into()),
            _ => bail!("{}", output.status),
        }
        let text = String::from_utf8(output.stdout)?;
        let documents = documents(&text)?;
        // Complete or not there: whoever is ended while writing must not be believed later.
        let fresh = kept.with_extension("fresh");
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, &kept))
            .context("cannot keep the result")?;
        Ok(documents)
    }

    /// Whether an earlier run has finished this command.
    pub(super) fn has(&self, command: &str) -> bool {
        self.kept(command).is_file()
    }

    fn kept(&self, command: &str) -> PathBuf {
        let name =
            command.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' });
        self.kept.join(format!("{}.ndjson", name.collect::<String>()))
    }

    /// A picture as an SVG file.
    pub(crate) fn plot(&self, figure: &Value) -> Result<Vec<u8>> {
        let mut process = Command::new(&self.program);
        let pipes = process.arg("plot").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.spawn().context("gossip-cli does not start")?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(figure.to_string().as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("gossip-cli plot: {}", output.status);
        }
        Ok(output.stdout)
    }
}

/// The exit code of a simulation that was stopped before its end.
const PARTIAL: i32 = 3;

fn documents(text: &str) -> Result<Vec<Value>> {
    let lines = text.lines().map(|line| serde_json::from_str(line).context("no JSON"));
    lines.collect()
}
