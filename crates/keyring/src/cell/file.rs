//! A cell in a file: preallocated, overwritten in place, never renamed, so that the old bytes have nowhere to stay as far as
//! the file system and the medium allow. How far that is, each run watches; until then the class is E0.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use oubliette_crypto::{CellShare, VaultId};
use rustix::fs::{Advice, FlockOperation, IFlags, OFlags};
use zeroize::Zeroizing;

use super::block::{BlockCell, Medium};
use super::format::{BLOCK, CELL_SIZE, Header};
use super::watch::Watch;
use super::{CellError, CellState, ErasureClass, RootCell, RootPointer};

/// A cell in a file that this process holds alone.
pub struct FileCell {
    cell: BlockCell<CellFile>,
    watch: Watch,
}

impl FileCell {
    /// Makes the file (0600, 57,344 bytes, in an existing folder) and lays out an empty cell for share `share_index` of `shares`.
    pub fn create(path: &Path, vault: VaultId, share_index: u8, shares: u8) -> Result<Self, CellError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(io("creating", path))?;
        keep_out_of_dumps(&file);
        let cell =
            BlockCell::create(CellFile::hold(file, path)?, Header { vault, index: share_index, shares })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing the folder", folder))?;
        Ok(Self { cell, watch: Watch::default() })
    }
    /// Opens a cell and keeps other processes off it.
    pub fn open(path: &Path) -> Result<Self, CellError> {
        Ok(Self { cell: BlockCell::open(CellFile::open(path)?)?, watch: Watch::default() })
    }
    /// Whether nothing was ever written into it: behind its header are zeros.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn is_blank(&self) -> Result<bool, CellError> {
        let mut bytes = Zeroizing::new(vec![0; CELL_SIZE - BLOCK]);
        self.cell.medium.read_at(BLOCK, &mut bytes)?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    }
    /// Makes this empty cell hold what `from` holds: its share, and where the root is. For moving a share to another place; `from` is
    /// to be wiped next. Refused unless `from` is settled (a vault was opened over it since it was last written).
    pub fn adopt(&self, from: &Self) -> Result<(), CellError> {
        self.cell.adopt(&from.cell.read()?)
    }
    /// Makes an empty cell hold what a settled one of the same share held, as [`Keyring::recover`](crate::Keyring::recover) answers it.
    ///
    /// # Errors
    /// [`CellError::Misuse`] if this cell is not empty or that one was not settled; those of the disk.
    pub fn adopt_state(&self, state: &CellState) -> Result<(), CellError> {
        self.cell.adopt(state)
    }
    /// Overwrites a file that was a cell of `vault` and is none any more. Idempotent.
    ///
    /// # Errors
    /// If it is not there, cannot be written, or does not keep what is written; [`CellError::Format`] if it is no cell of this
    /// vault, and then it is left alone.
    pub fn wipe(path: &Path, vault: VaultId) -> Result<(), CellError> {
        let file = CellFile::open(path)?;
        let mut header = vec![0; BLOCK];
        file.read_at(0, &mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let cell = BlockCell::open(file)?;
        if cell.vault() != vault {
            return Err(CellError::Format { path: path.into(), detail: "it is another vault's" });
        }
        cell.wipe()
    }
}

impl RootCell for FileCell {
    fn vault(&self) -> VaultId {
        self.cell.vault()
    }
    fn share_index(&self) -> u8 {
        self.cell.header.index
    }
    fn shares(&self) -> u8 {
        self.cell.header.shares
    }
    fn read(&self) -> Result<CellState, CellError> {
        self.cell.read()
    }
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.cell.point(pointer)
    }
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.cell.stage(epoch, share, pointer)
    }
    fn confirm(&self) -> Result<(), CellError> {
        self.cell.confirm()
    }
    fn withdraw(&self) -> Result<(), CellError> {
        self.cell.withdraw()
    }
    fn in_place(&self) -> Result<(), CellError> {
        self.cell.medium.in_place()
    }
    fn class(&self) -> ErasureClass {
        self.watch.judge(&self.cell.medium.file).0
    }
    fn doubts(&self) -> Vec<String> {
        self.watch.judge(&self.cell.medium.file).1.iter().map(ToString::to_string).collect()
    }
    fn name(&self) -> String {
        self.cell.medium.path.display().to_string()
    }
    fn watch(&self) {
        let probe = || self.cell.probe().map_err(|error| error.to_string());
        self.watch.begin(&self.cell.medium.file, probe);
    }
    fn release(&self) {
        // Where it fails the lock goes with the file handle.
        let _best_effort = rustix::fs::flock(&self.cell.medium.file, FlockOperation::Unlock);
    }
}

