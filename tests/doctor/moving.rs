//! `oubliette move`: to another folder, to another file system, and not beside a service.

use std::fs;
use std::io::Read;
use std::path::Path;

use oubliette_client::{SaveOptions, SaveRead};

use crate::{
    disk::Disk,
    server::{self, Server},
    support,
};

fn move_to(data: &Path, to: &Path) -> server::Ended {
    server::run(data, &["move", "--to", to.to_str().unwrap(), "--yes"])
}

#[test]
fn a_vault_moves_by_the_command_and_its_old_folder_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let service = Server::start(&old);
    service.client().put_subject("ann", &Default::default(), false).unwrap();
    service.client().put_subject("bob", &Default::default(), false).unwrap();
    assert!(server::erase(&old, "bob"));
    let held = move_to(&old, &new);
    assert!(held.code == Some(1) && held.stderr.contains("in use") && !new.exists(), "{held:?}");
    assert_eq!(service.stop().code, Some(0));
    let asked = server::run(&old, &["move", "--to", new.to_str().unwrap()]);
    assert!(asked.code == Some(2) && asked.stderr.contains("--yes") && !new.exists(), "{asked:?}");

    let kept = fs::read(old.join("root.cell")).unwrap();
    let done = move_to(&old, &new);
    assert!(done.code == Some(0) && done.stdout.contains("holds no key any more"), "{done:?}");
    let again = server::run(&old, &["move", "--to", new.to_str().unwrap(), "--yes", "--json"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    let told: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(told["problems"], serde_json::json!([]));
    assert!(told["cells"][0].as_str().unwrap().ends_with("new/root.cell"), "{told}");

    // Even with a copy of its old cell put back.
    for bytes in [None, Some(kept)] {
        bytes.iter().for_each(|bytes| fs::write(old.join("root.cell"), bytes).unwrap());
        for command in [
            &["status"][..],
            &["fsck"],
            &["doctor", "--trust-clock", "--yes"],
            &["subject", "erase", "ann", "--yes"],
        ] {
            let refused = server::run(&old, command);
            assert!(refused.code != Some(0), "{command:?}: {refused:?}");
        }
        let refused = Server::try_start(&server::binary(), &old, &[]).err().unwrap();
        assert!(refused.stderr.contains("was moved to") && refused.stderr.contains("/new"), "{refused:?}");
    }
    let log = server::run(&new, &["log", "verify"]);
    assert_eq!(log.code, Some(0), "{log:?}");
    let service = Server::start(&new);
    assert!(service.client().subject("ann").is_ok());
    assert!(service.client().subject("bob").is_err());
    let audited = service.client().audit(&Default::default()).unwrap();
    let moves = audited.items.iter().filter(|entry| entry.operation == "move").count();
    // The second command found the vault moved, and only its end is recorded.
    assert_eq!(moves, 3, "{:?}", audited.items);
    assert_eq!(service.stop().code, Some(0));
}

#[test]
fn a_vault_moves_to_another_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old");
    let Some(disk) = Disk::tmpfs(512 << 20) else {
        support::left_out("a vault moves to another file system", "nothing can be mounted here");
        return;
    };
    let service = Server::start(&old);
    service.client().put_subject("ann", &Default::default(), false).unwrap();
    let big = vec![7; 3 << 20];
    let stored =
        service.client().put_save("ann", "doom", "one", &mut big.as_slice(), &SaveOptions::default());
    assert_eq!(stored.unwrap().version, 1);
    assert_eq!(service.stop().code, Some(0));
    let done = move_to(&old, &disk.path().join("vault"));
    assert_eq!(done.code, Some(0), "{done:?}");
    let service = Server::start(&disk.path().join("vault"));
    let mut read = Vec::new();
    let body = service.client().save("ann", "doom", "one", &SaveRead::default()).unwrap();
    body.unwrap().read_to_end(&mut read).unwrap();
    assert!(read == big);
    assert_eq!(service.stop().code, Some(0));
}
