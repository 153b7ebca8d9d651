//! The places of the cells: file system, disks, room, and what happens to a file beside each that is overwritten.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use oubliette_keyring::{Device, Doubt, ErasureClass, Overwriting, Place, class_of};

use super::report::{Cell, Report};
use super::{Known, Patient};

/// As long as a cell.
const PROBE: usize = 57_344;
/// Less free space or inodes than this share, in percent, is too little; and a fifth of that is bad.
const ROOM: u64 = 20;

pub(super) fn look(patient: &Patient<'_>, known: &Known, report: &mut Report) {
    let mut probed = Vec::new();
    for place in &known.places {
        probed.push(one(patient, place, known.vault, report));
    }
    if !report.verified {
        // What a deletion in these places would be, judged by the probes alone: a split is as good as its best share.
        report.class = probed.iter().copied().max().unwrap_or(ErasureClass::E0).to_string();
    }
    judge(report);
    together(patient, known, report);
}

/// The class of the whole decides how bad it is that one cell has doubts.
fn judge(report: &mut Report) {
    let says = format!("deletions in this vault are of class {}", report.class);
    if report.class == "E0" {
        let todo = "until one cell is better, a deletion is only as sure as the medium is by chance";
        report.bad("erasure class", says, todo);
    } else {
        report.ok("erasure class", says);
    }
}

/// One cell; answers the class that a file beside it has.
fn one(patient: &Patient<'_>, path: &Path, vault: bool, report: &mut Report) -> ErasureClass {
    let name = path.display();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // The vault's own folder is made with the vault; that of another cell must be there.
    let above = if path.starts_with(patient.data()) && !vault { 8 } else { 1 };
    let Some(folder) = absolute.ancestors().skip(1).take(above).find(|folder| folder.is_dir()) else {
        report.bad("cell", format!("{name}: there is no such folder"), "mount the disk, or make the folder");
        return ErasureClass::E0;
    };
    let (class, doubts, place) = match probe(folder) {
        Ok(found) => found,
        Err(error) => {
            report.left_out("probe", format!("no file can be written beside {name}: {error}"));
            (ErasureClass::E0, Vec::new(), None)
        }
    };
    // What the vault saw of the cell itself tells the same and more.
    let seen = report.cells.iter().find(|cell| Path::new(&cell.path) == path);
    let doubts: Vec<String> =
        seen.map_or_else(|| doubts.iter().map(ToString::to_string).collect(), |cell| cell.doubts.clone());
    if doubts.is_empty() && (seen.is_some() || class > ErasureClass::E0) {
        let kind = place.as_ref().map_or("its file system", |place| place.file_system.name.as_str());
        report.ok("cell", format!("{name}: on {kind}, overwritten in place"));
    }
    for doubt in doubts {
        report.warn("cell", format!("{name}: {doubt}"), "docs/doctor.md says what helps");
    }
    if vault {
        extents(path, report);
    }
    mount(patient, folder, report);
    room(folder, report);
    disks(patient, path, folder, report);
    class
}

/// Overwrites a file without a name in the folder, and looks where its bytes go.
fn probe(folder: &Path) -> std::io::Result<(ErasureClass, Vec<Doubt>, Option<Place>)> {
    let file = tempfile::tempfile_in(folder)?;
    file.write_all_at(&vec![0x5a; PROBE], 0)?;
    file.sync_all()?;
    let before = Place::of(&file)?;
    file.write_all_at(&vec![0xa5; PROBE], 0)?;
    file.sync_all()?;
    let now = Place::of(&file)?.extents.map_err(std::io::Error::other);
    let overwriting = if before.is_where(&now) { Overwriting::Stayed } else { Overwriting::Moved };
    let (class, doubts) = class_of(&before, &overwriting);
    Ok((class, doubts, Some(before)))
}

/// Where the cell itself lies now, and whether somebody else has it, too.
fn extents(path: &Path, report: &mut Report) {
    let Ok(file) = File::open(path) else { return };
    if let Ok(Place { extents: Ok(found), .. }) = Place::of(&file) {
        let lines = found.iter().map(|extent| (extent.logical, extent.physical, extent.length)).collect();
        match report.cells.iter_mut().find(|cell| Path::new(&cell.path) == path) {
            Some(cell) => cell.extents = lines,
            None => report.cells.push(Cell {
                path: path.display().to_string(),
                class: "E0".to_owned(),
                doubts: vec![Doubt::Unseen.to_string()],
                extents: lines,
            }),
        }
    }
    if file.metadata().is_ok_and(|metadata| metadata.nlink() > 1) {
        let says = format!("{} has a second name (hard link)", path.display());
        report.warn(
            "hard link",
            says,
            "find it with `find -samefile`: something may treat it as a copy to keep",
        );
    }
}

