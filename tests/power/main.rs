//! The power fails: after any call to the disk, on a disk that tears, reorders, forgets, fails and lies (docs/crash.md).
//!
//! `OUBLIETTE_CRASH_POINTS=all` cuts after every call of every script.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod actor;
mod child;
mod cuts;
mod model;
mod script;
mod scripts;
