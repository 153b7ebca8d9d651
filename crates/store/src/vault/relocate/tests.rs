//! The way cut off behind every step: of the two folders exactly one opens, and the same call ends it.

use std::fs;
use std::path::{Path, PathBuf};

use oubliette_engine::{SledMode, SledOptions};
use tempfile::TempDir;

use super::relocate;
use crate::vault::moving::fill;
use crate::{EngineOptions, NewHold, PutOptions, SubjectFacts, Vault, VaultError, VaultOptions};

/// Where the cells are: in the folder; one there and one on another disk; all elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cells {
    Inside,
    Split,
    Outside,
}

/// Two folders, in one of which a vault is, and a third that stands for another disk.
struct Place {
    root: TempDir,
    cells: Cells,
}

fn options() -> VaultOptions {
    let sled = SledOptions { mode: SledMode::Exclusive, cache_bytes: 8 << 20, ..SledOptions::default() };
    VaultOptions { engine: EngineOptions { sled, ..EngineOptions::default() }, ..VaultOptions::default() }
}

fn content() -> Vec<u8> {
    (0..20_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 16).to_be_bytes()).collect()
}

impl Place {
    fn new(cells: Cells) -> Self {
        let place = Self { root: tempfile::tempdir().unwrap(), cells };
        fs::create_dir(place.path("disk")).unwrap();
        let further = if cells == Cells::Split { vec![place.path("disk/root.cell")] } else { Vec::new() };
        let vault = Vault::create(&place.old(), VaultOptions { cells: further, ..options() }).unwrap();
        for user in ["ann", "bob", "cat"] {
            vault.put_subject(user, &SubjectFacts::default(), false).unwrap();
            let saves = vault.subject(user).unwrap().saves();
            saves.put("doom", "one", &PutOptions::default(), &mut content().as_slice()).unwrap();
        }
        let hold = NewHold { reason: Some("court".to_owned()), expires: None };
        vault.subject("cat").unwrap().holds().place("h", &hold).unwrap();
        vault.erase(&["bob"]).unwrap();
        vault.close().unwrap();
        drop(vault);
        if cells == Cells::Outside {
            let (from, to) = (place.old().join("root.cell"), place.path("disk/root.cell"));
            Vault::replace_cell(&place.old(), &from, &to, options()).unwrap().close().unwrap();
        }
        fs::write(place.old().join("tokens.json"), b"{}").unwrap();
        place
    }
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
    fn old(&self) -> PathBuf {
        self.path("old")
    }
    fn new_one(&self) -> PathBuf {
        self.path("deeper/new")
    }
    /// Moves, up to and with step `last`. Answers the steps that were taken.
    fn go(&self, last: usize) -> (Vec<&'static str>, Result<super::Relocated, VaultError>) {
        let mut steps = Vec::new();
        let moved = relocate(
            &self.old(),
            &self.new_one(),
            &options(),
            &mut |relocation| fill(relocation, &mut |_, _| ()),
            &mut |step| {
                steps.push(step);
                let cut = VaultError::Other { detail: "the power is gone".to_owned() };
                if steps.len() > last { Err(cut) } else { Ok(()) }
            },
        );
        (steps, moved)
    }
}

/// Whether the vault is in this folder, whole.
fn opens(dir: &Path) -> Result<(), VaultError> {
    let vault = Vault::open(dir, options())?;
    let mut read = Vec::new();
    let mut reader = vault.subject("ann").unwrap().saves().get("doom", "one", None).unwrap();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        read.extend_from_slice(&chunk);
    }
    drop(reader);
    assert!(read == content());
    assert!(matches!(vault.subject("bob"), Err(VaultError::SubjectErased { .. })));
    assert_eq!(vault.subject("cat").unwrap().holds().list().unwrap().len(), 1);
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.notes.is_empty(), "{report:?}");
    assert!(vault.status().unwrap().problems.is_empty(), "{:?}", vault.status().unwrap().problems);
    vault.close().unwrap();
    Ok(())
}

/// The words in which a folder refuses.
fn refused(dir: &Path) -> String {
    opens(dir).expect_err("a vault that is elsewhere opens").to_string()
}

fn is_moved(place: &Place, steps: &str) {
    opens(&place.new_one()).unwrap_or_else(|error| panic!("{:?}, {steps}: {error}", place.cells));
    let said = refused(&place.old());
    assert!(said.contains("was moved to") && said.contains("deeper/new"), "{said}");
    assert!(!place.old().join("root.cell").exists());
    assert_eq!(fs::read(place.new_one().join("tokens.json")).unwrap(), b"{}");
    assert_eq!(place.new_one().join("root.cell").exists(), place.cells != Cells::Outside);
}

/// For each place of the cells, since each step costs a vault of its own.
fn cut_off_everywhere(cells: Cells) {
    let place = Place::new(cells);
    let (all, moved) = place.go(usize::MAX);
    let moved = moved.unwrap();
    assert!(moved.notes.is_empty() && moved.generation > 1, "{moved:?}");
    is_moved(&place, "uncut");
    let again = place.go(usize::MAX).1.unwrap();
    assert_eq!((again.vault, again.to), (moved.vault, place.new_one()));
    is_moved(&place, "again");

    for last in 0..all.len() {
        let place = Place::new(cells);
        let (steps, cut) = place.go(last);
        assert!(cut.unwrap_err().to_string().contains("the power is gone"));
        let steps = steps.join(", ");
        let gone = steps.contains("moved");
        // Half of the rounds look first, which has the folder that opens clean up.
        if last % 2 == 0 {
            let old = opens(&place.old()).map_err(|error| error.to_string());
            let new = opens(&place.new_one()).map_err(|error| error.to_string());
            assert!(old.is_ok() != new.is_ok(), "{cells:?}, {steps}: {old:?}, {new:?}");
            assert_eq!(old.is_ok(), !gone, "{cells:?}, {steps}");
        } else {
            let (closed, why) =
                if gone { (place.old(), "was moved to") } else { (place.new_one(), "unfinished") };
            assert!(refused(&closed).contains(why), "{cells:?}, {steps}");
        }
        place.go(usize::MAX).1.unwrap_or_else(|error| panic!("{cells:?}, {steps}: {error}"));
        is_moved(&place, &steps);
    }
}

