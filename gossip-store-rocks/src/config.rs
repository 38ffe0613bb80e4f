//! How much memory and disk a store takes beside its contents.

/// What a store takes. The defaults suit a node with some million small entries on a small machine.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it literally, from the default")]
pub struct RocksConfig {
    /// Bytes of unpacked blocks that are kept for reading. Default: 32 MiB (guess: the heads of
    /// some 80,000 entries of 400 bytes). Below 1 MiB every read of an old entry goes to the
    /// system's page cache; more helps only while the entries that are read fit.
    pub cache_bytes: usize,
    /// Bytes of writes that wait in memory to be sorted into files, all column families together.
    /// Default: 64 MiB, RocksDB's own default for one. Less makes more small files, which are then
    /// merged more often; more makes opening after a crash slower, by about 1 s per 100 MiB.
    pub memtable_bytes: usize,
    /// Count what RocksDB does, such as its syncs of the log. Default: no, it costs some percent.
    pub statistics: bool,
}

impl Default for RocksConfig {
    fn default() -> Self {
        Self { cache_bytes: 32 << 20, memtable_bytes: 64 << 20, statistics: false }
    }
}
