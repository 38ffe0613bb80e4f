//! Where a node's state is: in memory, or in files of the node's directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gossip_core::store::{MemoryStore, Store};

use crate::config::Settings;
use crate::failure::Failure;

/// Whether this program was built with RocksDB.
pub(crate) const HAS_ROCKS: bool = cfg!(feature = "rocks");

/// What a demo and a node with a directory use.
pub(crate) const DURABLE: &str = if HAS_ROCKS { "rocks" } else { "memory" };

/// Where a node keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Rocks(PathBuf),
}

impl Place {
    /// Where a node's directory has its state.
    pub(crate) const FOLDER: &'static str = "store";

    /// The place that the settings name.
    ///
    /// # Errors
    /// When they ask for what this program or its other settings do not allow.
    pub(crate) fn of(settings: &Settings) -> anyhow::Result<Self> {
        let durable = match settings.store.as_deref() {
            None => HAS_ROCKS && settings.data.is_some(),
            Some(kind) => kind == "rocks",
        };
        if !durable {
            return Ok(Self::Memory);
        }
        let Some(data) = &settings.data else {
            let text = "the store `rocks` keeps the state in files: name the node's directory with \
                        --data DIR (key node.data)";
            return Err(Failure::usage(text));
        };
        Self::inside(data)
    }

    /// The files of the node with this directory.
    ///
    /// # Errors
    /// When this program was built without RocksDB.
    pub(crate) fn inside(data: &Path) -> anyhow::Result<Self> {
        if !HAS_ROCKS {
            return Err(Failure::usage(WITHOUT_ROCKS));
        }
        Ok(Self::Rocks(data.join(Self::FOLDER)))
    }

    /// The same kind of place elsewhere.
    pub(crate) fn at(self, path: PathBuf) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Rocks(_) => Self::Rocks(path),
        }
    }

    /// Opens the store. Takes as long as disks take: reading back a log that was not flushed.
    ///
    /// # Errors
    /// The reason, with the next step.
    pub(crate) async fn open(self) -> anyhow::Result<Arc<dyn Store>> {
        match self {
            Self::Memory => Ok(Arc::new(MemoryStore::new())),
            Self::Rocks(path) => tokio::task::spawn_blocking(move || rocks(&path)).await?,
        }
    }
}

/// Whether what a store acknowledges outlives the process.
pub(crate) fn is_durable(kind: &str) -> bool {
    kind != "memory"
}

const WITHOUT_ROCKS: &str = "this gossip-cli was built without RocksDB; build it with \
                             `cargo build -p gossip-cli`, or keep the state in memory with --store memory";

#[cfg(feature = "rocks")]
fn rocks(path: &Path) -> anyhow::Result<Arc<dyn Store>> {
    use std::fs::DirBuilder;
    use std::os::unix::fs::DirBuilderExt as _;

    use anyhow::Context as _;
    use gossip_store_rocks::{RocksConfig, RocksStore};

    // Values are nobody else's business: the same mode as the key's directory.
    let failed = || format!("cannot make the directory {}", path.display());
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(failed)?;
    let store = RocksStore::open(path, RocksConfig::default());
    Ok(Arc::new(store.map_err(|error| Failure::failed(error.to_string()))?))
}

#[cfg(not(feature = "rocks"))]
fn rocks(_: &Path) -> anyhow::Result<Arc<dyn Store>> {
    Err(Failure::usage(WITHOUT_ROCKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(store: Option<&str>, data: Option<&str>) -> Result<Place, String> {
        let settings = Settings {
            data: data.map(PathBuf::from),
            store: store.map(str::to_owned),
            ..Settings::default()
        };
        Place::of(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn the_place_follows_from_store_and_directory() {
        assert_eq!(place(None, None), Ok(Place::Memory));
        assert_eq!(place(Some("memory"), Some("d")), Ok(Place::Memory));
        if HAS_ROCKS {
            let files = Ok(Place::Rocks("d/store".into()));
            assert_eq!(place(None, Some("d")), files);
            assert_eq!(place(Some("rocks"), Some("d")), files);
            assert!(place(Some("rocks"), None).unwrap_err().contains("--data"));
        } else {
            assert_eq!(place(None, Some("d")), Ok(Place::Memory));
            assert!(place(Some("rocks"), Some("d")).unwrap_err().contains("without RocksDB"));
        }
    }
}
