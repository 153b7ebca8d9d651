//! Whether overwriting a file reaches its old bytes: what can be found out about its place, and the class that follows from it.
//!
//! All of it is asked of the running system, so it can say that a place is bad, and at best that nothing speaks against it. What
//! no file system shows (snapshots of a virtual disk, wear levelling in a drive) stays outside; `docs/doctor.md` says so.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use oubliette_locked::{Extent, extents};
use rustix::fs::IFlags;

use super::ErasureClass;
use super::below::{self, Device};

/// What was found out about the place of a file.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file system.
    pub file_system: FileSystem,
    /// The file system writes content into its journal first, where it stays; `None` if that could not be found out.
    pub journals_content: Option<bool>,
    /// Where the bytes lie; why not, where the file system does not tell.
    pub extents: Result<Vec<Extent>, String>,
    /// What keeps old bytes below the file system.
    pub below: Vec<String>,
}

/// A kind of file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Its usual name.
    pub name: String,
    /// It writes changed bytes over the old ones.
    pub overwrites: bool,
}

/// What was seen of an overwriting in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overwriting {
    /// Nothing yet.
    Unseen,
    /// It failed.
    Failed(String),
    /// The bytes stayed where they were.
    Stayed,
    /// They moved: the old ones are left behind somewhere.
    Moved,
}

/// A reason why overwritten bytes may not be gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// A file system that is not known to overwrite in place.
    #[error("{0} does not overwrite in place, or nobody knows that it does; put the cell on ext4 or XFS")]
    FileSystem(String),
    /// Content goes through the journal.
    #[error(
        "the file system writes content into its journal, where old bytes stay; mount it with data=ordered"
    )]
    Journal,
    /// Nobody knows whether content goes through the journal.
    #[error(
        "it cannot be found out whether the file system writes content into its journal; /proc and /sys must be readable"
    )]
    JournalUnknown,
    /// The file system does not say where the bytes lie.
    #[error("the file system does not say where the bytes lie ({0}), so that nobody sees whether they move")]
    Unplaced(String),
    /// The bytes belong to another file or snapshot, too.
    #[error(
        "a snapshot or a copy that shares blocks (reflink) holds the same bytes; remove it, then replace the cell"
    )]
    Shared,
    /// Compressed, encrypted or packed by the file system.
    #[error("the file system packs, compresses or encrypts the bytes, and moves them when they change")]
    Packed,
    /// Not written yet as far as the file system is concerned.
    #[error("part of the file has no place on the disk yet")]
    Unwritten,
    /// No overwriting was watched in this run.
    #[error("no overwriting was watched yet")]
    Unseen,
    /// The overwriting failed.
    #[error("overwriting a block of the file to see where it goes failed: {0}")]
    Failed(String),
    /// The bytes moved.
    #[error(
        "overwritten bytes went to another place, the old ones are left on the disk; put the cell elsewhere"
    )]
    Moved,
    /// Something below the file system keeps old bytes.
    #[error("{0}")]
    Below(String),
}

/// The class that a place gives a file, with all reasons against a better one. E1 at best: what a file system says is not what a
/// medium does.
pub fn class_of(place: &Place, overwriting: &Overwriting) -> (ErasureClass, Vec<Doubt>) {
    let mut doubts = Vec::new();
    if !place.file_system.overwrites {
        doubts.push(Doubt::FileSystem(place.file_system.name.clone()));
    }
    match place.journals_content {
        Some(false) => {}
        Some(true) => doubts.push(Doubt::Journal),
        None => doubts.push(Doubt::JournalUnknown),
    }
    match &place.extents {
        Err(why) => doubts.push(Doubt::Unplaced(why.clone())),
        Ok(extents) => {
            let any = |flags| extents.iter().any(|extent| extent.is(flags));
            for (said, doubt) in [
                (any(Extent::SHARED), Doubt::Shared),
                (any(Extent::ENCODED | Extent::INLINE), Doubt::Packed),
                (any(Extent::UNPLACED | Extent::UNWRITTEN) || extents.is_empty(), Doubt::Unwritten),
            ] {
                doubts.extend(said.then_some(doubt));
            }
        }
    }
    doubts.extend(match overwriting {
        Overwriting::Stayed => None,
        Overwriting::Unseen => Some(Doubt::Unseen),
        Overwriting::Failed(why) => Some(Doubt::Failed(why.clone())),
        Overwriting::Moved => Some(Doubt::Moved),
    });
    doubts.extend(place.below.iter().cloned().map(Doubt::Below));
    (if doubts.is_empty() { ErasureClass::E1 } else { ErasureClass::E0 }, doubts)
}

