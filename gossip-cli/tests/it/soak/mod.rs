//! Long runs against real processes, shared by the tests, which keep them short, and by
//! `cargo xtask soak`.

mod crew;
mod cycles;
pub(crate) mod ledger;
mod packages;
mod writers;

pub(crate) use self::crew::{Crew, DURABLE};
pub(crate) use self::cycles::{Cycles, kill_cycles};
pub(crate) use self::packages::two_imports;
