//! What goes wrong around a vault: files gone, foreign or damaged, disks full. Each ends in a named error, a reported
//! repair or no harm at all; never in wrong bytes, a panic or a loss that nobody hears of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, reason = "a run says what it left out and how much it tried")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/server.rs"]
mod server;

mod cell;
mod disk_full;
mod flips;
mod folder;
mod key_plane;
mod sample;
