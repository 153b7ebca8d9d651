//! Where bytes lie: rows, blobs and key-plane pages behind three small traits.
//!
//! | need | trait | implementations |
//! |---|---|---|
//! | sealed rows, atomic durable batches | [`Engine`] | sled ([`SledEngine`]), memory ([`MemoryEngine`]); [`FaultEngine`] breaks one for tests |
//! | large ciphertext, streamed | [`Blobs`] | pack files ([`PackBlobs`]), memory ([`MemoryBlobs`]) |
//! | 1 KiB key-plane pages | [`PageStore`] | slot file ([`SlotFile`]), sled ([`SledPages`]), memory ([`MemoryPages`]), a [`Mirror`] of two; [`KeyPlane`] opens one |
//!
//! This crate never sees a plaintext or a key that opens one. Nothing above it names sled.
//! Stored layouts: `docs/formats.md`, sections 4, 6, 7, 9 and 10.

mod anchor;
mod blobs;
mod blobs_memory;
mod contract;
mod durable;
mod engine;
mod error;
mod fault;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod key_plane;
mod memory;
mod mirror;
mod packs;
mod pages;
mod pages_memory;
mod pages_sled;
mod poison;
mod rows;
mod sled_folder;
mod slots;

pub use blobs::{BlobRef, BlobWriter, Blobs};
pub use blobs_memory::MemoryBlobs;
pub use durable::{open_growing, settle_on_medium};
pub use engine::{Batch, Engine, MAX_BATCH_OPS, MAX_ROW, Precondition, Row, Sizes, VerifyReport};
pub use error::EngineError;
pub use fault::{Fault, FaultEngine};
pub use key_plane::KeyPlane;
pub use memory::MemoryEngine;
pub use mirror::Mirror;
pub use packs::PackBlobs;
pub use pages::{PAGE_SIZE, PageId, PageStore, RawPage};
pub use pages_memory::MemoryPages;
pub use pages_sled::SledPages;
pub use rows::SledEngine;
pub use sled_folder::{
    Baseline, SledMode, SledOptions, SledVerifier, check_sled_data, deny_sync_file_range,
    sync_file_range_denied,
};
pub use slots::SlotFile;
