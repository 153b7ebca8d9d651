//! Backups that are asked for over HTTP, and by an operator beside the service.

use std::time::{Duration, Instant};

use oubliette_client::{BackupState, Client};
use oubliette_service::{
    Config,
    operator::{Answer, Command},
};
use oubliette_store::{BackupSettings, Vault, VaultOptions};

use crate::support::{Service, noise, operate, refused};

fn with_place() -> Service {
    let folder = tempfile::tempdir().unwrap();
    let to = Some(folder.path().join("backups").to_str().unwrap().to_owned());
    let backup = BackupSettings { to, ..BackupSettings::default() };
    let options = VaultOptions { backup, ..VaultOptions::default() };
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    Service::over(folder, vault, Config::default())
}

fn ended(client: &Client, id: &str) -> BackupState {
    let begun = Instant::now();
    loop {
        let state = client.backup(id).unwrap();
        if state.state != "running" {
            return state;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{state:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_backup_is_begun_followed_and_listed() {
    let service = with_place();
    let client = service.with_people(&["alice", "bob"]);
    for user in ["alice", "bob"] {
        client.put_save(user, "chess", "1", &mut noise(1, 200_000).as_slice(), &Default::default()).unwrap();
    }
    assert!(client.backups().unwrap().is_empty());
    let begun = client.begin_backup(false).unwrap();
    assert_eq!(begun.state, "running");
    let done = ended(&client, &begun.id);
    assert_eq!(
        (done.state.as_str(), done.people, done.sound, done.erased),
        ("finished", Some(2), Some(true), Some(0))
    );
    service.erase("bob").unwrap();
    let listed = client.backups().unwrap();
    assert_eq!((listed.len(), listed[0].living, listed[0].erased), (1, Some(1), Some(1)));
    assert!(listed[0].says.as_ref().unwrap().contains("unreadable now for 1 person"), "{listed:?}");
    // By an operator, through the socket, to the same place: it goes on from there.
    let create = Command::BackupCreate { to: None, full: false, region: None };
    let Answer::Backup(second) = operate(&service.data(), &create).unwrap() else { panic!("another answer") };
    assert_eq!((second.number, second.people), (Some(2), Some(1)));
    assert!(second.added.unwrap() < done.added.unwrap() / 4);
    assert_eq!(client.backups().unwrap().len(), 2);

    refused(client.backup("20260301T120000Z-00000000"), 404, "not_found");
    let wrong =
        service.raw("POST", "/v1/backups", &[("Content-Type", "application/json")], br#"{"to":"/etc"}"#);
    assert_eq!(wrong.status, 400, "the place is not the client's to say: {wrong:?}");
    assert_eq!(wrong.json()["field"], "to");
}

#[test]
fn what_cannot_begin_or_fails_says_so() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    assert!(client.backups().unwrap().is_empty());
    refused(client.begin_backup(false), 400, "invalid");
    drop(client);
    drop(service);

    let service = with_place();
    let client = service.client();
    let place = service.folder.path().join("backups");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("segment-x"), b"nobody's").unwrap();
    // A folder where a file has to come: the write fails.
    std::fs::create_dir(place.join("manifest-20260301T120000Z-00000000")).unwrap();
    let begun = client.begin_backup(true).unwrap();
    let failed = ended(&client, &begun.id);
    assert_eq!((failed.state.as_str(), failed.code.as_deref()), ("failed", Some("backup_target")));
    assert!(failed.detail.unwrap().contains("the service's log"));
    let warnings = service.bare("GET", "/readyz", &[], b"").json()["warnings"].to_string();
    assert!(warnings.contains("the last backup failed"), "{warnings}");
    refused(client.backups(), 502, "backup_target");
    std::fs::remove_dir(place.join("manifest-20260301T120000Z-00000000")).unwrap();
    assert_eq!(ended(&client, &client.begin_backup(false).unwrap().id).state, "finished");
    let states: Vec<String> = client.backups().unwrap().into_iter().map(|backup| backup.state).collect();
    assert_eq!(states, ["finished", "failed"]);
    // The ends are recorded, too: nobody waited for them.
    let entries = service.raw("GET", "/v1/audit?limit=1000", &[], b"").json()["entries"].to_string();
    assert!(entries.contains("backup create") && entries.contains("POST /v1/backups"), "{entries}");
}
