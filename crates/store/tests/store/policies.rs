//! What the policies of messages mean over time: copies that outlive their author, halves that are left over, messages sent again, messages that grow
//! old. Every kind of deletion, with its keys, is in the table of docs/chats.md, which the tape adversary's tests read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oubliette_engine::{Batch, Engine, EngineError, Row, Sizes, VerifyReport};
use oubliette_store::{
    Body, ChatOptions, ChatPolicy, ChatSettings, Deletion, NewHold, NewMessage, Page, Retention, Subject,
    Vault, VaultError, Window,
};

use crate::world::{World, noise, person, text, texts, under};

const DAY: u64 = 24 * 3600 * 1_000_000;

fn two(vault: &Vault) -> (Subject, Subject) {
    (person(vault, "ann"), person(vault, "bob"))
}

fn again(vault: &Vault) -> (Subject, Subject) {
    (vault.subject("ann").unwrap(), vault.subject("bob").unwrap())
}

fn fsck(vault: &Vault) {
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.orphans == 0, "{report:?}");
}

fn sweep(vault: &Vault) {
    while vault.sweep(1000).unwrap().rows > 0 {}
}

#[test]
fn a_copy_outlives_its_author_and_has_no_name() {
    let (world, vault) = World::new();
    let (ann, bob) = two(&vault);
    let long = Body::Bytes { content_type: "image/png".into(), bytes: noise(30_000, 3) };
    let long = NewMessage { body: long, ..under(ChatPolicy::Survivor, "") };
    ann.chats().append("bob", &[under(ChatPolicy::Survivor, "hers"), long]).unwrap();
    ann.chats().append("bob", &[under(ChatPolicy::Either, "both"), text("own")]).unwrap();
    bob.chats().append("ann", &[under(ChatPolicy::Either, "his"), text("his own")]).unwrap();
    vault.erase(&["ann"]).unwrap();
    sweep(&vault);
    drop((ann, bob, vault));
    let vault = world.open();
    sweep(&vault);
    let bob = vault.subject("bob").unwrap();
    let chat = bob.chats().list(&Page::default()).unwrap().items.remove(0);
    assert_eq!((chat.peer.as_deref(), chat.messages), (None, 3));
    let seen = bob.chats().messages(&chat.id, &Window::default()).unwrap().items;
    let of = |m: &oubliette_store::Message| (m.author.clone(), m.policy, m.body.clone());
    assert_eq!(of(&seen[0]).0.as_deref(), Some("bob"));
    assert!(
        matches!(of(&seen[1]), (None, ChatPolicy::Survivor, Body::Bytes { bytes, .. }) if bytes == noise(30_000, 3))
    );
    assert_eq!(of(&seen[2]), (None, ChatPolicy::Survivor, Body::Text("hers".into())));
    // What is left of what was not hers alone can still be forgotten.
    bob.chats().forget_message(&chat.id, &seen[1].id).unwrap();
    bob.chats().forget_through(&chat.id, &seen[2].id).unwrap();
    assert_eq!(texts(&bob, &chat.id), ["his own"]);
    sweep(&vault);
    assert_eq!(world.blobs.disk_bytes().unwrap(), 0);
    fsck(&vault);
}

