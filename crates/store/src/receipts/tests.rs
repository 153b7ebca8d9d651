//! Receipts over a key plane in memory.

use std::collections::HashSet;
use std::sync::Arc;

use oubliette_crypto::{JobId, ReceiptSalt, VaultId, receipt_binding};
use oubliette_engine::MemoryPages;
use oubliette_keyring::{ErasureOutcome, MemoryCell, MemoryLedger, UserId};

use super::*;
use crate::translog::{Frontier, Hash, leaf_hash};

const SALT: ReceiptSalt = ReceiptSalt::new([9; 32]);
const NOW: u64 = 1_800_000_000_000_000;

struct Ground {
    keyring: Keyring,
    receipts: Receipts,
    _dir: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let cell = Arc::new(MemoryCell::new(VaultId([7; 16])));
        let options = oubliette_keyring::KeyringOptions::default();
        let ledger = Arc::new(MemoryLedger::new());
        let keyring = Keyring::create(Arc::new(MemoryPages::new()), vec![cell], ledger, options).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let receipts = Receipts::open(Some(dir.path()), &keyring, Some("eu"), Some(2), &[]).unwrap();
        Self { keyring, receipts, _dir: dir }
    }

    fn reopen(&mut self, witnesses: &[String]) {
        self.receipts =
            Receipts::open(Some(self._dir.path()), &self.keyring, Some("eu"), Some(2), witnesses).unwrap();
    }

    /// Erases people in one commit; what the sweep queue would say of each.
    fn erase(&self, users: &[&str]) -> Vec<ErasedFacts> {
        let ids: Vec<UserId> = users.iter().map(|user| UserId::new(*user).unwrap()).collect();
        ids.iter().for_each(|id| drop(self.keyring.create_subject(id, false).unwrap()));
        let outcomes = self.keyring.erase(&ids).unwrap();
        let facts = outcomes.into_iter().zip(users).map(|(outcome, user)| {
            let ErasureOutcome::Erased(record) = outcome else { panic!("{outcome:?}") };
            let job: [u8; 16] = Sha256::digest(user)[..16].try_into().unwrap();
            ErasedFacts {
                handle: record.handle,
                job,
                binding: receipt_binding(&SALT, user.as_bytes(), &JobId(job)),
                requested: record.erased_at - 60,
                blocked: record.erased_at,
                erased: record.erased_at,
                generation_after: record.generation_after,
                leases: record.leases_drained,
                reason: "account_closed".to_owned(),
                by_operator: false,
                no_cooling_off: false,
                override_holds: false,
                damaged: false,
            }
        });
        facts.collect()
    }

    fn issue(&self, facts: &[ErasedFacts]) {
        self.receipts.issue_erased(&self.keyring, facts, NOW).unwrap();
    }

    fn erased(&self, facts: &ErasedFacts) -> String {
        self.receipts.get(&ReceiptId::of(&facts.job, ReceiptState::Erased)).unwrap().unwrap()
    }

    fn finals(&self, waiting: &HashSet<Handle>, until: Option<i64>, now: u64) -> u64 {
        self.receipts.issue_final(waiting, &|_| Ok(until), now).unwrap()
    }
}

#[test]
fn a_receipt_verifies_offline_and_for_one_person_alone() {
    let ground = Ground::new();
    let facts = ground.erase(&["ann", "bob"]);
    ground.issue(&facts);
    let key = &ground.receipts.verifier;
    let text = ground.erased(&facts[0]);
    for named in ["ann", "bob", "eu/ann"] {
        assert!(!text.contains(named), "{text}");
    }
    let about = |user, salt: &ReceiptSalt| verify_receipt(&text, key, None, &[], Some((user, salt)));
    let checked = about("ann", &SALT).unwrap();
    assert!(checked.about && checked.receipt.state == ReceiptState::Erased);
    assert_eq!(checked.checkpoint.unwrap().size, 1);
    for (user, salt) in [("bob", SALT), ("ann", ReceiptSalt::new([8; 32]))] {
        assert!(about(user, &salt).unwrap_err()[0].contains("not about this user id"));
    }
    let other =
        VerifierKey::new(key.name(), KeyKind::Note, SigningSeed::generate().unwrap().public()).unwrap();
    assert!(verify_receipt(&text, &other, None, &[], None).is_err());
    // Every byte is under the signature, or is the signature.
    for at in 0..text.len() {
        let mut bent = text.clone().into_bytes();
        bent[at] ^= 1;
        let Ok(bent) = String::from_utf8(bent) else { continue };
        assert!(verify_receipt(&bent, key, None, &[], None).is_err(), "byte {at}");
    }
}

