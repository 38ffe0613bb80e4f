//! Other programs: how a command line is put together, shown and run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs or tests this crate; the constant serves a bare start.
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR");
    let manifest_dir =
        manifest_dir.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest_dir.parent().map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(named)
}

/// Whether a member of the workspace exists; some come later than this tool.
pub(crate) fn has_member(folder: &str) -> bool {
    root().join(folder).join("Cargo.toml").is_file()
}

/// A command line to run at the workspace's root. Its `Display` can be pasted into a shell.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Program {
    /// A program with arguments separated by single spaces.
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split(' ').map(String::from);
        let name = words.next().unwrap_or_default();
        Self { name, arguments: words.collect(), environment: Vec::new() }
    }

    /// Adds arguments as they are.
    pub(crate) fn arguments(mut self, more: &[String]) -> Self {
        self.arguments.extend_from_slice(more);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn environment(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((key, value.into()));
        self
    }

    /// Runs it to its end; its output goes where ours goes.
    pub(crate) fn run(&self) -> Result<()> {
        let status = self.command().stdin(Stdio::null()).status().with_context(|| self.absent())?;
        if !status.success() {
            bail!("{status}");
        }
        Ok(())
    }

    /// Runs it to its end and returns what it printed.
    pub(crate) fn read(&self) -> Result<String> {
        let mut command = self.command();
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| self.absent())?;
        if !output.status.success() {
            bail!("{self}: {}", output.status);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Becomes the program, so that signals and the exit code are its own.
    #[cfg(unix)]
    pub(crate) fn replace(&self) -> Result<()> {
        use std::os::unix::process::CommandExt as _;
        Err(self.command().exec()).with_context(|| self.absent())
    }

    /// Runs the program and ends with its exit code.
    #[cfg(not(unix))]
    pub(crate) fn replace(&self) -> Result<()> {
        let status = self.command().status().with_context(|| self.absent())?;
        std::process::exit(status.code().unwrap_or(1))
    }

    fn absent(&self) -> String {
        format!("cannot start `{}`", self.name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        if self.name == "cargo" {
            command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            // What the outer cargo says about this crate would make build scripts that watch
            // such variables run again at every change between it and a bare cargo.
            for (key, _) in std::env::vars_os() {
                let name = key.to_string_lossy();
                if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                    command.env_remove(&key);
                }
            }
        }
        command.args(&self.arguments).current_dir(root());
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.environment {
            write!(f, "{key}='{value}' ")?;
        }
        f.write_str(&self.name)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_a_shell_takes() {
        let program = Program::new("cargo doc --no-deps")
            .environment("RUSTDOCFLAGS", "-D warnings")
            .arguments(&["--open".into()]);
        assert_eq!(program.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --open");
    }

    #[test]
    fn tells_failure_from_success() {
        assert!(Program::new("true").run().is_ok());
        assert!(Program::new("false").run().is_err());
        assert!(Program::new("no-such-program").run().is_err());
        assert!(Program::new("cargo --version").read().is_ok_and(|out| out.starts_with("cargo ")));
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(has_member("gossip-core") && has_member("xtask") && !has_member("gossip-none"));
    }
}
