//! Damage to a vault folder, wherever and however: each kind ends in a named error, a repair that is reported, or no harm at
//! all; never in wrong bytes, never in silence about lost content, never in a panic or a hang. The table of what is said for
//! what stands in `docs/corruption.md`, and names the tests here.
//!
//! `OUBLIETTE_FLIPS=all` flips every byte that holds something and cuts at every length; a number sets how many places a file
//! gets; without it an evenly spaced sample is taken.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a run says how much it tried")]

mod binary;
mod blocked;
mod child;
mod flips;
mod folder;
mod insider;
mod items;
mod lengths;
mod old;
mod rows;
mod sample;
mod swaps;
mod verdict;