/// Halves and messages that lost their other leaf are noise in the tree of somebody who lives. The row with the highest number stays, since
/// numbers are counted by it.
#[test]
fn what_is_left_of_a_message_for_two_is_swept() {
    let (world, vault) = World::new();
    let (ann, bob) = two(&vault);
    let long = "x".repeat(9_000);
    let sent = ann
        .chats()
        .append("bob", &[under(ChatPolicy::Either, &long), under(ChatPolicy::Either, &long), text("last")])
        .unwrap();
    bob.chats().append("ann", &[text("answer")]).unwrap();
    let rows = world.rows().len();
    bob.chats().forget_message("ann", &sent[0].id).unwrap();
    ann.chats().forget_message("bob", &sent[1].id).unwrap();
    assert_eq!(world.rows().len(), rows - 2, "each their own");
    assert!(world.blobs.disk_bytes().unwrap() > 0);
    sweep(&vault);
    assert_eq!(world.rows().len(), rows - 4);
    assert_eq!(world.blobs.disk_bytes().unwrap(), 0);
    for subject in [&ann, &bob] {
        assert_eq!(
            texts(subject, if subject.info().unwrap().user == "ann" { "bob" } else { "ann" }),
            ["answer", "last"]
        );
    }
    let next = ann.chats().append("bob", &[under(ChatPolicy::Either, "e")]).unwrap().remove(0);
    assert_eq!(next.seq, 4);
    // At the top of his run: it stays until something is above it.
    ann.chats().forget_message("bob", &next.id).unwrap();
    world.advance(DAY);
    sweep(&vault);
    let rows = world.rows().len();
    bob.chats().append("ann", &[text("more")]).unwrap();
    world.advance(DAY);
    sweep(&vault);
    assert_eq!(world.rows().len(), rows);
    drop((ann, bob, vault));
    let vault = world.open();
    let (ann, _) = again(&vault);
    assert_eq!(texts(&ann, "bob"), ["more", "answer", "last"]);
    fsck(&vault);
}

/// A hold covers one tree: of a message for two, a half. What its owner deletes is read by nobody, and the whole of it is kept until the hold ends.
#[test]
fn a_hold_on_one_keeps_the_whole_of_a_message_for_two() {
    let (world, vault) = World::new();
    let (ann, bob) = two(&vault);
    let sent = ann
        .chats()
        .append("bob", &[under(ChatPolicy::Either, "e"), under(ChatPolicy::Survivor, "s")])
        .unwrap();
    ann.chats().append("bob", &[text("last")]).unwrap();
    bob.chats().append("ann", &[text("answer")]).unwrap();
    bob.holds().place("case 7", &NewHold::default()).unwrap();
    for posted in &sent {
        assert_eq!(bob.chats().forget_message("ann", &posted.id).unwrap(), Deletion::Blocked);
    }
    assert_eq!(texts(&ann, "bob"), ["answer", "last", "s"]);
    assert_eq!(texts(&bob, "ann"), ["answer", "last"]);
    let rows = world.rows().len();
    sweep(&vault);
    assert_eq!(world.rows().len(), rows);
    // The other party is not held: they can delete what is theirs.
    assert_eq!(ann.chats().forget_message("bob", &sent[1].id).unwrap(), Deletion::Erased);
    bob.holds().lift("case 7").unwrap();
    world.advance(2 * DAY);
    sweep(&vault);
    assert_eq!(world.rows().len(), rows - 4);
    fsck(&vault);
}

/// The part that a row holds stands in clear. Whoever changes it hides no message and shows none twice.
#[test]
fn a_row_that_is_taken_for_another_part_is_damaged() {
    let (world, vault) = World::new();
    let (ann, bob) = two(&vault);
    for policy in ChatPolicy::ALL {
        ann.chats().append("bob", &[under(policy, "x")]).unwrap();
    }
    let rows: Vec<_> = world.rows().into_iter().filter(|(key, _)| key[16..18] == [2, 1]).collect();
    assert_eq!(rows.len(), 5);
    for (key, row) in rows {
        for part in (0..16).filter(|part| *part != row[1] >> 4) {
            let mut changed = row.clone();
            changed[1] = part << 4 | row[1] & 0x0f;
            let mut batch = Batch::new();
            batch.put(key.clone(), changed);
            world.engine.commit(batch).unwrap();
            let read = [
                ann.chats().messages("bob", &Window::default()).map(drop),
                bob.chats().messages("ann", &Window::default()).map(drop),
            ];
            assert!(read.iter().any(|read| matches!(read, Err(VaultError::Corrupt { .. }))), "{part}");
        }
        let mut batch = Batch::new();
        batch.put(key, row);
        world.engine.commit(batch).unwrap();
    }
    assert_eq!((texts(&ann, "bob").len(), texts(&bob, "ann").len()), (3, 3));
}

