//! Restoring a folder's vault: rows from the backup, keys of today.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use oubliette_store::{
    ConsentGiven, NewBackup, NewHold, RestoredState, S3Options, SteamFields, Vault, VaultError, VaultOptions,
    open_backup_store, restore_backup,
};

use super::place::{Place, back_up};
use crate::world::{ManualClock, get, noise, person, put, text};

const MINUTE: u64 = 60_000_000;

fn options(clock: &Arc<ManualClock>) -> VaultOptions {
    VaultOptions { clock: Some(Arc::<ManualClock>::clone(clock)), ..VaultOptions::default() }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(1_700_000_000_000_000))
}

/// A vault with a backup, and what happened since.
fn lived(dir: &Path, place: &Place, clock: &Arc<ManualClock>) {
    let vault = Vault::create(&dir.join("old"), options(clock)).unwrap();
    for (n, user) in ["ann", "bob", "cat"].into_iter().enumerate() {
        let subject = person(&vault, user);
        put(&subject, "small", user.as_bytes());
        put(&subject, "large", &noise(200_000, n as u64));
        subject.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
        let fields = [("password".to_owned(), "hunter2".to_owned())];
        subject.credentials().set_steam("acc", SteamFields(fields.into())).unwrap();
    }
    put(&vault.subject("cat").unwrap(), "forgotten", b"f");
    back_up(&vault, place).unwrap();
    clock.advance(MINUTE);
    vault.erase(&["bob"]).unwrap();
    let cat = vault.subject("cat").unwrap();
    cat.holds().place("court", &NewHold { reason: None, expires: None }).unwrap();
    vault.subject("ann").unwrap().chats().block("cat").unwrap();
    vault.subject("ann").unwrap().consents().withdraw("steam_credentials").unwrap();
    put(&vault.subject("ann").unwrap(), "lost", b"since the backup");
    put(&person(&vault, "dan"), "lost", b"since the backup");
    vault.close().unwrap();
}

fn restored(
    dir: &Path,
    place: &Place,
    clock: &Arc<ManualClock>,
) -> Result<oubliette_store::RestoreReport, VaultError> {
    restore_backup(place, None, &dir.join("new"), &dir.join("old"), &options(clock), &mut |_| ())
}

fn is_right(dir: &Path, clock: &Arc<ManualClock>) {
    let vault = Vault::open(&dir.join("new"), options(clock)).unwrap();
    for (n, user) in [(0, "ann"), (2, "cat")] {
        let subject = vault.subject(user).unwrap();
        assert_eq!(get(&subject, "small", None).unwrap(), user.as_bytes());
        assert!(get(&subject, "large", None).unwrap() == noise(200_000, n));
        assert!(matches!(get(&subject, "lost", None), Err(VaultError::NotFound { .. })));
    }
    // What restricts is what it was: of today.
    assert!(matches!(vault.subject("bob"), Err(VaultError::SubjectErased { .. })));
    assert_eq!(vault.subject("cat").unwrap().holds().list().unwrap().len(), 1);
    let ann = vault.subject("ann").unwrap();
    assert_eq!(ann.chats().blocked().unwrap().len(), 1);
    assert!(matches!(
        ann.credentials().steam("acc"),
        Err(VaultError::ConsentRequired { .. } | VaultError::NotFound { .. })
    ));
    assert!(vault.subject("cat").unwrap().credentials().steam("acc").is_ok());
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty(), "{report:?}");
    assert!(vault.status().unwrap().problems.is_empty());
    vault.close().unwrap();
}

