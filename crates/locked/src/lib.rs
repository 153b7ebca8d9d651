//! The one crate with unsafe code: what the operating system must do for us and no safe crate offers.
//!
//! | need | use |
//! |---|---|
//! | keep a key, or a page of keys, where others do not read it | [`Locked`] |
//! | know how well that is kept, to show it | [`protection`], [`usage`] |
//! | wipe what a whole program frees | [`WipingAlloc`], in a binary only |
//! | know where a file's bytes lie on the disk | [`extents()`] |
//! | compress content | [`zstd`], whose tables are wiped |
//!
//! ```
//! let mut key = oubliette_locked::Locked::<32>::zeroed();
//! key.expose_mut().copy_from_slice(&[7; 32]);
//! assert_eq!(key.expose(), &[7; 32]);
//! // Dropped, it is wiped and its place goes to the next one.
//! ```
//!
//! Why no other crate: `memsec` and `memfd-secret` map at least a page and ask the kernel for each key, and a vault holds tens of
//! thousands of them; `secrets` does the same over a C library; `region` locks pages but has no slots in them; `secrecy` and
//! `zeroize` wipe, but leave the bytes in ordinary memory; `zeroizing-alloc` wipes byte by byte, which shows in the throughput of saves.
//!
//! It changes nothing about the process as a whole: limits, core dumps and who may trace are for the binary to set.
//!
//! Every `unsafe` block states its proof.

mod arena;
mod extents;
mod map;
mod slot;
mod wipe;
mod wiping;
pub mod zstd;

pub use arena::{Protection, Usage};
pub use extents::{Extent, extents};
pub use slot::Locked;
pub use wiping::WipingAlloc;

/// How well the memory of every [`Locked`] value handed out so far is kept: the worst of them; before the first one, what it will
/// get.
pub fn protection() -> Protection {
    slot::protection()
}

/// How many bytes of memory there are for [`Locked`] values, by how well they are kept.
pub fn usage() -> Usage {
    slot::usage()
}
