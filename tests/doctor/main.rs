//! Root cells on real file systems: what `doctor` says of them, what the erasure record says, and a root split over several
//! disks with one of them full, gone or replaced; a vault that moves; and what opens in old copies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, reason = "a run says what it left out")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/server.rs"]
mod server;

mod disk;
mod moving;
mod places;
mod prove;
mod replace;
mod split;
