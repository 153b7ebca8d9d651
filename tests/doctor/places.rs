//! What the class is on each kind of file system, before there is a vault, while one is served, and after.

use crate::{
    disk::Disk,
    server::{self, Ended, Server},
    support,
};
use serde_json::Value;
use std::{fs, path::Path};

const SIZE: u64 = 128 << 20;

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// What the findings of one kind say.
fn said(report: &Value, about: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|finding| finding["about"] == about).map(ToString::to_string).collect()
}

/// The class of the place `doctor` sees at three times, and in the record of an erasure there.
fn judge(kind: &str, disk: Option<Disk>, class: &str, reason: &str) {
    let Some(disk) = disk else {
        return support::left_out(&format!("doctor: {kind}"), "needs the right to mount one, and its tools");
    };
    let data = disk.path().join("vault");
    let empty = server::run(&data, &["doctor", "--json"]);
    let before = report(&empty);
    assert!(!data.exists(), "looking makes nothing");
    if said(&before, "cell").iter().any(|line| line.contains("is a file on")) {
        return support::left_out(&format!("doctor: {kind}"), "the disk below is copy on write itself");
    }
    assert_eq!((&before["class"], &before["verified"]), (&class.into(), &false.into()), "{kind}: {before}");

    let service = Server::start(&data);
    service.client().put_subject("ann", &Default::default(), false).unwrap();
    let erased = server::run(&data, &["--json", "subject", "erase", "ann", "--yes"]);
    assert_eq!(report(&erased)["cell_class"], class, "{kind}: {erased:?}");
    let held = server::run(&data, &["doctor", "--json"]);
    let beside = report(&held);
    assert_eq!((&beside["class"], &beside["verified"]), (&class.into(), &true.into()), "{kind}: {beside}");
    assert!(said(&beside, "vault")[0].contains("a service holds it"), "{kind}: {beside}");
    let generation = |data: &Path| report(&server::run(data, &["status", "--json"]))["generation"].clone();
    let held_at = generation(&data);
    assert_eq!(generation(&data), held_at, "a vault that is served is left as it is");
    assert_eq!(service.stop().code, Some(0));

    let closed = server::run(&data, &["doctor", "--json"]);
    let after = report(&closed);
    assert_eq!((&after["class"], &after["verified"]), (&class.into(), &true.into()), "{kind}: {after}");
    let doubts = after["cells"][0]["doubts"].to_string();
    assert!(doubts.contains(reason), "{kind}: {doubts}");
    if class == "E0" {
        assert_eq!([empty.code, held.code, closed.code], [Some(1); 3], "{kind}");
        assert!(said(&after, "erasure class")[0].contains("bad"), "{kind}");
    } else {
        assert_eq!(after["cells"][0]["doubts"], serde_json::json!([]), "{kind}");
        assert!(!after["cells"][0]["extents"].as_array().unwrap().is_empty(), "{kind}");
    }
    let lines = server::run(&data, &["doctor"]);
    assert_eq!(lines.code, closed.code);
    let last = lines.stdout.lines().last().unwrap();
    assert!(last.contains(&format!("erasure class {class}")), "{kind}: {last}");
    let levels = ["ok ", "warn ", "bad ", "left out "];
    let findings = lines.stdout.lines().count() - 1;
    let leveled = lines.stdout.lines().filter(|line| levels.iter().any(|level| line.starts_with(level)));
    assert_eq!(leveled.count(), findings, "one line for each finding: {}", lines.stdout);
}

#[test]
fn ext4_overwrites_in_place() {
    judge("ext4", Disk::image(&["mkfs.ext4", "-q", "-F"], SIZE, "rw"), "E1", "");
}

#[test]
fn xfs_overwrites_in_place() {
    // The smallest that mkfs.xfs makes.
    judge("xfs", Disk::image(&["mkfs.xfs", "-q"], 320 << 20, "rw"), "E1", "");
}

#[test]
fn ext4_with_content_in_its_journal_does_not() {
    judge(
        "ext4, data=journal",
        Disk::image(&["mkfs.ext4", "-q", "-F"], SIZE, "data=journal"),
        "E0",
        "journal",
    );
}

#[test]
fn btrfs_does_not() {
    judge("btrfs", Disk::image(&["mkfs.btrfs", "-q"], SIZE, "rw"), "E0", "btrfs does not overwrite in place");
}

#[test]
fn tmpfs_is_nobody_s_promise() {
    judge("tmpfs", Disk::tmpfs(SIZE), "E0", "tmpfs does not overwrite in place");
}

#[test]
fn overlayfs_is_nobody_s_promise() {
    judge("overlay", Disk::overlay(), "E0", "overlayfs does not overwrite in place");
}

/// A copy that shares the cell's blocks keeps the share that is overwritten: the class falls with it.
#[test]
fn a_reflink_of_the_cell_is_seen() {
    let Some(disk) = Disk::image(&["mkfs.xfs", "-q", "-m", "reflink=1"], 320 << 20, "rw") else {
        return support::left_out("doctor: reflink", "needs the right to mount XFS, and its tools");
    };
    let data = disk.path().join("vault");
    assert_eq!(Server::start(&data).stop().code, Some(0));
    let copied = std::process::Command::new("cp")
        .arg("--reflink=always")
        .arg(data.join("root.cell"))
        .arg(disk.path().join("copy"))
        .status()
        .unwrap();
    if !copied.success() {
        return support::left_out("doctor: reflink", "cp makes none here");
    }
    let ended = server::run(&data, &["doctor", "--json"]);
    let found = report(&ended);
    assert_eq!((ended.code, &found["class"]), (Some(1), &"E0".into()), "{found}");
    assert!(found["cells"][0]["doubts"].to_string().contains("other"), "{found}");
    fs::remove_file(disk.path().join("copy")).unwrap();
}

#[test]
fn what_is_open_to_others_is_bad() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("vault");
    assert_eq!(Server::start(&data).stop().code, Some(0));
    let closed = report(&server::run(&data, &["doctor", "--json"]));
    assert!(said(&closed, "permissions")[0].contains("\"ok\""), "{closed}");
    assert!(said(&closed, "dev token")[0].contains("\"warn\""), "{closed}");
    assert_eq!(said(&closed, "backup marks").len(), 2, "{closed}");
    assert_eq!(server::run(&data, &["token", "revoke", "dev"]).code, Some(0));
    // Harmless as long as the folder lets nobody in.
    fs::set_permissions(data.join("root.cell"), fs::Permissions::from_mode(0o644)).unwrap();
    let shut = report(&server::run(&data, &["doctor", "--json"]));
    assert!(said(&shut, "permissions")[0].contains("\"ok\""), "{shut}");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    fs::hard_link(data.join("root.cell"), folder.path().join("link")).unwrap();
    let open = server::run(&data, &["doctor", "--json"]);
    assert_eq!(open.code, Some(1));
    let open = report(&open);
    let wrong = said(&open, "permissions");
    assert!(wrong.iter().all(|line| line.contains("chmod go=")), "{open}");
    assert!(wrong.iter().any(|line| line.contains("root.cell")), "{open}");
    assert!(said(&open, "hard link")[0].contains("root.cell"), "{open}");
    assert!(said(&open, "dev token")[0].contains("\"ok\""), "{open}");

    fs::remove_file(data.join("root.cell")).unwrap();
    let lost = server::run(&data, &["doctor", "--json"]);
    assert_eq!(lost.code, Some(1));
    assert!(said(&report(&lost), "vault")[0].contains("root.cell is missing"), "{lost:?}");
}
