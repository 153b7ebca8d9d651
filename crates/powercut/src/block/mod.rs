//! A block device in memory that records writes and flushes, and what a power cut may leave of it; or one that flushes slowly.
//!
//! A FUSE file is the device; a loop device makes a disk of it, with a real file system on top. A flush of the disk is an `fsync` of the
//! file. What was written before a flush that was answered is durable; of the rest each 4 KiB block may be there or not.

mod disk;
mod loops;
mod serve;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::mount::Mounted;
pub use disk::Blocks;
pub use loops::{LoopMount, detach, losetup};
use serve::{Device, Served};

/// What a drive is asked to write at once.
pub(crate) const BLOCK: usize = 4096;

/// One call to the device, in the order in which they were answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockCall {
    /// Bytes from an offset on.
    Write {
        /// From which byte on.
        offset: u64,
        /// What.
        data: Vec<u8>,
    },
    /// All writes before are durable.
    Flush,
    /// A part is not needed any more and reads as zeros.
    Discard {
        /// From which byte on.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
}

/// A recorded device of a fixed size.
pub struct BlockDevice {
    mounted: Mounted,
    device: Arc<Mutex<Device>>,
}

impl BlockDevice {
    /// A device that holds `start`. Fails where this process may not use FUSE.
    ///
    /// # Errors
    /// Those of mounting.
    pub fn new(start: &Blocks, longest: Option<Duration>) -> io::Result<Self> {
        Self::with(start.clone(), Some(Vec::new()), Duration::ZERO, longest)
    }

    /// A device of so many bytes that records nothing and answers each flush so much later, as a drive does that has no cache of its own to
    /// flush into. Fails where this process may not use FUSE.
    ///
    /// # Errors
    /// Those of mounting.
    pub fn slow(size: u64, flush: Duration, longest: Duration) -> io::Result<Self> {
        Self::with(Blocks::new(size), None, flush, Some(longest))
    }

    fn with(
        now: Blocks,
        calls: Option<Vec<BlockCall>>,
        flush: Duration,
        longest: Option<Duration>,
    ) -> io::Result<Self> {
        let device = Arc::new(Mutex::new(Device { now, calls }));
        let mounted = Mounted::new(Served { device: Arc::clone(&device), flush }, longest)?;
        Ok(Self { mounted, device })
    }

    /// The file to make a loop device of.
    pub fn path(&self) -> PathBuf {
        self.mounted.path().join(serve::NAME)
    }

    /// Number of calls so far.
    pub fn len(&self) -> usize {
        self.lock().calls.as_ref().map_or(0, Vec::len)
    }

    /// Whether nothing was asked yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The calls so far; the recording goes on from nothing.
    pub fn take(&self) -> Vec<BlockCall> {
        self.lock().calls.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