#[test]
fn rows_come_from_the_backup_and_everything_else_is_of_today() {
    let (dir, place, clock) = (tempfile::tempdir().unwrap(), Place::default(), clock());
    let dir = dir.path();
    lived(dir, &place, &clock);
    let report = restored(dir, &place, &clock).unwrap();
    assert_eq!(report.count(RestoredState::Whole), 2);
    assert_eq!(report.count(RestoredState::Noise), 1);
    assert_eq!(report.count(RestoredState::Newer), 1);
    let of = |user: &str| report.people.iter().find(|person| person.user.as_deref() == Some(user)).unwrap();
    assert_eq!((of("dan").state, of("dan").rows), (RestoredState::Newer, 0));
    assert!(of("ann").forgotten > 0 && of("cat").forgotten == 0 && of("cat").rows > 4, "{report:?}");
    let gone = report.people.iter().find(|person| person.user.is_none()).unwrap();
    assert!(gone.state == RestoredState::Noise && gone.rows > 3);
    assert!(!format!("{report:?}").contains("ann"), "no name in what may be logged");
    assert!(report.notes.is_empty(), "{report:?}");
    is_right(dir, &clock);
    let moved = Vault::open(&dir.join("old"), options(&clock)).map(drop).unwrap_err();
    assert!(matches!(moved, VaultError::Moved { .. }), "{moved}");
    // Said again, it is done already.
    assert!(restored(dir, &place, &clock).unwrap().backup.is_none());
    is_right(dir, &clock);
    // And the next backup builds on the one before.
    let vault = Vault::open(&dir.join("new"), options(&clock)).unwrap();
    put(&vault.subject("ann").unwrap(), "after", b"the restore");
    assert!(back_up(&vault, &place).unwrap().added < 20_000);
    assert!(vault.backups().verify(&place, None, &mut |_| ()).unwrap().faults.is_empty());
    vault.close().unwrap();
}

/// Until its end the vault is where it was, and the same call begins anew.
#[test]
fn a_restore_that_ends_early_leaves_the_vault_where_it_was() {
    let (dir, place, clock) = (tempfile::tempdir().unwrap(), Place::default(), clock());
    let dir = dir.path();
    lived(dir, &place, &clock);
    let segment = place.names("segment-").remove(0);
    let length = place.objects()[&segment].len();
    place.objects().get_mut(&segment).unwrap()[length / 2] ^= 1;
    let refused = restored(dir, &place, &clock).unwrap_err();
    assert!(matches!(&refused, VaultError::Corrupt { what } if what.contains(&segment)), "{refused}");
    let unfinished = Vault::open(&dir.join("new"), options(&clock)).map(drop).unwrap_err();
    assert!(unfinished.to_string().contains("unfinished"), "{unfinished}");
    let vault = Vault::open(&dir.join("old"), options(&clock)).unwrap();
    assert_eq!(get(&vault.subject("dan").unwrap(), "lost", None).unwrap(), b"since the backup");
    vault.close().unwrap();
    place.objects().get_mut(&segment).unwrap()[length / 2] ^= 1;
    assert_eq!(restored(dir, &place, &clock).unwrap().count(RestoredState::Whole), 2);
    is_right(dir, &clock);
}

