//! Conversations: one order in both views, paging, forgetting, blocks, peers who leave.

use data_encoding::BASE64URL_NOPAD;
use oubliette_store::{Body, ChatPolicy, NewMessage, Page, VaultError, Window};
use proptest::prelude::*;

use crate::world::{World, person, said, text, texts, under};

#[test]
fn both_sides_see_one_order() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    ann.chats().append("bob", &[text("hi"), text("there")]).unwrap();
    bob.chats().append("ann", &[text("hello")]).unwrap();
    world.advance(5);
    ann.chats().append("bob", &[text("bye")]).unwrap();
    assert_eq!(texts(&ann, "bob"), ["bye", "hello", "there", "hi"]);
    let window = Window::default();
    let (a, b) =
        (ann.chats().messages("bob", &window).unwrap(), bob.chats().messages("ann", &window).unwrap());
    let seen = |listed: &oubliette_store::Listed<oubliette_store::Message>| {
        listed
            .items
            .iter()
            .map(|m| (m.id.clone(), m.author.clone().unwrap(), m.seq, m.created))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&a), seen(&b));
    assert_eq!(seen(&a).iter().map(|m| m.1.as_str()).collect::<Vec<_>>(), ["ann", "bob", "ann", "ann"]);
    assert!(a.items.iter().all(|m| m.policy == ChatPolicy::Author));

    drop((ann, bob, vault));
    let vault = world.open();
    let (ann, bob) = (vault.subject("ann").unwrap(), vault.subject("bob").unwrap());
    bob.chats().append("ann", &[text("again")]).unwrap();
    assert_eq!(texts(&ann, "bob"), ["again", "bye", "hello", "there", "hi"]);
    let chats = ann.chats().list(&Page::default()).unwrap().items;
    assert_eq!((chats[0].peer.as_deref(), chats[0].messages), (Some("bob"), 5));
    assert_eq!(chats[0].last, Some(1_700_000_000_000_005));
    assert_eq!(texts(&ann, &chats[0].id), texts(&ann, "bob"));
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn bodies_of_every_size_come_back() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    let sizes = [0, 1, 3_700, 3_800, 3_950, 4_100, 16_384, 20_000, 65_536];
    for (length, policy) in
        sizes.into_iter().flat_map(|length| ChatPolicy::ALL.map(|policy| (length, policy)))
    {
        let sent = NewMessage {
            body: Body::Bytes { content_type: "image/png".into(), bytes: crate::world::noise(length, 5) },
            sent_at: Some(17),
            client_id: Some(format!("c-{length}-{policy}")),
            policy: Some(policy),
        };
        ann.chats().append("bob", std::slice::from_ref(&sent)).unwrap();
        let got = bob
            .chats()
            .messages("ann", &Window { limit: Some(1), ..Window::default() })
            .unwrap()
            .items
            .remove(0);
        assert_eq!((got.body, got.sent_at, got.client_id), (sent.body, Some(17), sent.client_id));
        assert_eq!((got.author.as_deref(), got.policy), (Some("ann"), policy));
    }
    let long = text(&"x".repeat(65_537));
    assert!(matches!(ann.chats().append("bob", &[long]), Err(VaultError::TooLarge { limit: 65_536, .. })));
    assert!(matches!(ann.chats().append("bob", &[]), Err(VaultError::Invalid { .. })));
    assert!(matches!(ann.chats().append("bob", &vec![text("x"); 101]), Err(VaultError::Invalid { .. })));
    assert_eq!(ann.chats().append("bob", &vec![text(&"y".repeat(4_500)); 100]).unwrap().len(), 100);
    // What both store counts for each: so many long ones fit no single write, and nothing of them is left.
    let long = |policy| NewMessage { policy: Some(policy), ..text(&"y".repeat(4_500)) };
    for policy in [ChatPolicy::Either, ChatPolicy::Survivor] {
        let seen = texts(&ann, "bob").len();
        assert!(matches!(
            ann.chats().append("bob", &vec![long(policy); 100]),
            Err(VaultError::Invalid { field: "messages", .. })
        ));
        assert_eq!(texts(&ann, "bob").len(), seen);
        ann.chats().append("bob", &vec![long(policy); 60]).unwrap();
        ann.chats().append("bob", &vec![NewMessage { policy: Some(policy), ..text("short") }; 100]).unwrap();
    }
    ann.chats().forget_side("bob").unwrap();
    bob.chats().forget_side("ann").unwrap();
    while vault.sweep(1000).unwrap().rows > 0 {}
    assert_eq!(world.blobs.disk_bytes().unwrap(), 0);
}

