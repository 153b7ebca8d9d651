//! Rows and bodies from a backup into empty stores.

use std::collections::BTreeMap;

use oubliette_crypto::{BackupKey, Handle, VaultId};
use oubliette_engine::{Batch, Blobs, Engine};
use std::sync::Arc;

use super::chain::{Place, read_segment};
use super::manifest::{Manifest, SegmentRef};
use super::merge::{At, Merge, Standing};
use super::store::{BackupStore, failed};
use super::table::{Entry, Key, What};
use super::tables::{Tables, damaged, missing};
use super::{BackupInfo, BackupProgress};
use crate::VaultError;
use crate::objects::Upload;
use crate::rows::Value;

/// Operations and bytes after which a batch is committed.
const BATCH_OPS: usize = 200;
const BATCH_BYTES: usize = 512 << 10;

/// What was brought back.
#[derive(Debug, Clone)]
pub struct Filled {
    /// From which backup.
    pub backup: BackupInfo,
    /// Rows written.
    pub rows: u64,
    /// Bodies written.
    pub bodies: u64,
    /// How many rows of which handles were left out, since `wanted` said no of them.
    pub left_out: Vec<(Handle, u64)>,
}

/// Which entries of each segment count: a bit for each.
#[derive(Default)]
struct Wanted(BTreeMap<(usize, usize), Vec<u64>>);

impl Wanted {
    fn add(&mut self, at: At) {
        let bits = self.0.entry((at.run, at.segment)).or_default();
        let word = at.entry / 64;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        if let Some(bits) = bits.get_mut(word) {
            *bits |= 1 << (at.entry % 64);
        }
    }

    fn has(&self, run: usize, segment: usize, entry: usize) -> bool {
        let word = self.0.get(&(run, segment)).and_then(|bits| bits.get(entry / 64));
        word.is_some_and(|word| (word >> (entry % 64)) & 1 == 1)
    }
}

/// Writes a backup's rows and bodies into stores that are empty. Each segment must be the one that its backup means, and with `key` the vault's own:
/// what is damaged ends it with its name, and nothing of it is written. Rows of handles that are not `wanted` are left out.
///
/// # Errors
/// [`VaultError::NotFound`]; [`VaultError::Corrupt`]; [`VaultError::Invalid`] for another vault's backup; those of the place and the stores.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a thing of its own, and there is one caller beside the tests"
)]
pub fn fill_from_backup(
    store: &dyn BackupStore,
    id: Option<&str>,
    vault: VaultId,
    key: &BackupKey,
    engine: &Arc<dyn Engine>,
    blobs: &Arc<dyn Blobs>,
    wanted: &mut dyn FnMut(Handle) -> Result<bool, VaultError>,
    progress: &mut dyn FnMut(&BackupProgress),
) -> Result<Filled, VaultError> {
    let place = Place::look(store)?;
    place.must_be_of(vault, store)?;
    let found = place.find(id)?;
    let manifest = &found.manifest;
    if !found.is_ours(key) {
        return Err(VaultError::Corrupt {
            what: format!("the backup's {} (it was not made by this vault)", manifest.object()),
        });
    }
    let tables = Tables::new(store, None);
    let mut filled = Filled { backup: BackupInfo::of(manifest), rows: 0, bodies: 0, left_out: Vec::new() };
    let plan = plan(manifest, &tables, wanted, &mut filled)?;
    let mut filling =
        Filling { engine, blobs, batch: Batch::new(), bytes: 0, uploads: Vec::new(), body: None, filled };
    let total = manifest.segments().map(|segment| segment.bytes).sum();
    let mut done = 0;
    for (run, segments) in manifest.runs.iter().enumerate() {
        for (number, segment) in segments.iter().enumerate() {
            done += segment.bytes;
            if plan.0.contains_key(&(run, number)) {
                filling.segment(store, segment, key, |entry| plan.has(run, number, entry))?;
            }
            progress(&BackupProgress { what: "restoring", done, total });
        }
    }
    filling.commit()?;
    if filling.body.is_some() {
        return Err(failed("a body has no end; this is a fault of the program".to_owned()));
    }
    Ok(filling.filled)
}

