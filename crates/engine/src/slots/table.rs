//! One opened slot file: header, probing, and the slots of a block.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{EngineError, PAGE_SIZE, PageId, RawPage};

pub(super) const SLOTS_PER_BLOCK: u64 = 4;
const BLOCK: usize = 4 * PAGE_SIZE;
const MAGIC: &[u8; 8] = b"OUBSLOT1";
const VERSION: u8 = 1;
/// Blocks read or written at a time where the whole file is walked (1 MiB).
const STREAM: u64 = 256;

type Block = [u8; BLOCK];

pub(super) struct Table {
    file: File,
    path: PathBuf,
    blocks: u64,
}

/// What `put` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    Replaced,
    InEmpty,
    InDead,
}

/// What `free` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freed {
    Absent,
    Emptied,
    Dead,
}

enum Slot {
    Empty,
    Dead,
    Page(PageId),
    /// Neither: counts as taken, so that no chain is cut, and matches no id.
    Damaged,
}

impl Table {
    /// A new file of zeros behind its header. The zeros are written, not only allocated: a first write into an allocated but
    /// unwritten block changes the inode, and every sync would pay for that.
    pub(super) fn create(path: &Path, vault: &[u8; 16], blocks: u64) -> Result<Self, EngineError> {
        let failed = || EngineError::io("writing a new slot file", path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(failed())?;
        lock(&file, path)?;
        file.write_all(&header(vault, blocks)).map_err(failed())?;
        let zeros = vec![0; BLOCK * STREAM as usize];
        let mut left = blocks;
        while left > 0 {
            let now = left.min(STREAM);
            let bytes = zeros.get(..BLOCK * now as usize).unwrap_or(&zeros);
            file.write_all(bytes).map_err(failed())?;
            left -= now;
        }
        Ok(Self { file, path: path.to_owned(), blocks })
    }

    pub(super) fn open(path: &Path, vault: &[u8; 16]) -> Result<Self, EngineError> {
        let failed = || EngineError::io("opening the slot file", path);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed())?;
        lock(&file, path)?;
        let length = file.metadata().map_err(failed())?.len();
        let damaged =
            |detail: String| EngineError::Corrupt { what: "the slot file", path: path.to_owned(), detail };
        if length < BLOCK as u64 {
            return Err(damaged(format!("{length} bytes are too few for a header")));
        }
        let mut found: Block = [0; BLOCK];
        file.read_exact_at(&mut found, 0).map_err(failed())?;
        let blocks = parse_header(&found, vault, path)?;
        let expected = blocks.checked_add(1).and_then(|all| all.checked_mul(BLOCK as u64));
        if blocks == 0 || expected != Some(length) {
            return Err(damaged(format!("{length} bytes, but the header says {blocks} blocks")));
        }
        Ok(Self { file, path: path.to_owned(), blocks })
    }

    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(super) fn find(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        for at in self.chain(id) {
            let block = self.read_block(at)?;
            let mut ends = false;
            for slot in slots(&block) {
                match classify(slot) {
                    Slot::Page(found) if found == *id => return Ok(Some(Box::new(*slot))),
                    Slot::Empty => ends = true,
                    _ => {}
                }
            }
            if ends {
                break;
            }
        }
        Ok(None)
    }

