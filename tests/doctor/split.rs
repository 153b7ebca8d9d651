//! A root split over two disks, from the outside.

use crate::{
    disk::Disk,
    server::{self, Server},
    support,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
};

fn json(data: &Path, arguments: &[&str]) -> Value {
    let ended = server::run(data, &[&["--json"], arguments].concat());
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn start(data: &Path, cell: &Path) -> Server {
    Server::try_start(&server::binary(), data, &["--cell", cell.to_str().unwrap()])
        .unwrap_or_else(|ended| panic!("the service did not start: {ended:?}"))
}

#[test]
fn a_split_vault_is_made_by_a_setting_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (data, disk) = (folder.path().join("vault"), folder.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    let cell = disk.join("root.cell");
    let service = start(&data, &cell);
    let ready = service.client().ready().unwrap();
    assert!(ready.ready && ready.cells == 2, "{ready:?}");
    let status = json(&data, &["status"]);
    assert_eq!(status["cells"][0]["path"], data.join("root.cell").display().to_string());
    assert_eq!(status["cells"][1]["path"], cell.display().to_string());
    assert_eq!(status["cell_class"], ready.erasure_class);
    service.client().put_subject("ann", &Default::default(), false).unwrap();
    let record = json(&data, &["subject", "erase", "ann", "--yes"]);
    assert_eq!((&record["state"], &record["cell_class"]), (&"erased".into(), &status["cell_class"]));
    // Whoever shows no token learns no place.
    let url = service.url().to_owned();
    let open = Command::new("curl").args(["-sS", &format!("{url}/readyz")]).output().unwrap();
    let open = String::from_utf8(open.stdout).unwrap();
    assert!(open.contains("erasure_class") && !open.contains(folder.path().to_str().unwrap()), "{open}");
    assert_eq!(service.stop().code, Some(0));

    // Without the setting it opens: the marker knows where the cells were made.
    assert_eq!(Server::start(&data).stop().code, Some(0));
    let moved = folder.path().join("moved");
    fs::rename(&disk, &moved).unwrap();
    let refused = Server::try_start(&server::binary(), &data, &[]).err().unwrap();
    assert!(refused.code == Some(5) && refused.stderr.contains("setting `cells`"), "{refused:?}");
    assert!(refused.stderr.contains(cell.to_str().unwrap()), "{refused:?}");
    assert_eq!(start(&data, &moved.join("root.cell")).stop().code, Some(0));
    // As a variable, and in the file.
    let settings = folder.path().join("settings.toml");
    fs::write(&settings, format!("cells = [\"{}\"]\n", moved.join("root.cell").display())).unwrap();
    let said = server::run(&data, &["status", "--config", settings.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let variable = Command::new(server::binary())
        .args(["status", "--data"])
        .arg(&data)
        .env("OUBLIETTE_CELLS", moved.join("root.cell"))
        .output()
        .unwrap();
    assert!(variable.status.success(), "{variable:?}");
}

/// A second disk on which the deletion's share finds no room: a hole where its slot was, and nothing free.
#[test]
fn a_full_second_disk_stops_a_deletion_and_loses_nothing() {
    let Some(disk) = Disk::tmpfs(1 << 20) else {
        return support::left_out("doctor: full second disk", "needs the right to mount a small file system");
    };
    let folder = tempfile::tempdir().unwrap();
    let (data, cell) = (folder.path().join("vault"), disk.path().join("root.cell"));
    let service = start(&data, &cell);
    for user in ["ann", "ben"] {
        service.client().put_subject(user, &Default::default(), false).unwrap();
    }
    // The slot that the next share goes into (docs/formats.md, section 5): with the first one not whole, that is the first.
    let punched = Command::new("fallocate")
        .args(["--punch-hole", "--offset", "16384", "--length", "20480"])
        .arg(&cell)
        .status();
    if !punched.is_ok_and(|status| status.success()) {
        return support::left_out("doctor: full second disk", "fallocate makes no holes here");
    }
    let ballast = disk.path().join("ballast");
    let mut filler = File::create(&ballast).unwrap();
    while filler.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
    drop(filler);

    let refused = server::run(&data, &["subject", "erase", "ben", "--yes"]);
    assert_eq!(refused.code, Some(1), "nothing was acknowledged: {refused:?}");
    assert!(refused.stderr.contains(cell.to_str().unwrap()), "the disk is named: {refused:?}");
    let ended = service.wait();
    assert!(ended.code == Some(1) && !ended.panicked(), "the service ends: {ended:?}");

    fs::remove_file(&ballast).unwrap();
    let service = Server::start(&data);
    let client = service.client();
    assert!(client.subject("ann").is_ok());
    assert!(client.subject("ben").is_err(), "what was promised durably is finished");
    assert_eq!(json(&data, &["subject", "erase", "ben", "--yes"])["state"], "erased");
    assert_eq!(service.stop().code, Some(0));
    assert_eq!(server::run(&data, &["fsck"]).code, Some(0));
}

/// Whichever share is destroyed, with copies of all the rest kept: nothing opens.
#[test]
fn destroying_either_share_is_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let (data, disk) = (folder.path().join("vault"), folder.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    let cell = disk.join("root.cell");
    assert_eq!(start(&data, &cell).stop().code, Some(0));
    for destroyed in [data.join("root.cell"), cell] {
        let whole = fs::read(&destroyed).unwrap();
        let mut bytes = whole.clone();
        bytes[4096..].fill(0);
        fs::write(&destroyed, bytes).unwrap();
        let refused = Server::try_start(&server::binary(), &data, &[]).err().unwrap();
        assert!(refused.code == Some(5) && !refused.panicked(), "{refused:?}");
        let name = destroyed.to_str().unwrap();
        assert!(refused.stderr.contains(name) && refused.stderr.contains("no whole share"), "{refused:?}");
        fs::write(&destroyed, whole).unwrap();
    }
    assert_eq!(Server::start(&data).stop().code, Some(0));
}
