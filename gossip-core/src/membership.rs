//! Members: what nodes say about themselves, and what this node makes of it.
//!
//! An *alive fact* is a node's signed statement with its incarnation, boot and endpoints; a
//! *leave fact* ends an incarnation; an *accusation* says that somebody else does not answer, an
//! *eviction* that it is thrown out. All live in the view, a system shard with a retain rule of its own, so that rumor, repair and hash
//! work for them as for any other fact. Who is suspect or dead is each node's own verdict.

mod accusation;
mod alive;
mod contact;
mod diagnosis;
mod directory;
mod eviction;
mod evidence;
mod member;
mod roster;
mod view;

pub use self::accusation::{Accusation, Charge, Word, subject};
pub(crate) use self::alive::endpoints;
pub use self::alive::{Alive, Leave, MAX_NAME_BYTES, MAX_TAGS, incarnation};
pub use self::contact::{Contact, Link};
pub(crate) use self::diagnosis::SLOW_MS;
pub use self::diagnosis::{Severity, Symptom, Testimony, diagnose, prefix};
pub use self::directory::Directory;
pub use self::eviction::Eviction;
pub use self::evidence::{Accuser, Cause, Clue, Due, EVIDENCE, Evidence, Grounds};
pub use self::member::{Member, MemberStatus};
pub(crate) use self::roster::{Known, Roster, Said};
pub use self::view::{MAX_ACCUSERS, ViewRetain, admit};