impl Place {
    /// Looks at the place of a file that was synced.
    ///
    /// # Errors
    /// If the system does not even say which file system and device it is.
    pub fn of(file: &File) -> std::io::Result<Self> {
        let device = Device::of(file.metadata()?.dev());
        let file_system = FileSystem::of(file)?;
        let journals_content = journals_content(file, &file_system, device);
        let extents = where_is(file).map_err(|error| error.to_string());
        Ok(Self { file_system, journals_content, extents, below: below::old_bytes(device) })
    }

    /// True if the same bytes lie where they lay.
    pub fn is_where(&self, now: &std::io::Result<Vec<Extent>>) -> bool {
        match (&self.extents, now) {
            (Ok(before), Ok(now)) => pieces(before) == pieces(now),
            _ => false,
        }
    }
}

impl FileSystem {
    /// The file system a file lies on.
    ///
    /// # Errors
    /// Those of `fstatfs`.
    pub fn of(file: &File) -> std::io::Result<Self> {
        let magic = rustix::fs::fstatfs(file)?.f_type as u64 & 0xffff_ffff;
        let known = KNOWN.iter().find(|(known, ..)| *known == magic);
        Ok(known.map_or_else(
            || Self { name: format!("a file system of the unknown kind {magic:#x}"), overwrites: false },
            |(_, name, overwrites)| Self { name: (*name).to_owned(), overwrites: *overwrites },
        ))
    }
}

/// `statfs` numbers: which file systems write over what was there.
const KNOWN: &[(u64, &str, bool)] = &[
    (0xef53, "ext4", true),
    (0x5846_5342, "XFS", true),
    (0x9123_683e, "btrfs", false),
    (0x2fc1_2fc1, "ZFS", false),
    (0xca45_1a4e, "bcachefs", false),
    (0xf2f5_2010, "F2FS", false),
    (0x3434, "NILFS2", false),
    (0x2405_1905, "UBIFS", false),
    (0x794c_7630, "overlayfs", false),
    (0x0102_1994, "tmpfs", false),
    (0x8584_58f6, "ramfs", false),
    (0x6969, "NFS", false),
    (0xfe53_4d42, "SMB", false),
    (0xff53_4d42, "CIFS", false),
    (0x0102_1997, "9P", false),
    (0x6573_5546, "FUSE or virtiofs", false),
    (0x00c3_6400, "Ceph", false),
    (0x4d44, "FAT", false),
    (0x2011_bab0, "exFAT", false),
    (0x7366_746e, "NTFS", false),
];

/// Where a file's bytes lie. What a file system reserves behind its end (XFS does) comes and goes, and is no part of it.
pub(super) fn where_is(file: &File) -> std::io::Result<Vec<Extent>> {
    let end = file.metadata()?.len();
    let mut found = extents(file)?;
    found.retain(|extent| extent.logical < end);
    found.iter_mut().for_each(|extent| extent.length = extent.length.min(end - extent.logical));
    Ok(found)
}

/// Bytes that follow one another in file and on disk are one piece, however the file system lists them.
fn pieces(extents: &[Extent]) -> Vec<(u64, u64, u64)> {
    let mut pieces: Vec<(u64, u64, u64)> = Vec::new();
    for extent in extents {
        match pieces.last_mut() {
            Some((logical, physical, length))
                if *logical + *length == extent.logical && *physical + *length == extent.physical =>
            {
                *length += extent.length;
            }
            _ => pieces.push((extent.logical, extent.physical, extent.length)),
        }
    }
    pieces
}

