//! Where audit files lie. Written in place into room that is there already, so that a sync has no metadata to write and a full
//! disk is met before an operation, not after it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oubliette_engine::settle_on_medium;

/// Numbered files.
pub(super) trait Medium: Send + Sync {
    /// The numbers that are there, ascending.
    fn numbers(&self) -> io::Result<Vec<u64>>;
    /// Makes a file that begins with `head` and has `length` bytes, the rest zeros. Durable when it returns.
    fn create(&self, number: u64, head: &[u8], length: u64) -> io::Result<()>;
    /// Bytes in a file.
    fn length(&self, number: u64) -> io::Result<u64>;
    /// Fills `into` from there on as far as the file goes; answers how many bytes that were.
    fn read(&self, number: u64, at: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes bytes; durable once synced.
    fn write(&self, number: u64, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable, the file's length included.
    fn sync(&self, number: u64) -> io::Result<()>;
    /// Where it is, for people.
    fn place(&self, number: u64) -> String;
    /// The folder that the files lie in, if they do.
    fn folder(&self) -> Option<PathBuf> {
        None
    }
}

/// `audit-<8 hex digits>` in a folder.
pub(super) struct Folder {
    dir: PathBuf,
    write: bool,
    /// The file used last.
    open: Mutex<Option<(u64, std::sync::Arc<File>)>>,
}

const PREFIX: &str = "audit-";

impl Folder {
    /// Files in an existing folder. A file that was about to be made when a crash came is removed.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(PREFIX) && name.ends_with(".new") {
                std::fs::remove_file(&path)?;
            }
        }
        let folder = Self { dir: dir.to_owned(), write: true, open: Mutex::default() };
        if let Some(last) = folder.numbers()?.last() {
            settle_on_medium(&*folder.file(*last)?)?;
        }
        Ok(folder)
    }

    /// Files that are only read: they may belong to a running service.
    pub(super) fn peek(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), write: false, open: Mutex::default() }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{PREFIX}{number:08x}"))
    }

    fn file(&self, number: u64) -> io::Result<std::sync::Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((which, file)) = &*open
            && *which == number
        {
            return Ok(std::sync::Arc::clone(file));
        }
        let file = OpenOptions::new().read(true).write(self.write).open(self.path(number))?;
        let file = std::sync::Arc::new(file);
        *open = Some((number, std::sync::Arc::clone(&file)));
        Ok(file)
    }
}

impl Medium for Folder {
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let number = digits.filter(|digits| digits.len() == 8);
            numbers.extend(number.and_then(|digits| u64::from_str_radix(digits, 16).ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn create(&self, number: u64, head: &[u8], length: u64) -> io::Result<()> {
        let path = self.path(number);
        let new = path.with_extension("new");
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .and_then(|file| {
                file.write_all_at(head, 0)?;
                zeros(head.len() as u64, length, |at, bytes| file.write_all_at(bytes, at))?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&new, &path))
            .and_then(|()| File::open(&self.dir)?.sync_all());
        if written.is_err() {
            // A full disk needs its room back; the next opening would remove it as well.
            let _best_effort = std::fs::remove_file(&new);
        }
        written
    }

    fn length(&self, number: u64) -> io::Result<u64> {
        Ok(self.file(number)?.metadata()?.len())
    }

    fn read(&self, number: u64, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = self.file(number)?;
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write(&self, number: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(number)?.write_all_at(bytes, at)
    }

    fn sync(&self, number: u64) -> io::Result<()> {
        self.file(number)?.sync_data()
    }

    fn place(&self, number: u64) -> String {
        self.path(number).display().to_string()
    }
    fn folder(&self) -> Option<PathBuf> {
        Some(self.dir.clone())
    }
}

/// Writes zeros from one place to another.
pub(super) fn zeros(
    from: u64,
    to: u64,
    mut write: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    const PIECE: usize = 64 << 10;
    let mut at = from;
    while at < to {
        let piece = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
        write(at, [0; PIECE].get(..piece).unwrap_or_default())?;
        at += piece as u64;
    }
    Ok(())
}

/// Files in memory, which end with the process.
#[derive(Default)]
pub(super) struct Memory(Mutex<BTreeMap<u64, Vec<u8>>>);

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, number: u64, call: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        self.files().get_mut(&number).map(call).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Medium for Memory {
    fn numbers(&self) -> io::Result<Vec<u64>> {
        Ok(self.files().keys().copied().collect())
    }
    fn create(&self, number: u64, head: &[u8], _length: u64) -> io::Result<()> {
        self.files().insert(number, head.to_vec());
        Ok(())
    }
    fn length(&self, number: u64) -> io::Result<u64> {
        self.with(number, |file| file.len() as u64)
    }
    fn read(&self, number: u64, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.with(number, |file| {
            let from = file.get(usize::try_from(at).unwrap_or(usize::MAX)..).unwrap_or_default();
            into.iter_mut().zip(from).map(|(to, from)| *to = *from).count()
        })
    }
    fn write(&self, number: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(number, |file| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            // Room that was only promised takes no memory.
            if bytes.iter().all(|byte| *byte == 0) && at >= file.len() {
                return;
            }
            file.resize(file.len().max(at.saturating_add(bytes.len())), 0);
            file.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
        })
    }
    fn sync(&self, _number: u64) -> io::Result<()> {
        Ok(())
    }
    fn place(&self, number: u64) -> String {
        format!("audit file {number} in memory")
    }
}