/// Whoever holds the key can sign lies; a receipt whose parts contradict each other is none all the same.
#[test]
fn a_signed_contradiction_is_named() {
    let ground = Ground::new();
    let facts = ground.erase(&["ann"]);
    ground.issue(&facts);
    let later = ground.erase(&["bob"]);
    ground.issue(&later);
    let text = |facts: &ErasedFacts| {
        let note = Note::parse(&ground.erased(facts)).unwrap();
        Receipt::parse(note.text()).unwrap()
    };
    let (good, other) = (text(&facts[0]), text(&later[0]));
    let faults = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        let note = Note::sign(receipt.text().unwrap(), ground.receipts.verifier.name(), &ground.receipts.key);
        verify_receipt(&note.unwrap().to_string(), &ground.receipts.verifier, None, &[], None)
            .unwrap_err()
            .join("; ")
    };
    assert!(faults(&|receipt| receipt.state = ReceiptState::Blocked).contains("claims a destruction"));
    assert!(faults(&|receipt| receipt.state = ReceiptState::Final).contains("whether it is final"));
    assert!(faults(&|receipt| receipt.vault = "00".repeat(16)).contains("another vault"));
    assert!(faults(&|receipt| receipt.receipt = "00".repeat(16)).contains("its number"));
    assert!(faults(&|receipt| receipt.log = None).contains("missing or damaged"));
    assert!(faults(&|receipt| receipt.erased = None).contains("nothing of when"));
    assert!(
        faults(&|receipt| receipt.keys = other.keys.clone()).contains("not what the entry in the log says")
    );
    assert!(
        faults(&|receipt| receipt.keys.as_mut().unwrap().cell_class = "E4".to_owned())
            .contains("not what the entry")
    );
    assert!(
        faults(&|receipt| {
            receipt.keys.clone_from(&other.keys);
            receipt.log.as_mut().unwrap().entry.clone_from(&other.log.as_ref().unwrap().entry);
        })
        .contains("does not stand in that log")
    );
}

