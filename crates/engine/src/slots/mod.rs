//! The slot file: one flat hash table of 1 KiB pages (docs/formats.md, section 10).
//!
//! A write puts each page into its slot and ends with one `fdatasync` of a file whose blocks are all allocated and written, so
//! that no inode changes. Nothing else of the table is stored: how full it is, is sampled at open from the first blocks
//! (ids are random, so a few thousand slots speak for millions), and opening costs the same at any size.
//!
//! **Growth.** Past 70 % the pages are copied into `<name>.new`, which is synced and renamed over the file.
//! | crash | found at open |
//! |---|---|
//! | before the rename is durable | the old file, whole; a left-over `.new` is removed |
//! | after it | the new file, whole: it was synced before the rename |
//!
//! No page is acknowledged into the new file before the folder was synced. The old file's blocks stay on the medium; the
//! pages in them are dead with their keys, like every copy.
//!
//! **Reads** take no lock. A page that is being looked for was acknowledged before, so its slot does not change under the
//! reader; what does change are slots of other pages, and a slot is only ever emptied in a block that holds another empty
//! one, so no chain is cut.
//!
//! **Full disk.** Only growth needs space. If it fails for want of space, pages go on into the room that is left;
//! when that is used up too, writes fail, and pages that are removed make room again.

pub(crate) mod fuzz;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use self::table::{Freed, Placed, SLOTS_PER_BLOCK, Table};
use crate::durable::sync_parent;
use crate::files::is_full;
use crate::poison::Poison;
use crate::{EngineError, PageId, PageStore, RawPage};

/// A [`PageStore`] in one preallocated file.
pub struct SlotFile {
    path: PathBuf,
    vault: [u8; 16],
    table: RwLock<Arc<Table>>,
    /// Held by the one writer.
    fill: Mutex<Fill>,
    poison: Poison,
}

/// Slots taken in the table; an estimate after opening a large one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fill {
    /// Pages, and damaged slots.
    used: u64,
    dead: u64,
}

impl SlotFile {
    /// Creates the file with room for `4 * blocks` pages (at least one block). An existing file is an error.
    pub fn create(path: &Path, vault: &[u8; 16], blocks: u64) -> Result<Self, EngineError> {
        if path.exists() {
            return Err(EngineError::Format {
                path: path.to_owned(),
                detail: "a slot file is already there; open it, or move it away first".to_owned(),
            });
        }
        let table = Table::create(&beside(path), vault, blocks.max(1))?;
        table.sync()?;
        install(path)?;
        Ok(Self::over(path, vault, table, Fill::default()))
    }

    /// Opens the file of this vault. `Format` for another vault or version, `Corrupt` when the header or the length is
    /// damaged (then it is rebuilt from its mirror), `InUse` when another process has it.
    pub fn open(path: &Path, vault: &[u8; 16]) -> Result<Self, EngineError> {
        let table = Table::open(path, vault)?;
        remove_left_over(path)?;
        let fill = sample(&table)?;
        Ok(Self::over(path, vault, table, fill))
    }

    /// Pages in the file, within 1 %: exact in a small one.
    pub fn pages(&self) -> u64 {
        self.fill.lock().unwrap_or_else(PoisonError::into_inner).used
    }

