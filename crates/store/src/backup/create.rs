//! Making a backup: what came, what went, and what it was at one moment.

use std::collections::{BTreeSet, HashSet};

use oubliette_crypto::BackupKey;
use oubliette_engine::BlobRef;

use super::chain::{Before, Place, runs_of_orphans};
use super::manifest::{Found, Manifest, SegmentRef, fresh_id, is_id};
use super::merge::{Held, Merge, Standing, tally};
use super::output::{Output, Writers};
use super::store::BackupStore;
use super::table::{Entry, Key, Tag, What};
use super::tables::Tables;
use super::watch::Watching;
use super::{BackupInfo, BackupProgress, Backups};
use crate::VaultError;
use crate::person::BATCH_ROWS;
use crate::rows::{Place as RowPlace, Value};
use crate::vault::Inner;

/// A chain of more runs than this is not made longer: the next backup is whole again.
const MOST_RUNS: usize = 64;
/// Nor is one that holds so many times what is alive, and this much more.
const MOST_TIMES: u64 = 2;
const MOST_MORE: u64 = 64 << 20;
/// Rows that the last look may be at, beside whom writers wait; more are read before.
const LAST_LOOK: usize = 256;
/// How often rows that were written meanwhile are read before the last look.
const PASSES: usize = 8;
/// When so many wait they are read in the middle.
const WAITING: usize = 100_000;
/// Of a body, at least so much goes into a segment.
const LEAST_PART: usize = 64 << 10;

/// What to make.
#[derive(Debug, Clone, Default)]
pub struct NewBackup {
    /// Its id, made by [`Backups::fresh_id`]; a fresh one if none is given.
    pub id: Option<String>,
    /// Build on no earlier backup.
    pub full: bool,
    /// Where the place stands, as the platform names its regions; the setting, if not said.
    pub region: Option<String>,
}

impl Backups {
    /// Makes a backup, while people read and write. It holds what stood at one moment, near its end; a row whose body was deleted while it was copied is
    /// left out. What a backup that was broken off has written is used. Each object is read back before the backup exists.
    ///
    /// # Errors
    /// [`VaultError::BackupRunning`]; [`VaultError::RegionMismatch`]; [`VaultError::BackupTarget`] for a place that fails or is full;
    /// those of the stores. A backup that failed does not exist.
    pub fn create(
        &self,
        store: &dyn BackupStore,
        new: &NewBackup,
        progress: &mut dyn FnMut(&BackupProgress),
    ) -> Result<BackupInfo, VaultError> {
        let inner = &*self.vault.inner;
        let region = new.region.clone().or_else(|| inner.settings.backup.region.clone());
        self.vault.may_copy_to(region.as_deref())?;
        let _one = self.alone()?;
        let begun = inner.now();
        let ending = inner.backing_up.ending(begun);
        let made = self.make(store, new, region, begun, progress);
        ending.told(&made);
        made
    }

    fn make(
        &self,
        store: &dyn BackupStore,
        new: &NewBackup,
        region: Option<String>,
        begun: u64,
        progress: &mut dyn FnMut(&BackupProgress),
    ) -> Result<BackupInfo, VaultError> {
        let inner = &*self.vault.inner;
        let key = self.key()?;
        let place = Place::look(store)?;
        place.must_be_of(inner.id, store)?;
        let parent = newest(&place, &key).filter(|found| !new.full && may_grow(&place, &found.manifest));
        let mut runs = parent.map_or_else(Vec::new, |found| found.manifest.runs.clone());
        runs.extend(runs_of_orphans(store, &place, inner.id, &key)?);

        let id = new.id.clone().map_or_else(|| fresh_id(begun), Ok)?;
        if !is_id(&id) {
            return Err(VaultError::invalid("id", "is none that `fresh_id` made"));
        }
        let number = place.backups.last().map_or(1, |last| last.manifest.number + 1);
        let mut manifest = Manifest::new(inner.id, &id, number, begun);
        manifest.region = region;
        let tables = Tables::new(store, self.folder());
        let writers = Writers::new(store, &tables);
        let total = inner.engine.sizes()?.live_bytes + inner.blobs.disk_bytes()?;
        let (made, generation, damaged) = writers.beside(|| {
            let watching = inner.watched.begin();
            let mut making = Making {
                inner,
                key: &key,
                writers: &writers,
                watching: &watching,
                progress,
                gone: inner.keyring.sweep_queue().iter().map(|entry| *entry.handle.as_bytes()).collect(),
                done: 0,
                total,
                damaged: 0,
            };
            let mut made = making.main_run(&tables, &runs)?;
            made.extend(making.passes()?);
            let damaged = making.damaged;
            // From here on nothing is noted.
            let (rows, generation) = watching
                .end(|keys| Ok((read(inner, keys).collect::<Vec<_>>(), inner.keyring.generation())))?;
            made.push(write_again(inner, Output::new(&writers, inner.id, &key), rows.into_iter())?);
            Ok::<_, VaultError>((made, generation, damaged))
        })?;
        manifest.generation = generation;
        runs.extend(made);
        manifest.runs = runs.into_iter().filter(|run| !run.is_empty()).collect();
        progress(&BackupProgress { what: "checking", done: total, total });
        let tally = tally(&tables, &manifest.runs, |_| Ok(()))?;
        (manifest.people, manifest.rows, manifest.bytes) = (tally.people, tally.rows, tally.bytes);
        manifest.added = writers.bytes();
        manifest.finished = inner.now().max(begun);
        writers.put(&manifest.object(), &manifest.encode(&key)?)?;
        let needed = manifest.segments().map(|segment| segment.name.clone()).collect();
        tables.forget_others(&needed);
        if damaged > 0 {
            tracing::warn!(rows = damaged, "rows that do not read as rows are not in the backup; run fsck");
        }
        Ok(BackupInfo::of(&manifest))
    }
}

