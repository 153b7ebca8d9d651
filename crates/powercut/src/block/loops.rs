//! Loop devices and mounts that do not outlive their owner.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{UnmountFlags, unmount};
use tempfile::TempDir;

/// Makes a loop device of a file; `None` where that is not allowed.
pub fn losetup(file: &Path) -> Option<PathBuf> {
    let output =
        Command::new("losetup").args(["--find", "--show"]).arg(file).stdin(Stdio::null()).output().ok()?;
    let device = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(device.trim()))
}

/// Gives a loop device back.
pub fn detach(device: &Path) {
    let _ = Command::new("losetup").arg("--detach").arg(device).stderr(Stdio::null()).status();
}

/// A file system on a loop device. Unmounted and detached when dropped.
pub struct LoopMount {
    device: PathBuf,
    folder: TempDir,
}

impl LoopMount {
    /// Mounts the file system in `file`. `None` if it cannot be mounted, with a line of why.
    ///
    /// # Errors
    /// What `mount` said, or that there is no loop device.
    pub fn new(file: &Path, options: &str) -> Result<Self, String> {
        let device = losetup(file).ok_or("no loop device")?;
        let folder =
            tempfile::Builder::new().prefix("oubliette-loop-").tempdir().map_err(|e| e.to_string())?;
        let mut mount = Command::new("mount");
        mount.args(["-o", options]).arg(&device).arg(folder.path()).stdin(Stdio::null());
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Self { device, folder }),
            Ok(output) => {
                detach(&device);
                Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
            }
            Err(error) => {
                detach(&device);
                Err(error.to_string())
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for LoopMount {
    fn drop(&mut self) {
        // Whoever still has a file open keeps it until then; the device goes with the mount.
        if unmount(self.folder.path(), UnmountFlags::empty()).is_err() {
            let _ = unmount(self.folder.path(), UnmountFlags::DETACH);
        }
        detach(&self.device);
    }
}
