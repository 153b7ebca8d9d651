//! A power cut at every call of the job to any store, and what many deletions cost beside as many lone ones.

use std::sync::Arc;

use oubliette_keyring::{Keyring, KeyringError, UserId};
use oubliette_store::{DeletionState, Parts, Vault, VaultError, VaultOptions};

use crate::deletion::{DAY, ask, wanted};
use crate::plug::{Cell, Ledger, Pages, Power, Rows};
use crate::world::{World, get, options, person, put};

/// The vault, over stores that need power.
fn powered(world: &World, power: &Arc<Power>) -> Result<(Vault, Arc<Keyring>), VaultError> {
    let keyring = Keyring::open(
        Arc::new(Pages(world.pages.clone(), power.clone())),
        vec![Arc::new(Cell(world.cell.clone(), power.clone()))],
        Arc::new(Ledger(world.ledger.clone(), power.clone())),
        options(&world.clock),
    )?;
    let keyring = Arc::new(keyring);
    let engine = Arc::new(Rows(world.engine.clone(), power.clone()));
    let parts = Parts { keyring: keyring.clone(), engine, blobs: world.blobs.clone() };
    let settings = VaultOptions {
        clock: Some(world.clock.clone()),
        ledger: world.receipts.clone(),
        ..VaultOptions::default()
    };
    Ok((Vault::from_parts(parts, settings)?, keyring))
}

/// What of the script was acknowledged.
#[derive(Default)]
struct Done {
    asked: bool,
    taken_back: bool,
    all: bool,
}

fn script(world: &World, vault: &Vault, done: &mut Done) -> Result<(), VaultError> {
    vault.request_deletion("ann", &wanted(None, ""))?;
    done.asked = true;
    vault.request_deletion("bob", &wanted(None, ""))?;
    vault.cancel_deletion("bob")?;
    done.taken_back = true;
    world.advance(7 * DAY);
    let run = vault.run_deletions(&mut |_| ())?;
    assert_eq!(run.erased, 1);
    done.all = true;
    Ok(())
}

#[test]
fn a_power_cut_anywhere_leaves_the_deletion_untouched_or_completed() {
    for calls in 0.. {
        let (mut world, vault) = World::new();
        let receipts = tempfile::tempdir().unwrap();
        for user in ["ann", "bob"] {
            put(&person(&vault, user), "slot", &[9; 6_000]);
        }
        drop(vault);
        world.receipts = Some(receipts.path().to_owned());
        let mut done = Done::default();
        let power = Power::for_calls(calls);
        if let Ok((vault, _keyring)) = powered(&world, &power) {
            let ended = script(&world, &vault, &mut done);
            assert!(ended.is_ok() || !power.is_on(), "after {calls} calls: {ended:?}");
        }
        // Once more while what was cut off is finished, then the power is back for good.
        drop(powered(&world, &Power::for_calls(2)));
        let (vault, keyring) = powered(&world, &Power::without_end()).unwrap();
        untouched_or_gone(&vault, &keyring, calls);
        let again = powered_run(&world, vault, keyring);
        if done.asked && world_is_late(&world) {
            assert!(
                matches!(again.subject("ann"), Err(VaultError::SubjectErased { .. })),
                "after {calls} calls"
            );
            while again.sweep(1000).unwrap().left > 0 {}
            assert_eq!(again.deletion("ann").unwrap().state, DeletionState::Final);
        }
        if done.taken_back || !world_is_late(&world) {
            assert_eq!(get(&again.subject("bob").unwrap(), "slot", None).unwrap(), [9; 6_000]);
        }
        let fsck = again.fsck(false, &mut |_, _| ()).unwrap();
        assert!(fsck.faults.is_empty(), "after {calls} calls: {fsck:?}");
        if done.all {
            assert!(calls > 20, "the script makes more calls than {calls}");
            return;
        }
    }
}

fn powered_run(world: &World, vault: Vault, keyring: Arc<Keyring>) -> Vault {
    vault.run_deletions(&mut |_| ()).unwrap();
    drop((vault, keyring));
    world.open()
}

/// Whether the script came so far that the time of the deletion has come.
fn world_is_late(world: &World) -> bool {
    use oubliette_store::Clock;
    world.clock.now_micros() >= 1_700_000_000_000_000 + 7 * DAY
}

/// Whoever can be read is whole, and nothing says of anybody that they were erased who was not.
fn untouched_or_gone(vault: &Vault, keyring: &Keyring, calls: i64) {
    for user in ["ann", "bob"] {
        match vault.subject(user) {
            Ok(subject) => {
                assert_eq!(get(&subject, "slot", None).unwrap(), [9; 6_000], "after {calls} calls")
            }
            Err(VaultError::SubjectBlocked) => {
                let keys = keyring.even_leaving(&UserId::new(user).unwrap());
                assert!(keys.is_ok(), "due and not taken up yet: {keys:?} after {calls} calls");
            }
            Err(VaultError::SubjectErased { .. }) => {
                assert_eq!(user, "ann", "after {calls} calls");
            }
            Err(error) => panic!("{user} after {calls} calls: {error}"),
        }
    }
    for entry in keyring.sweep_queue() {
        assert!(entry.was_asked_for());
        let found = keyring.even_leaving_by_handle(&entry.handle);
        assert!(
            matches!(found, Err(KeyringError::Unknown)),
            "a receipt without destruction after {calls} calls"
        );
    }
}

/// Under one root: the figure of docs/measured.md.
#[test]
fn a_thousand_deletions_in_one_batch_cost_a_few_calls_and_less_of_everything() {
    const PEOPLE: usize = 1000;
    let cost = |together: bool| {
        let (world, vault) = World::new();
        drop(vault);
        let power = Power::without_end();
        let (vault, keyring) = powered(&world, &power).unwrap();
        let names: Vec<String> = (0..PEOPLE).map(|n| format!("player-{n}")).collect();
        keyring.bulk_create(names.iter().map(|name| UserId::new(name.clone()).unwrap())).unwrap();
        let users: Vec<&str> = names.iter().map(String::as_str).collect();
        power.take();
        let sweep = || {
            let swept: Vec<_> = keyring.sweep_queue().iter().map(|entry| entry.handle).collect();
            keyring.swept(&swept).unwrap();
        };
        if together {
            vault.erase(&users).unwrap();
            sweep();
        } else {
            for user in &users {
                vault.erase(&[user]).unwrap();
                sweep();
            }
        }
        power.take()
    };
    let ((calls, bytes), (lone_calls, lone_bytes)) = (cost(true), cost(false));
    println!(
        "1,000 together: {calls} durable calls, {bytes} bytes; 1,000 lone: {lone_calls} calls, {lone_bytes} bytes"
    );
    assert!(calls <= 30 && lone_calls >= 300 * calls, "{calls} and {lone_calls}");
    assert!(bytes * 10 <= lone_bytes, "{bytes} and {lone_bytes}");
}

/// A job under a hold of one person does not wait for the others, and the sweep queue is read by nobody as more than it is.
#[test]
fn what_is_asked_for_survives_a_restored_backup_of_rows() {
    let (world, vault) = World::new();
    put(&person(&vault, "ann"), "slot", b"x");
    let rows = world.rows();
    ask(&vault, "ann");
    let vault = world.reopen(vault);
    world.overwrite_all(&rows);
    assert_eq!(vault.deletion("ann").unwrap().state, DeletionState::CoolingOff);
    world.advance(7 * DAY);
    assert_eq!(vault.delete_due().unwrap().erased, 1);
    world.overwrite_all(&rows);
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })));
}
