//! What a deletion leaves to say: facts without a person in them.

use oubliette_crypto::{Handle, JobId, Tag};

use crate::cell::ErasureClass;

/// The facts of one person's erasure, for receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord {
    /// The person's random name.
    pub handle: Handle,
    /// Seconds since the Unix epoch.
    pub erased_at: i64,
    /// Root generation that could still open the person.
    pub generation_before: u64,
    /// First root generation that cannot.
    pub generation_after: u64,
    /// SHA-256 of the root page before.
    pub root_before: [u8; 32],
    /// SHA-256 of the root page after.
    pub root_after: [u8; 32],
    /// How well the root's cells forget (the best share of a split).
    pub cell_class: ErasureClass,
    /// Keys and operations in use that were cancelled and waited for.
    pub leases_drained: u32,
    /// Which deletion this was; `None` once the sweep queue does not know it any more.
    pub job: Option<JobId>,
}

/// What `erase` did about one user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasureOutcome {
    /// Erased by this call.
    Erased(ErasureRecord),
    /// Erased before; the fence still knows.
    AlreadyErased(ErasureRecord),
    /// A legal hold stands; nothing was done.
    Held,
    /// No such deletion is due: it was taken back, or another one was asked for since.
    NotDue,
    /// Blocked, and somebody still holds so many of their keys or has an operation under way: ask again.
    InUse(usize),
    /// Blocked, and kept until this moment because the law wants it, in seconds since the Unix epoch.
    Kept(i64),
    /// Blocked, and not erased while an old cell waits to be wiped ([`Keyring::old_cell_waits`](crate::Keyring::old_cell_waits)).
    OldCell,
    /// Nobody of this name.
    Unknown,
}

/// What stands in a person's place for a while after the erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The person's random name.
    pub handle: Handle,
    /// Seconds since the Unix epoch.
    pub erased_at: i64,
    /// When the fence may go, in seconds since the Unix epoch.
    pub expires: i64,
    /// First root generation that cannot open the person.
    pub generation_after: u64,
    /// Keys and operations in use that were cancelled and waited for.
    pub leases_drained: u32,
}

/// The generations around a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutRecord {
    /// Root generation that could still open what was cut.
    pub generation_before: u64,
    /// First root generation that cannot.
    pub generation_after: u64,
    /// Some of it waits, for a hold to end or a moment to come: nothing of it is read any more, and its keys still exist.
    pub waits: bool,
}

/// A fence and the tag it stands under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlacedFence {
    pub(crate) tag: Tag,
    pub(crate) fence: Fence,
}