#[test]
fn who_forgets_a_side_takes_halves_and_copies_along() {
    let (world, vault) = World::new();
    let (ann, bob) = two(&vault);
    let all = |said: &str| ChatPolicy::ALL.map(|policy| under(policy, &format!("{said} {policy}")));
    ann.chats().append("bob", &all("ann")).unwrap();
    bob.chats().append("ann", &all("bob")).unwrap();
    bob.chats().forget_side("ann").unwrap();
    assert_eq!(texts(&ann, "bob"), ["bob survivor", "ann survivor", "ann author"]);
    assert!(texts(&bob, "ann").is_empty());
    // His new side: other numbers, and nothing of before.
    ann.chats().append("bob", &all("later")).unwrap();
    let later = ["later survivor", "later either", "later author"];
    assert_eq!(texts(&bob, "ann"), later);
    let hers = [later.as_slice(), &["bob survivor", "ann survivor", "ann author"]].concat();
    assert_eq!(texts(&ann, "bob"), hers);
    sweep(&vault);
    drop((ann, bob, vault));
    let vault = world.open();
    let (ann, bob) = again(&vault);
    assert_eq!(
        (texts(&ann, "bob"), texts(&bob, "ann")),
        (hers.iter().map(|s| (*s).to_owned()).collect(), later.map(str::to_owned).to_vec())
    );
    fsck(&vault);
}

#[test]
fn a_message_sent_again_is_stored_once() {
    let (world, vault) = World::new();
    let (ann, bob) = two(&vault);
    let named =
        |policy, name: &str, said: &str| NewMessage { client_id: Some(name.into()), ..under(policy, said) };
    for policy in ChatPolicy::ALL {
        let batch =
            [named(policy, &format!("{policy}-1"), "one"), named(policy, &format!("{policy}-2"), "two")];
        let first = ann.chats().append("bob", &batch).unwrap();
        world.advance(DAY / 2);
        let second = ann.chats().append("bob", &batch).unwrap();
        let id = |posted: &[oubliette_store::Posted]| {
            posted.iter().map(|p| (p.id.clone(), p.seq, p.created)).collect::<Vec<_>>()
        };
        assert_eq!(id(&first), id(&second));
        // One known and one new: the new one is written.
        let mixed = [batch[0].clone(), named(policy, &format!("{policy}-3"), "three")];
        assert_eq!(ann.chats().append("bob", &mixed).unwrap()[0].id, first[0].id);
        // Another message under the same name, another policy, or the same name twice.
        let other = named(policy, &format!("{policy}-1"), "other");
        let elsewhere = ChatPolicy::ALL[(policy as usize + 1) % 3];
        for wrong in [
            vec![other.clone()],
            vec![named(elsewhere, &format!("{policy}-1"), "one")],
            vec![mixed[1].clone(), mixed[1].clone()],
        ] {
            assert!(matches!(
                ann.chats().append("bob", &wrong),
                Err(VaultError::Invalid { field: "client_id", .. })
            ));
        }
        // A name is its author's.
        bob.chats().append("ann", &[other]).unwrap();
    }
    assert_eq!(texts(&ann, "bob").len(), 12);
    drop((ann, bob, vault));
    let vault = world.open();
    let (ann, bob) = again(&vault);
    let last = named(ChatPolicy::Survivor, "survivor-3", "three");
    ann.chats().append("bob", std::slice::from_ref(&last)).unwrap();
    assert_eq!(texts(&bob, "ann").len(), 12, "also after a restart");
    // The window: a day, or 32 messages.
    world.advance(2 * DAY);
    ann.chats().append("bob", std::slice::from_ref(&last)).unwrap();
    assert_eq!(texts(&bob, "ann").len(), 13);
    ann.chats().append("bob", &vec![text("x"); 32]).unwrap();
    ann.chats().append("bob", std::slice::from_ref(&last)).unwrap();
    assert_eq!(texts(&bob, "ann").len(), 45, "the 33rd is still looked at");
    ann.chats().append("bob", &vec![text("x"); 33]).unwrap();
    ann.chats().append("bob", std::slice::from_ref(&last)).unwrap();
    assert_eq!(texts(&bob, "ann").len(), 79);
}

