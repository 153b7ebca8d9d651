//! File systems of our own; unmounted when dropped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A file system in a file; `None` where this process may not, or the kernel or a program lacks it.
    pub(crate) fn image(mkfs: &[&str], size: u64, options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::File::create(&image).ok()?.set_len(size).ok()?;
        let (program, arguments) = mkfs.split_first()?;
        let made = Command::new(program).args(arguments).arg(&image).output().ok()?;
        let loopback = ["-o", &["loop", options].join(",")].map(str::to_owned);
        made.status.success().then(|| Self::mounted(folder, &loopback, &image))?
    }

    pub(crate) fn tmpfs(size: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = ["-t".to_owned(), "tmpfs".to_owned(), "-o".to_owned(), format!("size={size}")];
        Self::mounted(folder, &options, Path::new("tmpfs"))
    }

    pub(crate) fn overlay() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let [lower, upper, work] = ["lower", "upper", "work"].map(|name| folder.path().join(name));
        [&lower, &upper, &work].into_iter().for_each(|path| fs::create_dir(path).unwrap());
        let options =
            format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        let options = ["-t".to_owned(), "overlay".to_owned(), "-o".to_owned(), options];
        Self::mounted(folder, &options, Path::new("overlay"))
    }

    fn mounted(folder: TempDir, options: &[String], what: &Path) -> Option<Self> {
        let place = folder.path().join("disk");
        fs::create_dir(&place).unwrap();
        let done = Command::new("mount").args(options).arg(what).arg(&place).output().ok()?;
        done.status.success().then_some(Self { folder })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status().is_ok_and(|status| status.success());
        if !unmounted {
            let _ = Command::new("umount").arg("-l").arg(self.path()).status();
        }
    }
}