/// The newest backup that this vault made, as its MAC says.
fn newest<'p>(place: &'p Place, key: &BackupKey) -> Option<&'p Found> {
    place.backups.iter().rev().find(|found| found.is_ours(key))
}

/// Whether the next backup builds on this one.
fn may_grow(place: &Place, manifest: &Manifest) -> bool {
    let stored: u64 = manifest.segments().map(|segment| segment.bytes).sum();
    place.has_all_of(manifest)
        && manifest.runs.len() < MOST_RUNS
        && stored <= manifest.bytes.saturating_mul(MOST_TIMES).saturating_add(MOST_MORE)
}

/// What is at hand while a backup is made.
struct Making<'a> {
    inner: &'a Inner,
    key: &'a BackupKey,
    writers: &'a Writers<'a>,
    watching: &'a Watching<'a>,
    progress: &'a mut dyn FnMut(&BackupProgress),
    /// Handles of whoever was erased, whose rows are not swept yet.
    gone: HashSet<[u8; 16]>,
    done: u64,
    total: u64,
    /// Rows that cannot be read as rows.
    damaged: u64,
}

impl<'a> Making<'a> {
    /// Everything once, in the order of keys, against what is there already. Runs of rows that were written meanwhile come after it.
    fn main_run(
        &mut self,
        tables: &Tables<'_>,
        runs: &[Vec<SegmentRef>],
    ) -> Result<Vec<Vec<SegmentRef>>, VaultError> {
        let mut before = Before::new(Merge::new(tables, runs)?)?;
        let mut main = self.output();
        let mut later = Vec::new();
        loop {
            let rows = self.watching.read(BATCH_ROWS)?;
            if rows.is_empty() {
                break;
            }
            for (key, row) in rows {
                self.one(&mut before, &mut main, &key, row)?;
            }
            self.tell();
            if self.watching.noted() > WAITING {
                later.push(write_again(self.inner, self.output(), read(self.inner, self.watching.take()?))?);
            }
        }
        while let Some(held) = before.next_up_to(None)? {
            remove(&mut main, &held)?;
        }
        later.insert(0, main.end()?);
        Ok(later)
    }

    /// A row that the reader came to.
    fn one(
        &mut self,
        before: &mut Before<'_>,
        main: &mut Output<'_, '_>,
        key: &[u8],
        row: Vec<u8>,
    ) -> Result<(), VaultError> {
        self.done += row.len() as u64;
        let Some(key) = key_of(key) else {
            self.damaged += 1;
            return Ok(());
        };
        // Noise that the sweeper has not come to.
        if key.first_chunk::<16>().is_some_and(|handle| self.gone.contains(handle)) {
            return Ok(());
        }
        let mut there = None;
        while let Some(held) = before.next_up_to(Some(&key))? {
            if held.key == key {
                there = Some(held.standing);
            } else {
                remove(main, &held)?;
            }
        }
        let Some(kept) = Kept::of(&row) else {
            // What an earlier backup has of it is better than this.
            self.damaged += 1;
            return Ok(());
        };
        if let Some(blob) = &kept.blob {
            self.done += self.inner.blobs.len(blob)?;
        }
        if matches!(there, Some(Standing::Row { tag, .. }) if tag == kept.tag) {
            return Ok(());
        }
        put(self.inner, main, key, &row, &kept)
    }

