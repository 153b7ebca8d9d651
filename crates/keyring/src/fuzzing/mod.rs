//! What the fuzz targets call (`fuzz/`), and what their corpora begin with; see [`oubliette_crypto::fuzzing`]. Not part of the crate's
//! interface.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a broken promise is told by a panic; run by tests and fuzzers alone"
)]

mod lists;
mod pages;

use oubliette_crypto::PageBody;
use oubliette_crypto::fuzzing::Target;

/// All of this crate.
pub const TARGETS: [Target; 10] = [
    ("cell", crate::cell::fuzz::run, crate::cell::fuzz::seeds),
    ("chain", lists::chain, lists::chain_seeds),
    ("escrow_blob", crate::escrow::fuzz::run, crate::escrow::fuzz::seeds),
    ("forgotten_record", crate::ledger::fuzz::forgotten, crate::ledger::fuzz::forgotten_seeds),
    ("ledger_record", crate::ledger::fuzz::run, crate::ledger::fuzz::seeds),
    ("restrictions", crate::person::fuzz::restrictions, crate::person::fuzz::restrictions_seeds),
    ("state_page", crate::person::fuzz::state, crate::person::fuzz::state_seeds),
    ("tree_page", crate::tree::fuzz::run, crate::tree::fuzz::seeds),
    ("user_id", lists::user_id, lists::user_id_seeds),
    ("vault_page", pages::run, pages::seeds),
];

/// The input as the plaintext of a page; what is missing is zero.
pub(crate) fn body(input: &[u8]) -> PageBody {
    let mut body = PageBody::zeroed();
    body.expose_mut().iter_mut().zip(input).for_each(|(to, from)| *to = *from);
    body
}

/// A page as an input: without the zeros at its end.
pub(crate) fn trimmed(body: &PageBody) -> Vec<u8> {
    let used = body.expose().iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    body.expose()[..used].to_vec()
}
