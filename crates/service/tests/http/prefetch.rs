//! The newest versions of a game in one answer.

use std::collections::BTreeMap;

use oubliette_client::SaveOptions;

use crate::support::{Service, noise, refused};

#[test]
fn the_newest_of_every_slot_come_in_one_answer() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let slots = ["one", "two/ü \"x\"", "empty", "large", "odd"];
    let mut wanted = BTreeMap::new();
    for (n, slot) in slots.into_iter().enumerate() {
        let content = match slot {
            "empty" => Vec::new(),
            // What looks like a boundary, and more than is read ahead.
            "large" => [b"\r\n--oubliette-".as_slice(), &noise(1, 700_000)].concat(),
            _ => noise(n as u64, 50 * n),
        };
        let meta = (slot != "odd").then(|| format!(r#"{{"n":{n}}}"#));
        let options = SaveOptions { meta, content_type: Some("x/y".into()), ..SaveOptions::default() };
        for _ in 0..2 {
            client.put_save("alice", "doom", slot, &mut content.as_slice(), &options).unwrap();
        }
        wanted.insert(slot.to_owned(), content);
    }
    client.put_save("alice", "chess", "other", &mut &b"x"[..], &SaveOptions::default()).unwrap();

    for limit in [None, Some(2), Some(5)] {
        let (mut got, mut cursor, mut facts) = (BTreeMap::new(), None::<String>, Vec::new());
        loop {
            let page = client
                .prefetch_saves("alice", "doom", limit, cursor.as_deref(), &mut |save, content| {
                    let mut bytes = Vec::new();
                    content.read_to_end(&mut bytes)?;
                    assert_eq!(
                        (save.version, save.size, save.content_type.as_deref()),
                        (2, bytes.len() as u64, Some("x/y"))
                    );
                    assert!(save.etag.starts_with("\"2-") && save.created.ends_with('Z'));
                    assert_eq!(save.meta.is_some(), save.slot != "odd");
                    got.insert(save.slot.clone(), bytes);
                    Ok(())
                })
                .unwrap();
            assert!(page.saves.len() <= limit.unwrap_or(32));
            facts.extend(page.saves);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert!(got == wanted, "limit {limit:?}");
        assert!(
            facts
                .iter()
                .all(|slot| slot.facts.version == 2 && wanted[&slot.slot].len() as u64 == slot.facts.size)
        );
        assert_eq!(facts[0].facts.meta, Some(serde_json::json!({"n": 0})));
    }
    // Who leaves the bytes unread gets the rest all the same.
    let mut seen = 0;
    let skipped = client.prefetch_saves("alice", "doom", None, None, &mut |_, content| {
        seen += content.read(&mut [0; 10])?;
        Ok(())
    });
    assert_eq!((skipped.unwrap().saves.len(), seen), (5, 30));
    assert!(client.prefetch_saves("alice", "none", None, None, &mut |_, _| Ok(())).unwrap().saves.is_empty());
    refused(client.prefetch_saves("nobody", "doom", None, None, &mut |_, _| Ok(())), 404, "subject_unknown");
    assert!(client.prefetch_saves("bob", "doom", None, None, &mut |_, _| Ok(())).unwrap().saves.is_empty());
    service.raw("GET", "/v1/subjects/alice/saves/doom?limit=0", &[], b"").problem(400, "invalid");
    service.raw("GET", "/v1/subjects/alice/saves/doom?cursor=%3F", &[], b"").problem(400, "invalid");
}

/// What is forgotten on the way breaks the answer off, and is never passed off as whole.
#[test]
fn an_erasure_ends_a_prefetch() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    for slot in ["one", "two"] {
        client
            .put_save("alice", "doom", slot, &mut noise(1, 32 << 20).as_slice(), &SaveOptions::default())
            .unwrap();
    }
    let mut begun = 0;
    let broken = client.prefetch_saves("alice", "doom", None, None, &mut |_, content| {
        begun += 1;
        content.read_exact(&mut [0; 1000])?;
        service.erase("alice").unwrap();
        Ok(())
    });
    assert!(broken.is_err() && begun == 1, "{broken:?}");
    refused(client.prefetch_saves("alice", "doom", None, None, &mut |_, _| Ok(())), 410, "subject_erased");
}
