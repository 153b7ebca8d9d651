//! The anchor file: two slots and the redo area, preallocated and only ever overwritten in place.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use oubliette_crypto::AnchorKey;
use rustix::fs::OFlags;

use super::area::{AREA, Area};
use super::record::{AnchorState, SLOT, decode_slot, encode_slot};
use super::redo::{BLOCK, Redo, Sealed};
use crate::EngineError;
use crate::durable::replace_file_with;

/// The opened anchor file.
pub(crate) struct AnchorFile {
    file: File,
    path: PathBuf,
}

/// What an anchor file says.
pub(crate) struct Anchored {
    pub(crate) file: AnchorFile,
    /// The commit that the slots cover.
    pub(crate) covered: u64,
    /// What the rows must be: the slots' state and the records after it.
    pub(crate) state: AnchorState,
    /// The commits after `covered`, in order.
    pub(crate) redo: Vec<Redo>,
    /// The slots stand for a clean stop.
    pub(crate) clean: bool,
}

impl AnchorFile {
    /// Makes the file, whole or not at all, for an engine without rows. Every block is written, so that no later write has to
    /// allocate one.
    pub(crate) fn create(path: &Path, key: &AnchorKey) -> Result<Self, EngineError> {
        let slot = encode_slot(key, &AnchorState::empty(), false)?;
        let free = [0; BLOCK];
        // Block by block: written in one go they would be one large page of the page cache, all of which each later write
        // looks at.
        let blocks = [slot.as_slice(), &slot].into_iter().chain(std::iter::repeat_n(free.as_slice(), AREA / BLOCK));
        replace_file_with(path, blocks)?;
        Self::open_file(path)
    }

    /// The file and what it says; `None` if there is no file. Nothing is written.
    pub(crate) fn open(path: &Path, key: &AnchorKey) -> Result<Option<Anchored>, EngineError> {
        let bytes = match fs::File::open(path) {
            Ok(file) => read_all(file).map_err(EngineError::io("read", path))?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EngineError::io("open", path)(error)),
        };
        let (slots, area) = bytes.split_at_checked(2 * SLOT).unwrap_or((&bytes, &[]));
        let (state, clean) = newest(key, slots).ok_or_else(|| EngineError::Corrupt {
            what: "both slots of the anchor",
            path: path.to_owned(),
            detail:
                "neither authenticates under this vault's key; if the file is of this vault, restore the \
                     rows from a backup into a fresh folder"
                    .into(),
        })?;
        if bytes.len() != 2 * SLOT + AREA {
            return Err(EngineError::Corrupt {
                what: "the anchor's redo area",
                path: path.to_owned(),
                detail: format!("the file has {} bytes, not {}", bytes.len(), 2 * SLOT + AREA),
            });
        }
        let covered = state.commit;
        let (state, redo) = chained(state, records(key, area, covered))?;
        Ok(Some(Anchored { file: Self::open_file(path)?, covered, state, redo, clean }))
    }

    /// Makes both slots say this state, one after the other, so that one of them is whole whenever this is cut short. Durable
    /// when it returns.
    pub(crate) fn write_slots(
        &self,
        key: &AnchorKey,
        state: &AnchorState,
        clean: bool,
    ) -> Result<(), EngineError> {
        let slot = encode_slot(key, state, clean)?;
        [0, SLOT as u64].into_iter().try_for_each(|at| self.write(&slot, at))
    }

    /// Writes the record of a commit where `area` has room for it. Durable when it returns.
    pub(crate) fn append(&self, area: &mut Area, commit: u64, record: &Sealed) -> Result<(), EngineError> {
        self.write(&record.bytes, area.take(commit, record.bytes.len() / BLOCK))
    }

    fn write(&self, bytes: &[u8], at: u64) -> Result<(), EngineError> {
        self.file.write_all_at(bytes, at).map_err(EngineError::io("write", &self.path))
    }

    /// Its blocks are allocated, so that a write that syncs itself costs one flush of the disk and no journal.
    fn open_file(path: &Path) -> Result<Self, EngineError> {
        let sync = OFlags::DSYNC.bits().cast_signed();
        let file = OpenOptions::new().write(true).custom_flags(sync).open(path);
        Ok(Self { file: file.map_err(EngineError::io("open", path))?, path: path.to_owned() })
    }
}

#[cfg(test)]
impl AnchorFile {
    /// Makes every write fail from now on.
    pub(crate) fn close_for_writing(&mut self) {
        self.file = File::open(&self.path).unwrap();
    }
}

/// The state of the slots that authenticate; clean only if none of them denies it.
fn newest(key: &AnchorKey, slots: &[u8]) -> Option<(AnchorState, bool)> {
    let slots = slots.chunks(SLOT).filter_map(|slot| decode_slot(key, slot));
    slots.reduce(|one, other| match one.0.commit.cmp(&other.0.commit) {
        std::cmp::Ordering::Less => other,
        std::cmp::Ordering::Equal => (one.0, one.1 && other.1),
        std::cmp::Ordering::Greater => one,
    })
}

/// Every record after `known` that authenticates, wherever it stands.
fn records(key: &AnchorKey, area: &[u8], known: u64) -> Vec<Redo> {
    let starts = (0..area.len()).step_by(BLOCK);
    starts.filter_map(|at| Redo::decode(key, area.get(at..)?, known)).collect()
}

/// The records that follow each other from `state` on, and what they lead to. A later one that cannot be reached tells that one
/// before it was lost: it was written only after that one was durable.
fn chained(mut state: AnchorState, found: Vec<Redo>) -> Result<(AnchorState, Vec<Redo>), EngineError> {
    let mut redo: Vec<Redo> = Vec::new();
    while let Some(next) =
        found.iter().find(|next| next.commit == state.commit + 1 && next.follows == state.chain)
    {
        state = next.apply(state);
        redo.push(next.clone());
    }
    match found.iter().map(|record| record.commit).max() {
        Some(last) if last > state.commit => Err(EngineError::RowsLost {
            detail: format!("the anchor holds commit {last}, but not commit {} before it", state.commit + 1),
        }),
        _ => Ok((state, redo)),
    }
}

/// No more than the file should have, whatever it has become, and a byte that tells of more.
fn read_all(file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2 * SLOT + AREA + 1);
    file.take((2 * SLOT + AREA + 1) as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
