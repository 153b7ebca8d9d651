//! What is known of a deletion: it stands with the person while they can come back, with nobody once the rows are gone, and the salt nowhere.

use data_encoding::HEXLOWER;
use oubliette_adversary::{MemoryGround, Report, World, close};
use oubliette_store::{NewDeletion, VaultOptions};

const DAY: u64 = 24 * 3600;

/// Sweeps, and lets die what that superseded.
fn sweep(world: &World) {
    world.advance(DAY);
    while world.vault().unwrap().sweep(1000).unwrap().left > 0 {}
    world.keyring().unwrap().rotate().unwrap();
}

fn ask(world: &World, user: &str) -> (Vec<u8>, Vec<u8>) {
    let new = NewDeletion { reason: "account_closed".to_owned(), ..NewDeletion::default() };
    let asked = world.vault().unwrap().request_deletion(user, &new).unwrap();
    let job = HEXLOWER.decode(asked.deletion.job.unwrap().as_bytes()).unwrap();
    (job, asked.salt.unwrap().expose().to_vec())
}

#[test]
fn the_facts_of_a_deletion_die_with_the_person_and_with_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::create(MemoryGround::new(folder.path(), 1).unwrap(), VaultOptions::default()).unwrap();
    let vault = world.vault().unwrap();
    for user in ["ann", "bob", "cid"] {
        vault.put_subject(user, &Default::default(), false).unwrap();
        let saves = vault.subject(user).unwrap().saves();
        saves.put("game", "slot", &Default::default(), &mut b"x".as_slice()).unwrap();
    }
    let seized = || -> Report { close(&world.seize().unwrap()) };
    let (ann, ann_s_salt) = ask(&world, "ann");
    let (bob, bob_s_salt) = ask(&world, "bob");
    let report = seized();
    assert!(report.knows(&ann) && report.knows(&bob), "the search does not see a deletion that stands");

    // Taken back: nobody learns that bob wanted to leave.
    vault.cancel_deletion("bob").unwrap();
    let report = seized();
    assert!(report.knows(&ann) && !report.knows(&bob), "a deletion that was taken back is still known");

    // Carried out: what the receipt is made of stands beside the rows, and goes with them.
    world.advance(7 * DAY);
    vault.delete_due().unwrap();
    assert!(seized().knows(&ann), "the receipt could not be made");
    sweep(&world);
    let report = seized();
    assert!(!report.knows(&ann) && !report.knows(&bob), "the facts outlive the rows");
    assert!(vault.subject("bob").is_ok() && vault.subject("cid").is_ok());

    // Told once: on no tape, in no memory.
    let evidence = world.seize().unwrap();
    for salt in [ann_s_salt, bob_s_salt] {
        let hex = HEXLOWER.encode(&salt);
        let holds = |bytes: &Vec<u8>| {
            bytes.windows(32).any(|window| window == salt)
                || bytes.windows(64).any(|window| window == hex.as_bytes())
        };
        let everything = evidence.pages.iter().chain(&evidence.other).chain(&evidence.cells);
        assert!(!everything.into_iter().any(holds) && !holds(&evidence.logs), "a salt was kept");
        assert!(!report.knows(&salt));
    }
}
