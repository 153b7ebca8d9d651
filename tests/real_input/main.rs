//! Real saves, real talk and codes that others computed, through a vault in a folder as it is used.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod chats;
mod codes;
mod saves;
mod world;