struct CellFile {
    file: File,
    /// The same file past the page cache, where the file system can do that.
    direct: Option<File>,
    path: PathBuf,
}

impl CellFile {
    fn open(path: &Path) -> Result<Self, CellError> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io("opening", path))?;
        let length = file.metadata().map_err(io("reading the length", path))?.len();
        if length != CELL_SIZE as u64 {
            return Err(CellError::Format { path: path.into(), detail: "a cell has exactly 57,344 bytes" });
        }
        Self::hold(file, path)
    }

    fn hold(file: File, path: &Path) -> Result<Self, CellError> {
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| CellError::InUse { path: path.into() })?;
        let flags = OFlags::DIRECT.bits().cast_signed();
        let direct = OpenOptions::new().read(true).custom_flags(flags).open(path).ok();
        Ok(Self { file, direct, path: path.into() })
    }

    /// An open file takes writes also when its name is gone or leads to another one, and ends with the last process that has it open.
    fn in_place(&self) -> Result<(), CellError> {
        let held = self.file.metadata().map_err(io("looking at", &self.path))?;
        let found = match std::fs::metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) == (held.dev(), held.ino()) => return Ok(()),
            Ok(_) => "another file is there".to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => "nothing is there".to_owned(),
            Err(error) => error.to_string(),
        };
        let held = format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into();
        Err(CellError::Replaced { path: self.path.clone(), found, held })
    }

    /// Reads past the page cache. `None` where that does not work; offset and length are always whole blocks here.
    fn read_direct(&self, offset: usize, out: &mut [u8]) -> Option<()> {
        let direct = self.direct.as_ref()?;
        let mut buffer = Zeroizing::new(vec![0; out.len() + BLOCK]);
        let start = buffer.as_ptr().align_offset(BLOCK);
        let aligned = buffer.get_mut(start..)?.get_mut(..out.len())?;
        direct.read_exact_at(aligned, offset as u64).ok()?;
        out.copy_from_slice(aligned);
        Some(())
    }
}

impl Medium for CellFile {
    fn read_at(&self, offset: usize, out: &mut [u8]) -> Result<(), CellError> {
        if self.read_direct(offset, out).is_some() {
            return Ok(());
        }
        // Written pages are clean after the sync, so the cache lets go of them and the medium answers.
        let _best_effort = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
        self.file.read_exact_at(out, offset as u64).map_err(io("reading", &self.path))
    }
    fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), CellError> {
        self.file.write_all_at(bytes, offset as u64).map_err(io("writing", &self.path))?;
        self.file.sync_data().map_err(io("syncing", &self.path))
    }
    fn not_kept(&self, what: &'static str) -> CellError {
        CellError::NotKept { what, path: self.path.clone() }
    }
    fn foreign(&self, detail: &'static str) -> CellError {
        CellError::Format { path: self.path.clone(), detail }
    }
}

/// Asks programs that honour it (dump, bsdtar, borg with `--exclude-nodump`) to leave the file out. Not every file system can.
fn keep_out_of_dumps(file: &File) {
    if let Ok(flags) = rustix::fs::ioctl_getflags(file) {
        let _best_effort = rustix::fs::ioctl_setflags(file, flags | IFlags::NODUMP);
    }
}

fn io(op: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CellError {
    let path = path.to_path_buf();
    move |source| CellError::Io { op, path, source }
}
