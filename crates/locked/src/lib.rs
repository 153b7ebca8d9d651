//! The one crate with unsafe code: what the operating system must do for us and no safe crate offers.
//!
//! Every `unsafe` block states its proof.

mod extents;

pub use extents::{Extent, extents};
