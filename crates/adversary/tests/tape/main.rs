//! The claim: what was acknowledged as forgotten is reached by nobody who has the whole tape and all present secrets; and the
//! proof that the search for it sees: everything alive is reached, and planted mistakes are found.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the size of the search is part of what a run proves")]

mod answers;
mod backups;
mod conversations;
mod deletions;
mod doubt;
mod escrow;
mod filler;
mod folder;
mod histories;
mod history;
mod look;
mod many;
mod op;
mod people;
mod perform;
mod planted;
mod policies;
mod random;
mod receipts;
mod shares;
mod sketch;
mod within;