    /// What was written behind the reader, until little enough is left for the last look.
    fn passes(&mut self) -> Result<Vec<Vec<SegmentRef>>, VaultError> {
        let mut runs = Vec::new();
        for _ in 0..PASSES {
            if self.watching.noted() <= LAST_LOOK {
                break;
            }
            let rows = read(self.inner, self.watching.take()?);
            runs.push(write_again(self.inner, self.output(), rows)?);
        }
        Ok(runs)
    }

    fn output(&self) -> Output<'a, 'a> {
        Output::new(self.writers, self.inner.id, self.key)
    }

    fn tell(&mut self) {
        (self.progress)(&BackupProgress {
            what: "backing up",
            done: self.done.min(self.total),
            total: self.total,
        });
    }
}

/// A row as a backup holds it.
struct Kept {
    tag: Tag,
    /// Without its reference.
    row: Vec<u8>,
    blob: Option<BlobRef>,
}

impl Kept {
    /// `None` if it is no row.
    fn of(row: &[u8]) -> Option<Self> {
        let mut value = Value::parse(row)?;
        let tag = *value.sealed.first_chunk::<8>()?;
        let blob = value.blob.take();
        value.blob = blob.as_ref().map(|_| BlobRef::default());
        Some(Self { tag, row: value.encode().ok()?, blob })
    }
}

fn key_of(key: &[u8]) -> Option<Key> {
    RowPlace::parse(key)?;
    key.try_into().ok()
}

/// A key, and its row as it is.
type Now = Result<(Key, Option<Vec<u8>>), VaultError>;

/// Rows as they are when it is their turn.
fn read(inner: &Inner, keys: BTreeSet<Key>) -> impl Iterator<Item = Now> + '_ {
    keys.into_iter().map(|key| Ok((key, inner.engine.get(&key)?)))
}

/// A run of rows that the reader had passed when they were written or removed.
fn write_again(
    inner: &Inner,
    mut output: Output<'_, '_>,
    rows: impl Iterator<Item = Now>,
) -> Result<Vec<SegmentRef>, VaultError> {
    for row in rows {
        let (key, row) = row?;
        if key_of(&key).is_none() {
            continue;
        }
        match row {
            None => output.push(&Entry { key, what: What::Removed }, &[], &[])?,
            Some(row) => {
                if let Some(kept) = Kept::of(&row) {
                    put(inner, &mut output, key, &row, &kept)?;
                }
            }
        }
    }
    output.end()
}

/// A key of an earlier backup under which there is nothing any more.
fn remove(output: &mut Output<'_, '_>, held: &Held) -> Result<(), VaultError> {
    match held.standing {
        Standing::Nothing => Ok(()),
        Standing::Row { .. } => output.push(&Entry { key: held.key, what: What::Removed }, &[], &[]),
    }
}

/// A row with its body. If it is deleted while its body is read, what was written of it counts as nothing.
fn put(
    inner: &Inner,
    output: &mut Output<'_, '_>,
    key: Key,
    as_stored: &[u8],
    kept: &Kept,
) -> Result<(), VaultError> {
    let (tag, length) = (kept.tag, u16::try_from(kept.row.len()).unwrap_or(u16::MAX));
    let Some(blob) = &kept.blob else {
        return output.push(&Entry { key, what: What::Row { tag, row: length } }, &kept.row, &[]);
    };
    let body = inner.blobs.len(blob)?;
    let mut at = 0;
    loop {
        let row = if at == 0 { kept.row.as_slice() } else { &[] };
        let left = body - at;
        let least = usize::try_from(left).unwrap_or(usize::MAX).min(LEAST_PART);
        let room = output.room_for_part(row.len(), least)? as u64;
        let mut part = vec![0; usize::try_from(left.min(room)).unwrap_or_default()];
        let read = inner.blobs.read_at(blob, at, &mut part);
        // A body goes only after its row: with the row still there, what was read is the body.
        if inner.engine.get(&key)?.as_deref() != Some(as_stored) {
            return Ok(());
        }
        read?;
        let row_length = if at == 0 { length } else { 0 };
        let bytes = u32::try_from(part.len()).unwrap_or(u32::MAX);
        output.push(
            &Entry { key, what: What::Body { tag, row: row_length, body, at, part: bytes } },
            row,
            &part,
        )?;
        at += part.len() as u64;
        if at == body {
            return Ok(());
        }
    }
}
