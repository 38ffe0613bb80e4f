//! `config`: check, show and explain configuration.

use std::path::Path;

use serde::Serialize;

use crate::args::{ConfigCommand, Global};
use crate::config::{self, KEYS, Loaded, Settings};
use crate::failure::Failure;
use crate::output::{self, FAINT, STRONG, paint};
use crate::sockets;

/// Carries the command out.
///
/// # Errors
/// When the configuration is wrong.
pub(crate) fn run(global: &Global, command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check { file } => check(global, &file),
        ConfigCommand::Keys => keys(global),
        ConfigCommand::Show { config, effective } => show(global, config.as_deref(), effective),
    }
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    keys: usize,
}

/// The file alone: the environment may differ where it is used.
fn check(global: &Global, file: &Path) -> anyhow::Result<()> {
    let loaded = Loaded::read(Some(file), [])?;
    consistent(loaded.settings()?)?;
    let keys = loaded.origins.len();
    if global.json {
        return output::json(&Checked { ok: true, keys });
    }
    output::line(&format!("{} sets {keys} keys; all is well", file.display()))
}

#[derive(Serialize)]
struct Described {
    key: String,
    default: Option<String>,
    unit: &'static str,
    range: String,
    variable: String,
    doc: String,
}

fn keys(global: &Global) -> anyhow::Result<()> {
    let defaults = Settings::default();
    for key in KEYS {
        let described = Described {
            key: key.path(),
            default: key.show(&defaults),
            unit: key.unit(),
            range: key.range(),
            variable: key.variable(),
            doc: key.doc(),
        };
        if global.json {
            output::json(&described)?;
            continue;
        }
        let Described { key, default, unit, range, variable, doc } = described;
        let default = default.as_deref().unwrap_or("unset");
        output::line(&format!("{} = {default}", paint(STRONG, &key)))?;
        output::line(&format!("    {doc}"))?;
        let facts = format!("    {unit}, {range}; {variable}");
        output::line(&paint(FAINT, &facts))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Shown {
    key: String,
    value: Option<String>,
    origin: String,
}

fn show(global: &Global, file: Option<&Path>, effective: bool) -> anyhow::Result<()> {
    let loaded = config::read(file)?;
    let settings = loaded.settings()?;
    consistent(settings)?;
    let mut section = "";
    for key in KEYS {
        let origin = loaded.origin(key);
        if origin.is_none() && !effective {
            continue;
        }
        let value = key.show(settings);
        let origin = origin.map_or_else(|| "default".to_owned(), ToString::to_string);
        if global.json {
            output::json(&Shown { key: key.path(), value, origin })?;
            continue;
        }
        if key.section() != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = key.section();
            output::line(&format!("{gap}[{section}]"))?;
        }
        // An unset key has no form in TOML, so it stays a comment.
        let line = match value {
            Some(value) => format!("{} = {value}", key.name()),
            None => format!("# {} is unset", key.name()),
        };
        output::line(&format!("{line}  {}", paint(FAINT, &format!("# {origin}"))))?;
    }
    Ok(())
}

/// Whether keys contradict one another.
fn consistent(settings: &Settings) -> anyhow::Result<()> {
    let built = settings.spec.clone().build(sockets::payloads(&settings.transport));
    built.map(drop).map_err(|error| Failure::usage(error.to_string()))
}
