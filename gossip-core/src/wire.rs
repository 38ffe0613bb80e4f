//! What goes over the network: frames, the records in them, and the limits of both.
//!
//! A frame is `[version][kind]` and a body. A data frame's body is a run of records
//! `[kind][length][body]`; unknown kinds are skipped and counted. `docs/wire.md` is the same in
//! prose.

mod compress;
mod cut;
mod frame;
mod hello;
mod large;
mod pack;
mod record;
mod report;
mod talk;

pub use self::compress::{compressed, decompressed};
pub use self::frame::{DATA_HEADER_BYTES, Frame, VERSION, data_header, decode_frame, session_of};
pub use self::hello::{COOKIE_BYTES, Constants, FactLimit, Hello};
pub use self::large::{AskChunks, CHUNK_BYTES, Chunk, Large, MAX_CHUNKS};
pub use self::pack::{Packer, Parcel};
pub use self::record::{Record, Records, raw_records, record_kinds, record_len, record_name};
pub use self::report::{
    Astray, MAX_ASTRAY, MAX_SIGHTINGS, Query, Report, SIGHTING_BYTES, SIGHTINGS, Sighting,
};
pub use self::talk::{
    Cells, Compare, Glance, More, PingReq, RangeContent, RangePart, Ranges, Receipt, Same, Take,
    Taken, Talk,
};
