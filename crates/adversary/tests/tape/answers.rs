//! Answers that are kept for writes that may be sent twice: reached by nobody who has not the caller's key, and dead with their day and their person.

use oubliette_adversary::{Canary, FolderGround, World, close, judge};
use oubliette_store::{
    ActorKind, AuditEntry, AuditKind, KeptAnswer, Once, Subject, SubjectFacts, Vault, VaultOptions,
};

const DAY: u64 = 24 * 3600;

#[test]
fn kept_answers_die_with_their_day_and_with_the_person() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let options = VaultOptions { audit: Some(ledger), ..VaultOptions::default() };
    let world = World::create(FolderGround::new(folder.path()).unwrap(), options).unwrap();
    let vault = world.vault().unwrap();
    let canaries: [Canary; 8] = std::array::from_fn(|_| Canary::fresh().unwrap());
    let [ann, ben, old, kept, gone, save, of_ann, of_ben] = canaries.each_ref();
    for user in [ann, ben] {
        vault.put_subject(user.as_str(), &SubjectFacts::default(), false).unwrap();
    }
    write(vault, ann, of_ann, old);
    record(vault, ann);
    world.keep_files().unwrap();
    for _ in 0..3 {
        world.advance(DAY);
        sweep(vault);
        world.keep_files().unwrap();
    }
    write(vault, ann, save, kept);
    write(vault, ben, of_ben, gone);
    record(vault, ben);
    world.keep_files().unwrap();
    vault.erase(&[ben.as_str()]).unwrap();
    sweep(vault);

    let report = close(&world.seize().unwrap());
    let living = [ann, save, of_ann].map(Canary::clone).into();
    // What is kept may name others, who are erased while it is.
    let forgotten = [old, kept, ben, gone, of_ben].map(Canary::clone).into();
    judge(&report, &living, &forgotten).unwrap_or_else(|leak| panic!("{leak}: {}", report.counts));
}

/// A save, and an answer that holds a canary.
fn write(vault: &Vault, user: &Canary, content: &Canary, answer: &Canary) {
    let subject: Subject = vault.subject(user.as_str()).unwrap();
    let once = Once::new(user.as_str(), "key", [1; 32]).unwrap();
    once.carry_out(|| {
        subject.saves().put("game", "slot", &Default::default(), &mut content.as_str().as_bytes()).unwrap()
    });
    let body = answer.as_str().as_bytes().to_vec();
    let kept = KeptAnswer { body_digest: None, status: 201, headers: Vec::new(), body };
    subject.keep_answer(&once, &kept).unwrap();
}

/// The audit log stands on the tape, too.
fn record(vault: &Vault, user: &Canary) {
    let audit = vault.audit();
    let mut entry =
        AuditEntry::new(AuditKind::Done, ActorKind::Token, "PUT /v1/subjects/{user}/saves/{game}/{slot}");
    entry.subject = audit.pseudonym(user.as_str()).unwrap();
    assert!(entry.subject.is_some());
    audit.begin().unwrap().record(&entry).unwrap();
}

fn sweep(vault: &Vault) {
    for _ in 0..4 {
        vault.sweep(1000).unwrap();
    }
}
