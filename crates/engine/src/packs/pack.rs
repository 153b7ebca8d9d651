//! One pack file.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use rustix::io::Errno;

use super::group::GroupSync;
use super::reference::{BLOCK, Extent};
use crate::EngineError;
use crate::poison::Poison;

pub(super) struct Pack {
    pub(super) number: u32,
    path: PathBuf,
    file: File,
    group: GroupSync,
    /// Extents of writers that have not finished. While there are any, an empty pack is not a dead one.
    unfinished: AtomicU32,
}

impl Pack {
    pub(super) fn create(folder: &Path, number: u32) -> Result<Self, EngineError> {
        let path = folder.join(name(number));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(EngineError::io("creating a blob pack", &path))?;
        Ok(Self::over(path, number, file))
    }

    /// `None` if there is no such file.
    pub(super) fn open(folder: &Path, number: u32) -> Result<Option<Self>, EngineError> {
        let path = folder.join(name(number));
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => Ok(Some(Self::over(path, number, file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(EngineError::io("opening a blob pack", path)(error)),
        }
    }

    fn over(path: PathBuf, number: u32, file: File) -> Self {
        Self { number, path, file, group: GroupSync::default(), unfinished: AtomicU32::new(0) }
    }

    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        self.file.read_exact_at(buf, offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => EngineError::Corrupt {
                what: "a blob",
                path: self.path.clone(),
                detail: format!("the pack ends before {} bytes at {offset}", buf.len()),
            },
            _ => EngineError::io("reading a blob pack", &self.path)(error),
        })
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), EngineError> {
        self.file.write_all_at(bytes, offset).map_err(EngineError::io("writing a blob pack", &self.path))
    }

    /// Allocates room on disk, so that a full disk shows here.
    pub(super) fn allocate(&self, offset: u64, bytes: u64) -> Result<(), EngineError> {
        fallocate(&self.file, FallocateFlags::empty(), offset, bytes)
            .map_err(|errno| EngineError::io("allocating room in a blob pack", &self.path)(errno.into()))
    }

    /// Gives an extent's blocks from the `keep`th on back to the file system. Blocks behind the file's end were never allocated.
    pub(super) fn punch(&self, extent: &Extent, keep: u32) -> Result<(), EngineError> {
        let failed = || EngineError::io("punching a hole into a blob pack", &self.path);
        let length = self.file.metadata().map_err(failed())?.len().next_multiple_of(BLOCK);
        let from = (u64::from(extent.first) + u64::from(keep)) * BLOCK;
        let to = ((u64::from(extent.first) + u64::from(extent.blocks)) * BLOCK).min(length);
        if from >= to {
            return Ok(());
        }
        fallocate(&self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, from, to - from)
            .map_err(|errno| failed()(errno.into()))
    }

    /// Makes everything written and punched before this call durable; concurrent callers share.
    pub(super) fn sync(&self, poison: &Poison) -> Result<(), EngineError> {
        self.group.wait(poison, || {
            self.file.sync_data().map_err(EngineError::io("syncing a blob pack", &self.path))
        })
    }

    /// No writer has an extent here and the file holds no data: allocated but unwritten blocks count as none.
    pub(super) fn is_dead(&self) -> Result<bool, EngineError> {
        if self.unfinished.load(Ordering::Acquire) > 0 {
            return Ok(false);
        }
        match seek(&self.file, SeekFrom::Data(0)) {
            Ok(_) => Ok(false),
            Err(Errno::NXIO) => Ok(true),
            Err(errno) => Err(EngineError::io("looking for data in a blob pack", &self.path)(errno.into())),
        }
    }

    pub(super) fn unlink(&self) -> Result<(), EngineError> {
        std::fs::remove_file(&self.path).map_err(EngineError::io("removing an empty blob pack", &self.path))
    }
}

/// An unfinished writer's share in a pack.
pub(super) struct Hold(Arc<Pack>);

impl Hold {
    pub(super) fn new(pack: Arc<Pack>) -> Self {
        pack.unfinished.fetch_add(1, Ordering::AcqRel);
        Self(pack)
    }

    pub(super) fn pack(&self) -> &Arc<Pack> {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.unfinished.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(super) fn name(number: u32) -> String {
    format!("pack-{number:08x}")
}

/// The number in a pack's file name; `None` for other files.
pub(super) fn number(file_name: &str) -> Option<u32> {
    let number = u32::from_str_radix(file_name.strip_prefix("pack-")?, 16).ok()?;
    (name(number) == file_name).then_some(number)
}
