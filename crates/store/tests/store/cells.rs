//! A root split over files in several places: making it, what is said when one of them is missing or is not what it was, and
//! moving a share.

use std::fs;
use std::path::{Path, PathBuf};

use oubliette_store::{Vault, VaultCells, VaultError, VaultOptions};
use tempfile::TempDir;

use crate::folder::options;
use crate::world::{get, person, put};

const CELL: usize = 57_344;

/// A closed vault split over `root.cell` and `shares - 1` further files, each in a folder that stands for another disk.
struct Split {
    disks: TempDir,
}

impl Split {
    fn new(shares: usize) -> Self {
        let split = Self { disks: tempfile::tempdir().unwrap() };
        for n in 1..shares {
            fs::create_dir(split.disk(n)).unwrap();
        }
        let cells = (1..shares).map(|n| split.cell(n)).collect();
        let vault = Vault::create(&split.data(), VaultOptions { cells, ..options() }).unwrap();
        put(&person(&vault, "ann"), "one", b"kept");
        put(&person(&vault, "bob"), "one", b"gone");
        vault.erase(&["bob"]).unwrap();
        assert_eq!(vault.status().unwrap().cells.len(), shares);
        vault.close().unwrap();
        split
    }
    fn data(&self) -> PathBuf {
        self.disks.path().join("vault")
    }
    fn disk(&self, n: usize) -> PathBuf {
        self.disks.path().join(format!("disk-{n}"))
    }
    fn cell(&self, n: usize) -> PathBuf {
        if n == 0 { self.data().join("root.cell") } else { self.disk(n).join("root.cell") }
    }
    fn marker(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.data().join("vault.json")).unwrap()).unwrap()
    }
    fn set_marker(&self, cells: &[&Path], wipe: &[&Path]) {
        let mut marker = self.marker();
        marker["cells"] = serde_json::json!(cells);
        marker["wipe"] = serde_json::json!(wipe);
        fs::write(self.data().join("vault.json"), marker.to_string()).unwrap();
    }
    fn open(&self) -> Result<Vault, VaultError> {
        Vault::open(&self.data(), options())
    }
    /// Everything is there, at so many cells without a problem.
    fn is_whole(&self, shares: usize) {
        let vault = self.open().unwrap();
        assert_eq!(get(&vault.subject("ann").unwrap(), "one", None).unwrap(), b"kept");
        assert!(matches!(vault.subject("bob"), Err(VaultError::SubjectErased { .. })));
        let status = vault.status().unwrap();
        assert_eq!((status.cells.len(), status.problems.as_slice()), (shares, [].as_slice()));
        vault.close().unwrap();
    }
    /// What is said instead of opening.
    fn refused(&self) -> String {
        match self.open() {
            Err(VaultError::KeysLost { detail }) => detail,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("a vault without all of its shares opens"),
        }
    }
}

