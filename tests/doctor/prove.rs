//! `oubliette prove` on real folders: what stays closed, what opens, and which file is to blame.

use std::fs;
use std::path::{Path, PathBuf};

use oubliette_client::{Client, NewMessage, SaveOptions};
use oubliette_closure::cell;
use serde_json::Value;
use tempfile::TempDir;

use crate::server::{self, Server};

const PEOPLE: [&str; 4] = ["ann", "bob", "cat", "dan"];

/// A vault, and a copy of its folder from before two people were erased and one forgot a slot.
struct Old {
    place: TempDir,
}

fn save(client: &Client, user: &str, slot: &str, bytes: &[u8]) {
    client.put_save(user, "doom", slot, &mut &*bytes, &SaveOptions::default()).unwrap();
}

/// Needs a blob, and is shorter than one chunk of its sealed body.
fn middle() -> Vec<u8> {
    large().split_off(233_000)
}

/// Does not compress, and needs a blob.
fn large() -> Vec<u8> {
    (0..30_000_u64)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).to_be_bytes())
        .collect()
}

impl Old {
    fn new() -> Self {
        let old = Self { place: tempfile::tempdir().unwrap() };
        let service = Server::start(&old.data());
        let client = service.client();
        for user in PEOPLE {
            client.put_subject(user, &Default::default(), false).unwrap();
            save(&client, user, "small", user.as_bytes());
            save(&client, user, "large", &large());
            save(&client, user, "middle", &middle());
            save(&client, user, "forgotten", b"soon");
        }
        for (from, to) in [("ann", "bob"), ("bob", "ann"), ("cat", "dan")] {
            let message = NewMessage { body: "hello".to_owned(), ..NewMessage::default() };
            client.send_message(from, to, &message).unwrap();
        }
        // While it runs: the newest rows may stand in the anchor's redo area alone.
        copy(&old.data(), &old.path("running"));
        let place = old.path("backups").display().to_string();
        let made = server::run(&old.data(), &["backup", "create", "--to", &place]);
        assert_eq!(made.code, Some(0), "{made:?}");
        assert_eq!(service.stop().code, Some(0));
        copy(&old.data(), &old.path("old"));
        assert!(server::erase(&old.data(), "bob") && server::erase(&old.data(), "dan"));
        let service = Server::start(&old.data());
        service.client().forget_save("ann", "doom", "forgotten", None).unwrap();
        assert_eq!(service.stop().code, Some(0));
        old
    }
    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }
    fn data(&self) -> PathBuf {
        self.path("vault")
    }
    /// Runs it on these copies; answers the exit code and what it found.
    fn prove(&self, copies: &[&str]) -> (Option<i32>, Value) {
        let paths: Vec<String> = copies.iter().map(|copy| self.path(copy).display().to_string()).collect();
        let named = paths.iter().flat_map(|path| ["--copy", path.as_str()]);
        let arguments: Vec<&str> = ["--json", "prove"].into_iter().chain(named).collect();
        let ended = server::run(&self.data(), &arguments);
        let found = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        (ended.code, found)
    }
    /// Everybody alive opened, nobody else did.
    fn is_proved(&self, copies: &[&str]) -> Value {
        let (code, found) = self.prove(copies);
        assert_eq!((code, &found["verdict"]), (Some(0), &"proved".into()), "{found:#}");
        assert_eq!(found["control_people"], 2, "{found:#}");
        assert!(found["control_values"].as_u64().unwrap() >= 8, "{found:#}");
        assert_eq!(found["control_opened"], found["control_values"]);
        assert_eq!(
            (&found["forgotten_values"], &found["forgotten_opened"]),
            (&2.into(), &0.into()),
            "{found:#}"
        );
        let erased = found["erased"].as_array().unwrap();
        assert_eq!(erased.len(), 2, "{found:#}");
        for person in erased {
            assert!(person["values"].as_u64().unwrap() >= 6 && person["opened"] == 0, "{found:#}");
            assert!(person["erased_at"].as_i64().unwrap() > 1_700_000_000, "{found:#}");
            // The receipt that the report names is theirs to be shown.
            let receipt = person["receipt"].as_str().unwrap();
            let shown = server::run(&self.data(), &["--json", "receipt", "show", receipt]);
            assert!(shown.code == Some(0) && shown.stdout.contains("erased"), "{shown:?}");
        }
        found
    }
    /// Everybody erased opened, by this file.
    fn is_opened(&self, copies: &[&str], by: &str) {
        let (code, found) = self.prove(copies);
        assert_eq!((code, &found["verdict"]), (Some(5), &"opens".into()), "{found:#}");
        assert_eq!(found["destroy"], serde_json::json!([self.path(by)]), "{found:#}");
        let leaks = found["leaks"].as_array().unwrap();
        let lives = |lives: bool| leaks.iter().filter(|leak| leak["lives"] == lives).count();
        assert_eq!((lives(false), lives(true)), (2, 1), "{found:#}");
        assert!(
            found["erased"].as_array().unwrap().iter().all(|person| person["opened"] == person["values"])
        );
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files of a folder one behind the other, at odd places, as an image of a disk has them.
fn image(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            image(&entry.path(), into);
        } else {
            into.extend_from_slice(b"odd");
            into.extend(fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn old_copies_are_noise_for_the_erased_once_the_old_cell_is_gone() {
    let old = Old::new();
    // A whole copy with its cell opens for everybody who was in it: the file to destroy is named.
    old.is_opened(&["old"], "old/root.cell");
    let kept = fs::read(old.path("old/root.cell")).unwrap();
    fs::write(old.path("old/root.cell"), vec![0; kept.len()]).unwrap();
    let found = old.is_proved(&["old"]);
    assert!(found["trials"].as_u64().unwrap() > 1000, "{found:#}");
    assert_eq!(found["left_out"], serde_json::json!([]));

    // Made beside the running service, with another copy, and with the vault's own folder as it is.
    fs::remove_file(old.path("running/root.cell")).unwrap();
    old.is_proved(&["running"]);
    old.is_proved(&["old", "running", "vault"]);

    // Without names of files and folders.
    let mut bytes = Vec::new();
    image(&old.path("old"), &mut bytes);
    fs::write(old.path("image"), &bytes).unwrap();
    old.is_proved(&["image"]);

    // What somebody kept elsewhere: the sectors of the old cell without its head, in the middle of other things.
    let sector = [&[7; 1000], &kept[4096..], &[7; 1000]].concat();
    fs::write(old.path("sector"), sector).unwrap();
    old.is_opened(&["old", "sector"], "sector");
    fs::remove_file(old.path("sector")).unwrap();

    // And a key in a log.
    let root = cell::roots(std::slice::from_ref(&kept))[0];
    let pointer = cell::pointers(&kept).next().unwrap();
    let key = cell::root_page_key(&root, &pointer).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(old.path("old/app.log"), format!("12:00 DEBUG page key {hex} derived\n")).unwrap();
    old.is_opened(&["old"], "old/app.log");
    fs::remove_file(old.path("old/app.log")).unwrap();
    old.is_proved(&["old"]);
}

#[test]
fn a_run_that_shows_nothing_says_so() {
    let old = Old::new();
    let nothing = server::run(&old.data(), &["prove", "--copy", old.path("nowhere").to_str().unwrap()]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    // Another vault's copy, and one without rows.
    let other = Old::new();
    copy(&other.path("old"), &old.path("other"));
    copy(&old.path("old/keys-a"), &old.path("keys"));
    for copy in ["other", "keys"] {
        let (code, found) = old.prove(&[copy]);
        assert_eq!((code, &found["verdict"]), (Some(1), &"nothing_proved".into()), "{found:#}");
    }
    // A damaged one: the value of somebody who lives is there, and does not open.
    fs::remove_file(old.path("old/root.cell")).unwrap();
    let pack = fs::read_dir(old.path("old/blobs")).unwrap().map(Result::unwrap);
    let pack = pack.max_by_key(|entry| entry.metadata().unwrap().len()).unwrap().path();
    let whole = fs::read(&pack).unwrap();
    let mut damaged = whole.clone();
    // Behind each salt, which stays.
    (0..damaged.len()).step_by(4096).for_each(|block| damaged[block + 30] ^= 1);
    fs::write(&pack, damaged).unwrap();
    let (code, found) = old.prove(&["old"]);
    assert_eq!((code, &found["verdict"]), (Some(1), &"nothing_proved".into()), "{found:#}");
    assert!(found["control_opened"].as_u64() < found["control_values"].as_u64());
    fs::write(&pack, whole).unwrap();
    old.is_proved(&["old"]);

    // Not beside a service; and the page that is filed.
    let service = Server::start(&old.data());
    let held = server::run(&old.data(), &["prove", "--copy", old.path("old").to_str().unwrap()]);
    assert!(held.code == Some(1) && held.stderr.contains("in use"), "{held:?}");
    assert_eq!(service.stop().code, Some(0));
    for (name, begins) in [("proof.html", "<!doctype html>"), ("proof.txt", "PROVED: of 2 erased people")] {
        let (copy, page) = (old.path("old"), old.path(name));
        let arguments = ["prove", "--copy", copy.to_str().unwrap(), "--report", page.to_str().unwrap()];
        let ended = server::run(&old.data(), &arguments);
        assert!(ended.code == Some(0) && ended.stdout.contains("PROVED"), "{ended:?}");
        let page = fs::read_to_string(page).unwrap();
        assert!(page.starts_with(begins) && page.contains("PROVED"), "{page}");
        assert!(PEOPLE.iter().all(|name| !page.contains(&format!(" {name}"))), "{page}");
    }
    let log = server::run(&old.data(), &["log", "verify"]);
    assert_eq!(log.code, Some(0), "{log:?}");
}

/// Erasing any share erases the root: so one that was copied is worth nothing by itself.
#[test]
fn of_a_split_root_one_old_share_opens_nothing_and_both_do() {
    let old = Old { place: tempfile::tempdir().unwrap() };
    fs::create_dir(old.path("disk")).unwrap();
    let second = old.path("disk/root.cell");
    let service =
        Server::try_start(&server::binary(), &old.data(), &["--cell", second.to_str().unwrap()]).unwrap();
    for user in ["ann", "bob"] {
        service.client().put_subject(user, &Default::default(), false).unwrap();
        save(&service.client(), user, "small", user.as_bytes());
    }
    assert_eq!(service.stop().code, Some(0));
    copy(&old.data(), &old.path("old"));
    copy(&old.path("disk"), &old.path("old-disk"));
    assert!(server::erase(&old.data(), "bob"));

    let (code, found) = old.prove(&["old"]);
    assert_eq!((code, &found["verdict"]), (Some(0), &"proved".into()), "{found:#}");
    assert!(found["copies"][0]["shares"].as_u64().unwrap() > 0 && found["roots"].as_u64().unwrap() > 1);
    let (code, found) = old.prove(&["old", "old-disk"]);
    assert_eq!((code, &found["verdict"]), (Some(5), &"opens".into()), "{found:#}");
    // A report that cannot be written hides nothing.
    let copies = [old.path("old"), old.path("old-disk")].map(|copy| copy.to_str().unwrap().to_owned());
    let report = old.path("nowhere/report.html");
    let arguments =
        ["prove", "--copy", &copies[0], "--copy", &copies[1], "--report", report.to_str().unwrap()];
    let ended = server::run(&old.data(), &arguments);
    assert!(ended.code == Some(5) && !ended.stdout.is_empty(), "{ended:?}");
    assert!(ended.stderr.contains("writing the report"), "{ended:?}");
    let both = [old.path("old-disk/root.cell"), old.path("old/root.cell")];
    assert_eq!(found["destroy"], serde_json::json!(both), "{found:#}");
}

#[test]
fn a_backup_of_before_opens_for_the_living_alone() {
    let old = Old::new();
    old.is_proved(&["backups"]);
}