#[test]
fn each_erasure_has_one_receipt_however_often_it_is_asked_for() {
    let mut ground = Ground::new();
    let users: Vec<String> = (0..300).map(|n| format!("user {n}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let facts = ground.erase(&users);
    ground.issue(&facts[..3]);
    let first = ground.erased(&facts[0]);
    ground.issue(&facts);
    ground.reopen(&[]);
    ground.issue(&facts);
    assert_eq!(ground.receipts.status().receipts, 300);
    assert_eq!(ground.erased(&facts[0]), first);
    assert_eq!(ground.receipts.of_erased(&facts[299].handle).unwrap().unwrap(), ground.erased(&facts[299]));
    let report = ground.receipts.verify(&ground.keyring).unwrap();
    assert_eq!((report.receipts, report.entries, report.faults), (300, 1, vec![]));
}

#[test]
fn without_a_destruction_in_the_ledger_there_is_no_receipt() {
    let ground = Ground::new();
    let mut facts = ground.erase(&["ann"]);
    facts[0].generation_after += 1;
    let error = ground.receipts.issue_erased(&ground.keyring, &facts, NOW).unwrap_err();
    assert!(matches!(error, VaultError::Corrupt { .. }), "{error}");
    assert_eq!(ground.receipts.status().receipts, 0);
    assert_eq!(ground.receipts.status().not_final, 0);
}

#[test]
fn what_damage_hides_is_said_to_be_unknown() {
    let ground = Ground::new();
    let mut facts = ground.erase(&["ann"]);
    facts[0].damaged = true;
    ground.issue(&facts);
    let checked =
        verify_receipt(&ground.erased(&facts[0]), &ground.receipts.verifier, None, &[], None).unwrap();
    let of = checked.receipt.request;
    assert!([of.holds, of.cooling_off, of.asked_by].iter().all(|said| said.starts_with("unknown: ")));
}

#[test]
fn final_comes_after_the_sweep_and_after_the_last_window() {
    let ground = Ground::new();
    let facts = ground.erase(&["ann"]);
    ground.receipts.issue_blocked(&facts, NOW).unwrap();
    ground.receipts.issue_blocked(&facts, NOW).unwrap();
    assert_eq!(ground.finals(&HashSet::new(), None, NOW), 0, "blocked is not erased");
    ground.issue(&facts);
    assert_eq!(ground.finals(&HashSet::from([facts[0].handle]), None, NOW), 0, "rows are left");
    let until = i64::try_from(NOW / 1_000_000).unwrap() + 10;
    assert_eq!(ground.finals(&HashSet::new(), Some(until), NOW), 0, "an escrow window is open");
    assert_eq!(ground.finals(&HashSet::new(), Some(until), NOW + 10_000_000), 1);
    assert_eq!(ground.finals(&HashSet::new(), None, NOW + 20_000_000), 0, "once");
    let text = |state| ground.receipts.get(&ReceiptId::of(&facts[0].job, state)).unwrap().unwrap();
    let states = [ReceiptState::Blocked, ReceiptState::Erased, ReceiptState::Final];
    for state in states {
        let checked = verify_receipt(&text(state), &ground.receipts.verifier, None, &[], None).unwrap();
        assert_eq!(checked.receipt.state, state);
    }
    assert_eq!(ground.receipts.of_erased(&facts[0].handle).unwrap().unwrap(), text(ReceiptState::Erased));
    let ids = states.map(|state| (state, ReceiptId::of(&facts[0].job, state)));
    assert_eq!(ground.receipts.of_job(&facts[0].job), ids);
    assert_eq!(ground.receipts.of_handle(&facts[0].handle).unwrap(), ids);
    assert!(ground.receipts.verify(&ground.keyring).unwrap().faults.is_empty());
}

#[test]
fn a_torn_end_is_taken_off_and_damage_is_named() {
    let mut ground = Ground::new();
    let facts = ground.erase(&["ann", "bob", "carl"]);
    ground.issue(&facts[..2]);
    let path = ground._dir.path().join("receipts");
    let before = std::fs::read(&path).unwrap();
    ground.issue(&facts);
    let whole = std::fs::read(&path).unwrap();
    for cut in (before.len()..whole.len()).step_by(97) {
        for zeros in [false, true] {
            let mut torn = whole[..cut].to_vec();
            if zeros && whole.len() - cut > 1200 {
                torn.resize(whole.len(), 0);
            }
            std::fs::write(&path, &torn).unwrap();
            ground.reopen(&[]);
            assert_eq!(ground.receipts.status().receipts, 2, "cut at {cut}");
            ground.issue(&facts);
            assert_eq!(std::fs::read(&path).unwrap().len(), whole.len(), "cut at {cut}");
            assert!(ground.receipts.verify(&ground.keyring).unwrap().faults.is_empty(), "cut at {cut}");
        }
    }
    for at in [3, 30, 500, before.len() + 10, before.len() + 900, whole.len() - 3] {
        let mut bent = whole.clone();
        bent[at] ^= 4;
        std::fs::write(&path, &bent).unwrap();
        ground.reopen(&[]);
        let report = ground.receipts.verify(&ground.keyring).unwrap();
        assert!(!report.faults.is_empty(), "byte {at}");
        assert_eq!(std::fs::read(&path).unwrap(), bent, "damage stays for whoever looks after it");
        let offline = verify_ledger(ground._dir.path(), None).unwrap();
        assert!(!offline.faults.is_empty(), "byte {at}");
    }
}

#[test]
fn the_log_is_made_anew_from_the_ledger_and_goes_on_without_old_leaves() {
    let mut ground = Ground::new();
    for user in ["a", "b", "c", "d", "e"] {
        ground.issue(&ground.erase(&[user]));
        ground.keyring.rotate().unwrap();
    }
    let before = ground.receipts.checkpoint(&ground.keyring).unwrap();
    assert_eq!(Checkpoint::parse(before.text()).unwrap().size, 10);
    std::fs::remove_file(ground._dir.path().join("log")).unwrap();
    ground.reopen(&[]);
    assert_eq!(ground.receipts.checkpoint(&ground.keyring).unwrap(), before);
    for old in 0..=10 {
        let proof = ground.receipts.consistency(&ground.keyring, old).unwrap().unwrap();
        let mut edge = Frontier::default();
        let roots = ground.keyring.root_records(0).unwrap();
        roots[..old as usize].iter().for_each(|root| edge.push(leaf_hash(&root.encode())));
        let seen =
            Checkpoint { origin: ground.receipts.verifier.name().to_owned(), size: old, root: edge.root() };
        proof.verify(&seen, &ground.receipts.verifier).unwrap();
    }
    assert!(ground.receipts.consistency(&ground.keyring, 11).unwrap().is_none());
    // A receipt that comes late, when its entry is in the log already.
    let late = ground.erase(&["late"]);
    ground.keyring.rotate().unwrap();
    ground.receipts.checkpoint(&ground.keyring).unwrap();
    ground.issue(&late);
    let checked =
        verify_receipt(&ground.erased(&late[0]), &ground.receipts.verifier, None, &[], None).unwrap();
    assert_eq!(checked.checkpoint.unwrap().size, 12);
    let proof =
        ground.receipts.inclusion(&ground.keyring, &ReceiptId::of(&late[0].job, ReceiptState::Erased));
    let proof = proof.unwrap().unwrap().to_string();
    verify_receipt(&ground.erased(&late[0]), &ground.receipts.verifier, Some(&proof), &[], None).unwrap();
}

#[test]
fn a_witness_signs_what_grew_and_nothing_else() {
    use crate::translog::{Witness, WitnessKey};
    let mut ground = Ground::new();
    let key = WitnessKey::generate("witness.example/1").unwrap();
    let key = WitnessKey::parse(&key.private()).unwrap();
    let public = key.verifier().unwrap();
    ground.reopen(&[public.to_string()]);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("seen");
    let log = ground.receipts.verifier.clone();
    let witness = Witness { key: &key, log: &log, file: &file };
    let first = ground.erase(&["ann"]);
    ground.issue(&first);
    let proof = |ground: &Ground, from| ground.receipts.consistency(&ground.keyring, from).unwrap().unwrap();
    let note = witness.cosign(&proof(&ground, 0), 1_900_000_000).unwrap();
    ground.receipts.take_cosigned(&ground.keyring, &note.to_string()).unwrap();
    let witnessed = ground.receipts.status().witnessed.unwrap();
    assert_eq!(witnessed, Witnessed { entries: 1, time: 1_900_000_000, by: "witness.example/1".to_owned() });
    assert_eq!(witness.seen().unwrap().size(), 1);
    // With the witness's signature the entry is shown to stand in what it saw.
    let id = ReceiptId::of(&first[0].job, ReceiptState::Erased);
    let newer = ground.receipts.inclusion(&ground.keyring, &id).unwrap().unwrap().to_string();
    let text = ground.erased(&first[0]);
    let witnesses = [public.clone()];
    assert!(verify_receipt(&text, &log, None, &witnesses, None).is_err());
    let checked = verify_receipt(&text, &log, Some(&newer), &witnesses, None).unwrap();
    assert_eq!(checked.witnessed, [("witness.example/1".to_owned(), 1_900_000_000)]);

    ground.issue(&ground.erase(&["bob"]));
    ground.issue(&ground.erase(&["carl"]));
    // From another beginning than it saw.
    assert!(matches!(
        witness.cosign(&proof(&ground, 2), 1).unwrap_err(),
        VaultError::Log(LogError::OtherStart { seen: 1, old: 2 })
    ));
    let note = witness.cosign(&proof(&ground, 1), 1_900_000_100).unwrap();
    ground.receipts.take_cosigned(&ground.keyring, &note.to_string()).unwrap();
    // Another history of the same length, and a shorter one, signed by the same key.
    let own = &SigningSeed::from_slice(ground.receipts.key.expose()).unwrap();
    let signed = |size, peaks: Vec<Hash>| {
        let edge = Frontier::new(size, peaks).unwrap();
        let said = Checkpoint { origin: log.name().to_owned(), size, root: edge.root() };
        ConsistencyProof { old: size, hashes: vec![], checkpoint: said.sign(own).unwrap() }
    };
    let fork = signed(3, vec![[1; 32], [2; 32]]);
    assert!(matches!(witness.cosign(&fork, 1).unwrap_err(), VaultError::Log(LogError::Forked { .. })));
    let back = signed(1, vec![leaf_hash(&ground.keyring.root_records(0).unwrap()[0].encode())]);
    let error = witness.cosign(&back, 1).unwrap_err();
    assert!(matches!(error, VaultError::Log(LogError::RolledBack { seen: 3, got: 1 })), "{error}");
    assert_eq!(witness.seen().unwrap().size(), 3, "a refusal changes nothing");
    // The vault takes no signature of a stranger, and sees in its own signature that it was ahead once.
    let mut strange = Note::parse(&ground.receipts.checkpoint(&ground.keyring).unwrap().to_string()).unwrap();
    strange = Note::sign(strange.text().to_owned(), log.name(), &ground.receipts.key).unwrap();
    assert!(matches!(
        ground.receipts.take_cosigned(&ground.keyring, &strange.to_string()),
        Err(VaultError::Log(LogError::Unsigned { .. }))
    ));
    let ahead = signed(4, vec![[1; 32]]).checkpoint;
    let told = |ground: &Ground, what: &str| {
        let (_, detail) = ground.receipts.contradicted().unwrap();
        assert!(detail.contains(what), "{detail}");
        let faults = ground.receipts.verify(&ground.keyring).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.starts_with("ledger/witnessed: ")), "{faults:?}");
    };
    assert!(ground.receipts.ill().is_empty() && ground.receipts.contradicted().is_none());
    assert!(matches!(
        ground.receipts.take_cosigned(&ground.keyring, &ahead.to_string()),
        Err(VaultError::Log(LogError::RolledBack { seen: 4, got: 3 }))
    ));
    told(&ground, "older than what it signed");
    ground.reopen(&[public.to_string()]);
    told(&ground, "older than what it signed");
    // It goes on, past the length that it once had: it is another vault's log all the same.
    ground.issue(&ground.erase(&["dora"]));
    told(&ground, "older than what it signed");
    ground.reopen(&[public.to_string()]);
    told(&ground, "signed something else");
    // Not given up for what a witness signs on this side.
    let note = witness.cosign(&proof(&ground, 3), 1_900_000_200).unwrap();
    ground.receipts.take_cosigned(&ground.keyring, &note.to_string()).unwrap();
    ground.reopen(&[public.to_string()]);
    told(&ground, "signed something else");
    assert!(std::fs::write(&file, note.to_string().replace('4', "5")).is_ok() && witness.seen().is_err());
}

