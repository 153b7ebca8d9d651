//! The two slots outside the engine: a preallocated file that is only ever overwritten in place.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use oubliette_crypto::AnchorKey;
use rustix::fs::OFlags;

use super::AnchorState;
use super::record::{SLOT, decode_slot, encode_slot};
use crate::EngineError;
use crate::durable::replace_file;

/// The opened anchor file.
pub(crate) struct AnchorFile {
    file: File,
    path: PathBuf,
}

/// A slot ready to be written, sealed before the commit so that only the write is left after it.
pub(crate) struct Slot {
    bytes: Vec<u8>,
    offset: u64,
}

impl Slot {
    pub(crate) fn seal(key: &AnchorKey, state: &AnchorState, clean: bool) -> Result<Self, EngineError> {
        Ok(Self { bytes: encode_slot(key, state, clean)?, offset: (state.commit % 2) * SLOT as u64 })
    }
}

impl AnchorFile {
    /// Makes the file, whole or not at all, for an engine without rows.
    pub(crate) fn create(path: &Path, key: &AnchorKey) -> Result<Self, EngineError> {
        let slot = encode_slot(key, &AnchorState::empty(), false)?;
        replace_file(path, &[slot.as_slice(), slot.as_slice()].concat())?;
        Self::open_file(path)
    }

    /// The file and the newer of its slots that authenticate, with its clean mark; `None` if there is no file.
    pub(crate) fn open(
        path: &Path,
        key: &AnchorKey,
    ) -> Result<Option<(Self, AnchorState, bool)>, EngineError> {
        let bytes = match fs::File::open(path) {
            Ok(file) => read_slots(file).map_err(EngineError::io("read", path))?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EngineError::io("open", path)(error)),
        };
        let slots = bytes.chunks(SLOT).filter_map(|slot| decode_slot(key, slot));
        let Some((state, clean)) = slots.max_by_key(|(state, _)| state.commit) else {
            return Err(EngineError::Corrupt {
                what: "both slots of the anchor",
                path: path.to_owned(),
                detail:
                    "neither authenticates under this vault's key; if the file is of this vault, restore the \
                         rows from a backup into a fresh folder"
                        .into(),
            });
        };
        Ok(Some((Self::open_file(path)?, state, clean)))
    }

    /// Writes a slot; durable when it returns.
    pub(crate) fn write(&self, slot: &Slot) -> Result<(), EngineError> {
        self.file.write_all_at(&slot.bytes, slot.offset).map_err(EngineError::io("write", &self.path))
    }

    /// Its blocks are allocated, so that a write that syncs itself costs one flush of the disk and no journal.
    fn open_file(path: &Path) -> Result<Self, EngineError> {
        let sync = OFlags::DSYNC.bits().cast_signed();
        let file = OpenOptions::new().write(true).custom_flags(sync).open(path);
        Ok(Self { file: file.map_err(EngineError::io("open", path))?, path: path.to_owned() })
    }
}

/// No more than two slots, whatever the file has become.
fn read_slots(file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(2 * SLOT as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
