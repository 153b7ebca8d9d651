//! A real server on a loopback port over a vault in a temporary folder, asked by the client and by raw requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod access;
mod audit;
mod backups;
mod chats;
mod conflicts;
mod credentials;
mod deletion;
mod export;
mod follow;
mod holds;
mod idempotency;
mod lifecycle;
mod limits;
mod prefetch;
mod promises;
mod receipts;
mod records;
mod refusals;
mod release;
mod requests;
mod saves;
mod support;
mod unheeded;
