//! A folder in memory that ordinary programs use through the kernel, and that records every change and every sync.

mod content;
mod live;
mod serve;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::image::Image;
use crate::mount::Mounted;
use crate::record::Call;
use live::Live;

/// A recorded folder. Programs in other processes use [`Folder::path`].
pub struct Folder {
    mounted: Mounted,
    live: Arc<Mutex<Live>>,
}

impl Folder {
    /// Mounts a folder that holds `image`. Fails where this process may not use FUSE.
    ///
    /// # Errors
    /// Those of mounting.
    pub fn new(image: &Image) -> io::Result<Self> {
        Self::with_limit(image, None)
    }

    /// The same for a test that may take longer than four minutes.
    ///
    /// # Errors
    /// Those of mounting.
    pub fn with_limit(image: &Image, longest: Option<Duration>) -> io::Result<Self> {
        let live = Arc::new(Mutex::new(Live::new(image)));
        let mounted = Mounted::new(serve::Served::new(Arc::clone(&live)), longest)?;
        Ok(Self { mounted, live })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.mounted.path()
    }

    /// Number of calls so far.
    pub fn len(&self) -> usize {
        self.lock().calls.len()
    }

    /// Whether nothing was asked yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The sync after `good` more good ones fails with EIO, once; those after it succeed.
    pub fn fail_sync_after(&self, good: u64) {
        self.lock().syncs_to_failure = Some(good);
    }

    /// What a program sees now, which is not what the disk holds.
    pub fn seen(&self) -> Image {
        self.lock().image()
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