    /// Writes the page over its own slot, else into the first dead or empty one of its chain.
    pub(super) fn put(&self, id: &PageId, page: &RawPage) -> Result<Placed, EngineError> {
        let mut room = None;
        'chain: for at in self.chain(id) {
            let block = self.read_block(at)?;
            let mut ends = false;
            for (n, slot) in slots(&block).enumerate() {
                match classify(slot) {
                    Slot::Page(found) if found == *id => {
                        self.write_slot(at, n, page)?;
                        return Ok(Placed::Replaced);
                    }
                    Slot::Dead => room = room.or(Some((at, n, Placed::InDead))),
                    Slot::Empty => {
                        room = room.or(Some((at, n, Placed::InEmpty)));
                        ends = true;
                    }
                    _ => {}
                }
            }
            if ends {
                break 'chain;
            }
        }
        let Some((at, n, placed)) = room else {
            return Err(EngineError::io("placing a page in the full slot file", &self.path)(
                io::ErrorKind::StorageFull.into(),
            ));
        };
        self.write_slot(at, n, page)?;
        Ok(placed)
    }

    /// Empties the page's slot if its block has another empty one (the chain ends there anyway), else marks it dead.
    pub(super) fn free(&self, id: &PageId) -> Result<Freed, EngineError> {
        for at in self.chain(id) {
            let block = self.read_block(at)?;
            let ends = slots(&block).any(|slot| matches!(classify(slot), Slot::Empty));
            let found =
                slots(&block).position(|slot| matches!(classify(slot), Slot::Page(found) if found == *id));
            if let Some(n) = found {
                let mut left: RawPage = [0; PAGE_SIZE];
                if !ends {
                    left[..2].copy_from_slice(b"OD");
                }
                self.write_slot(at, n, &left)?;
                return Ok(if ends { Freed::Emptied } else { Freed::Dead });
            }
            if ends {
                break;
            }
        }
        Ok(Freed::Absent)
    }

    pub(super) fn for_each_page(
        &self,
        visit: &mut dyn FnMut(PageId, &RawPage) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.walk(self.blocks, &mut |slot| match classify(slot) {
            Slot::Page(id) => visit(id, slot),
            _ => Ok(()),
        })
    }

    /// Taken and dead slots of the first `blocks` blocks.
    pub(super) fn count(&self, blocks: u64) -> Result<(u64, u64), EngineError> {
        let (mut used, mut dead) = (0, 0);
        self.walk(blocks, &mut |slot| {
            match classify(slot) {
                Slot::Empty => {}
                Slot::Dead => dead += 1,
                Slot::Page(_) | Slot::Damaged => used += 1,
            }
            Ok(())
        })?;
        Ok((used, dead))
    }

    pub(super) fn sync(&self) -> Result<(), EngineError> {
        self.file.sync_data().map_err(EngineError::io("syncing the slot file", &self.path))
    }

    /// Lets other processes in. Where it fails the lock goes with the file handle.
    pub(super) fn release(&self) {
        let _best_effort = self.file.unlock();
    }

    /// Home block of an id, then the ones it passes on to.
    fn chain(&self, id: &PageId) -> impl Iterator<Item = u64> + use<> {
        let [a, b, c, d, e, f, g, h, ..] = *id;
        let blocks = self.blocks;
        let home = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % blocks;
        (home..blocks).chain(0..home)
    }

    fn walk(
        &self,
        blocks: u64,
        visit: &mut dyn FnMut(&RawPage) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let mut buffer = vec![0; BLOCK * STREAM.min(blocks) as usize];
        let mut at = 0;
        while at < blocks {
            let now = (blocks - at).min(STREAM);
            buffer.truncate(BLOCK * now as usize);
            self.file
                .read_exact_at(&mut buffer, (at + 1) * BLOCK as u64)
                .map_err(EngineError::io("reading the slot file", &self.path))?;
            slots(&buffer).try_for_each(&mut *visit)?;
            at += now;
        }
        Ok(())
    }

    fn read_block(&self, at: u64) -> Result<Block, EngineError> {
        let mut block = [0; BLOCK];
        self.file
            .read_exact_at(&mut block, (at + 1) * BLOCK as u64)
            .map_err(EngineError::io("reading the slot file", &self.path))?;
        Ok(block)
    }

    fn write_slot(&self, at: u64, n: usize, bytes: &RawPage) -> Result<(), EngineError> {
        self.file
            .write_all_at(bytes, (at + 1) * BLOCK as u64 + (n * PAGE_SIZE) as u64)
            .map_err(EngineError::io("writing the slot file", &self.path))
    }
}

fn slots(blocks: &[u8]) -> impl Iterator<Item = &RawPage> {
    blocks.as_chunks::<PAGE_SIZE>().0.iter()
}

fn classify(slot: &RawPage) -> Slot {
    match slot {
        [b'O', b'P', _, _, a, b, c, d, e, f, g, h, i, j, k, l, ..] => {
            Slot::Page([*a, *b, *c, *d, *e, *f, *g, *h, *i, *j, *k, *l])
        }
        [b'O', b'D', rest @ ..] if is_zero(rest) => Slot::Dead,
        all if is_zero(all) => Slot::Empty,
        _ => Slot::Damaged,
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |any, byte| any | byte) == 0
}

/// See [`super::fuzz`].
pub(super) fn header_of(vault: &[u8; 16], blocks: u64) -> Block {
    header(vault, blocks)
}

/// The blocks that a header announces, if it is one of this vault.
pub(super) fn header_says(found: &Block, vault: &[u8; 16]) -> Option<u64> {
    parse_header(found, vault, Path::new("")).ok()
}

/// The page that a slot holds.
pub(super) fn meaning(slot: &RawPage) -> Option<PageId> {
    match classify(slot) {
        Slot::Page(id) => Some(id),
        Slot::Empty | Slot::Dead | Slot::Damaged => None,
    }
}

fn header(vault: &[u8; 16], blocks: u64) -> Block {
    let mut block: Block = [0; BLOCK];
    block[..8].copy_from_slice(MAGIC);
    block[8] = VERSION;
    block[16..24].copy_from_slice(&blocks.to_be_bytes());
    block[24..40].copy_from_slice(vault);
    let check: [u8; 32] = Sha256::digest(&block[..40]).into();
    block[40..72].copy_from_slice(&check);
    block
}

fn parse_header(found: &Block, vault: &[u8; 16], path: &Path) -> Result<u64, EngineError> {
    let [m0, m1, m2, m3, m4, m5, m6, m7, version, ..] = *found;
    let mut blocks = [0; 8];
    blocks.copy_from_slice(&found[16..24]);
    let blocks = u64::from_be_bytes(blocks);
    if *found == header(vault, blocks) {
        return Ok(blocks);
    }
    let format = |detail: &str| EngineError::Format { path: path.to_owned(), detail: detail.to_owned() };
    let mut named = [0; 16];
    named.copy_from_slice(&found[24..40]);
    if [m0, m1, m2, m3, m4, m5, m6, m7] == *MAGIC && version != VERSION {
        return Err(format(
            "its version is not known to this release; open it with the release that wrote it",
        ));
    }
    if *found == header(&named, blocks) {
        return Err(format("it belongs to another vault; give the folder of this vault"));
    }
    Err(EngineError::Corrupt {
        what: "the slot file's header",
        path: path.to_owned(),
        detail: "its checksum does not match; rebuild this copy from its mirror".to_owned(),
    })
}

fn lock(file: &File, path: &Path) -> Result<(), EngineError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(EngineError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(EngineError::io("locking the slot file", path)(error)),
    }
}