fn plan(
    manifest: &Manifest,
    tables: &Tables<'_>,
    wanted: &mut dyn FnMut(Handle) -> Result<bool, VaultError>,
    filled: &mut Filled,
) -> Result<Wanted, VaultError> {
    let mut plan = Wanted::default();
    let mut last: Option<(Handle, bool)> = None;
    let mut merge = Merge::new(tables, &manifest.runs)?;
    while let Some(held) = merge.next()? {
        let (Standing::Row { .. }, Some(handle)) = (held.standing, held.key.first_chunk::<16>()) else {
            continue;
        };
        let handle = Handle(*handle);
        let keep = match last {
            Some((same, keep)) if same == handle => keep,
            _ => wanted(handle)?,
        };
        last = Some((handle, keep));
        if keep {
            held.places.into_iter().for_each(|at| plan.add(at));
        } else {
            match filled.left_out.last_mut().filter(|(same, _)| *same == handle) {
                Some((_, rows)) => *rows += 1,
                None => filled.left_out.push((handle, 1)),
            }
        }
    }
    Ok(plan)
}

struct Filling<'a> {
    engine: &'a Arc<dyn Engine>,
    blobs: &'a Arc<dyn Blobs>,
    batch: Batch,
    bytes: usize,
    /// Bodies that the batch names.
    uploads: Vec<Upload>,
    body: Option<Body>,
    filled: Filled,
}

/// A body on its way.
struct Body {
    key: Key,
    row: Vec<u8>,
    upload: Upload,
}

impl Filling<'_> {
    fn segment(
        &mut self,
        store: &dyn BackupStore,
        segment: &SegmentRef,
        key: &BackupKey,
        counts: impl Fn(usize) -> bool,
    ) -> Result<(), VaultError> {
        let read = read_segment(store, &segment.name)?;
        let read = match read {
            Some(read) if read.named().as_ref() == Some(segment) && read.is_ours(key) => read,
            Some(_) => return Err(damaged(segment)),
            None if store.get(&segment.object(), Some(0..0))?.is_none() => return Err(missing(segment)),
            None => return Err(damaged(segment)),
        };
        let mut number = 0;
        read.each(|entry, row, part| {
            number += 1;
            if counts(number - 1) { self.entry(&entry, row, part, segment) } else { Ok(()) }
        })
    }

    fn entry(
        &mut self,
        entry: &Entry,
        row: &[u8],
        part: &[u8],
        segment: &SegmentRef,
    ) -> Result<(), VaultError> {
        let (body, at) = match entry.what {
            What::Removed => return Ok(()),
            What::Row { .. } => return self.put(entry.key, row.to_vec(), None),
            What::Body { body, at, .. } => (body, at),
        };
        if at == 0 {
            let upload = Upload::begin(Arc::clone(self.engine), Arc::clone(self.blobs), Some(body))?;
            self.body = Some(Body { key: entry.key, row: row.to_vec(), upload });
        }
        let Some(open) = self.body.as_mut().filter(|open| open.key == entry.key) else {
            return Err(damaged(segment));
        };
        open.upload.write(part)?;
        if at.saturating_add(part.len() as u64) < body {
            return Ok(());
        }
        let Some(Body { key, row, mut upload }) = self.body.take() else { return Ok(()) };
        let reference = upload.finish()?;
        let mut value = Value::parse(&row).ok_or_else(|| damaged(segment))?;
        value.blob = Some(reference);
        let row = value.encode()?;
        self.put(key, row, Some(upload))
    }

    fn put(&mut self, key: Key, row: Vec<u8>, upload: Option<Upload>) -> Result<(), VaultError> {
        self.bytes += row.len();
        self.batch.put(key, row);
        self.filled.rows += 1;
        if let Some(upload) = upload {
            self.filled.bodies += 1;
            upload.settle(&mut self.batch);
            self.uploads.push(upload);
        }
        if self.batch.ops.len() >= BATCH_OPS || self.bytes >= BATCH_BYTES { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), VaultError> {
        self.engine.commit(std::mem::take(&mut self.batch))?;
        self.uploads.drain(..).for_each(Upload::settled);
        self.bytes = 0;
        Ok(())
    }
}