#[test]
fn a_split_vault_needs_every_share_and_names_the_one_that_is_wrong() {
    let (split, other) = (Split::new(3), Split::new(3));
    split.is_whole(3);
    assert_eq!(
        split.marker()["cells"],
        serde_json::json!([
            "root.cell",
            split.cell(1).display().to_string(),
            split.cell(2).display().to_string()
        ])
    );
    assert!(split.disk(1).join("CACHEDIR.TAG").exists() && split.disk(2).join(".nobackup").exists());
    assert!(
        split.data().join("keys-a/CACHEDIR.TAG").exists() && split.data().join("keys-b/.nobackup").exists()
    );
    assert!(!split.data().join("CACHEDIR.TAG").exists(), "rows may be copied");

    for n in 0..3 {
        let (cell, aside) = (split.cell(n), split.disks.path().join("aside"));
        let path = cell.display().to_string();
        let whole = fs::read(&cell).unwrap();
        let says = |what: &str| {
            let said = split.refused();
            assert!(said.contains(&path) && said.contains(what), "{n}: {said}");
            let others = (0..3).filter(|m| *m != n).map(|m| split.cell(m).display().to_string());
            others.for_each(|other| assert!(!said.contains(&other), "{n}: {said}"));
            assert!(said.contains("nothing in this vault") || said.contains("nothing here"), "{n}: {said}");
        };
        fs::rename(&cell, &aside).unwrap();
        says("is missing");
        assert!(!cell.exists(), "a new cell would make the loss final");
        fs::copy(other.cell(n), &cell).unwrap();
        says("belongs to vault");
        for (bytes, what) in [
            (vec![0; CELL], "it is empty"),
            (whole[..CELL - 1].to_vec(), "exactly 57,344 bytes"),
            ([&[7; 4096], &whole[4096..]].concat(), "its header is damaged"),
            ([&whole[..16_384], &vec![7; 40_960]].concat(), "holds no whole share"),
        ] {
            fs::write(&cell, bytes).unwrap();
            says(what);
        }
        // In front of another share's place.
        fs::write(&cell, fs::read(split.cell((n + 1) % 3)).unwrap()).unwrap();
        let said = split.refused();
        assert!(said.contains("one is a copy of the other"), "{n}: {said}");
        fs::rename(&aside, &cell).unwrap();
        split.is_whole(3);
    }
}

/// An old copy of one cell, and everything that is there now.
#[test]
fn a_cell_that_was_rolled_back_is_refused_by_name() {
    let split = Split::new(2);
    for n in 0..2 {
        let old = fs::read(split.cell(n)).unwrap();
        let vault = split.open().unwrap();
        put(&person(&vault, "eve"), "one", b"gone");
        vault.erase(&["eve"]).unwrap();
        vault.close().unwrap();
        drop(vault);
        let now = fs::read(split.cell(n)).unwrap();
        fs::write(split.cell(n), &old).unwrap();
        let said = split.refused();
        assert!(
            said.contains(&split.cell(n).display().to_string()) && said.contains("rolled back"),
            "{said}"
        );
        assert!(fs::read(split.cell(n)).unwrap() == old, "what is refused is not changed");
        fs::write(split.cell(n), now).unwrap();
        split.is_whole(2);
        let vault = split.open().unwrap();
        vault.put_subject("eve", &Default::default(), true).unwrap();
        vault.close().unwrap();
    }
}

#[test]
fn a_disk_may_be_mounted_elsewhere() {
    let split = Split::new(3);
    let elsewhere = split.disks.path().join("elsewhere");
    fs::rename(split.disk(2), &elsewhere).unwrap();
    let said = split.refused();
    assert!(said.contains("setting `cells`"), "{said}");
    let with =
        |cells: &[PathBuf]| Vault::open(&split.data(), VaultOptions { cells: cells.to_vec(), ..options() });
    // In any order: each cell knows which share it holds.
    for cells in [[split.cell(1), elsewhere.join("root.cell")], [elsewhere.join("root.cell"), split.cell(1)]]
    {
        let vault = with(&cells).unwrap();
        assert_eq!(get(&vault.subject("ann").unwrap(), "one", None).unwrap(), b"kept");
        vault.close().unwrap();
    }
    for cells in [vec![split.cell(1)], vec![split.cell(1); 3]] {
        let refused = with(&cells).err().unwrap();
        assert!(matches!(refused, VaultError::Invalid { field: "cells", .. }), "{refused}");
    }
    fs::rename(&elsewhere, split.disk(2)).unwrap();
    split.is_whole(3);
}

#[test]
fn cells_are_made_only_where_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("vault");
    let there = folder.path().join("there");
    fs::write(&there, b"something").unwrap();
    for cells in [
        vec![there.clone()],
        vec![folder.path().join("nowhere/root.cell")],
        vec![folder.path().join("a"), folder.path().join("a")],
        (0..16).map(|n| folder.path().join(n.to_string())).collect(),
    ] {
        let refused = Vault::create(&data, VaultOptions { cells, ..options() }).err().unwrap();
        assert!(matches!(refused, VaultError::Invalid { field: "cells", .. }), "{refused}");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "nothing is left of it");
    }
    assert_eq!(fs::read(&there).unwrap(), b"something");
    // Beside other things no mark is put: it would take those out of somebody's backup.
    let cells = vec![folder.path().join("second.cell")];
    Vault::create(&data, VaultOptions { cells, ..options() }).unwrap().close().unwrap();
    assert!(!folder.path().join("CACHEDIR.TAG").exists());
}

