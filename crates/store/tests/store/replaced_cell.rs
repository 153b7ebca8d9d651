//! A cell whose file is replaced or removed while the vault is open: what rsync and a restore do.

use std::fs;
use std::process::Command;

use oubliette_store::{SubjectFacts, Vault, VaultError, VaultOptions};

use crate::folder::options;
use crate::world::{get, person, put};

/// The open file takes every write, and is gone with the process: what was acknowledged would be, too.
#[test]
fn changes_are_refused_until_the_cell_is_back_or_was_copied() {
    for (shares, n, removed) in [(1, 0, false), (1, 0, true), (2, 0, true), (2, 1, false)] {
        let folder = tempfile::tempdir().unwrap();
        let [data, further, aside] = ["vault", "further.cell", "aside"].map(|name| folder.path().join(name));
        let all = [data.join("root.cell"), further];
        let vault =
            Vault::create(&data, VaultOptions { cells: all[1..shares].to_vec(), ..options() }).unwrap();
        put(&person(&vault, "ann"), "one", b"kept");
        let cell = &all[n];
        let refused = || {
            let generation = vault.status().unwrap().generation;
            let created = vault.put_subject("eve", &SubjectFacts::default(), false);
            assert!(matches!(created, Err(VaultError::CellReplaced { .. })));
            let refused = vault.erase(&["ann"]).unwrap_err();
            let VaultError::CellReplaced { detail } = refused else { panic!("{refused}") };
            assert!(detail.contains(cell.to_str().unwrap()) && detail.contains("do not stop"), "{detail}");
            assert!(vault.not_ready().iter().any(|reason| reason.detail == detail));
            let status = vault.status().unwrap();
            assert!(status.problems.contains(&detail) && status.generation == generation);
            assert_eq!(get(&vault.subject("ann").unwrap(), "one", None).unwrap(), b"kept");
            detail
        };
        // Moved away and back.
        fs::rename(cell, &aside).unwrap();
        refused();
        fs::rename(&aside, cell).unwrap();
        assert!(vault.not_ready().is_empty());

        // An older copy takes its place, or nothing does.
        fs::copy(cell, &aside).unwrap();
        put(&person(&vault, "dan"), "one", b"gone");
        vault.erase(&["dan"]).unwrap();
        if removed { fs::remove_file(cell) } else { fs::rename(&aside, cell) }.unwrap();
        let said = refused();
        // What the message tells to do.
        let copy: Vec<&str> = said.split('`').nth(1).unwrap().split(' ').collect();
        assert!(Command::new(copy[0]).args(&copy[1..]).status().unwrap().success(), "{said}");
        refused();
        vault.close().unwrap();
        drop(vault);

        let vault = Vault::open(&data, options()).unwrap();
        assert_eq!(vault.status().unwrap().problems, Vec::<String>::new());
        assert_eq!(get(&vault.subject("ann").unwrap(), "one", None).unwrap(), b"kept");
        assert!(matches!(vault.subject("dan"), Err(VaultError::SubjectErased { .. })));
        vault.erase(&["ann"]).unwrap();
        vault.close().unwrap();
    }
}