/// Saves of a size as they have it and messages, of 60 people; then one in a hundred changes.
#[test]
fn after_a_change_of_one_in_a_hundred_at_most_three_in_a_hundred_bytes_are_moved() {
    let (dir, place, clock) = (tempfile::tempdir().unwrap(), Place::default(), clock());
    let at = |name: &str| dir.path().join(name);
    let vault = Vault::create(&at("vault"), options(&clock)).unwrap();
    for n in 0..60_u64 {
        let user = person(&vault, &format!("user {n}"));
        for slot in 0..5 {
            put(&user, &format!("slot {slot}"), &noise(6_000 + 97 * n as usize, n * 10 + slot));
        }
        if n > 0 {
            let lines: Vec<_> = (0..20).map(|line| text(&format!("line {line}"))).collect();
            user.chats().append("user 0", &lines).unwrap();
        }
    }
    let whole = back_up(&vault, &place).unwrap();
    let held = place.bytes();
    place.moved();
    let user = |n: u64| vault.subject(&format!("user {n}")).unwrap();
    for n in 0..3 {
        put(&user(n), "slot 1", &noise(6_000, 1_000 + n));
        user(n + 10).chats().append("user 0", &[text("one more")]).unwrap();
    }
    user(59).saves().forget_slot("doom", "slot 4").unwrap();
    let next = back_up(&vault, &place).unwrap();
    let (written, read) = place.moved();
    println!(
        "assured: backup after a change of 1 %: {written} bytes written and {read} read (read back included), of {held}"
    );
    assert!(written + read <= held * 3 / 100, "{written} + {read} of {held}");
    assert!(next.added < whole.added / 50 && next.number == 2);
    // Nothing changed: next to nothing is written.
    back_up(&vault, &place).unwrap();
    assert!(place.moved().0 < 4096);
    vault.close().unwrap();

    let restored = |id: &str, from: &str, to: &str| {
        restore_backup(&place, Some(id), &at(to), &at(from), &options(&clock), &mut |_| ()).unwrap();
        Vault::open(&at(to), options(&clock)).unwrap()
    };
    let vault = restored(&next.id, "vault", "second");
    let of = |n: u64, slot: &str| get(&vault.subject(&format!("user {n}")).unwrap(), slot, None);
    assert!(of(1, "slot 1").unwrap() == noise(6_000, 1_001));
    assert!(of(40, "slot 3").unwrap() == noise(6_000 + 97 * 40, 403));
    assert!(matches!(of(59, "slot 4"), Err(VaultError::NotFound { .. })));
    vault.close().unwrap();
    // And back to the first.
    let vault = restored(&whole.id, "second", "third");
    assert!(get(&vault.subject("user 1").unwrap(), "slot 1", None).unwrap() == noise(6_000 + 97, 11));
    vault.close().unwrap();
}

#[test]
fn a_folder_is_a_place_and_tables_are_kept_beside_the_vault() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let at = dir.path().join("deep/backups");
    let open = || open_backup_store(at.to_str().unwrap(), &S3Options::default()).unwrap();
    let vault = Vault::create(&dir.path().join("vault"), options(&clock)).unwrap();
    put(&person(&vault, "ann"), "large", &noise(300_000, 1));
    let create = || vault.backups().create(&*open(), &NewBackup::default(), &mut |_| ()).unwrap();
    create();
    put(&vault.subject("ann").unwrap(), "more", b"m");
    let made = create();
    assert_eq!(made.number, 2);
    let names: Vec<String> = open().list().unwrap();
    assert_eq!(names.iter().filter(|name| name.starts_with("segment-")).count(), 2);
    assert_eq!(names.len(), 4, "{names:?}");
    let tables = dir.path().join("vault/backup-tables");
    assert_eq!(fs::read_dir(&tables).unwrap().count(), 2);
    // A copy that is not the true one is passed over, and those that are gone are fetched again.
    for copy in fs::read_dir(&tables).unwrap() {
        fs::write(copy.unwrap().path(), b"something else").unwrap();
    }
    put(&vault.subject("ann").unwrap(), "more", b"n");
    create();
    fs::remove_dir_all(&tables).unwrap();
    put(&vault.subject("ann").unwrap(), "more", b"o");
    assert!(create().added < 10_000);
    assert!(vault.backups().verify(&*open(), None, &mut |_| ()).unwrap().faults.is_empty());
    // Somebody broke off in the middle of a file.
    fs::write(at.join(".tmp-segment-00"), b"half").unwrap();
    let keep = oubliette_store::KeepBackups { last: Some(1), days: None };
    vault.backups().prune(&*open(), keep).unwrap();
    assert!(!at.join(".tmp-segment-00").exists());
    vault.close().unwrap();
    let file = dir.path().join("a file");
    fs::write(&file, b"").unwrap();
    for wrong in [file.to_str().unwrap(), "", "ftp://x", "s3://"] {
        assert!(open_backup_store(wrong, &S3Options::default()).is_err(), "{wrong}");
    }
}