#[test]
fn wherever_a_move_is_cut_off_one_folder_opens_and_the_same_call_ends_it() {
    cut_off_everywhere(Cells::Inside);
}

#[test]
fn the_same_with_a_share_on_another_disk() {
    cut_off_everywhere(Cells::Split);
}

#[test]
fn the_same_with_no_cell_in_the_folder() {
    cut_off_everywhere(Cells::Outside);
}

#[test]
fn a_share_that_was_copied_too_early_is_wiped_by_the_vault_that_stays() {
    let place = Place::new(Cells::Inside);
    let (steps, _) = place.go(5);
    assert_eq!(steps.last(), Some(&"share copied"), "{steps:?}");
    let copied = fs::read(place.new_one().join("root.cell")).unwrap();
    opens(&place.old()).unwrap();
    assert!(!place.new_one().join("root.cell").exists());
    // Somebody kept it: its share is of a root that is gone, on either side.
    fs::write(place.new_one().join("root.cell"), &copied).unwrap();
    assert!(refused(&place.new_one()).contains("unfinished"));
    place.go(usize::MAX).1.unwrap();
    is_moved(&place, "after a share that was copied too early");
}

#[test]
fn a_folder_that_is_no_place_for_it_is_refused_and_left_alone() {
    let place = Place::new(Cells::Inside);
    let refused = |target: &Path, why: &str| {
        let said = Vault::move_to(&place.old(), target, &options(), &mut |_, _| ()).unwrap_err();
        assert!(matches!(said, VaultError::Invalid { field: "target", .. }), "{said}");
        assert!(said.to_string().contains(why), "{said}");
    };
    refused(&place.old().join("inside"), "lies in the folder");
    refused(&place.path("disk/.."), "name a folder that is empty");
    fs::create_dir(place.path("full")).unwrap();
    fs::write(place.path("full/letter"), b"dear").unwrap();
    refused(&place.path("full"), "holds `letter`");
    assert_eq!(fs::read(place.path("full/letter")).unwrap(), b"dear");
    let other = Place::new(Cells::Inside);
    refused(&other.old(), "holds a vault");
    opens(&other.old()).unwrap();
    fs::remove_dir_all(place.old().join("inside")).unwrap();
    opens(&place.old()).unwrap();
    let nobody =
        Vault::move_to(&place.path("disk"), &place.new_one(), &options(), &mut |_, _| ()).unwrap_err();
    assert!(nobody.to_string().contains("holds no vault"), "{nobody}");

    // While somebody works in it.
    let vault = Vault::open(&place.old(), options()).unwrap();
    let held = Vault::move_to(&place.old(), &place.new_one(), &options(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(held, VaultError::InUse { .. }), "{held}");
    vault.close().unwrap();
    drop(vault);
    assert!(!place.new_one().exists());

    // What a crash leaves that came before the new folder's first marker is in nobody's way.
    fs::create_dir_all(place.new_one()).unwrap();
    fs::write(place.new_one().join("vault.json.new"), b"{").unwrap();
    // A second move is asked for another folder than the first.
    place.go(usize::MAX).1.unwrap();
    let elsewhere =
        Vault::move_to(&place.old(), &place.path("third"), &options(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(&elsewhere, VaultError::Moved { to, .. } if *to == place.new_one()), "{elsewhere}");
    is_moved(&place, "still");
    // And on it goes from there.
    Vault::move_to(&place.new_one(), &place.path("third"), &options(), &mut |_, _| ()).unwrap();
    opens(&place.path("third")).unwrap();
}

#[test]
fn a_vault_whose_old_disk_is_gone_in_the_middle_says_so_and_can_be_told() {
    let place = Place::new(Cells::Inside);
    let (steps, _) = place.go(6);
    assert_eq!(steps.last(), Some(&"moved"), "{steps:?}");
    let away = place.path("away");
    fs::rename(place.old(), &away).unwrap();
    let said = refused(&place.new_one());
    assert!(said.contains("mount that disk") && said.contains("--cell-destroyed"), "{said}");
    fs::rename(&away, place.old()).unwrap();
    let cell = place.old().join("root.cell");
    fs::remove_dir_all(place.old()).unwrap();
    Vault::cell_destroyed(&place.new_one(), &cell).unwrap();
    opens(&place.new_one()).unwrap();
}

#[test]
fn a_copy_of_the_key_pages_that_is_away_is_made_anew() {
    let place = Place::new(Cells::Inside);
    fs::rename(place.old().join("keys-b"), place.path("keys-b")).unwrap();
    std::os::unix::fs::symlink(place.path("nowhere"), place.old().join("keys-b")).unwrap();
    place.go(usize::MAX).1.unwrap();
    let vault = Vault::open(&place.new_one(), options()).unwrap();
    assert!(vault.status().unwrap().problems.iter().all(|problem| !problem.contains("stale")));
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
    let keys = place.new_one().join("keys-b");
    assert!(keys.is_dir() && !keys.is_symlink() && !place.new_one().join("keys.stale").exists());
    vault.close().unwrap();
}
