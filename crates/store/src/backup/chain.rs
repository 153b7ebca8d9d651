//! What a place holds: the backups, and segments that a backup which was broken off left.

use std::collections::BTreeSet;

use oubliette_crypto::{BackupKey, VaultId};

use super::SEGMENT;
use super::manifest::{Found, Manifest, PREFIX, SegmentRef};
use super::merge::Merge;
use super::segment::Segment;
use super::store::BackupStore;
use super::table::{Entries, Entry, What};
use crate::VaultError;

/// All that lies at a place.
pub(super) struct Place {
    /// By number, oldest first.
    pub(super) backups: Vec<Found>,
    /// Names of manifests that cannot be read, with what is wrong.
    pub(super) unreadable: Vec<(String, &'static str)>,
    /// Names of all segments, without what they begin with.
    pub(super) segments: BTreeSet<String>,
}

impl Place {
    /// Lists a place and reads its manifests.
    pub(super) fn look(store: &dyn BackupStore) -> Result<Self, VaultError> {
        let (mut backups, mut unreadable) = (Vec::new(), Vec::new());
        let names = store.list()?;
        for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
            // Removed meanwhile?
            let Some(bytes) = store.get(name, None)? else { continue };
            match Manifest::decode(&bytes) {
                Ok(found) if found.manifest.object() == *name => backups.push(found),
                Ok(_) => unreadable.push((name.clone(), "lies under the name of another")),
                Err(why) => unreadable.push((name.clone(), why)),
            }
        }
        backups.sort_by(|a, b| {
            a.manifest.number.cmp(&b.manifest.number).then_with(|| a.manifest.id.cmp(&b.manifest.id))
        });
        let segments =
            names.iter().filter_map(|name| name.strip_prefix(SEGMENT)).map(str::to_owned).collect();
        Ok(Self { backups, unreadable, segments })
    }

    /// Refuses a place that another vault uses.
    pub(super) fn must_be_of(&self, vault: VaultId, store: &dyn BackupStore) -> Result<(), VaultError> {
        match self.backups.iter().find(|found| !found.manifest.is_of(vault)) {
            Some(other) => Err(VaultError::invalid(
                "to",
                format!(
                    "{} holds backups of vault {}; this is vault {vault}: name a place of its own",
                    store.describe(),
                    other.manifest.vault()
                ),
            )),
            None => Ok(()),
        }
    }

    /// The backup of an id, or the newest one.
    pub(super) fn find(&self, id: Option<&str>) -> Result<&Found, VaultError> {
        if let Some((name, why)) = self
            .unreadable
            .iter()
            .find(|(name, _)| id.is_some_and(|id| name.strip_prefix(PREFIX) == Some(id)))
        {
            return Err(VaultError::Corrupt { what: format!("the backup's {name} ({why})") });
        }
        // The newest one may be among those: an older one in its place would lose a day in silence.
        if let (None, Some((name, why))) = (id, self.unreadable.first()) {
            return Err(VaultError::Corrupt {
                what: format!(
                    "the backup's {name} ({why}; to take another backup all the same, name its id)"
                ),
            });
        }
        let found = match id {
            Some(id) => self.backups.iter().find(|found| found.manifest.id == id),
            None => self.backups.last(),
        };
        found.ok_or(VaultError::NotFound { what: "backup" })
    }

    /// Segments that no readable backup names.
    pub(super) fn orphans(&self) -> Vec<&String> {
        let named: BTreeSet<&String> =
            self.backups.iter().flat_map(|found| found.manifest.segments()).map(|s| &s.name).collect();
        self.segments.iter().filter(|name| !named.contains(name)).collect()
    }

    /// Whether all segments of a backup are there, by their names.
    pub(super) fn has_all_of(&self, manifest: &Manifest) -> bool {
        manifest.segments().all(|segment| self.segments.contains(&segment.name))
    }
}

/// A segment, whole and as its name says, or why not.
pub(super) fn read_segment(store: &dyn BackupStore, name: &str) -> Result<Option<Segment>, VaultError> {
    let Some(bytes) = store.get(&format!("{SEGMENT}{name}"), None)? else { return Ok(None) };
    Ok(Segment::parse(bytes).filter(|segment| segment.name() == name))
}

/// Segments of backups that were broken off, put in order as runs. Only what this vault wrote and what is whole; each is read for that.
pub(super) fn runs_of_orphans(
    store: &dyn BackupStore,
    place: &Place,
    vault: VaultId,
    key: &BackupKey,
) -> Result<Vec<Vec<SegmentRef>>, VaultError> {
    let mut found: Vec<(Entry, Entry, SegmentRef)> = Vec::new();
    for name in place.orphans() {
        let Some(segment) = read_segment(store, name)? else { continue };
        if segment.vault() != vault || !segment.is_ours(key) {
            continue;
        }
        let mut entries = Entries::new(segment.table().unwrap_or_default().to_vec());
        let (mut first, mut last) = (None, None);
        while let Ok(Some(entry)) = entries.next() {
            first = first.or(Some(entry));
            last = Some(entry);
        }
        if let (Some(first), Some(last), Some(named)) = (first, last, segment.named()) {
            found.push((first, last, named));
        }
    }
    found.sort_by_key(|(first, _, _)| (first.key, at(first)));
    let mut runs: Vec<(Entry, Vec<SegmentRef>)> = Vec::new();
    for (first, last, named) in found {
        match runs.iter_mut().find(|(end, _)| follows(end, &first)) {
            Some((end, run)) => {
                *end = last;
                run.push(named);
            }
            None => runs.push((last, vec![named])),
        }
    }
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

fn at(entry: &Entry) -> u64 {
    match entry.what {
        What::Body { at, .. } => at,
        What::Removed | What::Row { .. } => 0,
    }
}

/// Whether a segment may come after one that ends so: with a later key, or with the next part of the same body.
fn follows(end: &Entry, first: &Entry) -> bool {
    let next_part = match (end.what, first.what) {
        (What::Body { tag, at, part, .. }, What::Body { tag: same, at: next, .. }) => {
            tag == same && at.checked_add(part.into()) == Some(next)
        }
        _ => false,
    };
    end.key < first.key || (end.key == first.key && next_part)
}

/// A merge that is asked for keys in ascending order.
pub(super) struct Before<'a> {
    merge: Merge<'a>,
    head: Option<super::merge::Held>,
}

impl<'a> Before<'a> {
    pub(super) fn new(mut merge: Merge<'a>) -> Result<Self, VaultError> {
        let head = merge.next()?;
        Ok(Self { merge, head })
    }

    /// The next key if it is at most this one; `None` for the bound takes any.
    pub(super) fn next_up_to(
        &mut self,
        bound: Option<&super::table::Key>,
    ) -> Result<Option<super::merge::Held>, VaultError> {
        if self.head.as_ref().is_none_or(|head| bound.is_some_and(|bound| head.key > *bound)) {
            return Ok(None);
        }
        let held = self.head.take();
        self.head = self.merge.next()?;
        Ok(held)
    }
}
