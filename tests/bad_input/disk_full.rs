//! A real file system that is really full.

use crate::{
    server::{self, Server},
    support,
};
use oubliette_client::{Client, SaveOptions, SaveRead};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Enough for an empty vault and some saves.
const SIZE: u64 = 64 << 20;
/// Removed later, to free space.
const BALLAST: u64 = 16 << 20;
const MOST_SAVES: u32 = 400;

/// A small file system of its own; unmounted when dropped.
struct Mount {
    folder: TempDir,
}

impl Mount {
    /// `None` where this process may not mount.
    fn new(make: impl Fn(&Path) -> Option<Command>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("disk")).unwrap();
        let output = make(folder.path())?.output().ok()?;
        output.status.success().then_some(Self { folder })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn a_full_tmpfs_loses_nothing_acknowledged() {
    let mount = Mount::new(|folder| {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"]).arg(folder.join("disk"));
        Some(mount)
    });
    fill("tmpfs", mount);
}

#[test]
fn a_full_ext4_loses_nothing_acknowledged() {
    let mount = Mount::new(|folder| {
        let image = folder.join("image");
        fs::File::create(&image).ok()?.set_len(SIZE).ok()?;
        let made = Command::new("mkfs.ext4").arg("-q").arg(&image).status().ok()?;
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(&image).arg(folder.join("disk"));
        made.success().then_some(mount)
    });
    fill("ext4", mount);
}

fn fill(kind: &str, mount: Option<Mount>) {
    let Some(mount) = mount else {
        return support::left_out(
            &format!("bad_input: full {kind}"),
            "needs the right to mount a small file system",
        );
    };
    let (data, ballast) = (mount.path().join("vault"), mount.path().join("ballast"));
    fs::write(&ballast, vec![1; BALLAST as usize]).unwrap();

    let server = Server::start(&data);
    let client = server.client();
    client.put_subject("ann", &Default::default(), false).unwrap();
    let mut kept = Vec::new();
    let refused = (0..MOST_SAVES).find_map(|n| {
        // Small ones fill the rows, large ones the packs.
        let length = if n % 3 == 0 { 3_000 } else { 400_000 };
        match save(&client, n, length) {
            Ok(()) => kept.push((n, length)),
            Err(error) => return Some(error),
        }
        None
    });
    let refused = refused.expect("the disk never filled");
    assert!(kept.len() > 10, "only {} saves fitted", kept.len());
    assert!(refused.contains("full") || refused.contains("space"), "{refused}");
    check(&client, &kept);
    let log = server.log();
    assert!(!log.contains("internal error"), "{log}");
    // A stop with a full disk may not come to a clean end, but to an end.
    assert!(!server.stop().panicked());

    // A start on the full disk either serves what is there or says why not.
    let log = tempfile::NamedTempFile::new().unwrap();
    match Server::try_start_logging(&data, log.path()) {
        Ok(server) => check(&server.client(), &kept),
        Err(ended) => assert!(!ended.panicked() && ended.stderr.contains("error"), "{ended:?}"),
    }

    fs::remove_file(&ballast).unwrap();
    let server = Server::start(&data);
    let client = server.client();
    check(&client, &kept);
    save(&client, MOST_SAVES, 400_000).unwrap();
    assert!(server::erase(&data, "ann"));
    let fsck = server::run(&data, &["fsck"]);
    assert_eq!(fsck.code, Some(0), "{fsck:?}");
    println!("{kind}: full after {} saves: {refused}", kept.len());
}

fn save(client: &Client, n: u32, length: u64) -> Result<(), String> {
    let stored = client.put_save(
        "ann",
        "game",
        &format!("slot-{n}"),
        &mut content(n, length),
        &SaveOptions::default(),
    );
    stored.map(drop).map_err(|error| error.to_string())
}

fn check(client: &Client, kept: &[(u32, u64)]) {
    for (n, length) in kept {
        let mut save =
            client.save("ann", "game", &format!("slot-{n}"), &SaveRead::default()).unwrap().unwrap();
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        save.read_to_end(&mut found).unwrap();
        content(*n, *length).read_to_end(&mut expected).unwrap();
        assert!(found == expected, "slot-{n} came back changed");
    }
}

/// Does not shrink.
fn content(n: u32, length: u64) -> impl Read {
    let mut state = u64::from(n) * 0x9e37_79b9 + 1;
    let bytes = (0..length).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 30) as u8
    });
    std::io::Cursor::new(bytes.collect::<Vec<u8>>())
}