#[test]
fn peers_that_are_not_there() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    assert!(matches!(ann.chats().append("bob", &[text("x")]), Err(VaultError::PeerUnknown)));
    assert!(matches!(ann.chats().messages("bob", &Window::default()), Err(VaultError::PeerUnknown)));
    assert!(matches!(ann.chats().append("id:1", &[text("x")]), Err(VaultError::PeerUnknown)));
    assert!(matches!(
        ann.chats().append("ann", &[text("x")]),
        Err(VaultError::Invalid { field: "peer", .. })
    ));
    assert!(matches!(ann.chats().block("bob"), Err(VaultError::PeerUnknown)));
    person(&vault, "bob");
    assert!(texts(&ann, "bob").is_empty());
    assert!(matches!(ann.chats().forget_side("bob"), Err(VaultError::NotFound { .. })));
}

/// Somebody whose user id looked like the id of a conversation was taken for it, and who was written to by that id was not found.
#[test]
fn a_user_id_that_looks_like_a_conversation_is_a_user_id() {
    let (_world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    ann.chats().append("bob", &[text("to bob")]).unwrap();
    let id = ann.chats().list(&Page::default()).unwrap().items.remove(0).id;
    let digits = id.split_once('-').unwrap().1.to_owned();
    for like in ["id:1".to_owned(), "id:1-0123456789abcdef".to_owned(), format!("id:2-{digits}")] {
        person(&vault, &like);
        ann.chats().append(&like, &[text("to the other")]).unwrap();
        assert_eq!(texts(&ann, &like), ["to the other"]);
    }
    vault.erase(&["bob"]).unwrap();
    assert_eq!(texts(&ann, &id), ["to bob"]);
    drop(bob);
}

/// An id of the peer's message with another order in it forgot one's own words up to that other moment.
#[test]
fn an_altered_id_of_the_peer_s_message_forgets_nothing() {
    let (_world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    let theirs = bob.chats().append("ann", &[text("b1")]).unwrap();
    ann.chats().append("bob", &[text("a1"), text("a2")]).unwrap();
    let mut id = BASE64URL_NOPAD.decode(theirs[0].id.as_bytes()).unwrap();
    id[..8].copy_from_slice(&u64::MAX.to_be_bytes());
    let altered = BASE64URL_NOPAD.encode(&id);
    assert!(matches!(ann.chats().forget_through("bob", &altered), Err(VaultError::NotFound { .. })));
    assert_eq!(texts(&ann, "bob"), ["a2", "a1", "b1"]);
    ann.chats().forget_through("bob", &theirs[0].id).unwrap();
    assert_eq!(texts(&ann, "bob"), ["a2", "a1", "b1"], "nothing of hers is as old");
}

#[test]
fn after_the_peers_erasure_only_ones_own_words_are_left() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    ann.chats().append("bob", &[text("from ann")]).unwrap();
    bob.chats().append("ann", &[text("from bob")]).unwrap();
    vault.erase(&["ann"]).unwrap();
    assert_eq!(texts(&bob, "ann"), ["from bob"]);
    assert!(matches!(bob.chats().append("ann", &[text("x")]), Err(VaultError::PeerGone)));
    let chat = bob.chats().list(&Page::default()).unwrap().items.remove(0);
    assert_eq!((chat.peer, chat.messages), (None, 1));
    assert_eq!(texts(&bob, &chat.id), ["from bob"]);
    assert!(matches!(bob.chats().append(&chat.id, &[text("x")]), Err(VaultError::PeerGone)));

    while vault.sweep(1).unwrap().left > 0 {}
    drop((ann, bob, vault));
    let vault = world.open();
    let bob = vault.subject("bob").unwrap();
    assert_eq!(texts(&bob, &chat.id), ["from bob"]);
    // The same name, another person: nothing is inherited.
    vault.put_subject("ann", &Default::default(), true).unwrap();
    assert!(texts(&bob, "ann").is_empty());
    bob.chats().append("ann", &[text("new")]).unwrap();
    assert_eq!(texts(&vault.subject("ann").unwrap(), "bob"), ["new"]);
    assert_eq!(bob.chats().list(&Page::default()).unwrap().items.len(), 2);
    bob.chats().forget_side(&chat.id).unwrap();
    assert_eq!(bob.chats().list(&Page::default()).unwrap().items.len(), 1);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn messages_are_forgotten_by_their_author_alone() {
    let (_world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    let sent = ann.chats().append("bob", &[text("a1"), text("a2"), text("a3")]).unwrap();
    let theirs = bob.chats().append("ann", &[text("b1")]).unwrap();
    ann.chats().append("bob", &[text("a4")]).unwrap();
    assert!(matches!(bob.chats().forget_message("ann", &sent[0].id), Err(VaultError::NotAuthor)));
    assert!(matches!(
        ann.chats().forget_message("bob", "nonsense"),
        Err(VaultError::Invalid { field: "id", .. })
    ));
    ann.chats().forget_message("bob", &sent[1].id).unwrap();
    assert!(matches!(ann.chats().forget_message("bob", &sent[1].id), Err(VaultError::NotFound { .. })));
    assert_eq!(texts(&bob, "ann"), ["a4", "b1", "a3", "a1"]);
    ann.chats().forget_through("bob", &theirs[0].id).unwrap();
    assert_eq!(texts(&bob, "ann"), ["a4", "b1"]);
    let next = ann.chats().append("bob", &[text("a5")]).unwrap();
    assert_eq!(next[0].seq, 5, "numbers are not used again");
    ann.chats().forget_through("bob", &next[0].id).unwrap();
    assert_eq!(texts(&ann, "bob"), ["b1"]);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn who_forgets_a_side_starts_afresh() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    ann.chats().append("bob", &[text("a1")]).unwrap();
    bob.chats().append("ann", &[text("b1")]).unwrap();
    ann.chats().forget_side("bob").unwrap();
    assert!(texts(&ann, "bob").is_empty() && ann.chats().list(&Page::default()).unwrap().items.is_empty());
    assert_eq!(texts(&bob, "ann"), ["b1"]);
    bob.chats().append("ann", &[text("b2")]).unwrap();
    assert_eq!((texts(&ann, "bob"), texts(&bob, "ann")), (vec!["b2".into()], vec!["b2".into(), "b1".into()]));
    ann.chats().append("bob", &[text("a2")]).unwrap();
    assert_eq!(texts(&ann, "bob"), ["a2", "b2"]);
    assert_eq!(texts(&bob, "ann"), ["a2", "b2", "b1"]);
    bob.chats().forget_side("ann").unwrap();
    ann.chats().append("bob", &[text("a3")]).unwrap();
    assert_eq!((texts(&bob, "ann"), texts(&ann, "bob")), (vec!["a3".into()], vec!["a3".into(), "a2".into()]));
    assert_eq!(ann.chats().list(&Page::default()).unwrap().items[0].messages, 2);
    let _ = world;
}

#[test]
fn blocks_stand_until_lifted() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    bob.chats().block("ann").unwrap();
    assert!(matches!(ann.chats().append("bob", &[text("x")]), Err(VaultError::BlockedByRecipient)));
    bob.chats().append("ann", &[text("still")]).unwrap();
    assert_eq!(bob.chats().blocked().unwrap(), ["ann"]);
    drop((ann, bob, vault));
    let vault = world.open();
    let (ann, bob) = (vault.subject("ann").unwrap(), vault.subject("bob").unwrap());
    assert!(matches!(ann.chats().append("bob", &[text("x")]), Err(VaultError::BlockedByRecipient)));
    bob.chats().unblock("ann").unwrap();
    bob.chats().unblock("ann").unwrap();
    ann.chats().append("bob", &[text("x")]).unwrap();
    bob.chats().block("ann").unwrap();
    vault.erase(&["ann"]).unwrap();
    assert!(bob.chats().blocked().unwrap().is_empty());
}

#[test]
fn many_writers_in_one_conversation() {
    let (_world, vault) = World::new();
    let people = [person(&vault, "ann"), person(&vault, "bob")];
    std::thread::scope(|scope| {
        for n in 0..6 {
            let (me, peer) = (people[n % 2].clone(), ["bob", "ann"][n % 2]);
            scope.spawn(move || {
                for i in 0..10 {
                    let message = under(ChatPolicy::ALL[(n + i) % 3], &format!("{n}-{i}"));
                    me.chats().append(peer, &[message]).unwrap();
                }
            });
        }
    });
    let all = texts(&people[0], "bob");
    assert_eq!((all.len(), &all), (60, &texts(&people[1], "ann")));
    for n in 0..6 {
        let own: Vec<_> = all.iter().rev().filter(|t| t.starts_with(&format!("{n}-"))).collect();
        assert_eq!(own, (0..10).map(|i| format!("{n}-{i}")).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Pages in both directions, from any id, agree with the whole list; also with gaps and a clock that stands or goes back.
    #[test]
    fn pages_agree_with_the_whole(
        steps in proptest::collection::vec((0usize..2, 0u64..3, 0usize..6, 0usize..3), 1..60), limit in 1usize..9, at in 0.0f64..1.0,
    ) {
        let (world, vault) = World::new();
        let people = [person(&vault, "ann"), person(&vault, "bob")];
        // What each of the two sees.
        let mut views = [Vec::new(), Vec::new()];
        for (n, (me, pause, forget, policy)) in steps.iter().copied().enumerate() {
            world.clock.0.store(1_700_000_000_000_000 + pause * 50, std::sync::atomic::Ordering::SeqCst);
            let policy = ChatPolicy::ALL[policy];
            let message = under(policy, &n.to_string());
            let id = people[me].chats().append(["bob", "ann"][me], &[message]).unwrap().remove(0).id;
            views.iter_mut().for_each(|view| view.push((id.clone(), n.to_string())));
            // By the author, or by the peer, or by nobody.
            let by = match forget { 0 => me, 1 => 1 - me, _ => continue };
            let done = people[by].chats().forget_message(["bob", "ann"][by], &id);
            match policy {
                ChatPolicy::Author if by != me => prop_assert!(matches!(done, Err(VaultError::NotAuthor))),
                ChatPolicy::Survivor => { done.unwrap(); views[by].pop(); }
                _ => { done.unwrap(); views.iter_mut().for_each(|view| { view.pop(); }); }
            }
        }
        for (me, peer, mut ids) in people.iter().zip(["bob", "ann"]).zip(views).map(|((me, peer), ids)| (me, peer, ids)) {
            ids.reverse();
            let chats = me.chats().list(&Page::default()).unwrap().items;
            prop_assert_eq!(chats[0].messages, ids.len() as u64);
            if ids.is_empty() { continue; }
            let page = |window: Window| {
                let listed = me.chats().messages(peer, &window).unwrap();
                (listed.items.iter().map(|m| (m.id.clone(), said(m))).collect::<Vec<_>>(), listed.next_cursor)
            };
            let mut down = Vec::new();
            let mut before = None;
            loop {
                let (items, next) = page(Window { before: before.clone(), after: None, limit: Some(limit) });
                down.extend(items);
                if next.is_none() { break; }
                before = next;
            }
            prop_assert_eq!(&down, &ids);
            let start = ((ids.len() - 1) as f64 * at) as usize;
            let (up, next) = page(Window { before: None, after: Some(ids[start].0.clone()), limit: Some(limit) });
            let from = start.saturating_sub(limit);
            prop_assert_eq!(&up[..], &ids[from..start]);
            prop_assert_eq!(next.is_some(), from > 0);
            let (between, _) = page(Window { before: Some(ids[0].0.clone()), after: Some(ids[start].0.clone()), limit: Some(1000) });
            prop_assert_eq!(&between[..], &ids[start.min(1)..start]);
        }
    }
}
