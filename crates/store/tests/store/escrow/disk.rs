//! An escrow's disk that hangs, and a recovery that is cut off while its cells are made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::thread;

use oubliette_store::{BackupSettings, NewBackup};

use super::*;

/// Beside its roots stands a pipe: reading it takes as long as the test holds its other end.
#[test]
fn an_escrow_whose_disk_hangs_holds_up_nothing_else() {
    let world = World::new();
    let backups = world.at("backups").to_str().map(str::to_owned);
    let backup = BackupSettings { to: backups, ..BackupSettings::default() };
    let vault = Vault::create(&world.at("vault"), VaultOptions { backup, ..world.options() }).unwrap();
    vault.escrow().init(world.plan()).unwrap();
    let ann = person(&vault, "ann");
    person(&vault, "bob");
    let status = vault.status().unwrap();
    let pipe = world.at("escrow").join(status.vault).join("window-00000001/hangs.oesc");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let sealing = vault.clone();
    let sealing = thread::spawn(move || sealing.escrow().seal_now());
    // Opens when the escrow opened it, which waits from then on.
    let held = fs::OpenOptions::new().write(true).open(&pipe).unwrap();

    put(&ann, "s", &noise(300_000, 1));
    assert_eq!(get(&ann, "s", None).unwrap(), noise(300_000, 1));
    vault.erase(&["bob"]).unwrap();
    vault.sweep_rows(100).unwrap();
    assert!(vault.status().unwrap().escrow_behind.unwrap() > 0);
    assert!(vault.not_ready().is_empty());
    assert_eq!(vault.warnings().len(), 0);
    assert!(vault.escrow().status().unwrap().problems.is_empty());
    let place = vault.backups().store(None).unwrap();
    assert_eq!(vault.backups().create(&*place, &NewBackup::default(), &mut |_| ()).unwrap().people, 1);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
    assert!(!sealing.is_finished(), "it did not wait for its disk");

    drop(held);
    sealing.join().unwrap().unwrap();
    fs::remove_file(&pipe).unwrap();
    vault.escrow().seal_now().unwrap();
    assert_eq!(vault.escrow().status().unwrap().behind, 0);
    vault.close().unwrap();
}

/// Whoever ran the same command again was told that there is a file where a cell is to be made, and had to find out whether it may be removed.
#[test]
fn a_recovery_that_was_cut_off_takes_its_own_cells_back_and_no_others() {
    let world = World::new();
    let vault = world.create();
    put(&person(&vault, "ann"), "s", b"hers");
    vault.escrow().seal_now().unwrap();
    vault.close().unwrap();
    drop(vault);
    let from = world.from(&[0, 1]).unwrap();
    lose_keys(&world.at("vault"));
    fs::create_dir(world.at("disk")).unwrap();
    let cell = world.at("disk").join("second.cell");
    let options = VaultOptions { cells: vec![cell.clone()], ..world.options() };
    let recover = || Vault::recover(&world.at("new"), &from, &options, &mut |_, _| ());
    let cut_off = || {
        let stopped = catch_unwind(AssertUnwindSafe(|| {
            let mut stop = |what: &str, _| assert_ne!(what, "rows", "stopped by the test");
            drop(Vault::recover(&world.at("new"), &from, &options, &mut stop));
        }));
        assert!(stopped.is_err());
    };
    cut_off();
    let made = fs::read(&cell).unwrap();
    // A share of the same vault under another root: a disk that was thought lost, say.
    let mut other = made.clone();
    let pointers: Vec<usize> =
        (0..made.len() - 8).filter(|at| made[*at..].starts_with(b"OUBPTR01")).collect();
    pointers.iter().for_each(|at| other[at + 60] ^= 1);
    for left in [other, b"not a cell".to_vec()] {
        fs::write(&cell, &left).unwrap();
        let refused = recover().err().unwrap().to_string();
        assert!(refused.contains("second.cell") && refused.contains("is there already"), "{refused}");
        assert_eq!(fs::read(&cell).unwrap(), left);
    }
    // One that was laid out and not written into, then a whole one.
    let mut blank = made.clone();
    blank[4096..].fill(0);
    fs::write(&cell, &blank).unwrap();
    cut_off();
    assert!(fs::read(&cell).unwrap() != blank);
    let (back, done) = recover().unwrap();
    assert_eq!((done.keys.people, back.status().unwrap().cells.len()), (1, 2));
    assert_eq!(get(&back.subject("ann").unwrap(), "s", None).unwrap(), b"hers");
}
