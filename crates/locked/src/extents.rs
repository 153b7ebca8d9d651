//! Where a file's bytes lie on the disk (the ioctl `FS_IOC_FIEMAP`), to see whether overwriting stays in place.
#![expect(unsafe_code, reason = "an ioctl that no safe crate offers")]

use std::fs::File;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `FS_IOC_FIEMAP`. Its number holds the size of the head alone: the extents behind it are no part of the ioctl's type.
const FIEMAP: Opcode = opcode::read_write::<Head>(b'f', 11);
/// Extents asked for at a time.
const BATCH: usize = 64;
/// More batches than any file of interest has.
const MOST_BATCHES: usize = 4096;

/// A run of a file's bytes that lies in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins in the file, in bytes.
    pub logical: u64,
    /// Where it begins on the device, in bytes; means nothing where [`Extent::UNPLACED`] says so.
    pub physical: u64,
    /// Its length in bytes.
    pub length: u64,
    /// What the file system says about it: the constants of this type.
    pub flags: u32,
}

impl Extent {
    /// The place is unknown, or not chosen yet.
    pub const UNPLACED: u32 = 0x2 | 0x4;
    /// Compressed or encrypted by the file system.
    pub const ENCODED: u32 = 0x8 | 0x80;
    /// Kept among other data, not in whole blocks of its own.
    pub const INLINE: u32 = 0x100 | 0x200 | 0x400;
    /// Reserved, and zero until it is written.
    pub const UNWRITTEN: u32 = 0x800;
    /// Another file or snapshot has the same bytes.
    pub const SHARED: u32 = 0x2000;

    /// True if the file system says any of these.
    pub fn is(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }
}

/// The extents of a file, in the order of the file. Sync the file first: bytes that were never written out have no place.
///
/// # Errors
/// What the system answers; [`std::io::ErrorKind::Unsupported`] or a raw `ENOTTY` where the file system does not tell.
pub fn extents(file: &File) -> std::io::Result<Vec<Extent>> {
    let mut found = Vec::new();
    let mut start = 0;
    for _ in 0..MOST_BATCHES {
        let mut request = Request {
            head: Head { start, length: u64::MAX - start, flags: 0, mapped: 0, room: BATCH as u32, rsvd: 0 },
            extents: [Raw::default(); BATCH],
        };
        // SAFETY: the opcode is FS_IOC_FIEMAP, for which the kernel reads a `struct fiemap` (`Head`, 32 bytes) and writes it
        // back together with at most `fm_extent_count` (`room`) records of `struct fiemap_extent` (`Raw`, 56 bytes) right
        // behind it. `Request` is that, in C's layout, with room for exactly `BATCH` records; all its bytes are initialised
        // integers, and any bytes the kernel writes are valid for them. It is borrowed exclusively for the whole call.
        let call = unsafe { Updater::<FIEMAP, Request>::new(&mut request) };
        // SAFETY: the call does nothing but what is said above, whatever the file is: a driver that does not know the
        // number answers ENOTTY.
        unsafe { ioctl(file, call) }?;
        let batch = request.extents.get(..request.head.mapped as usize).unwrap_or(&request.extents);
        found.extend(batch.iter().map(Raw::extent));
        let Some(last) = batch.last() else { return Ok(found) };
        if last.flags & LAST != 0 {
            return Ok(found);
        }
        let next = last.logical.saturating_add(last.length);
        if next <= start {
            return Err(std::io::Error::other("the file system lists extents that do not advance"));
        }
        start = next;
    }
    Err(std::io::Error::other("the file lies in too many pieces"))
}

/// This extent ends the file.
const LAST: u32 = 0x1;

/// `struct fiemap` without its extents.
#[repr(C)]
struct Head {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    room: u32,
    rsvd: u32,
}

/// `struct fiemap_extent`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Raw {
    logical: u64,
    physical: u64,
    length: u64,
    rsvd64: [u64; 2],
    flags: u32,
    rsvd: [u32; 3],
}

impl Raw {
    fn extent(&self) -> Extent {
        let Self { logical, physical, length, flags, .. } = *self;
        Extent { logical, physical, length, flags }
    }
}

#[repr(C)]
struct Request {
    head: Head,
    extents: [Raw; BATCH],
}

const _: () = assert!(size_of::<Head>() == 32 && size_of::<Raw>() == 56);
const _: () = assert!(size_of::<Request>() == 32 + 56 * BATCH);

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::print_stdout,
        reason = "a test fails by panicking and says what it left out"
    )]

    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_file_s_bytes_lie_somewhere_and_stay_there() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(extents(&file).unwrap_or_default(), []);
        // Holes, so that there are more extents than one batch takes.
        let pieces = 3 * BATCH as u64;
        for n in 0..pieces {
            file.write_all_at(&[n as u8; 4096], n * 8192).unwrap();
        }
        file.sync_all().unwrap();
        let before = match extents(&file) {
            Ok(found) => found,
            Err(error) => return println!("left out: locked: extents of files: {error}"),
        };
        let covered: u64 = before.iter().map(|extent| extent.length).sum();
        assert!(covered >= pieces * 4096, "{before:?}");
        assert!(before.is_sorted_by_key(|extent| extent.logical));
        file.write_all(&[9; 4096]).unwrap();
        file.sync_all().unwrap();
        let after = extents(&file).unwrap();
        println!("{} extents, overwriting moved them: {}", before.len(), before != after);
    }

    #[test]
    fn what_has_no_extents_is_an_error() {
        assert!(extents(&File::open("/proc/self/stat").unwrap()).is_err());
    }
}
