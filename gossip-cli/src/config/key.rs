//! One key of the configuration: its names, its place, its range and its meaning.

use super::Settings;
use super::field::{Field, Range};

/// A key. File, environment, flags, checks and documentation are all made from it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    /// What it does, in lines.
    pub(super) doc: &'static [&'static str],
    pub(super) field: fn(&mut Settings) -> Field<'_>,
    pub(super) range: Range,
}

impl Key {
    /// How files name it: `section.name`.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// How the environment names it: `GOSSIP_SECTION_NAME`.
    pub(crate) fn variable(&self) -> String {
        format!("GOSSIP_{}_{}", self.section, self.name).to_uppercase()
    }

    /// Its section in a file.
    pub(crate) const fn section(&self) -> &'static str {
        self.section
    }

    /// Its name in its section.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Its value in these settings, as TOML; `None` when it has none.
    pub(crate) fn show(&self, settings: &Settings) -> Option<String> {
        (self.field)(&mut settings.clone()).show()
    }

    /// What it does, for people.
    pub(crate) fn doc(&self) -> String {
        let lines: Vec<_> = self.doc.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    }

    /// Its unit.
    pub(crate) fn unit(&self) -> &'static str {
        if self.name.ends_with("_bytes") {
            return "bytes";
        }
        (self.field)(&mut Settings::default()).unit()
    }

    /// What it may be, for people.
    pub(crate) fn range(&self) -> String {
        self.range.show()
    }

    pub(super) fn is_list(&self) -> bool {
        (self.field)(&mut Settings::default()).is_list()
    }

    pub(super) fn set(&self, settings: &mut Settings, texts: &[String]) -> Result<(), String> {
        (self.field)(settings).set(self.range, texts)
    }
}
