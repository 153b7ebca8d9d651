//! The store's public surface over memory stores: each promise of the API, unhappy paths, and a model.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy's allowance for tests stops at helper functions"
)]

mod backups;
mod cells;
mod chats;
mod crash;
mod debug;
mod deletion;
mod deletion_crash;
mod deletion_model;
mod erasure;
mod escrow;
mod escrow_ledger;
mod export;
mod export_ends;
mod export_person;
mod folder;
mod follow;
mod forged;
mod holds;
mod keep;
mod minors;
mod model;
mod old_cell;
mod once;
mod plug;
mod policies;
mod quota;
mod races;
mod receipts;
mod records;
mod regions;
mod release;
mod replaced_cell;
mod requests;
mod restore;
mod retention;
mod saves;
mod secrets;
mod world;
