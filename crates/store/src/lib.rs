//! The vault: what people create, each person's content under keys of their own, and forgetting that reaches every copy.
//!
//! | need | use |
//! |---|---|
//! | make or open a vault | [`Vault::create`], [`Vault::open`] |
//! | a person comes, a person goes | [`Vault::put_subject`], [`Vault::erase`] |
//! | a person's content | [`Vault::subject`], then [`Subject::saves`], [`Subject::chats`], [`Subject::credentials`], [`Subject::consents`] |
//! | keep it healthy | [`Vault::sweep`], [`Vault::fsck`], [`Vault::status`] |
//!
//! Everything is synchronous and may be called from any thread. It does not decide who may ask, and knows no HTTP. What each
//! operation writes, in which order, and what a crash leaves: `docs/store.md`; layouts: `docs/formats.md`, sections 6 and 8.

mod chats;
mod check;
mod consents;
mod credentials;
mod errors;
mod fsck;
mod locks;
mod names;
mod objects;
mod options;
mod page;
mod person;
mod profile;
mod reserve;
mod rows;
mod saves;
mod status;
mod subjects;
mod sweep;
mod usage;
mod vault;

pub use chats::{Body, ChatInfo, Chats, Message, NewMessage, Posted, Window};
pub use consents::{ConsentEvent, ConsentGiven, Consents};
pub use credentials::{AccountInfo, Credentials, GuardCode, SteamFields};
pub use errors::VaultError;
pub use fsck::FsckReport;
pub use options::{Clock, DEFAULT_MAX_SAVE, EngineOptions, SystemClock, VaultOptions};
pub use page::{Listed, MAX_PAGE, Page};
pub use saves::{Condition, PutOptions, SaveInfo, SaveReader, Saves, SlotInfo};
pub use status::Status;
pub use subjects::{ErasureOutcome, ErasureRecord, Subject, SubjectFacts, SubjectInfo};
pub use sweep::SweepReport;
pub use usage::ClassUsage;
pub use vault::{Parts, Vault};