/// Only ext4 can do that: for a whole mount, or for single files (`chattr +j`).
fn journals_content(file: &File, file_system: &FileSystem, device: Device) -> Option<bool> {
    if file_system.name != "ext4" {
        return Some(false);
    }
    if rustix::fs::ioctl_getflags(file).ok()?.contains(IFlags::JOURNALING) {
        return Some(true);
    }
    // Beside the mount options, which leave out what is the default of this one file system.
    let options = format!("/proc/fs/ext4/{}/options", device.name()?);
    if let Ok(options) = fs::read_to_string(options) {
        return Some(options.lines().any(|option| option == "data=journal"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|mount| mount.split(' ').nth(2) == Some(&device.to_string()))?;
    Some(mount.split([' ', ',']).any(|option| option == "data=journal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        let extent = |logical, physical| Extent { logical, physical, length: 4096, flags: 0x1000 };
        Place {
            file_system: FileSystem { name: "ext4".into(), overwrites: true },
            journals_content: Some(false),
            extents: Ok(vec![extent(0, 8192), extent(4096, 65536)]),
            below: Vec::new(),
        }
    }

    #[test]
    fn one_doubt_is_enough_for_the_lowest_class() {
        type Change = fn(&mut Place, &mut Overwriting);
        let flags = |place: &mut Place, flags: u32| {
            if let Ok(extents) = &mut place.extents {
                extents[1].flags |= flags;
            }
        };
        let judged = |change: &dyn Fn(&mut Place, &mut Overwriting)| {
            let (mut place, mut overwriting) = (place(), Overwriting::Stayed);
            change(&mut place, &mut overwriting);
            class_of(&place, &overwriting)
        };
        assert_eq!(judged(&|_, _| ()), (ErasureClass::E1, vec![]));
        let table: [(Change, Doubt); 8] = [
            (
                |p, _| p.file_system = FileSystem { name: "btrfs".into(), overwrites: false },
                Doubt::FileSystem("btrfs".into()),
            ),
            (|p, _| p.journals_content = Some(true), Doubt::Journal),
            (|p, _| p.journals_content = None, Doubt::JournalUnknown),
            (|p, _| p.extents = Err("no".into()), Doubt::Unplaced("no".into())),
            (|p, _| p.extents = Ok(vec![]), Doubt::Unwritten),
            (|_, o| *o = Overwriting::Unseen, Doubt::Unseen),
            (|_, o| *o = Overwriting::Moved, Doubt::Moved),
            (|p, _| p.below.push("a snapshot".into()), Doubt::Below("a snapshot".into())),
        ];
        for (change, doubt) in table {
            assert_eq!(judged(&change), (ErasureClass::E0, vec![doubt]));
        }
        for (bits, doubt) in [
            (0x2000, Doubt::Shared),
            (0x8, Doubt::Packed),
            (0x80, Doubt::Packed),
            (0x100, Doubt::Packed),
            (0x200, Doubt::Packed),
            (0x2, Doubt::Unwritten),
            (0x4, Doubt::Unwritten),
            (0x800, Doubt::Unwritten),
        ] {
            assert_eq!(judged(&|place, _| flags(place, bits)), (ErasureClass::E0, vec![doubt]), "{bits:#x}");
        }
        let (class, doubts) = judged(&|place, overwriting| {
            flags(place, 0x2000);
            *overwriting = Overwriting::Failed("full".into());
        });
        assert_eq!((class, doubts.len()), (ErasureClass::E0, 2), "every reason is told");
    }

    #[test]
    fn a_place_is_told_by_bytes_and_not_by_how_they_are_listed() {
        let place = place();
        let extent = |logical, physical, length| Extent { logical, physical, length, flags: 1 };
        let same = vec![extent(0, 8192, 1024), extent(1024, 9216, 3072), extent(4096, 65536, 4096)];
        assert!(place.is_where(&Ok(same)));
        assert!(!place.is_where(&Ok(vec![extent(0, 8192, 4096), extent(4096, 69632, 4096)])));
        assert!(!place.is_where(&Ok(vec![extent(0, 8192, 4096)])));
        assert!(!place.is_where(&Err(std::io::Error::other("gone"))));
    }

    #[test]
    fn this_machine_s_place_is_looked_at() {
        let file = tempfile::tempfile().unwrap();
        let place = Place::of(&file).unwrap();
        assert!(!place.file_system.name.is_empty());
        let kinds: std::collections::HashSet<_> = KNOWN.iter().map(|(magic, ..)| magic).collect();
        assert_eq!(kinds.len(), KNOWN.len());
    }
}
