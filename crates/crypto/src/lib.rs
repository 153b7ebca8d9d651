//! The pure cryptography of Oubliette: secret types, derivations, sealed pages and the person's puncturable tree.
//! No I/O, no clock, no storage. Byte layouts: `docs/formats.md`; every label: [`labels`].
//!
//! | need | use |
//! |---|---|
//! | hold a key | [`RootKey`], [`PageKey`], [`TreeSeed`], [`ObjectKey`] and the others of [`secret`] |
//! | open or write a page of the key plane | [`open_page`], [`seal_fresh_page`], [`PageRef`] |
//! | seal or open what is stored, whole, as a stream or in part | [`object`], with an [`ObjectContext`] and a [`Padding`] |
//! | use a key outside of this crate, without leaving it on the stack | [`wiped`] |
//! | name a leaf, or what a deletion covers | [`Leaf`], [`Path`], [`items_through`], [`compartments_through`] |
//! | seal an answer to a recipient outside, and open it there | [`hpke`] |
//! | seal a root to holders outside, and take it back | [`escrow`] |
//! | keys of a person's leaves, and forgetting them | [`Cover`] |
//!
//! It does not decide who may read what, and does not know where anything is stored.

mod aead;
pub mod binding;
pub mod context;
pub mod cover;
pub mod error;
pub mod escrow;
#[doc(hidden)]
pub mod fuzzing;
pub mod hpke;
pub mod ids;
pub mod kdf;
pub mod labels;
pub mod object;
mod once;
pub mod padding;
pub mod page;
pub mod path;
pub mod secret;
pub mod sign;
mod stack;
pub mod tree;

#[cfg(test)]
mod vectors;

pub use binding::{ReceiptSalt, receipt_binding};
pub use context::{Codec, Kind, ObjectContext, Policy};
pub use cover::{Cover, CoverForm, FragmentError, HighestCut, PackedCover};
pub use error::CryptoError;
pub use ids::{Handle, JobId, PageId, Pseudonym, Tag, VaultId};
pub use object::{Opener, Reader, Sealer, open_small, seal_small};
pub use padding::Padding;
pub use page::{
    PAGE_BODY, PAGE_SIZE, PageBody, PageHeader, PageKind, PageRef, open_page, seal_fresh_page,
    seal_fresh_page_among, seal_page,
};
pub use path::{Branch, Class, Leaf, Path, compartments_through, items_through};
pub use secret::{
    AnchorDigestKey, AnchorKey, BackupKey, CellShare, EscrowKey, EscrowSeed, EscrowShare, HolderKey,
    ObjectKey, PageKey, ReleaseKey, RootKey, SigningSeed, TagKey, TreeSeed,
};
pub use stack::wiped;
