//! The kernel's questions, answered from the live folder.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::{FallocateFlags, OFlags};

use super::content::BLOCK;
use super::live::{Body, EINVAL, Live, Node, Refused};
use crate::record::Ino;

/// Names change through the kernel alone, so it may remember them; sizes and blocks it asks for.
const NAMES: Duration = Duration::from_secs(3600);
const ATTRIBUTES: Duration = Duration::ZERO;
/// What `statfs` says is free, in blocks: 64 GiB.
const FREE: u64 = 16 << 20;

/// How long a failing sync takes.
const GIVING_UP: Duration = Duration::from_millis(30);

type Listing = Vec<(Ino, FileType, String)>;

pub(super) struct Served {
    live: Arc<Mutex<Live>>,
    /// Entries of a folder as they were when it was opened, since an offset into a changing list means nothing.
    listings: Mutex<HashMap<u64, Listing>>,
    handles: AtomicU64,
}

impl Served {
    pub(super) fn new(live: Arc<Mutex<Live>>) -> Self {
        Self { live, listings: Mutex::default(), handles: AtomicU64::new(1) }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attr(&self, ino: Ino) -> Result<FileAttr, Refused> {
        self.live().node(ino).map(|node| attr(ino, node))
    }
}

fn kind(node: &Node) -> FileType {
    match node.body {
        Body::File(_) => FileType::RegularFile,
        Body::Folder(_) => FileType::Directory,
    }
}

fn attr(ino: Ino, node: &Node) -> FileAttr {
    let (size, blocks) = match &node.body {
        Body::File(content) => (content.bytes.len() as u64, content.sectors()),
        Body::Folder(_) => (BLOCK as u64, 8),
    };
    let time = UNIX_EPOCH + Duration::from_secs(1);
    FileAttr {
        ino: INodeNo(ino),
        size,
        blocks,
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: kind(node),
        perm: (node.mode & 0o7777) as u16,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK as u32,
        flags: 0,
    }
}

fn errno(refused: Refused) -> Errno {
    Errno::from_i32(refused)
}

fn name(name: &OsStr) -> Result<&str, Refused> {
    name.to_str().ok_or(EINVAL)
}

fn done(result: Result<(), Refused>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(refused) => reply.error(errno(refused)),
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, parent: INodeNo, child: &OsStr, reply: ReplyEntry) {
        let found = name(child).and_then(|child| self.live().lookup(parent.0, child));
        match found.and_then(|ino| self.attr(ino)) {
            Ok(attr) => reply.entry_with_ttls(&ATTRIBUTES, &NAMES, &attr, Generation(0)),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(ino.0) {
            Ok(attr) => reply.attr(&ATTRIBUTES, &attr),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = size.map_or(Ok(()), |size| self.live().resize(ino.0, size));
        if let (Some(mode), Some(node)) = (mode, self.live().nodes.get_mut(&ino.0)) {
            node.mode = mode & 0o7777;
        }
        match changed.and_then(|()| self.attr(ino.0)) {
            Ok(attr) => reply.attr(&ATTRIBUTES, &attr),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, child: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let made = name(child).and_then(|child| self.live().create(parent.0, child, mode & !umask, true));
        match made.and_then(|ino| self.attr(ino)) {
            Ok(attr) => reply.entry_with_ttls(&ATTRIBUTES, &NAMES, &attr, Generation(0)),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        child: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let made = name(child).and_then(|child| self.live().create(parent.0, child, mode & !umask, false));
        match made.and_then(|ino| self.attr(ino)) {
            Ok(attr) => {
                reply.created(&NAMES, &attr, Generation(0), FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE)
            }
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, child: &OsStr, reply: ReplyEmpty) {
        done(name(child).and_then(|child| self.live().remove(parent.0, child, false)), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, child: &OsStr, reply: ReplyEmpty) {
        done(name(child).and_then(|child| self.live().remove(parent.0, child, true)), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        child: &OsStr,
        to: INodeNo,
        to_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = name(child).and_then(|child| {
            let replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
            self.live().rename(parent.0, child, to.0, name(to_name)?, replace)
        });
        done(renamed, reply);
    }

    /// The page cache stays from one process to the next, as that of a disk does.
    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.live().file(ino.0) {
            Ok(content) => {
                let start = (offset as usize).min(content.bytes.len());
                let end = (start + size as usize).min(content.bytes.len());
                reply.data(&content.bytes[start..end]);
            }
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let through = OFlags::from_bits_retain(flags.0 as u32).intersects(OFlags::DSYNC);
        match self.live().write(ino.0, offset, data, through) {
            Ok(()) => reply.written(data.len() as u32),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        match self.live().sync(ino.0) {
            Ok(()) => reply.ok(),
            // Late, as disks do it, and beside other calls: whoever waits for something else as well is waiting for this by then.
            Err(refused) => drop(thread::spawn(move || {
                thread::sleep(GIVING_UP);
                reply.error(errno(refused));
            })),
        }
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.live().sync(ino.0), reply);
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let flags = FallocateFlags::from_bits_retain(mode as u32);
        let mut live = self.live();
        let result = if flags.contains(FallocateFlags::PUNCH_HOLE) {
            live.punch(ino.0, offset, length)
        } else {
            let end = offset.saturating_add(length);
            match live.file(ino.0).map(|content| content.bytes.len() as u64) {
                Ok(size) if size < end && !flags.contains(FallocateFlags::KEEP_SIZE) => {
                    live.resize(ino.0, end)
                }
                other => other.map(drop),
            }
        };
        drop(live);
        done(result, reply);
    }

    fn lseek(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        let mut live = self.live();
        let found = live.file(ino.0).and_then(|content| content.seek(offset, whence));
        match found {
            Ok(offset) => reply.offset(offset),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let mut live = self.live();
        let entries = match live.folder(ino.0) {
            Ok(names) => names.iter().map(|(name, ino)| (*ino, name.clone())).collect::<Vec<_>>(),
            Err(refused) => return reply.error(errno(refused)),
        };
        let mut listing =
            vec![(ino.0, FileType::Directory, ".".to_owned()), (ino.0, FileType::Directory, "..".to_owned())];
        listing.extend(entries.into_iter().map(|(ino, name)| (ino, kind(&live.nodes[&ino]), name)));
        let handle = self.handles.fetch_add(1, Ordering::Relaxed);
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).insert(handle, listing);
        reply.opened(FileHandle(handle), FopenFlags::empty());
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let listing = listings.get(&handle.0).map_or(&[][..], Vec::as_slice);
        for (n, (ino, kind, name)) in listing.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*ino), n as u64 + 1, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(2 * FREE, FREE, FREE, 1 << 20, 1 << 20, BLOCK as u32, 255, BLOCK as u32);
    }
}
