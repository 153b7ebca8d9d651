//! Whether what is acknowledged was synced. A kernel that refuses a sync shows it: whoever asks for one must then fail, and must not be
//! heard to say that all is well. Whoever does not ask notices nothing, and that is what fails here.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was left out is said")]

mod kernel;
mod keyring;
mod stores;
