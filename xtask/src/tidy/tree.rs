//! The workspace's files as tidy sees them: all paths, and the texts that rules read.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::rust::Source;

/// Files and folders by their path from the root, with `/` between parts.
///
/// Folders of builds and those whose names begin with a dot are not entered.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every file and folder; Rust and Markdown files with their text.
    pub(super) paths: BTreeMap<String, Option<String>>,
    sources: Vec<Source>,
}

impl Tree {
    /// Reads a workspace from disk.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.enter(root, "").with_context(|| format!("reading {}", root.display()))?;
        Ok(tree)
    }

    /// The Rust files below a folder, or all of them for an empty one.
    pub(crate) fn sources(&self, folder: &str) -> impl Iterator<Item = &Source> {
        let below = move |path: &str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        self.sources.iter().filter(move |source| below(&source.path))
    }

    /// The Markdown files with their texts.
    pub(super) fn pages(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts =
            self.paths.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)));
        texts.filter(|(path, _)| path.ends_with(".md"))
    }

    /// A tree of files given as (path, text).
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            for (end, _) in path.match_indices('/') {
                tree.paths.insert(path.split_at(end).0.to_owned(), None);
            }
            tree.add((*path).to_owned(), (*text).to_owned());
        }
        tree
    }

    fn enter(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    self.enter(&entry.path(), &format!("{path}/"))?;
                }
                self.paths.insert(path, None);
            } else if name.ends_with(".rs") || name.ends_with(".md") {
                self.add(path, std::fs::read_to_string(entry.path())?);
            } else {
                self.paths.insert(path, None);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String, text: String) {
        if path.ends_with(".rs") {
            self.sources.push(Source::new(&path, &text));
        }
        self.paths.insert(path, Some(text));
    }
}
