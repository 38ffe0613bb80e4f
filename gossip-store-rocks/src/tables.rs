//! The column families, and how RocksDB is set up for them.

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB,
    DBCompressionType, DBRecoveryMode, Options,
};

use crate::config::RocksConfig;
use crate::keys::SHARD_BYTES;

/// An open database and its column families.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'db> {
    pub(crate) checkpoints: &'db ColumnFamily,
    pub(crate) db: &'db DB,
    pub(crate) expiry: &'db ColumnFamily,
    pub(crate) heads: &'db ColumnFamily,
    pub(crate) ids: &'db ColumnFamily,
    pub(crate) meta: &'db ColumnFamily,
    pub(crate) values: &'db ColumnFamily,
}

impl<'db> Tables<'db> {
    /// `None` if one is missing, which opening prevents.
    pub(crate) fn of(db: &'db DB) -> Option<Self> {
        Some(Self {
            checkpoints: db.cf_handle(CHECKPOINTS)?,
            db,
            expiry: db.cf_handle(EXPIRY)?,
            heads: db.cf_handle(HEADS)?,
            ids: db.cf_handle(IDS)?,
            meta: db.cf_handle(META)?,
            values: db.cf_handle(VALUES)?,
        })
    }
}

/// The options of the whole database.
pub(crate) fn database(config: &RocksConfig) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // Up to the first record that is not whole; `mark.rs` tells whether that is too early.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // One to write memtables out and one to merge files, RocksDB's own default.
    options.set_max_background_jobs(2);
    options.set_max_file_opening_threads(2);
    options.set_db_write_buffer_size(config.memtable_bytes);
    // A family that is seldom written holds on to old logs: beyond this it is written out.
    options.set_max_total_wal_size(2 * config.memtable_bytes as u64);
    // Enough for some 30 GB in files of 64 MiB; more files are opened and closed in turns.
    options.set_max_open_files(512);
    // Dirty pages of new files are written as they come, and not all at once before their sync.
    options.set_bytes_per_sync(1 << 20);
    // RocksDB's own diary: two files of at most 1 MiB, without statistics by the clock.
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    if config.statistics {
        options.enable_statistics();
    }
    options
}

/// All column families with their options.
pub(crate) fn families(config: &RocksConfig) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(config.cache_bytes);
    let family = |name: &&str| {
        let mut options = Options::default();
        // Ids come in the order of time, nearly: the next place in a memtable is searched for from
        // the last one of the same shard. Without the hint it is searched for from the start.
        if *name == IDS {
            let hint = format!("memtable_insert_with_hint_prefix_extractor=fixed:{SHARD_BYTES}");
            match options.get_options_from_string(hint) {
                Ok(hinted) => options = hinted,
                Err(error) => tracing::warn!(%error, "RocksDB knows no hints for its memtables"),
            }
        }
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&cache);
        // Indexes and filters count as cache too, or memory would grow with the files.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        // One index of a large file is larger than a shard of the cache: it would be read and unpacked
        // for each single key. In parts, those that are used stay.
        blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        blocks.set_partition_filters(true);
        blocks.set_metadata_block_size(METADATA_BYTES);
        blocks.set_pin_top_level_index_and_filter(true);
        // Only these are searched for single keys: 1 % false positives (RocksDB's advice).
        if [HEADS, VALUES].contains(name) {
            blocks.set_bloom_filter(10.0, false);
        }
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_write_buffer_size(config.memtable_bytes / 2);
        // While two are written out, writers fill the others instead of waiting.
        options.set_max_write_buffer_number(4);
        ColumnFamilyDescriptor::new(*name, options)
    };
    NAMES.iter().map(family).collect()
}

/// A part of an index or a filter (RocksDB's advice).
const METADATA_BYTES: usize = 4_096;

/// Every column family. `default` stays empty, RocksDB insists on it.
pub(crate) const NAMES: [&str; 7] = ["default", CHECKPOINTS, EXPIRY, HEADS, IDS, META, VALUES];

const CHECKPOINTS: &str = "checkpoints";
const EXPIRY: &str = "expiry";
const HEADS: &str = "heads";
const IDS: &str = "ids";
const META: &str = "meta";
const VALUES: &str = "values";