/// What another copy signed at a length that this one has passed was kept, and told by nobody.
#[test]
fn a_fork_that_is_not_ahead_is_told_too() {
    let mut ground = Ground::new();
    ground.issue(&ground.erase(&["ann"]));
    ground.issue(&ground.erase(&["bob"]));
    let log = ground.receipts.verifier.clone();
    let edge = Frontier::new(1, vec![[7; 32]]).unwrap();
    let fork = Checkpoint { origin: log.name().to_owned(), size: 1, root: edge.root() };
    let fork = fork.sign(&ground.receipts.key).unwrap().to_string();
    assert!(matches!(
        ground.receipts.take_cosigned(&ground.keyring, &fork),
        Err(VaultError::Log(LogError::Forked { seen: 1, got: 2 }))
    ));
    assert!(ground.receipts.contradicted().unwrap().1.contains("beside the true one"));
    ground.reopen(&[]);
    assert!(ground.receipts.contradicted().unwrap().1.contains("beside the true one"));
    let report = ground.receipts.verify(&ground.keyring).unwrap();
    assert!(report.faults[0].contains("forked"), "{:?}", report.faults);
}

/// Made anew, the log seemed to have lost all its entries, until something asked for it.
#[test]
fn a_log_that_is_made_anew_did_not_go_back() {
    use crate::translog::{Witness, WitnessKey};
    let mut ground = Ground::new();
    let key = WitnessKey::generate("w").unwrap();
    let witnesses = [key.verifier().unwrap().to_string()];
    ground.reopen(&witnesses);
    ground.issue(&ground.erase(&["ann"]));
    let home = tempfile::tempdir().unwrap();
    let log = ground.receipts.verifier.clone();
    let witness = Witness { key: &key, log: &log, file: &home.path().join("seen") };
    let proof = ground.receipts.consistency(&ground.keyring, 0).unwrap().unwrap();
    let note = witness.cosign(&proof, 1).unwrap();
    ground.receipts.take_cosigned(&ground.keyring, &note.to_string()).unwrap();
    std::fs::remove_file(ground._dir.path().join("log")).unwrap();
    ground.reopen(&witnesses);
    assert_eq!(ground.receipts.contradicted(), None);
}
