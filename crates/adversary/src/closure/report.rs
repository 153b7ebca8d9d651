//! What came out.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use oubliette_crypto::{TagKey, kdf};

use crate::canary::Canary;
use oubliette_closure::Key;

/// What the adversary reached, and how hard they tried.
#[derive(Default)]
pub struct Report {
    /// Canaries in what was opened.
    pub reached: BTreeSet<Canary>,
    /// Canaries in the bytes as they were stored. Anything here is a leak, whether alive or not.
    pub in_clear: BTreeSet<Canary>,
    /// Handles in hexadecimal that shares of saves let in, in what was opened.
    pub audiences: BTreeSet<String>,
    /// How hard they tried.
    pub counts: Counts,
    pub(super) tag_keys: HashSet<Key>,
    /// Plaintext of pages that name people by tag.
    pub(super) tables: Vec<Vec<u8>>,
    /// Plaintext of pages in which facts of deletions may stand: the vault's own and chains.
    pub(super) lists: Vec<Vec<u8>>,
}

/// The size of the search.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Bytes searched for what stands in clear.
    pub bytes: u64,
    /// Candidates for `M`.
    pub roots: u64,
    /// Root pointers found.
    pub pointers: u64,
    /// Different pages.
    pub pages: u64,
    /// Those that opened.
    pub pages_opened: u64,
    /// Keys tried on pages: one for each pair.
    pub page_trials: u64,
    /// Secrets of unknown use, each tried in every use.
    pub loose_secrets: u64,
    /// Different sealed objects.
    pub objects: u64,
    /// Those that opened.
    pub objects_opened: u64,
    /// Commitments computed: one for each key, object and possible context.
    pub object_trials: u64,
}

impl Counts {
    /// Key times blob.
    pub fn trials(&self) -> u64 {
        self.page_trials + self.object_trials
    }
}

impl Report {
    /// Takes note of who is named in the facts of a share: `{"users":["<handle>",…],…}`.
    pub(super) fn find_audience(&mut self, plain: &[u8]) {
        const BEFORE: &[u8] = br#"{"users":["#;
        let starts = plain.windows(BEFORE.len()).enumerate().filter(|(_, window)| *window == BEFORE);
        for (at, _) in starts {
            let rest = plain.get(at + BEFORE.len()..).unwrap_or_default();
            let list = rest.split(|byte| *byte == b']').next().unwrap_or_default();
            let handles = list.split(|byte| *byte == b',').filter_map(|quoted| quoted.get(1..33));
            self.audiences.extend(handles.map(|handle| String::from_utf8_lossy(handle).into_owned()));
        }
    }

    /// Whether these bytes (the id of a deletion, what binds its receipt) stand in a page that was opened.
    pub fn knows(&self, bytes: &[u8]) -> bool {
        self.lists.iter().any(|body| body.windows(bytes.len()).any(|window| window == bytes))
    }

    /// Whether a guess at a user id can be confirmed: whoever holds `K_tag` looks for the id's tag in all they opened.
    pub fn confirms(&self, user_id: &str) -> bool {
        let keys = self.tag_keys.iter().filter_map(|key| TagKey::from_slice(key).ok());
        let tags: Vec<_> = keys.map(|key| kdf::person_tag(&key, user_id.as_bytes())).collect();
        let holds =
            |body: &[u8]| tags.iter().any(|tag| body.windows(16).any(|window| window == tag.as_bytes()));
        self.tables.iter().any(|body| holds(body))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes; {} roots x {} pointers; {} of {} pages opened in {} trials; {} of {} objects opened in {} trials; \
             {} loose secrets",
            self.bytes,
            self.roots,
            self.pointers,
            self.pages_opened,
            self.pages,
            self.page_trials,
            self.objects_opened,
            self.objects,
            self.object_trials,
            self.loose_secrets,
        )
    }
}
