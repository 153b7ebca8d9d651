//! Requests that take effect once: what a crash leaves at each step, and that nothing is kept for longer than it is of use.

use oubliette_store::{Earlier, KeptAnswer, NewMessage, Once, Subject, VaultError};

use crate::world::{World, get, person, put, text, try_put};

const DAY: u64 = 24 * 3600 * 1_000_000;

fn once(key: &str) -> Once {
    Once::new("ann", key, [3; 32]).unwrap()
}

fn answer(body: &[u8]) -> KeptAnswer {
    let headers = vec![("etag".to_owned(), "\"1-abcd\"".to_owned())];
    KeptAnswer { body_digest: Some([4; 32]), status: 201, headers, body: body.to_vec() }
}

fn found(subject: &Subject, once: &Once) -> &'static str {
    match subject.earlier(once).unwrap() {
        None => "nothing",
        Some(Earlier::Other) => "other",
        Some(Earlier::Interrupted) => "interrupted",
        Some(Earlier::Answered(_)) => "answered",
    }
}

/// What is done, in words, and its doing.
type Work<'a> = (&'a str, &'a dyn Fn(&Subject));

#[test]
fn the_mark_takes_effect_with_the_write_and_the_answer_follows() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    person(&vault, "ben");
    let works: [Work<'_>; 3] = [
        ("small", &|ann| drop(put(ann, "s", b"small"))),
        ("large", &|ann| drop(put(ann, "l", &vec![7; 200_000]))),
        ("chat", &|ann| drop(ann.chats().append("ben", &[text("hello")]).unwrap())),
    ];
    for (key, work) in works {
        let once = once(key);
        assert_eq!(found(&ann, &once), "nothing");
        once.carry_out(|| work(&ann));
        assert_eq!(found(&ann, &once), "interrupted", "{key}");
        // The crash.
        let ann = world.open().subject("ann").unwrap();
        assert_eq!(found(&ann, &once), "interrupted", "{key}");
        ann.keep_answer(&once, &answer(key.as_bytes())).unwrap();
        let ann = world.open().subject("ann").unwrap();
        let Some(Earlier::Answered(kept)) = ann.earlier(&once).unwrap() else { panic!("{key}") };
        assert!(kept == answer(key.as_bytes()), "{key}");
        let other = Once::new("ann", key, [5; 32]).unwrap();
        assert_eq!(found(&ann, &other), "other", "{key}");
    }
    assert_eq!(found(&ann, &once("another")), "nothing");
}

#[test]
fn what_is_refused_leaves_no_mark_and_other_people_get_none() {
    let (_world, vault) = World::new();
    let (ann, ben) = (person(&vault, "ann"), person(&vault, "ben"));
    let key = once("k");
    key.carry_out(|| assert!(try_put(&ann, "", &Default::default(), b"x").is_err()));
    assert_eq!(found(&ann, &key), "nothing");
    key.carry_out(|| put(&ben, "s", b"x"));
    assert_eq!((found(&ann, &key), found(&ben, &key)), ("nothing", "nothing"));
    // After the work, the thread is free again.
    put(&ann, "s", b"x");
    assert_eq!(found(&ann, &key), "nothing");
    // A long answer lies in a blob, as any long value does.
    ann.keep_answer(&key, &answer(&vec![9; 50_000])).unwrap();
    assert_eq!(found(&ann, &key), "answered");
    for bad in ["", &"x".repeat(256)] {
        assert!(matches!(Once::new("ann", bad, [0; 32]), Err(VaultError::Invalid { .. })));
    }
}

#[test]
fn answers_are_good_for_a_day_and_cut_when_two_are_over() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "kept", b"kept");
    for n in 0..3 {
        let key = once(&format!("{n}"));
        key.carry_out(|| put(&ann, "kept", b"kept"));
        ann.keep_answer(&key, &answer(b"kept")).unwrap();
    }
    assert_eq!(kept(&world).len(), 6);
    world.advance(DAY);
    sweep_all(&vault);
    assert_eq!(kept(&world).len(), 6);
    assert_eq!(found(&ann, &once("1")), "answered", "kept for a day at least");
    world.advance(DAY);
    sweep_all(&vault);
    assert_eq!(found(&ann, &once("1")), "nothing");
    world.advance(DAY);
    sweep_all(&vault);
    assert_eq!(kept(&world).len(), 0, "marks and answers are gone");
    assert_eq!(get(&ann, "kept", None).unwrap(), b"kept");
    // What is written afterwards works, also a year of it.
    for _ in 0..40 {
        world.advance(9 * DAY);
        let key = once("again");
        assert_eq!(found(&ann, &key), "nothing");
        key.carry_out(|| put(&ann, "kept", b"kept"));
        ann.keep_answer(&key, &answer(b"kept")).unwrap();
        sweep_all(&vault);
    }
    assert_eq!(kept(&world).len(), 2);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

/// Row keys of marks and answers.
fn kept(world: &World) -> Vec<Vec<u8>> {
    let keys = world.rows().into_iter().map(|(key, _)| key);
    keys.filter(|key| key[16] == 5 && key[18] >= 0x80).collect()
}

fn sweep_all(vault: &oubliette_store::Vault) {
    for _ in 0..4 {
        vault.sweep(1000).unwrap();
    }
}

#[test]
fn no_key_of_a_caller_and_no_name_stands_in_a_row_key() {
    let (world, vault) = World::new();
    let (ann, ben) = (person(&vault, "ann"), person(&vault, "ben"));
    let messages: [NewMessage; 1] = [text("x")];
    let key = once("order-4711");
    key.carry_out(|| ann.chats().append("ben", &messages).unwrap());
    ann.keep_answer(&key, &answer(b"x")).unwrap();
    let of_ben = Once::new("ben", "order-4711", [3; 32]).unwrap();
    of_ben.carry_out(|| put(&ben, "s", b"x"));
    let numbers: Vec<Vec<u8>> = kept(&world).iter().map(|key| key[22..].to_vec()).collect();
    assert_eq!(numbers.len(), 3, "two marks and an answer");
    let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
    assert_eq!(distinct.len(), 2, "the same key has another number in another tree");
}