/// How the file system is mounted, where that weakens a sync or helps an erasure.
fn mount(patient: &Patient<'_>, folder: &Path, report: &mut Report) {
    let mounts = patient.read("/proc/self/mountinfo");
    let Some((mounts, device)) = mounts.zip(device_of(folder)) else {
        return report.left_out("mount", format!("the options of {} are unknown", folder.display()));
    };
    let device = device.to_string();
    let Some(line) = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&device)) else {
        return report.left_out("mount", format!("the options of {} are unknown", folder.display()));
    };
    let has = |option: &str| line.split([' ', ',']).any(|found| found == option);
    let says = |what: &str| format!("{} is mounted with {what}", folder.display());
    if has("nobarrier") || has("barrier=0") {
        report.bad("mount", says("nobarrier"), "mount it with barriers: without, a sync promises nothing");
    } else if has("discard") {
        report.ok("mount", says("discard: freed blocks are given back to the drive"));
    } else {
        report.ok("mount", format!("{} has no option that weakens a sync", folder.display()));
    }
}

fn room(folder: &Path, report: &mut Report) {
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        return report.left_out("free space", format!("of {} is unknown", folder.display()));
    };
    for (what, free, all) in
        [("free space", disk.f_bavail, disk.f_blocks), ("inodes", disk.f_favail, disk.f_files)]
    {
        // Some file systems make inodes as they go.
        let Some(percent) = (free.saturating_mul(100)).checked_div(all) else { continue };
        let says = format!("{percent} % left at {}", folder.display());
        let todo = "free some: a vault that cannot write cannot erase";
        match percent {
            percent if percent >= ROOM => report.ok(what, says),
            percent if percent >= ROOM / 5 => report.warn(what, says, todo),
            _ => report.bad(what, says, todo),
        }
    }
}

/// The disks under one cell: what kind they are.
fn disks(patient: &Patient<'_>, path: &Path, folder: &Path, report: &mut Report) {
    let Some(device) = device_of(folder) else { return };
    let disks = device.disks();
    if disks.is_empty() {
        return report.left_out("disk", format!("what {} lies on is no block device here", path.display()));
    }
    for disk in &disks {
        let read = |file: &str| patient.read(&format!("/sys/class/block/{disk}/{file}"));
        if let Some(file) = read("loop/backing_file") {
            let says = format!("{} lies in a disk image ({file})", path.display());
            report.warn("disk", says, "whoever copies or snapshots the image copies the cell; use a disk");
        } else if read("queue/rotational").as_deref() == Some("0") {
            let says = format!("{disk} below {} is an SSD or a virtual disk", path.display());
            let todo = "it may keep old blocks of its own; a share on another kind of medium, or a hardware cell, makes that matter less";
            report.warn("disk", says, todo);
        } else {
            report.ok("disk", format!("{disk} below {} says that it is a spinning disk", path.display()));
        }
    }
}

/// What lies on one disk is stolen, imaged and lost together.
fn together(patient: &Patient<'_>, known: &Known, report: &mut Report) {
    let data = patient.data();
    let cells: Vec<_> = known.places.iter().map(|place| (place.clone(), disks_of(place))).collect();
    for (n, (a, on)) in cells.iter().enumerate() {
        for (b, _) in cells.iter().skip(n + 1).filter(|(_, others)| meet(on, others)) {
            let says = format!("{} and {} lie on one disk", a.display(), b.display());
            report.warn("places", says, "put one on another disk: one image of this one holds both shares");
        }
    }
    let rows = disks_of(&data.join("rows"));
    if !rows.is_empty() && cells.iter().all(|(_, on)| meet(on, &rows)) {
        let todo =
            "put a share on another disk (setting `cells`), so that no image of one disk holds everything";
        report.warn("places", "every cell lies on the disk of the rows", todo);
    }
    if meet(&disks_of(&data.join("keys-a")), &disks_of(&data.join("keys-b"))) {
        let todo = "mount a disk at keys-b: with one disk gone, everything would be";
        report.warn("places", "both copies of the key pages lie on one disk", todo);
    }
}

fn disks_of(path: &Path) -> BTreeSet<String> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.ancestors().find(|folder| folder.is_dir());
    folder.and_then(device_of).map(|device| device.disks().into_iter().collect()).unwrap_or_default()
}

fn device_of(folder: &Path) -> Option<Device> {
    folder.metadata().ok().map(|metadata| Device::of(metadata.dev()))
}

fn meet(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    a.intersection(b).next().is_some()
}

/// The folders that hold cells, each once.
pub(super) fn folders(known: &Known) -> BTreeSet<PathBuf> {
    known.places.iter().filter_map(|place| place.parent().map(Path::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn a_mount_without_barriers_is_bad() {
        let folder = tempfile::tempdir().unwrap();
        let device = device_of(folder.path()).unwrap();
        let settings = Settings::of_tests();
        for (options, level) in
            [("rw", "Ok"), ("rw,discard", "Ok"), ("rw,nobarrier", "Bad"), ("rw,barrier=0", "Bad")]
        {
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(root.path().join("proc/self")).unwrap();
            let line = format!("29 1 {device} / / rw,relatime - ext4 /dev/sda {options}\n");
            std::fs::write(root.path().join("proc/self/mountinfo"), line).unwrap();
            let patient = Patient { settings: &settings, root: root.path().to_owned() };
            let mut report = Report::default();
            mount(&patient, folder.path(), &mut report);
            let found: Vec<_> = report.findings.iter().map(|f| format!("{:?}", f.level)).collect();
            assert_eq!(found, [level], "{options}");
        }
    }
}
