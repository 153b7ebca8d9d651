//! Legal holds, and the deletions that wait: for the last hold to end, for a legal minimum to pass, or for both.

use std::collections::BTreeMap;

use oubliette_crypto::Path;
use zeroize::Zeroize;

/// Most bytes in a hold's name.
pub const MAX_HOLD_ID: usize = 128;
/// Most bytes in a hold's reason.
pub const MAX_HOLD_REASON: usize = 1024;
/// Most holds on one person.
pub const MAX_HOLDS: usize = 64;
/// Most deletions of one person that wait.
pub const MAX_WAITING: usize = 4096;

/// A legal hold. Its reason is personal data, so it stands in the person's state and nowhere else.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub reason: String,
    /// When it was placed, in seconds since the Unix epoch.
    pub since: i64,
    /// When it ends by itself, in seconds since the Unix epoch, by the time that things are forgotten by.
    pub expires: Option<i64>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.reason.zeroize();
    }
}

/// Not why.
impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hold")
            .field("since", &self.since)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Hold {
    /// Whether it stands at this moment.
    pub fn stands(&self, now: i64) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// Cuts that are promised: by path, each with the moment before which it must not happen, in seconds since the Unix epoch. Of what
/// lies at and below them nothing is read any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting(pub(super) BTreeMap<Path, i64>);

impl Waiting {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its moment.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, i64)> {
        self.0.iter().map(|(path, due)| (path, *due))
    }

    /// Whether this leaf or subtree lies at or below one of them.
    pub fn covers(&self, path: &Path) -> bool {
        // What lies above a path comes before it; there are few, or the tree above is short.
        if self.0.len() < path.len() {
            return self.0.keys().any(|base| base.is_prefix_of(path));
        }
        (8..=path.len()).any(|len| self.0.contains_key(&path.first(len)))
    }

    /// Adds one. What would not happen before it anyway is taken into it; false if it says nothing new.
    pub(super) fn add(&mut self, path: Path, due: i64) -> bool {
        if self.0.iter().any(|(base, at)| base.is_prefix_of(&path) && *at <= due) {
            return false;
        }
        self.0.retain(|other, at| !(path.is_prefix_of(other) && *at >= due));
        self.0.insert(path, due);
        true
    }

    /// Takes out those whose moment has come.
    pub(super) fn take_due(&mut self, now: i64) -> Vec<Path> {
        let due = self.0.iter().filter(|(_, at)| **at <= now).map(|(path, _)| *path).collect();
        self.0.retain(|_, at| *at > now);
        due
    }

    /// Whether the moment of one has come.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.0.values().any(|at| *at <= now)
    }
}
