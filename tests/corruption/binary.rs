//! The same through the binary: what an operator sees, and the exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use oubliette::{Vault, VaultOptions};
use oubliette_engine::{KeyPlane, PageStore, SledOptions};

use crate::folder::{files, flip, places, put, remove};
use crate::insider::anchor_key;
use crate::sample::Sample;
use crate::verdict::{Outcome, look};

struct Ended {
    code: Option<i32>,
    said: String,
}

fn oubliette(data: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oubliette"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OUBLIETTE_"))
    {
        command.env_remove(name);
    }
    let output = command.arg("--data").arg(data).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Ended { code: output.status.code(), said: String::from_utf8_lossy(&said).into_owned() }
}

/// Whatever is flipped, `fsck` ends: with 0 where nothing is wrong, with 5 and a reason where something is.
#[test]
fn fsck_ends_with_0_or_5_whatever_is_flipped() {
    let sample = Sample::make();
    let mut damaged = 0;
    for (file, _) in files(&sample.path()) {
        let bytes = fs::read(sample.path().join(&file)).unwrap();
        for at in places(&bytes, Some(3)) {
            let (_folder, data) = sample.copy();
            flip(&data.join(&file), at, 0x20);
            let Ended { code, said } = oubliette(&data, &["fsck"]);
            assert!(matches!(code, Some(0 | 5)), "{} at {at}: {code:?} {said}", file.display());
            assert!(!said.contains("internal error"), "{} at {at}: {said}", file.display());
            damaged += u32::from(code == Some(5));
        }
    }
    assert!(damaged > 10, "{damaged}");
}

#[test]
fn fsck_of_a_vault_without_one_of_its_parts_ends_with_5() {
    let sample = Sample::make();
    for part in ["root.cell", "rows", "anchor", "vault.json"] {
        let (_folder, data) = sample.copy();
        remove(&data.join(part));
        let Ended { code, said } = oubliette(&data, &["fsck"]);
        assert_eq!(code, Some(5), "{part}: {said}");
    }
    let Ended { code, said } = oubliette(&sample.path().join("nothing"), &["fsck"]);
    assert!(code == Some(1) && said.contains("holds no vault"), "{code:?} {said}");
}

/// sled's panics come on threads of its own, where only the process can end on them.
#[test]
fn a_panic_of_the_row_engine_is_an_error_with_a_reason() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    let snapshot = files(&data.join("rows"))
        .into_iter()
        .find(|(file, _)| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap.")));
    let (snapshot, size) = snapshot.unwrap();
    let file = data.join("rows").join(snapshot);
    (0..size).step_by(7).for_each(|at| flip(&file, at, 0x55));
    let Ended { code, said } = oubliette(&data, &["fsck"]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("the row engine") && !said.contains("internal error"), "{said}");
}

/// Takes a page out of both copies: the state of one person, who is then lost.
fn lose_a_state_page(data: &Path) {
    let key = anchor_key(data);
    drop(key);
    let marker: serde_json::Value =
        serde_json::from_slice(&fs::read(data.join("vault.json")).unwrap()).unwrap();
    let vault = data_encoding::HEXLOWER.decode(marker["vault"].as_str().unwrap().as_bytes()).unwrap();
    let plane = KeyPlane::in_folder(data, vault.try_into().unwrap(), SledOptions::default());
    let pages = Arc::new(plane.open(&mut |_, _| ()).unwrap());
    let mut states = Vec::new();
    pages
        .for_each_id(&mut |id| {
            // The kind of a page stands in its fourth byte, in clear.
            if pages.read(&id).unwrap().is_some_and(|page| page[3] == 5) {
                states.push(id);
            }
        })
        .unwrap();
    pages.remove(&states[..1]).unwrap();
    pages.close().unwrap();
}

/// Dead pages may still lie about: a page in use is among the first few.
fn lose_a_person(data: &Path) {
    let mut lost = 0;
    while lost < 40 && oubliette(data, &["fsck"]).code == Some(0) {
        lose_a_state_page(data);
        lost += 1;
    }
}

#[test]
fn what_is_lost_is_given_up_when_asked_for_and_not_before() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    lose_a_person(&data);
    let Ended { code, said } = oubliette(&data, &["fsck", "--repair"]);
    assert!(code == Some(5) && said.contains("opens from no copy"), "{code:?} {said}");

    let Ended { code, said } = oubliette(&data, &["fsck", "--give-up-lost"]);
    assert!(code == Some(2) && said.contains("--yes"), "{code:?} {said}");
    assert_eq!(oubliette(&data, &["fsck"]).code, Some(5), "nothing was done");
    assert_eq!(oubliette(&data, &["fsck", "--yes"]).code, Some(2));

    let Ended { code, said } = oubliette(&data, &["fsck", "--give-up-lost", "--yes"]);
    assert!(code == Some(0) && said.contains("1 people whose keys are lost"), "{code:?} {said}");
    let Ended { code, said } = oubliette(&data, &["fsck"]);
    assert_eq!(code, Some(0), "{said}");
}

/// One copy of the keys may hold what the other lost: it must be there before anything is given up, and not be one that was made of the other.
#[test]
fn nothing_is_given_up_while_a_copy_of_the_keys_is_away() {
    let sample = Sample::make();
    let (folder, data) = sample.copy();
    let (copy, disk, away) = (data.join("keys-b"), folder.path().join("disk"), folder.path().join("away"));
    put(&copy, &away);
    // From here on the copy that is away alone holds somebody.
    lose_a_person(&data);
    remove(&copy);
    let refused = |how: &str| {
        let Ended { code, said } = oubliette(&data, &["fsck", "--give-up-lost", "--yes"]);
        assert!(code == Some(5) && said.contains("mount the disk"), "{how}: {code:?} {said}");
        assert!(!said.contains("taken out"), "{how}: {said}");
    };
    // Its folder is missing, also when asked a second time; is an empty place to mount it; is a link to nowhere.
    refused("missing");
    refused("missing still");
    assert!(!copy.exists(), "a copy was made of the other one");
    fs::create_dir(&copy).unwrap();
    refused("not mounted");
    assert!(!data.join("keys-b.damaged").exists(), "the place to mount it was set aside");
    remove(&copy);
    let other = folder.path().join("other");
    put(&data, &other);
    std::os::unix::fs::symlink(&disk, &copy).unwrap();
    refused("a link to nowhere");

    // Whoever opens the vault for anything else makes the missing copy anew.
    let vault = Vault::open(&other, VaultOptions::default()).unwrap();
    let said = vault.give_up_lost(&mut |_, _| ()).unwrap_err().to_string();
    assert!(said.contains("made anew") && said.contains("mount the disk"), "{said}");
    vault.close().unwrap();
    drop(vault);
    // It is truly lost, and an operator has said so.
    let Ended { code, said } = oubliette(&other, &["fsck", "--repair"]);
    assert!(code == Some(5) && said.contains("opens from no copy"), "{code:?} {said}");
    let Ended { code, said } = oubliette(&other, &["fsck", "--give-up-lost", "--yes"]);
    assert!(code == Some(0) && said.contains("1 people whose keys are lost"), "{code:?} {said}");

    fs::rename(&away, &disk).unwrap();
    let Ended { code, said } = oubliette(&data, &["fsck", "--repair"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(look(&data, VaultOptions::default()).unwrap().outcome, Outcome::Harmless);
}