#[test]
fn messages_grow_old_by_the_vault_and_by_the_conversation() {
    let (mut world, vault) = World::new();
    drop(vault);
    world.policy.chat = Retention { maximum_days: Some(10), minimum_days: None };
    let vault = world.open();
    let (ann, bob) = two(&vault);
    for policy in ChatPolicy::ALL {
        ann.chats().append("bob", &[under(policy, &format!("old {policy}"))]).unwrap();
    }
    bob.chats().append("ann", &[text("answer")]).unwrap();
    let day = |vault: &Vault| {
        for _ in 0..24 {
            world.advance(DAY / 24);
            vault.sweep(1000).unwrap();
        }
        sweep(vault);
    };
    (0..6).for_each(|_| day(&vault));
    ann.chats().append("bob", &[text("new")]).unwrap();
    assert_eq!(texts(&bob, "ann").len(), 5);
    (0..3).for_each(|_| day(&vault));
    assert_eq!(texts(&bob, "ann").len(), 5);
    let rows = world.rows().len();
    // Hidden when its time is over, and cut by the sweeper's next pass.
    world.advance(DAY + 60_000_000);
    assert_eq!((texts(&ann, "bob"), texts(&bob, "ann")), (vec!["new".to_owned()], vec!["new".to_owned()]));
    assert_eq!(ann.chats().list(&Page::default()).unwrap().items[0].messages, 1);
    assert_eq!(world.rows().len(), rows);
    sweep(&vault);
    assert_eq!(world.rows().len(), rows - 6, "three of hers, his two parts and his answer");
    // A clock that jumps hides, and cuts nothing.
    let before = world.rows().len();
    world.step(1000 * DAY as i64);
    assert!(texts(&ann, "bob").is_empty());
    vault.sweep(1000).unwrap();
    assert_eq!(world.rows().len(), before);
    world.step(-(1000 * DAY as i64));
    assert_eq!(texts(&ann, "bob"), ["new"]);
    // Her side of this conversation is kept for less; his is not.
    let settings = ChatSettings { keep_days: Some(2), default_policy: Some(ChatPolicy::Survivor) };
    ann.chats().set("bob", &settings).unwrap();
    ann.chats().append("bob", &[text("copied")]).unwrap();
    bob.chats().append("ann", &[text("his")]).unwrap();
    (0..4).for_each(|_| day(&vault));
    assert_eq!(texts(&ann, "bob"), ["his"]);
    assert_eq!(texts(&bob, "ann"), ["his", "copied"]);
    drop((ann, bob, vault));
    let vault = world.open();
    let (ann, _) = again(&vault);
    assert_eq!(ann.chats().settings("bob").unwrap(), settings);
    fsck(&vault);
}

