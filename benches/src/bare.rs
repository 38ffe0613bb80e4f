//! RocksDB without a store on top: the same rows under the same options.

use std::path::Path;

use gossip_core::fact::Envelope;
use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, Options, WriteBatch, WriteOptions,
};

use crate::shard;

/// What the store writes for one entry, by its documented layout.
#[derive(Debug)]
pub struct Rows {
    head: (Vec<u8>, Vec<u8>),
    id: (Vec<u8>, Vec<u8>),
    old_id: Option<Vec<u8>>,
}

impl Rows {
    /// Those of a fact, which may displace another one.
    #[must_use]
    pub fn of(fact: &Envelope, old: Option<&Envelope>) -> Self {
        let shard = shard();
        let shard = [&shard.channel.as_bytes()[..], &[shard.topic.0]].concat();
        let length = (fact.bytes().len() as u32).to_be_bytes();
        let id = |fact: &Envelope| {
            [&shard, &fact.hlc().bits().to_be_bytes()[..], fact.id().as_bytes()].concat()
        };
        let head = [&fact.id().as_bytes()[..], &[0], &length, fact.bytes()].concat();
        Self {
            head: ([&shard, fact.key()].concat(), head),
            id: (id(fact), [&[0], fact.key()].concat()),
            old_id: old.map(id),
        }
    }

    /// Whether something is displaced.
    #[must_use]
    pub const fn displaces(&self) -> bool {
        self.old_id.is_some()
    }
}

/// RocksDB alone, with the options of the store.
#[derive(Debug)]
pub struct Bare(DB);

impl Bare {
    /// A database in this directory.
    ///
    /// # Panics
    /// If RocksDB cannot open it.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_db_write_buffer_size(64 << 20);
        options.set_bytes_per_sync(1 << 20);
        let families = ["heads", "ids", "meta"].map(|name| {
            let mut options = Options::default();
            options.set_compression_type(DBCompressionType::Lz4);
            options.set_write_buffer_size(32 << 20);
            options.set_max_write_buffer_number(4);
            ColumnFamilyDescriptor::new(name, options)
        });
        Self(DB::open_cf_descriptors(&options, path, families).expect("RocksDB opens"))
    }

    /// Writes one batch.
    ///
    /// # Panics
    /// If RocksDB cannot write it.
    pub fn write(&self, rows: &[Rows], sync: bool) {
        let Self(db) = self;
        let family = |name| -> &ColumnFamily { db.cf_handle(name).expect("the family is there") };
        let (heads, ids) = (family("heads"), family("ids"));
        let mut batch = WriteBatch::default();
        for Rows { head, id, old_id } in rows {
            batch.put_cf(heads, &head.0, &head.1);
            batch.put_cf(ids, &id.0, &id.1);
            if let Some(old) = old_id {
                batch.delete_cf(ids, old);
            }
        }
        batch.put_cf(family("meta"), b"c", 1_u64.to_be_bytes());
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        db.write_opt(batch, &options).expect("RocksDB writes");
    }
}
