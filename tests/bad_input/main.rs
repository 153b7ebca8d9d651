//! What goes wrong around a vault: files gone, foreign or damaged, disks full. Each ends in a named error, a reported
//! repair or no harm at all; never in wrong bytes, a panic or a loss that nobody hears of.

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
