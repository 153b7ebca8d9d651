//! Where the two copies of the key plane lie, and what to do when one does not open.
//!
//! A copy that does not open is left alone: its disk may only be unmounted, and an empty store made in its place would later
//! pass for the real one. It is noted as stale, the mirror serves from the other, and the copy is brought up to date when it is
//! back. So is sled's copy after an unclean stop, since its recovery drops in silence what it cannot read. To give a copy up for
//! good, the operator moves its folder away: a copy without a folder is made anew at open ([`KeyPlane::recreate`]).

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::durable::{remove_file, remove_folder, sync_parent};
use crate::{EngineError, Mirror, PageStore, SledOptions, SledPages, SlotFile};

/// Room in a new slot file: 4,096 pages (4 MiB). It grows.
const FIRST_BLOCKS: u64 = 1024;
/// Most bytes that copy `b` caches: reads go to copy `a`, so it only needs what its writes touch.
const MIRROR_CACHE: u64 = 16 << 20;

/// The key plane of one vault on disk.
#[derive(Debug, Clone)]
pub struct KeyPlane {
    /// Folder of copy `a`, the slot file.
    pub a: PathBuf,
    /// Folder of copy `b`, sled. Better on another disk than `a`.
    pub b: PathBuf,
    /// File that notes stale copies.
    pub note: PathBuf,
    /// Id of the vault.
    pub vault: [u8; 16],
    /// Settings of copy `b`; `create` does not count.
    pub sled: SledOptions,
}

impl KeyPlane {
    /// The usual places: `keys-a/`, `keys-b/` and `keys.stale` in the vault's folder.
    pub fn in_folder(folder: &Path, vault: [u8; 16], sled: SledOptions) -> Self {
        let place = |name| folder.join(name);
        Self { a: place("keys-a"), b: place("keys-b"), note: place("keys.stale"), vault, sled }
    }

    /// Makes both copies, empty. An existing slot file is an error.
    pub fn create(&self) -> Result<Mirror, EngineError> {
        let (a, b) = (self.make_a()?, self.open_b(true)?);
        Mirror::open(Ok(a), Ok(b), &self.note)
    }

    /// Opens both copies, or the one that opens, and brings a stale one up to date from a whole one. `progress` gets pages
    /// looked at and pages in all. Another process in the folder, or the slot file of another vault or release, is an error.
    pub fn open(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Mirror, EngineError> {
        let (a, b) = match (self.open_a(), self.open_sled(false)) {
            (Err(error @ (EngineError::InUse { .. } | EngineError::Format { .. })), _) => return Err(error),
            (_, Err(error @ EngineError::InUse { .. })) => return Err(error),
            both => both,
        };
        if a.is_ok() && b.as_ref().is_ok_and(SledPages::was_unclean) {
            Mirror::note_stale(&self.note, 1)?;
        }
        let b = match (&a, b) {
            (Ok(a), Ok(b)) => b.compact_if_bloated(a.pages()).map(|()| b),
            (_, b) => b,
        };
        let mirror = Mirror::open(a.map(|a| Arc::new(a) as _), b.map(|b| Arc::new(b) as _), &self.note)?;
        mirror.repair_stale(progress)?;
        Ok(mirror)
    }

    /// Gives copy `n` up and makes it anew, empty; the next [`KeyPlane::open`] fills it. What was there is moved to
    /// `<name>.damaged`. Refused unless the other copy opens and is not stale.
    pub fn recreate(&self, n: usize) -> Result<(), EngineError> {
        if n == 0 {
            self.open_sled(false)?.close()?
        } else {
            self.open_a()?.close()?
        }
        if Mirror::is_noted_stale(&self.note, 1 - n.min(1))? {
            return Err(EngineError::Format {
                path: self.note.clone(),
                detail: "the other copy is stale itself; bring this one's disk back, or remove this note to make do with the other".to_owned(),
            });
        }
        Mirror::note_stale(&self.note, n)?;
        if n == 0 {
            set_aside(&self.slots())?;
            self.make_a()?.close()
        } else {
            set_aside(&self.b)?;
            self.open_b(true)?.close()
        }
    }

    fn slots(&self) -> PathBuf {
        self.a.join("pages.slots")
    }

    fn make_a(&self) -> Result<Arc<dyn PageStore>, EngineError> {
        match DirBuilder::new().mode(0o700).create(&self.a) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(EngineError::io("creating the folder of key plane copy a", &self.a)(error));
            }
            _ => sync_parent(&self.a)?,
        }
        Ok(Arc::new(SlotFile::create(&self.slots(), &self.vault, FIRST_BLOCKS)?))
    }

    fn open_a(&self) -> Result<SlotFile, EngineError> {
        SlotFile::open(&self.slots(), &self.vault)
    }

    fn open_b(&self, create: bool) -> Result<Arc<dyn PageStore>, EngineError> {
        Ok(Arc::new(self.open_sled(create)?))
    }

    fn open_sled(&self, create: bool) -> Result<SledPages, EngineError> {
        if !create && !self.b.exists() {
            // It is locked before it is looked at, and to lock it makes it.
            return Err(EngineError::io("opening copy b of the key pages", &self.b)(
                ErrorKind::NotFound.into(),
            ));
        }
        let cache_bytes = self.sled.cache_bytes.min(MIRROR_CACHE);
        SledPages::open(&self.b, SledOptions { create, cache_bytes, ..self.sled.clone() }).map_err(|error| {
            match error {
                // There is no backup of key pages; the other copy is what they come back from.
                EngineError::RowsLost { detail } => EngineError::Corrupt {
                    what: "copy b of the key pages",
                    path: self.b.clone(),
                    detail: format!("{detail}; stop the service and run `fsck --repair`"),
                },
                other => other,
            }
        })
    }
}

fn set_aside(path: &Path) -> Result<(), EngineError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    let aside = PathBuf::from(aside);
    if aside.is_dir() {
        remove_folder(&aside)?
    } else {
        remove_file(&aside)?
    }
    match std::fs::rename(path, &aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(EngineError::io("setting a damaged copy aside", path)(error))
        }
        Err(_) => Ok(()),
        Ok(()) => sync_parent(path),
    }
}
