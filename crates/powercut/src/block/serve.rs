//! The one file of the device's file system.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, OpenFlags,
    ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, WriteFlags,
};

use super::{BLOCK, BlockCall, Blocks};

pub(super) const NAME: &str = "device";
const INO: u64 = 2;
/// Nothing but the content ever changes.
const LONG: Duration = Duration::from_secs(3600);

pub(super) struct Device {
    pub(super) now: Blocks,
    /// What was asked; `None` records nothing.
    pub(super) calls: Option<Vec<BlockCall>>,
}

pub(super) struct Served {
    pub(super) device: Arc<Mutex<Device>>,
    /// How long a flush takes.
    pub(super) flush: Duration,
}

impl Served {
    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attr(&self, ino: u64) -> Option<FileAttr> {
        let (kind, size) = match ino {
            1 => (FileType::Directory, BLOCK as u64),
            INO => (FileType::RegularFile, self.device().now.size()),
            _ => return None,
        };
        let time = UNIX_EPOCH + Duration::from_secs(1);
        Some(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size / 512,
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm: 0o700,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: BLOCK as u32,
            flags: 0,
        })
    }

    fn done(&self, call: BlockCall) {
        let mut device = self.device();
        device.now.apply(&call);
        if let Some(calls) = &mut device.calls {
            calls.push(call);
        }
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.attr(INO).filter(|_| name == NAME) {
            Some(attr) => reply.entry(&LONG, &attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(ino.0) {
            Some(attr) => reply.attr(&LONG, &attr),
            None => reply.error(Errno::ENOENT),
        }
    }

    /// Past the page cache, so that what the loop device writes arrives at once and as it was written.
    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        reply.data(&self.device().now.get(offset, size as usize));
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        self.done(BlockCall::Write { offset, data: data.to_vec() });
        reply.written(data.len() as u32);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.done(BlockCall::Flush);
        if self.flush.is_zero() {
            return reply.ok();
        }
        // Writes go on meanwhile.
        let flush = self.flush;
        thread::spawn(move || {
            thread::sleep(flush);
            reply.ok();
        });
    }

    fn fallocate(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        _: i32,
        reply: ReplyEmpty,
    ) {
        self.done(BlockCall::Discard { offset, length });
        reply.ok();
    }
}
