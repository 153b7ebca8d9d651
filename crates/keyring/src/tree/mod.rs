//! The key tree: a copy-on-write 16-way bucket trie of sealed pages (docs/formats.md, section 4).
//!
//! Its shape depends on the set of entries alone, never on the order in which they came: a subtree of at most 14 entries is one
//! leaf, any other is an inner page. Every rewritten page gets a fresh name and key, and the key stands in the parent;
//! so a new root without a changed path would be no deletion, and a changed path under the old root none either.

mod entry;
pub(crate) mod fuzz;
mod node;
mod prune;
mod read;
mod update;

#[cfg(test)]
mod tests;

pub(crate) use entry::{Entry, EntryKey, EntryKind};
pub(crate) use node::{Child, Children, RootNode, nibble};
pub(crate) use prune::prune;
pub(crate) use read::{Walker, find, find_by, walk};
pub(crate) use update::{Change, update, update_in_parts};

/// Most entries in a leaf; one more splits it.
pub(crate) const LEAF_ENTRIES: u32 = 14;
