//! The vault page.

use oubliette_crypto::{Handle, Tag};

use super::{body, trimmed};
use crate::due::Mark;
use crate::sweep_entry::SweepEntry;
use crate::vault_page::{LastDeletion, VaultPage};

/// Input: the page's plaintext.
pub(super) fn run(input: &[u8]) {
    let page = body(input);
    if let Some(again) = VaultPage::written_again(&page) {
        assert_eq!(again.unwrap().expose(), page.expose());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut vault = VaultPage::fresh(1_700_000_000, Mark::default()).unwrap();
    let fresh = trimmed(&vault.encode().unwrap());
    vault.last_deletion = LastDeletion {
        generation_before: 7,
        generation_after: 8,
        root_before: [9; 32],
        time: 1_700_000_001,
        removed: 2,
    };
    let deleted = trimmed(&vault.encode().unwrap());
    vault.mark = Mark { boot: 7, steady: 9, time: 1_700_000_002 };
    vault.queues.sweep = vec![SweepEntry::given_up(Handle([1; 16]), 1_700_000_003, 9)];
    vault.queues.intents = vec![Tag([2; 16]); 3];
    vec![Vec::new(), fresh, deleted, trimmed(&vault.encode().unwrap())]
}
