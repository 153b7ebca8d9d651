//! The store's public surface over memory stores: each promise of the API, unhappy paths, and a model.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy's allowance for tests stops at helper functions"
)]

mod cells;
mod chats;
mod crash;
mod debug;
mod erasure;
mod folder;
mod forged;
mod model;
mod races;
mod release;
mod requests;
mod restore;
mod saves;
mod secrets;
mod world;
