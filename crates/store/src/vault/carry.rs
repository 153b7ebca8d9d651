//! Copying what lies in a vault's folder to another place: durable when it returns, holes stay holes, links are followed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};

use crate::VaultError;

/// Bytes copied at a time.
const PIECE: usize = 1 << 20;

/// Copies a file, or a folder and all in it, durably. A folder that is there already is filled (a disk may be mounted there); sockets and the like
/// are passed over. `progress` gets the bytes of each piece. Nothing happens where `from` is not there.
pub(super) fn copy(from: &Path, to: &Path, progress: &mut dyn FnMut(u64)) -> Result<(), VaultError> {
    let found = match fs::metadata(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(VaultError::io("looking at", from))?,
    };
    if found.is_file() {
        copy_file(from, to, found.permissions().mode(), progress)?;
    } else if found.is_dir() {
        match DirBuilder::new().mode(0o700).create(to) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.map_err(VaultError::io("making the folder", to))?,
        }
        for name in names(from)? {
            copy(&from.join(&name), &to.join(&name), progress)?;
        }
        sync(to)?;
    }
    to.parent().map_or(Ok(()), sync)
}

/// The names in a folder.
pub(super) fn names(folder: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let listed = fs::read_dir(folder).and_then(|list| {
        list.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name()))).collect::<Result<_, _>>()
    });
    listed.map_err(VaultError::io("listing the folder", folder))
}

/// Removes a file, or a folder with all in it; of a folder in which a disk is mounted, what is in it.
pub(super) fn remove(path: &Path) -> Result<(), VaultError> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.is_dir() => match fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                return names(path)?.iter().try_for_each(|name| remove(&path.join(name)));
            }
            removed => removed,
        },
        _ => fs::remove_file(path),
    };
    removed.map_err(VaultError::io("removing", path))
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> Result<(), VaultError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(VaultError::io("syncing the folder", folder))
}

fn copy_file(from: &Path, to: &Path, mode: u32, progress: &mut dyn FnMut(u64)) -> Result<(), VaultError> {
    let source = File::open(from).map_err(VaultError::io("opening", from))?;
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(mode & 0o777).open(to);
    let target = opened.map_err(VaultError::io("making the file", to))?;
    let length = source.metadata().map_err(VaultError::io("looking at", from))?.len();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < length {
        let Some((start, end)) = data_from(&source, at, length) else { break };
        at = start;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
            let part = piece.get_mut(..want).unwrap_or_default();
            source.read_exact_at(part, at).map_err(VaultError::io("reading", from))?;
            target.write_all_at(part, at).map_err(VaultError::io("writing", to))?;
            at += want as u64;
            progress(want as u64);
        }
    }
    // A hole at the end, as preallocated room leaves one.
    target.set_len(length).and_then(|()| target.sync_all()).map_err(VaultError::io("syncing", to))
}

/// The next piece of a file that is no hole: from where, to where. All of the rest where the file system does not tell.
fn data_from(file: &File, at: u64, length: u64) -> Option<(u64, u64)> {
    match seek(file, SeekFrom::Data(at)) {
        Ok(start) => Some((start, seek(file, SeekFrom::Hole(start)).unwrap_or(length).min(length))),
        Err(rustix::io::Errno::NXIO) => None,
        Err(_) => Some((at, length)),
    }
}