#[test]
fn a_share_moves_and_its_old_file_is_gone() {
    for moved in 0..2 {
        let split = Split::new(2);
        let (old, new) = (split.cell(moved), split.disks.path().join("new.cell"));
        let kept = fs::read(&old).unwrap();
        let refused = Vault::replace_cell(&split.data(), &new, &old, options()).err().unwrap();
        assert!(matches!(refused, VaultError::Invalid { field: "cell", .. }), "{refused}");
        let refused = Vault::replace_cell(&split.data(), &old, &old, options()).err().unwrap();
        assert!(matches!(refused, VaultError::Invalid { field: "cells", .. }), "{refused}");

        let vault = Vault::replace_cell(&split.data(), &old, &new, options()).unwrap();
        assert_eq!(vault.status().unwrap().problems, [""; 0]);
        assert!(matches!(split.open(), Err(VaultError::InUse { .. })));
        vault.close().unwrap();
        drop(vault);
        assert!(!old.exists() && split.marker().get("wipe").is_none());
        split.is_whole(2);
        let cells = VaultCells::of(&split.data(), &options()).unwrap().unwrap().cells;
        assert_eq!(cells[moved], new);

        // The old file does not come back: its share is of a root that is gone.
        fs::rename(&new, split.disks.path().join("aside")).unwrap();
        fs::write(&new, kept).unwrap();
        assert!(split.refused().contains("rolled back"));
        fs::rename(split.disks.path().join("aside"), &new).unwrap();
        split.is_whole(2);
    }
}

/// What a crash leaves after each step of `replace_cell` (docs/doctor.md has the same table), made by hand.
#[test]
fn a_crash_while_a_share_moves_leaves_a_vault_that_opens() {
    let mut rounds = 0;
    for shares in [1, 2] {
        for step in 0..8 {
            let split = Split::new(shares);
            let moved = shares - 1;
            let (old, new) = (split.cell(moved), split.disks.path().join("new.cell"));
            let all: Vec<PathBuf> = (0..shares).map(|n| split.cell(n)).collect();
            let before: Vec<&Path> = all.iter().map(PathBuf::as_path).collect();
            let mut after = before.clone();
            after[moved] = &new;
            let share = fs::read(&old).unwrap();
            let noise = [&share[..4096], &vec![9; CELL - 4096]].concat();
            let empty = [&share[..4096], &vec![0; CELL - 4096]].concat();
            let torn = [&share[..40_000], &empty[40_000..]].concat();
            let (mut on_new, mut left) = (false, None);
            match step {
                // The new file was made.
                0 => {
                    fs::write(&new, &empty).unwrap();
                    left = Some(empty.clone());
                }
                // The marker says that it may hold a share.
                1 => split.write(&before, &new, &empty, &new),
                // Part of it, or all of it, does.
                2 => split.write(&before, &new, &torn, &new),
                3 => split.write(&before, &new, &share, &new),
                // It is the cell now, and the old one is to be wiped; is wiped in part; is wiped.
                4 => {
                    split.write(&after, &new, &share, &old);
                    on_new = true;
                }
                5 => {
                    split.write(&after, &new, &share, &old);
                    fs::write(&old, &noise).unwrap();
                    on_new = true;
                }
                6 => {
                    split.write(&after, &new, &share, &old);
                    fs::write(&old, vec![0; CELL]).unwrap();
                    on_new = true;
                }
                // All is said and done, but for removing a file of zeros.
                _ => {
                    fs::write(&new, &share).unwrap();
                    split.set_marker(&after, &[]);
                    fs::write(&old, vec![0; CELL]).unwrap();
                    (on_new, left) = (true, Some(vec![0; CELL]));
                }
            }
            split.is_whole(shares);
            split.is_whole(shares);
            let (cell, other) = if on_new { (&new, &old) } else { (&old, &new) };
            assert!(cell.exists(), "{shares} cells, step {step}");
            assert_eq!(
                fs::read(other).ok(),
                left,
                "{shares} cells, step {step}: the other file is no cell any more"
            );
            if step > 0 && step < 7 {
                assert!(
                    fs::read(cell).unwrap() != share,
                    "{shares} cells, step {step}: the root is a new one"
                );
            }
            rounds += 1;
        }
    }
    assert_eq!(rounds, 16);
}

