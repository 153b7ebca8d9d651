//! A vault in a real folder: opening, and what is said when something is missing.

use std::fs;
use std::path::Path;

use oubliette_engine::{KeyPlane, PageStore, SledMode, SledOptions};
use oubliette_store::{EngineOptions, RemakeCopies, Vault, VaultError, VaultOptions};
use tempfile::TempDir;

use crate::world::{get, noise, person, put, text, texts};

pub(crate) fn options() -> VaultOptions {
    // Without the binary's system call filter.
    let sled = SledOptions { mode: SledMode::Exclusive, cache_bytes: 8 << 20, ..SledOptions::default() };
    VaultOptions { engine: EngineOptions { sled, ..EngineOptions::default() }, ..VaultOptions::default() }
}

fn open(dir: &Path) -> Result<Vault, VaultError> {
    Vault::open(dir, options())
}

/// A closed vault with something in it.
fn made() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::create(dir.path(), options()).unwrap();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    put(&ann, "big", &noise(700_000, 4));
    put(&ann, "gone", &noise(50_000, 5));
    ann.chats().append("bob", &[text("hi")]).unwrap();
    ann.saves().forget_slot("doom", "gone").unwrap();
    put(&bob, "x", b"y");
    vault.erase(&["bob"]).unwrap();
    vault.close().unwrap();
    vault.close().unwrap();
    dir
}

fn whole(vault: &Vault) {
    readable(vault);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

fn readable(vault: &Vault) {
    let ann = vault.subject("ann").unwrap();
    assert_eq!(get(&ann, "big", None).unwrap(), noise(700_000, 4));
    assert_eq!(texts(&ann, "bob"), ["hi"]);
    assert!(matches!(vault.subject("bob"), Err(VaultError::SubjectErased { .. })));
}

#[test]
fn a_vault_comes_back_and_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;
    let dir = made();
    assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o700);
    let vault = open(dir.path()).unwrap();
    whole(&vault);
    assert!(matches!(open(dir.path()), Err(VaultError::InUse { .. })));
    assert!(matches!(Vault::create(dir.path(), options()), Err(VaultError::Format { .. })));
    assert!(vault.not_ready().is_empty(), "{:?}", vault.not_ready());
    let status = vault.status().unwrap();
    assert!(
        status.subjects == 1
            && status.blob_disk > 700_000
            && status.cells.len() == 1
            && status.cell_class == status.cells[0].class
            && status.problems.is_empty()
    );
    while vault.sweep(100).unwrap().left > 0 {}
    vault.close().unwrap();
    drop(vault);
    whole(&open(dir.path()).unwrap());
}

#[test]
fn a_missing_or_foreign_cell_is_named() {
    let (dir, other) = (made(), made());
    let cell = dir.path().join("root.cell");
    fs::rename(&cell, dir.path().join("aside")).unwrap();
    let said = |result: Result<Vault, VaultError>| match result.err().unwrap() {
        VaultError::KeysLost { detail } => detail,
        other => panic!("{other}"),
    };
    assert!(said(open(dir.path())).contains("root.cell is missing"));
    fs::copy(other.path().join("root.cell"), &cell).unwrap();
    assert!(said(open(dir.path())).contains("belongs to vault"));
    fs::write(&cell, vec![0; 57_344]).unwrap();
    said(open(dir.path()));
    fs::rename(dir.path().join("aside"), &cell).unwrap();
    whole(&open(dir.path()).unwrap());
}

#[test]
fn a_lost_copy_of_the_key_plane_is_made_anew() {
    for lost in ["keys-a", "keys-b"] {
        let dir = made();
        fs::remove_dir_all(dir.path().join(lost)).unwrap();
        let vault = open(dir.path()).unwrap();
        whole(&vault);
        assert!(vault.status().unwrap().problems.iter().any(|p| p.contains(lost)), "{lost}");
        vault.close().unwrap();
        drop(vault);
        let kept = if lost == "keys-a" { "keys-b" } else { "keys-a" };
        fs::remove_dir_all(dir.path().join(kept)).unwrap();
        whole(&open(dir.path()).unwrap());
    }
}

/// The copy that is away may hold what the other lost; one that was made of the other does not.
#[test]
fn nothing_is_given_up_beside_a_copy_that_is_away_or_was_made_of_the_other() {
    let (dir, disk) = (made(), tempfile::tempdir().unwrap());
    let (copy, away) = (dir.path().join("keys-b"), disk.path().join("copy"));
    fs::rename(&copy, &away).unwrap();
    lose_states(dir.path());
    let nothing = || VaultOptions { remake_key_copies: RemakeCopies::Nothing, ..options() };
    for (options, made_anew) in [(nothing(), false), (nothing(), false), (options(), true)] {
        let vault = Vault::open(dir.path(), options).unwrap();
        assert!(matches!(vault.subject("ann"), Err(VaultError::Corrupt { .. })));
        let said = vault.give_up_lost(&mut |_, _| ()).unwrap_err().to_string();
        assert!(said.contains("mount the disk") && said.contains("made anew from") == made_anew, "{said}");
        assert_eq!((copy.exists(), vault.status().unwrap().subjects), (made_anew, 1));
        vault.close().unwrap();
    }
    fs::remove_dir_all(&copy).unwrap();
    fs::rename(&away, &copy).unwrap();
    let vault = open(dir.path()).unwrap();
    assert!(vault.fsck(true, &mut |_, _| ()).unwrap().faults.is_empty());
    whole(&vault);
}

