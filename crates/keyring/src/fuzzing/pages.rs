//! The vault page.

use oubliette_crypto::{Handle, PageRef, Tag};

use super::{body, trimmed};
use crate::vault_page::{LastDeletion, Queues, VaultPage};

/// Longer queues than this are not made up to be written back.
const LONGEST: usize = 1000;

/// Input: the page's plaintext.
pub(super) fn run(input: &[u8]) {
    let page = body(input);
    let Ok((mut vault, handles, tags)) = VaultPage::decode(&page) else { return };
    if handles.max(tags) <= LONGEST {
        vault.queues = Queues { sweep: vec![Handle([0; 16]); handles], intents: vec![Tag([0; 16]); tags] };
        assert_eq!(vault.encode().unwrap().expose(), page.expose());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut vault = VaultPage::fresh(1_700_000_000).unwrap();
    let fresh = trimmed(&vault.encode().unwrap());
    vault.last_deletion = LastDeletion {
        generation_before: 7,
        generation_after: 8,
        root_before: [9; 32],
        time: 1_700_000_001,
        removed: 2,
    };
    let deleted = trimmed(&vault.encode().unwrap());
    vault.sweep = Some(PageRef::generate().unwrap());
    vault.queues.sweep = vec![Handle([1; 16])];
    vec![Vec::new(), fresh, deleted, trimmed(&vault.encode().unwrap())]
}