impl Split {
    fn write(&self, cells: &[&Path], new: &Path, bytes: &[u8], wipe: &Path) {
        fs::write(new, bytes).unwrap();
        self.set_marker(cells, &[wipe]);
    }
}

#[test]
fn an_old_cell_that_cannot_be_wiped_is_not_forgotten_about() {
    let split = Split::new(1);
    let (old, new) = (split.cell(0), split.disks.path().join("new.cell"));
    let vault = Vault::replace_cell(&split.data(), &old, &new, options()).unwrap();
    vault.close().unwrap();
    drop(vault);
    // As if its disk had been away.
    let away = split.disks.path().join("away.cell");
    split.set_marker(&[&new], &[&away]);
    for _ in 0..2 {
        let vault = split.open().unwrap();
        let problems = vault.status().unwrap().problems;
        assert!(problems.len() == 1 && problems[0].contains("away.cell"), "{problems:?}");
        assert_eq!(get(&vault.subject("ann").unwrap(), "one", None).unwrap(), b"kept");
        vault.close().unwrap();
    }
    let waiting = VaultCells::of(&split.data(), &options()).unwrap().unwrap().to_wipe;
    assert!(waiting == std::slice::from_ref(&away));
    let again = Vault::replace_cell(&split.data(), &new, &old, options()).err().unwrap().to_string();
    assert!(again.contains("not wiped yet"), "{again}");
    // What is no cell of this vault is not touched.
    fs::write(&away, vec![3; CELL]).unwrap();
    assert_eq!(split.open().unwrap().status().unwrap().problems.len(), 1);
    assert_eq!(fs::read(&away).unwrap(), vec![3; CELL]);
    let refused = Vault::cell_destroyed(&split.data(), &new).unwrap_err();
    assert!(matches!(refused, VaultError::Invalid { field: "cell", .. }), "{refused}");
    Vault::cell_destroyed(&split.data(), &away).unwrap();
    split.is_whole(1);
}

/// Its bytes would go along as those of any file in the folder, and stay behind unwiped.
#[test]
fn a_vault_does_not_move_with_a_cell_in_a_folder_inside_of_its_own() {
    let disks = tempfile::tempdir().unwrap();
    let (data, new) = (disks.path().join("vault"), disks.path().join("new"));
    fs::create_dir_all(data.join("inner")).unwrap();
    let cell = data.join("inner/second.cell");
    let vault = Vault::create(&data, VaultOptions { cells: vec![cell.clone()], ..options() }).unwrap();
    put(&person(&vault, "ann"), "one", b"kept");
    vault.close().unwrap();
    drop(vault);
    let before = fs::read(&cell).unwrap();
    let refused = Vault::move_to(&data, &new, &options(), &mut |_, _| ()).unwrap_err().to_string();
    assert!(refused.contains("second.cell") && refused.contains("inside of the vault's"), "{refused}");
    assert!(!new.exists() && fs::read(&cell).unwrap() == before);
    let vault = Vault::open(&data, options()).unwrap();
    assert_eq!(get(&vault.subject("ann").unwrap(), "one", None).unwrap(), b"kept");
}
