//! The folder of packs: which is the current one, and what comes after.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pack::{self, Hold, Pack};
use super::reference::BLOCK;
use crate::EngineError;
use crate::durable::{sync_parent, sync_path};
use crate::poison::Poison;

/// Packs kept open, beyond those in use.
const MAX_OPEN: usize = 256;

pub(super) struct Space {
    folder: PathBuf,
    pack_blocks: u32,
    pub(super) poison: Poison,
    state: Mutex<State>,
    /// Keeps another process away, whose unfinished packs look empty from here.
    lock: File,
}

struct State {
    /// The pack of this run that extents come from, and its next block.
    current: Option<(Arc<Pack>, u32)>,
    /// Highest number ever given.
    highest: u32,
    open: HashMap<u32, Arc<Pack>>,
}

impl Space {
    pub(super) fn open(folder: &Path, pack_bytes: u64) -> Result<Self, EngineError> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => sync_parent(folder)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(EngineError::io("creating the blob folder", folder)(error)),
        }
        let lock = take_lock(folder)?;
        let numbers = list(folder)?.into_iter().map(|(number, _)| number);
        let numbers: Vec<u32> = numbers.collect();
        let state = State {
            current: None,
            highest: numbers.iter().copied().max().unwrap_or(0),
            open: HashMap::new(),
        };
        let space = Self {
            folder: folder.to_owned(),
            pack_blocks: u32::try_from(pack_bytes / BLOCK).unwrap_or(u32::MAX).max(1),
            poison: Poison::default(),
            state: Mutex::new(state),
            lock,
        };
        for number in numbers {
            space.retire(number)?;
        }
        Ok(space)
    }

    /// Consecutive blocks that nobody had before, and the first one's place. Nothing is written yet.
    pub(super) fn extent(&self, blocks: u32) -> Result<(Hold, u32), EngineError> {
        let mut state = self.lock();
        self.poison.check()?;
        let room =
            |next: u32| next.checked_add(blocks).is_some_and(|end| next == 0 || end <= self.pack_blocks);
        let (pack, first) = match state.current.take() {
            Some((pack, next)) if room(next) => (pack, next),
            _ => (self.next_pack(&mut state)?, 0),
        };
        state.current = Some((Arc::clone(&pack), first.saturating_add(blocks)));
        Ok((Hold::new(pack), first))
    }

    /// The pack of this number; `None` if there is none (any more).
    pub(super) fn pack(&self, number: u32) -> Result<Option<Arc<Pack>>, EngineError> {
        self.pack_locked(&mut self.lock(), number)
    }

    /// Removes a pack's file once nothing is left in it, unless it carries the highest number.
    pub(super) fn retire(&self, number: u32) -> Result<(), EngineError> {
        let mut state = self.lock();
        if number == state.highest {
            return Ok(());
        }
        let Some(pack) = self.pack_locked(&mut state, number)? else { return Ok(()) };
        if pack.is_dead()? {
            state.open.remove(&number);
            self.poison.guard(pack.unlink().and_then(|()| sync_path(&self.folder)))?;
        }
        Ok(())
    }

    pub(super) fn disk_bytes(&self) -> Result<u64, EngineError> {
        Ok(list(&self.folder)?.into_iter().map(|(_, bytes)| bytes).sum())
    }

    /// Refuses later work and lets others at the folder.
    pub(super) fn close(&self) -> Result<(), EngineError> {
        self.poison.set("it was closed");
        self.lock.unlock().map_err(EngineError::io("unlocking the blob folder", &self.folder))
    }

    pub(super) fn corrupt(&self, what: &'static str, detail: String) -> EngineError {
        EngineError::Corrupt { what, path: self.folder.clone(), detail }
    }

    /// A new pack, whose name is durable before anybody hears of it.
    fn next_pack(&self, state: &mut State) -> Result<Arc<Pack>, EngineError> {
        let number = state.highest.checked_add(1).ok_or(EngineError::TooLarge {
            what: "the number of blob packs",
            got: state.highest as usize,
            allowed: u32::MAX as usize - 1,
        })?;
        let pack = Arc::new(self.poison.guard_unless_full(Pack::create(&self.folder, number))?);
        self.poison.guard(sync_path(&self.folder))?;
        state.highest = number;
        keep_open(state, &pack);
        Ok(pack)
    }

    fn pack_locked(&self, state: &mut State, number: u32) -> Result<Option<Arc<Pack>>, EngineError> {
        if let Some(pack) = state.open.get(&number) {
            return Ok(Some(Arc::clone(pack)));
        }
        let Some(pack) = Pack::open(&self.folder, number)? else { return Ok(None) };
        let pack = Arc::new(pack);
        keep_open(state, &pack);
        Ok(Some(pack))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pack in use stays in the map, so that there is never a second [`Pack`] that does not know of its writers.
fn keep_open(state: &mut State, pack: &Arc<Pack>) {
    if state.open.len() >= MAX_OPEN {
        state.open.retain(|_, held| Arc::strong_count(held) > 1);
    }
    state.open.insert(pack.number, Arc::clone(pack));
}

fn take_lock(folder: &Path) -> Result<File, EngineError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(EngineError::io("opening the lock of the blob folder", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(EngineError::io("locking the blob folder", path)(error)),
    }
}

/// Number and bytes on disk of each pack in the folder.
fn list(folder: &Path) -> Result<Vec<(u32, u64)>, EngineError> {
    let failed = || EngineError::io("listing the blob folder", folder);
    let mut packs = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let Some(number) = entry.file_name().to_str().and_then(pack::number) else { continue };
        match entry.metadata() {
            Ok(found) => packs.push((number, found.blocks() * 512)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed()(error)),
        }
    }
    Ok(packs)
}