    fn over(path: &Path, vault: &[u8; 16], table: Table, fill: Fill) -> Self {
        Self {
            path: path.to_owned(),
            vault: *vault,
            table: RwLock::new(Arc::new(table)),
            fill: Mutex::new(fill),
            poison: Poison::default(),
        }
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_all(&self, fill: &mut Fill, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        self.make_room(fill, pages.len() as u64)?;
        let table = self.table();
        for (id, page) in pages {
            match table.put(id, page)? {
                Placed::Replaced => {}
                Placed::InEmpty => fill.used += 1,
                Placed::InDead => {
                    fill.used += 1;
                    fill.dead = fill.dead.saturating_sub(1);
                }
            }
        }
        table.sync()
    }

    fn make_room(&self, fill: &mut Fill, more: u64) -> Result<(), EngineError> {
        let slots = self.table().blocks() * SLOTS_PER_BLOCK;
        if (fill.used + fill.dead + more) * 10 <= slots * 7 {
            return Ok(());
        }
        match self.rebuild(fill.used + more) {
            Ok(grown) => *fill = grown,
            Err(error) if is_full(&error) && fill.used + more < slots => {
                tracing::warn!(file = %self.path.display(), "no space to grow the slot file; using what room is left");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Copies every page into a table where `pages` fill at most half, and puts it in this one's place.
    fn rebuild(&self, pages: u64) -> Result<Fill, EngineError> {
        let old = self.table();
        let mut blocks = old.blocks();
        while pages * 2 > blocks * SLOTS_PER_BLOCK {
            blocks *= 2;
        }
        remove_left_over(&self.path)?;
        let copied = self.copy_into_new(&old, blocks);
        if copied.is_err() {
            let _ = std::fs::remove_file(beside(&self.path));
        }
        let (table, fill) = copied?;
        install(&self.path)?;
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(fill)
    }

    fn copy_into_new(&self, old: &Table, blocks: u64) -> Result<(Table, Fill), EngineError> {
        let new = Table::create(&beside(&self.path), &self.vault, blocks)?;
        let mut fill = Fill::default();
        old.for_each_page(&mut |id, page| {
            if new.put(&id, page)? != Placed::Replaced {
                fill.used += 1;
            }
            Ok(())
        })?;
        new.sync()?;
        Ok((new, fill))
    }
}

impl PageStore for SlotFile {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.poison.check()?;
        self.poison.guard(self.table().find(id))
    }

    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        let mut fill = self.fill.lock().unwrap_or_else(PoisonError::into_inner);
        self.poison.check()?;
        if pages.is_empty() {
            return Ok(());
        }
        self.poison.guard_unless_full(self.put_all(&mut fill, pages))
    }

    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        let mut fill = self.fill.lock().unwrap_or_else(PoisonError::into_inner);
        self.poison.check()?;
        let table = self.table();
        for id in ids {
            match self.poison.guard(table.free(id))? {
                Freed::Absent => {}
                Freed::Emptied => fill.used = fill.used.saturating_sub(1),
                Freed::Dead => {
                    fill.used = fill.used.saturating_sub(1);
                    fill.dead += 1;
                }
            }
        }
        Ok(())
    }

    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.poison.check()?;
        let visited = self.table().for_each_page(&mut |id, _| {
            visit(id);
            Ok(())
        });
        self.poison.guard(visited)
    }

    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        if n == 0 { self.read(id) } else { Ok(None) }
    }

    fn copies(&self) -> usize {
        1
    }

    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        if n == 0 { self.write(&[(*id, page)]) } else { Ok(()) }
    }

    fn ill(&self) -> Vec<String> {
        self.poison.reason().map(str::to_owned).into_iter().collect()
    }

    fn close(&self) -> Result<(), EngineError> {
        let _writer = self.fill.lock().unwrap_or_else(PoisonError::into_inner);
        self.poison.set("it was closed");
        self.table().release();
        Ok(())
    }
}

/// Blocks read at open to estimate how full the table is: exact up to 4 MiB, within 1 % of the slots beyond.
const SAMPLE_BLOCKS: u64 = 1024;

fn sample(table: &Table) -> Result<Fill, EngineError> {
    let read = table.blocks().min(SAMPLE_BLOCKS);
    let (used, dead) = table.count(read)?;
    let scale = |n: u64| (u128::from(n) * u128::from(table.blocks()) / u128::from(read)) as u64;
    Ok(Fill { used: scale(used), dead: scale(dead) })
}

/// Where the next table is built.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Puts the finished new file in place, durably.
fn install(path: &Path) -> Result<(), EngineError> {
    std::fs::rename(beside(path), path).map_err(EngineError::io("renaming the new slot file", path))?;
    sync_parent(path)
}

fn remove_left_over(path: &Path) -> Result<(), EngineError> {
    match std::fs::remove_file(beside(path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::io("removing a left-over file", beside(path))(error))
        }
        _ => Ok(()),
    }
}
