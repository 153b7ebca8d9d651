//! The tape adversary: for tests alone.
//!
//! They have every byte ever written to storage that does not forget, and at some moment every current secret besides. What was
//! erased before that moment they must not reach; **all that is alive they must**, else the search proves nothing.
//!
//! | need | use |
//! |---|---|
//! | record everything | a [`Tape`] behind [`TapeEngine`], [`TapeBlobs`], [`TapePages`], [`TapeCell`], [`TapeLedger`] |
//! | a vault over such wrappers, and its seizure | a [`World`] on a [`Ground`] |
//! | marks to look for | [`Canary`] |
//! | open all that can be opened | [`close`], which answers a [`Report`] |
//! | say what it means | [`judge`], which answers a [`Leak`] if there is one |
//!
//! The closure reads raw bytes by `docs/formats.md` and shares no code with keyring or store but the primitives.
//! How to read a report, what is planted to prove that the search works, and what it cannot see: `docs/adversary.md`.

mod canary;
mod closure;
mod evidence;
mod logs;
mod tape;
mod verdict;
mod world;

pub use canary::Canary;
pub use closure::{Counts, Report, close};
pub use evidence::{Evidence, Held};
pub use logs::Logs;
pub use tape::{Tape, TapeBlobs, TapeCell, TapeEngine, TapeLedger, TapePages, Tear};
pub use verdict::{Leak, judge};
pub use world::{FolderGround, Ground, KeyParts, MemoryGround, Put, Rows, SeizableCell, World, WorldError};
