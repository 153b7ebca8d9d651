//! Backups over memory stores and in folders: what they hold, what they never do, and what becomes of them when something goes wrong.

mod damage;
mod folder;
mod histories;
pub(crate) mod place;
mod whole;
mod writing;