#[test]
fn settings_bind_one_side_of_one_conversation() {
    let (mut world, vault) = World::new();
    drop(vault);
    world.chat = ChatOptions { default_policy: ChatPolicy::Either };
    let vault = world.open();
    let (ann, bob) = two(&vault);
    let policies = |subject: &Subject, peer: &str| {
        let seen = subject.chats().messages(peer, &Window::default()).unwrap().items;
        seen.into_iter().map(|m| m.policy).collect::<Vec<_>>()
    };
    // Before the first message: her side is opened, his is not.
    ann.chats()
        .set("bob", &ChatSettings { default_policy: Some(ChatPolicy::Survivor), keep_days: None })
        .unwrap();
    assert!(bob.chats().list(&Page::default()).unwrap().items.is_empty());
    ann.chats().append("bob", &[text("a"), under(ChatPolicy::Author, "b")]).unwrap();
    bob.chats().append("ann", &[text("c")]).unwrap();
    let expected = [ChatPolicy::Either, ChatPolicy::Author, ChatPolicy::Survivor];
    assert_eq!((policies(&ann, "bob"), policies(&bob, "ann")), (expected.to_vec(), expected.to_vec()));
    ann.chats().set("bob", &ChatSettings::default()).unwrap();
    ann.chats().append("bob", &[text("d")]).unwrap();
    assert_eq!(policies(&bob, "ann")[0], ChatPolicy::Either);
    assert!(matches!(ann.chats().set("nobody", &ChatSettings::default()), Err(VaultError::PeerUnknown)));
    let never = ChatSettings { keep_days: Some(0), default_policy: None };
    assert!(matches!(ann.chats().set("bob", &never), Err(VaultError::Invalid { field: "keep_days", .. })));
    // A side that is opened again by its settings shows nothing of before.
    ann.chats().forget_side("bob").unwrap();
    ann.chats().set("bob", &ChatSettings::default()).unwrap();
    assert!(texts(&ann, "bob").is_empty());
    bob.chats().append("ann", &[under(ChatPolicy::Author, "e")]).unwrap();
    assert_eq!(texts(&ann, "bob"), ["e"]);
    drop((ann, bob, vault));
    let vault = world.open();
    sweep(&vault);
    let (ann, bob) = again(&vault);
    assert_eq!(
        (texts(&ann, "bob"), texts(&bob, "ann")),
        (vec!["e".to_owned()], vec!["e".to_owned(), "a".to_owned()])
    );
    fsck(&vault);
}

/// Counts what is asked of the rows.
struct Counting {
    engine: Arc<dyn Engine>,
    calls: AtomicU64,
}

impl Engine for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.engine.get(key)
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.engine.range(from, to, limit, reverse)
    }
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.engine.commit(batch)
    }
    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.engine.verify()
    }
    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.engine.sizes()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.engine.close()
    }
}

/// Whoever is refused must not learn by the time it takes whether it is the block list that refuses: no refusal touches a row, however long the
/// conversation is, and none waits for its lock.
#[test]
fn a_refusal_costs_the_same_whatever_its_reason() {
    let (mut world, vault) = World::new();
    two(&vault);
    person(&vault, "gone");
    drop(vault);
    let counting = Arc::new(Counting { engine: world.engine.clone(), calls: AtomicU64::new(0) });
    world.engine = counting.clone();
    let vault = world.open();
    let (ann, bob) = again(&vault);
    ann.chats().append("bob", &vec![text("x"); 50]).unwrap();
    ann.chats().append("gone", &vec![text("x"); 50]).unwrap();
    bob.chats().block("ann").unwrap();
    vault.erase(&["gone"]).unwrap();
    // Nothing of the conversation is known to the process, as after a start.
    drop((ann, bob, vault));
    let vault = world.open();
    let (ann, _) = again(&vault);
    let message =
        NewMessage { client_id: Some("c".into()), ..under(ChatPolicy::Either, &"y".repeat(60_000)) };
    let refused = |peer: &str| {
        let before = counting.calls.load(Ordering::SeqCst);
        let error = ann.chats().append(peer, std::slice::from_ref(&message)).unwrap_err();
        (counting.calls.load(Ordering::SeqCst) - before, error)
    };
    assert!(matches!(refused("bob"), (0, VaultError::BlockedByRecipient)));
    assert!(matches!(refused("gone"), (0, VaultError::PeerGone)));
    assert!(matches!(refused("nobody"), (0, VaultError::PeerUnknown)));
}
