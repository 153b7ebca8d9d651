//! The power fails: after any call to the disk, on a disk that tears, reorders, forgets, fails and lies (docs/crash.md).
//!
//! `OUBLIETTE_CRASH_POINTS=all` cuts after every call of every script, a number at about so many. `OUBLIETTE_CRASH_HISTORIES`, `_AGAIN`,
//! `_FAILURES` and `_LIES` ask for more rounds of what `faults.rs` does, `OUBLIETTE_POWER_IMAGES` (`_XFS`) for more images of a real file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../support/server.rs"]
mod server;

mod actor;
mod block;
mod cells;
mod child;
mod control;
mod cuts;
mod faults;
mod history;
mod home;
mod http;
mod inspect;
mod model;
mod script;
mod scripts;
mod waiting;

/// How often, unless the environment says otherwise.
fn rounds(variable: &str, quick: u64) -> u64 {
    std::env::var(variable).map_or(quick, |rounds| rounds.parse().unwrap())
}
