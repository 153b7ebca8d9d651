//! Pack files: blobs as extents of large plain files (docs/formats.md, section 9).
//!
//! **Who owns a block.** Extents are handed out once, in ascending order, from the current pack; nothing is allocated on disk
//! before the first write into an extent, and by then the caller has registered the reference that names it. So whatever a
//! crash leaves behind lies under a registered reference, and no index or free list is stored.
//! Numbers of packs are never used twice either: an old row, come back with a restored backup, must not name (and delete!)
//! someone else's bytes. The highest number is read from the folder, so the highest pack stays even when it is empty.
//!
//! | crash | found at open |
//! |---|---|
//! | after a pack was created | an empty pack: the numbers go on behind it |
//! | during an upload | blocks under the reference that the caller registered; it deletes them |
//! | during a deletion | the caller's registration too; deleting again is no error |
//! | before an empty pack's removal | it is removed now |
//!
//! **Failures.** Room is allocated before bytes are written, so a full disk shows where only the failed writer's unfinished
//! blob is at stake: that writer fails, dropping it punches its blocks out again, and the store goes on. Any other failed
//! write, and every failed sync (which may have lost bytes of any blob), poisons the store. A failed read does not: it
//! says nothing about what was written.

pub(crate) mod fuzz;
mod group;
mod pack;
mod reference;
mod space;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

use self::reference::{BLOCK, Reference};
use self::space::Space;
use self::writer::Writer;
use crate::{BlobRef, BlobWriter, Blobs, EngineError};

/// A new pack is begun where an extent would pass this many bytes.
const PACK_BYTES: u64 = 1 << 30;

/// A [`Blobs`] in pack files. The file system must support `fallocate` with holes (ext4, XFS, btrfs, tmpfs).
pub struct PackBlobs {
    space: Arc<Space>,
}

impl PackBlobs {
    /// Opens the folder, creating it if it is not there. `InUse` when another process has it.
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        Self::open_with_pack_bytes(folder, PACK_BYTES)
    }

    /// The same with smaller packs, whose files go sooner once their blobs are deleted.
    pub fn open_with_pack_bytes(folder: &Path, pack_bytes: u64) -> Result<Self, EngineError> {
        Ok(Self { space: Arc::new(Space::open(folder, pack_bytes)?) })
    }
}

impl Blobs for PackBlobs {
    fn create(&self, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError> {
        self.space.poison.check()?;
        Ok(Box::new(Writer::new(Arc::clone(&self.space), expected)))
    }

    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        self.space.poison.check()?;
        let reference = self.parse(blob)?;
        let inside = offset.checked_add(buf.len() as u64).is_some_and(|end| end <= reference.length);
        if !inside {
            let detail = format!("a read at {offset} goes past its end at {}", reference.length);
            return Err(self.space.corrupt("a blob", detail));
        }
        let mut skip = offset;
        let mut rest = buf;
        for extent in &reference.extents {
            let bytes = u64::from(extent.blocks) * BLOCK;
            if skip >= bytes {
                skip -= bytes;
                continue;
            }
            let now = usize::try_from(bytes - skip).unwrap_or(usize::MAX).min(rest.len());
            let (head, tail) = rest.split_at_mut(now);
            if !head.is_empty() {
                let pack = self.space.pack(extent.pack)?.ok_or_else(|| {
                    self.space.corrupt("a blob", format!("pack {:08x} is missing", extent.pack))
                })?;
                pack.read(u64::from(extent.first) * BLOCK + skip, head)?;
            }
            (skip, rest) = (0, tail);
        }
        Ok(())
    }

    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError> {
        Ok(self.parse(blob)?.length)
    }

    fn delete(&self, blob: &BlobRef) -> Result<(), EngineError> {
        self.space.poison.check()?;
        let reference = self.parse(blob)?;
        let mut touched = Vec::new();
        for extent in &reference.extents {
            let Some(pack) = self.space.pack(extent.pack)? else { continue };
            self.space.poison.guard_unless_full(pack.punch(extent, 0))?;
            touched.push(pack);
        }
        touched.dedup_by_key(|pack| pack.number);
        for pack in touched {
            pack.sync(&self.space.poison)?;
            let number = pack.number;
            drop(pack);
            self.space.retire(number)?;
        }
        Ok(())
    }

    fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.space.disk_bytes()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.space.close()
    }
}

impl PackBlobs {
    fn parse(&self, blob: &BlobRef) -> Result<Reference, EngineError> {
        Reference::parse(blob).map_err(|detail| self.space.corrupt("a blob reference", detail.to_owned()))
    }
}