/// Takes all states of people out of the copies that are there.
fn lose_states(dir: &Path) {
    let marker: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("vault.json")).unwrap()).unwrap();
    let vault = data_encoding::HEXLOWER.decode(marker["vault"].as_str().unwrap().as_bytes()).unwrap();
    let plane = KeyPlane::in_folder(dir, vault.try_into().unwrap(), options().engine.sled);
    let pages = plane.open(&mut |_, _| ()).unwrap();
    let mut states = Vec::new();
    // The kind of a page stands in its fourth byte, in clear.
    let state = |id| pages.read(&id).unwrap().is_some_and(|page| page[3] == 5);
    pages.for_each_id(&mut |id| states.extend(Some(id).filter(|id| state(*id)))).unwrap();
    pages.remove(&states).unwrap();
    pages.close().unwrap();
}

#[test]
fn lost_rows_and_strange_folders_are_named() {
    let dir = made();
    fs::remove_dir_all(dir.path().join("rows")).unwrap();
    assert!(matches!(open(dir.path()), Err(VaultError::RowsLost { .. })));

    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(open(empty.path()), Err(VaultError::Format { .. })));
    assert!(matches!(open(&empty.path().join("nowhere")), Err(VaultError::Format { .. })));

    let dir = made();
    let marker = dir.path().join("vault.json");
    let json = fs::read_to_string(&marker).unwrap();
    for bad in [json.replace("\"format\": 1", "\"format\": 2"), json.replace("sled", "redb"), "{".to_owned()]
    {
        assert_ne!(bad, json);
        fs::write(&marker, bad).unwrap();
        assert!(matches!(open(dir.path()), Err(VaultError::Format { .. })));
    }
    fs::remove_file(&marker).unwrap();
    let said = open(dir.path()).err().unwrap().to_string();
    assert!(said.contains("vault.json"), "{said}");
    fs::write(&marker, json).unwrap();
    whole(&open(dir.path()).unwrap());
}

/// No name and no user id stands in any file but inside sealed bytes.
#[test]
fn the_folder_tells_no_names() {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::create(dir.path(), options()).unwrap();
    let subject = person(&vault, "canary-user");
    subject
        .saves()
        .put("canary-game", "canary-slot", &Default::default(), &mut b"canary-save".as_slice())
        .unwrap();
    person(&vault, "canary-peer");
    subject.chats().append("canary-peer", &[text("canary-text")]).unwrap();
    subject.consents().give("steam_credentials", &Default::default()).unwrap();
    let fields = oubliette_store::SteamFields([("password".to_owned(), "canary-password".to_owned())].into());
    subject.credentials().set_steam("canary-account", fields).unwrap();
    vault.close().unwrap();
    let mut files = 0;
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"canary"), "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 6);
}

/// A link whose target is not mounted counted as a missing copy, and the copy was made anew on the wrong disk.
#[test]
fn a_dangling_link_to_a_copy_is_not_rebuilt() {
    for copy in ["keys-a", "keys-b"] {
        let (dir, disk) = (made(), tempfile::tempdir().unwrap());
        let (link, target) = (dir.path().join(copy), disk.path().join("copy"));
        fs::rename(&link, &target).ok().unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let vault = open(dir.path()).unwrap();
        assert_eq!(vault.status().unwrap().problems, Vec::<String>::new());
        vault.close().unwrap();
        drop(vault);

        // Not mounted: the other copy serves, and says so.
        fs::rename(&target, disk.path().join("away")).unwrap();
        let vault = open(dir.path()).unwrap();
        readable(&vault);
        let problems = vault.status().unwrap().problems.join("; ");
        assert!(problems.contains(if copy == "keys-a" { "copy a" } else { "copy b" }), "{problems}");
        vault.close().unwrap();
        drop(vault);
        let repair = VaultOptions { remake_key_copies: RemakeCopies::Broken, ..options() };
        let said = Vault::open(dir.path(), repair).err().unwrap().to_string();
        assert!(said.contains(copy) && said.contains("mount the disk"), "{said}");
        assert!(link.is_symlink() && !target.exists());

        // Back again, it is brought up to date.
        fs::rename(disk.path().join("away"), &target).unwrap();
        let vault = open(dir.path()).unwrap();
        whole(&vault);
        assert!(vault.status().unwrap().problems.is_empty());
    }
}
