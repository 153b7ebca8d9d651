//! # Oubliette: a vault that can forget
//!
//! Each person's content (game saves, one-to-one chats, Steam credentials) is sealed under keys of their own, and the keys
//! hang below one 32-byte root secret that every deletion replaces. Forgetting a message, a save slot or a whole person
//! rewrites a few kilobytes, and every copy of what was forgotten (rows, database logs, replicas, backups) becomes noise.
//!
//! | you need | use |
//! |---|---|
//! | a vault in a folder | [`Vault::create`], [`Vault::open`] |
//! | a person | [`Vault::put_subject`] (the only call that creates one), [`Vault::subject`] |
//! | saves with versions, conditions, ranges | [`Subject::saves`] |
//! | one-to-one chats, blocks | [`Subject::chats`] |
//! | Steam sign-in without typing | [`Subject::consents`], then [`Subject::credentials`] |
//! | forgetting a person | [`Vault::erase`], then [`Vault::sweep`] for the space |
//!
//! ```
//! use oubliette::{PutOptions, SubjectFacts, Vault, VaultError, VaultOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let folder = dir.path().join("vault");
//! let vault = Vault::create(&folder, VaultOptions::default())?;
//! vault.put_subject("ada", &SubjectFacts::default(), false)?;
//!
//! let saves = vault.subject("ada")?.saves();
//! let saved = saves.put("freeciv", "slot-1", &PutOptions::default(), &mut &b"the world"[..])?;
//! assert_eq!(saved.version, 1);
//!
//! vault.erase(&["ada"])?;
//! assert!(matches!(vault.subject("ada"), Err(VaultError::SubjectErased { .. })));
//! vault.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! Calls block until what they did is durable; call them from threads that may block. A process opens a folder once.
//!
//! Not here: the HTTP service and the commands (the `oubliette` binary, feature `cli`, on by default; a library user turns
//! it off with `default-features = false`), process hardening (the binary's business: a library does not change its
//! process), deletion jobs, backups and receipts (later versions). What is claimed and what is not: `SECURITY.md`.

pub use oubliette_store::*;
