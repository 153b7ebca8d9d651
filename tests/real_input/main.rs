//! Real saves, real talk and codes that others computed, through a vault in a folder as it is used.

#[path = "../support/mod.rs"]
mod support;

mod chats;
mod codes;
mod saves;
mod world;
