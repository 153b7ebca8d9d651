//! Mounting a FUSE file system of this process so that nothing outlives the test: not the mount, not a hang.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use fuser::{BackgroundSession, Config, Filesystem, MountOption, Session};
use rustix::mount::{UnmountFlags, unmount};
use tempfile::TempDir;

/// A mount that lives longer is taken down by force: whoever waits for it gets an error instead of waiting for ever.
const LONGEST: Duration = Duration::from_secs(240);

/// A mounted file system; unmounted on drop.
pub(crate) struct Mounted {
    folder: TempDir,
    session: Option<BackgroundSession>,
    /// Dropped to call the watchdog off.
    alive: Option<Sender<()>>,
}

impl Mounted {
    /// Mounts on a new temporary folder.
    pub(crate) fn new(filesystem: impl Filesystem, longest: Option<Duration>) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("oubliette-powercut-").tempdir()?;
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("powercut".into()), MountOption::NoAtime];
        let session = Session::new(filesystem, folder.path(), &config)?.spawn()?;
        let (alive, called_off) = mpsc::channel::<()>();
        let path = folder.path().to_owned();
        thread::spawn(move || {
            if called_off.recv_timeout(longest.unwrap_or(LONGEST)) == Err(RecvTimeoutError::Timeout) {
                force_off(&path);
            }
        });
        Ok(Self { folder, session: Some(session), alive: Some(alive) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.alive = None;
        force_off(self.folder.path());
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

/// Aborts the connection, so that no call waits for an answer, and takes the mount out of sight though somebody may still use it.
fn force_off(path: &Path) {
    let _ = unmount(path, UnmountFlags::FORCE | UnmountFlags::DETACH);
}
