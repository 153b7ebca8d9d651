//! What lies below a file system: the chain of block devices, as far as the system shows it.

use std::fs;
use std::path::{Path, PathBuf};

use super::place::FileSystem;

/// Longer chains are not followed.
const DEEPEST: usize = 8;

/// A block device, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    major: u32,
    minor: u32,
}

impl Device {
    /// From the `st_dev` of a file.
    pub fn of(dev: u64) -> Self {
        Self { major: rustix::fs::major(dev), minor: rustix::fs::minor(dev) }
    }

    /// The kernel's name, such as `vda1`; `None` for what is no block device.
    pub fn name(self) -> Option<String> {
        self.folder(Path::new("/sys"))?.file_name()?.to_str().map(str::to_owned)
    }

    /// The devices below it, itself first, each by its folder in `/sys`.
    fn chain(self) -> Vec<PathBuf> {
        self.chain_in(Path::new("/sys"))
    }

    /// The whole disks at the bottom.
    pub fn disks(self) -> Vec<String> {
        let chain = self.chain();
        let bottom = |folder: &&PathBuf| {
            fs::read_dir(folder.join("slaves")).map_or(true, |mut all| all.next().is_none())
        };
        // A partition's folder lies in that of its disk.
        let disk = |folder: &PathBuf| match folder.join("partition").exists() {
            true => folder.parent().and_then(Path::file_name).map(ToOwned::to_owned),
            false => folder.file_name().map(ToOwned::to_owned),
        };
        chain.iter().filter(bottom).filter_map(disk).filter_map(|name| name.into_string().ok()).collect()
    }

    fn folder(self, sys: &Path) -> Option<PathBuf> {
        fs::canonicalize(sys.join("dev/block").join(self.to_string())).ok()
    }

    fn chain_in(self, sys: &Path) -> Vec<PathBuf> {
        let mut chain: Vec<PathBuf> = self.folder(sys).into_iter().collect();
        let mut next = 0;
        while let Some(folder) = chain.get(next).filter(|_| next < DEEPEST) {
            let slaves = fs::read_dir(folder.join("slaves")).into_iter().flatten().flatten();
            let below: Vec<_> = slaves.filter_map(|slave| fs::canonicalize(slave.path()).ok()).collect();
            chain.extend(below);
            next += 1;
        }
        chain
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Layers below the file system that keep bytes which were overwritten above them.
pub(super) fn old_bytes(device: Device) -> Vec<String> {
    old_bytes_in(device, Path::new("/sys"))
}

fn old_bytes_in(device: Device, sys: &Path) -> Vec<String> {
    device.chain_in(sys).iter().filter_map(|folder| layer(folder)).collect()
}

/// What is wrong with one device of the chain.
fn layer(folder: &Path) -> Option<String> {
    let name = folder.file_name()?.to_str()?;
    let read = |file: &str| fs::read_to_string(folder.join(file)).ok().map(|text| text.trim().to_owned());
    if let Some(uuid) = read("dm/uuid") {
        // LVM marks the hidden halves of what it builds at the end of the name.
        return match uuid.rsplit_once('-').map_or("", |(_, kind)| kind) {
            "tpool" | "pool" => Some(format!(
                "{name} is a thin pool, which moves what is overwritten once there is a snapshot; use a plain volume"
            )),
            "real" | "cow" => Some(format!(
                "{name} belongs to an LVM snapshot, which keeps the old bytes; remove the snapshot"
            )),
            "cdata" | "cmeta" | "cvol" => {
                Some(format!("{name} belongs to an LVM cache, which may keep old bytes; use a plain volume"))
            }
            "vpool" | "vdata" => Some(format!(
                "{name} is deduplicated (VDO), which moves what is overwritten; use a plain volume"
            )),
            _ => None,
        };
    }
    if name.starts_with("bcache") {
        return Some(format!("{name} is a bcache device, whose cache may keep old bytes; use a plain disk"));
    }
    if let Some(file) = read("loop/backing_file") {
        let below = fs::File::open(&file).and_then(|file| FileSystem::of(&file)).ok()?;
        let moves = ["btrfs", "ZFS", "bcachefs", "F2FS", "NILFS2"].contains(&below.name.as_str());
        return moves.then(|| {
            format!("{name} is a file on {}, which does not overwrite in place; use a disk", below.name)
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree like the one in `/sys`.
    struct Sys(tempfile::TempDir);

    impl Sys {
        fn device(&self, name: &str, files: &[(&str, &str)], below: &[&str]) {
            let folder = self.0.path().join("devices").join(name);
            fs::create_dir_all(folder.join("slaves")).unwrap();
            for (file, text) in files {
                fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
                fs::write(folder.join(file), format!("{text}\n")).unwrap();
            }
            for slave in below {
                let link = folder.join("slaves").join(slave);
                std::os::unix::fs::symlink(self.0.path().join("devices").join(slave), link).unwrap();
            }
        }
        fn judged(&self, name: &str) -> Vec<String> {
            let link = self.0.path().join("dev/block/253:0");
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(self.0.path().join("devices").join(name), &link).unwrap();
            old_bytes_in(Device { major: 253, minor: 0 }, self.0.path())
        }
    }

    #[test]
    fn what_keeps_old_bytes_is_found_down_the_chain() {
        let sys = Sys(tempfile::tempdir().unwrap());
        sys.device("sda", &[], &[]);
        sys.device("dm-1", &[("dm/uuid", "LVM-abc-tpool")], &["sda"]);
        sys.device("dm-2", &[("dm/uuid", "LVM-abc-real")], &["sda"]);
        sys.device("plain", &[("dm/uuid", "LVM-abcreal")], &["sda"]);
        sys.device("crypt", &[("dm/uuid", "CRYPT-LUKS2-0-x")], &["plain"]);
        sys.device("thin", &[("dm/uuid", "LVM-abcdef")], &["dm-1"]);
        sys.device("origin", &[("dm/uuid", "LVM-abcdef")], &["dm-2"]);
        sys.device("bcache0", &[], &["sda"]);
        sys.device("round", &[], &["round"]);
        for (name, said) in [
            ("sda", None),
            ("plain", None),
            ("crypt", None),
            ("thin", Some("thin pool")),
            ("origin", Some("snapshot")),
            ("bcache0", Some("bcache")),
            ("round", None),
            ("nothing", None),
        ] {
            let found = sys.judged(name);
            assert_eq!(found.is_empty(), said.is_none(), "{name}: {found:?}");
            assert!(said.is_none_or(|said| found[0].contains(said)), "{name}: {found:?}");
        }
    }
}
