//! File operations that are durable when they return.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, fadvise};

use crate::EngineError;
use crate::files::folder_of;

/// Syncs a file, or a folder's list of names.
pub(crate) fn sync_path(path: &Path) -> Result<(), EngineError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(EngineError::io("sync", path))
}

/// Syncs the folder that holds `path`'s name.
pub(crate) fn sync_parent(path: &Path) -> Result<(), EngineError> {
    sync_path(folder_of(path))
}

/// Syncs a file and has the page cache let go of it, so that what is read next is what the medium has.
///
/// Before a store is read that a process may have left after a failed sync: the kernel keeps what it could not write and calls it clean,
/// the next sync succeeds without it, and whoever read it would build on bytes that no power cut leaves.
pub fn settle_on_medium(file: &File) -> std::io::Result<()> {
    file.sync_all()?;
    // Where the file system knows no such advice, its sync keeps dirty pages or drops them from the cache itself.
    let _ = fadvise(file, 0, None, Advice::DontNeed);
    Ok(())
}

/// Opens a file that records are added to (0600, made if it is missing), settled on its medium. The caller syncs the folder, which a new name
/// needs.
pub fn open_growing(path: &Path) -> std::io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    settle_on_medium(&file)?;
    Ok(file)
}

/// The same for every file directly in a folder.
pub(crate) fn settle_files_on_medium(folder: &Path) -> Result<(), EngineError> {
    let files = entries(folder)?.into_iter().filter(|(_, is_folder)| !is_folder);
    files.map(|(path, _)| path).try_for_each(|path| {
        File::open(&path).and_then(|file| settle_on_medium(&file)).map_err(EngineError::io("sync", path))
    })
}

/// Replaces a file whole: a crash leaves the old bytes or the new ones.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    replace_file_with(path, [bytes].into_iter())
}

/// The same with bytes that come in pieces, each written by itself.
pub(crate) fn replace_file_with<'a>(
    path: &Path,
    mut pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<(), EngineError> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| {
        pieces.try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()
    });
    written.map_err(EngineError::io("write", &new))?;
    fs::rename(&new, path).map_err(EngineError::io("rename", path))?;
    sync_parent(path)
}

/// Writes a file's bytes over themselves and syncs it. After a failed sync the system may show bytes as written that the disk never
/// got, and no later sync writes them: only writing them again does. Cut short it changes nothing.
pub(crate) fn write_again(path: &Path) -> Result<(), EngineError> {
    let again = || -> std::io::Result<()> {
        let file = File::options().read(true).write(true).open(path)?;
        let mut piece = vec![0; 1 << 18];
        let mut at = 0;
        loop {
            let read = file.read_at(&mut piece, at)?;
            let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
            file.write_all_at(read, at)?;
            at += read.len() as u64;
        }
        file.sync_all()
    };
    again().map_err(EngineError::io("write again", path))
}

/// Removes a file if it is there.
pub(crate) fn remove_file(path: &Path) -> Result<(), EngineError> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(EngineError::io("remove", path)(error)),
    }
}

/// Removes a folder and all in it if it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(EngineError::io("remove", path)(error)),
    }
}

/// Syncs a folder, every file and folder in it, and its own name.
pub(crate) fn sync_tree(folder: &Path) -> Result<(), EngineError> {
    for (path, is_folder) in entries(folder)? {
        if is_folder { sync_tree(&path)? } else { sync_path(&path)? }
    }
    sync_path(folder)?;
    sync_parent(folder)
}

/// Copies a folder and all in it, durably. The target must not exist.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<(), EngineError> {
    copy_files(from, to)?;
    sync_tree(to)
}

fn copy_files(from: &Path, to: &Path) -> Result<(), EngineError> {
    fs::create_dir(to).map_err(EngineError::io("create", to))?;
    for (path, is_folder) in entries(from)? {
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if is_folder {
            copy_files(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(EngineError::io("copy a file to", &target))?;
        }
    }
    Ok(())
}

/// Paths in a folder, and whether each is a folder itself.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(std::path::PathBuf, bool)>, EngineError> {
    let listed = fs::read_dir(folder).and_then(|list| {
        list.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?.is_dir())))).collect()
    });
    listed.map_err(EngineError::io("list", folder))
}
