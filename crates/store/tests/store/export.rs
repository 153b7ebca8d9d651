//! The export: everything that is stored comes back, and nothing that must not. What ends one: `export_ends.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use oubliette_crypto::{Class, Handle};
use oubliette_engine::Batch;
use oubliette_store::{
    ChatPolicy, ConsentGiven, ExportOptions, ExportReport, Language, NewHold, RecordOptions, RecordRule,
    RequestKind, SteamFields, Subject, Vault, VaultError, verify_export,
};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::export_person::everything;
use crate::world::{World, noise, person, put, text, under};

type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn export(subject: &Subject, language: Language) -> (Vec<u8>, ExportReport) {
    let mut zip = Vec::new();
    let options = ExportOptions { language, region: None };
    let report = subject.export(&options).unwrap().write(&mut zip).unwrap();
    assert_eq!(verify_export(Cursor::new(&zip)).unwrap(), report);
    (zip, report)
}

pub(crate) fn exported(subject: &Subject) -> Files {
    unpack(export(subject, Language::English).0)
}

pub(crate) fn unpack(zip: Vec<u8>) -> Files {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        assert!(file.enclosed_name().is_some(), "no name of a file is a way out of the folder");
        let name = file.name().unwrap().into_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert!(files.insert(name, content).is_none());
    }
    files
}

fn manifest(files: &Files) -> Vec<Value> {
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let lines = manifest["files"].as_array().unwrap().clone();
    let paths: BTreeSet<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    let there: BTreeSet<&str> =
        files.keys().map(String::as_str).filter(|path| *path != "manifest.json").collect();
    assert_eq!(paths, there, "the manifest names every file once");
    for line in &lines {
        let content = &files[line["path"].as_str().unwrap()];
        let hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (line["sha256"].as_str(), line["size"].as_u64()),
            (Some(hash.as_str()), Some(content.len() as u64))
        );
    }
    lines
}

/// A vault that knows what `everything` records.
fn world() -> (World, Vault) {
    let (mut world, vault) = World::new();
    drop(vault);
    world.policy.records.insert("orders".into(), RecordRule::default());
    let vault = world.open();
    (world, vault)
}

fn contains(file: &[u8], mark: &[u8]) -> bool {
    file.windows(mark.len()).any(|window| window == mark)
}

#[test]
fn everything_that_is_stored_comes_back() {
    let (_world, vault) = world();
    let (marks, contents) = everything(&vault);
    let ann = vault.subject("ann").unwrap();
    let (zip, report) = export(&ann, Language::Both);
    let files = unpack(zip);
    assert_eq!(report.files, files.len() as u64);
    assert_eq!(report.bytes, files.values().map(|content| content.len() as u64).sum::<u64>());
    manifest(&files);

    let json: String = files
        .iter()
        .filter(|(path, _)| path.ends_with(".json"))
        .map(|(_, text)| std::str::from_utf8(text).unwrap())
        .collect();
    for mark in marks {
        assert!(json.contains(mark), "{mark} is not in the export");
    }
    for secret in ["password-secret", "c2hhcmVkLXNlY3JldC1zZWNyZXQ="] {
        assert!(
            files
                .values()
                .all(|content| !content.windows(secret.len()).any(|window| window == secret.as_bytes()))
        );
    }
    for content in &contents {
        assert!(files.values().any(|file| file == content), "{} bytes are not in the export", content.len());
    }
    // As many messages as she sees, and every version.
    let said: u64 =
        ann.chats().list(&Default::default()).unwrap().items.iter().map(|chat| chat.messages).sum();
    let pages = files.iter().filter(|(path, _)| path.contains("/messages-"));
    let exported: usize =
        pages.map(|(_, page)| serde_json::from_slice::<Vec<Value>>(page).unwrap().len()).sum();
    assert_eq!(exported as u64, said);
    let versions = files.iter().filter(|(path, _)| path.ends_with("/slot.json"));
    let versions = versions.map(|(_, slot)| serde_json::from_slice::<Value>(slot).unwrap());
    assert_eq!(versions.map(|slot| slot["versions"].as_array().unwrap().len()).sum::<usize>(), 4);

    for (language, there, absent) in [
        (Language::English, "README.en.txt", "README.zh.txt"),
        (Language::Chinese, "README.zh.txt", "README.en.txt"),
    ] {
        let files = unpack(export(&ann, language).0);
        assert!(files.contains_key(there) && !files.contains_key(absent));
    }
    assert!(String::from_utf8_lossy(&files["README.zh.txt"]).contains("您的数据"));
    assert_eq!(export(&ann, Language::Both).0, export(&ann, Language::Both).0, "the order is a stable one");
}

/// What an export tells of content: without how much there is in all.
fn told(files: Result<Files, VaultError>) -> Option<Files> {
    let mut files = files.ok()?;
    files.remove("manifest.json");
    for (path, content) in &mut files {
        let Ok(Value::Object(mut json)) = serde_json::from_slice::<Value>(content) else { continue };
        let counts: &[&str] = match path.as_str() {
            "person.json" => &["stored"],
            chat if chat.ends_with("/chat.json") => &["messages", "last"],
            _ => &[],
        };
        counts.iter().for_each(|count| drop(json.remove(*count)));
        *content = serde_json::to_vec(&json).unwrap();
    }
    Some(files)
}

/// Each row that is stored of a person shows in their export: with any one of them taken away, it is another one. A class, or a part of the profile,
/// that is new and not exported fails here, once `everything` stores something of it.
#[test]
fn each_row_of_a_person_shows_in_their_export() {
    let (world, vault) = world();
    everything(&vault);
    let rows = world.rows();
    let facts = |key: &[u8]| key[16..22] == [Class::Profile as u8, 1, 0, 0, 0, 1];
    let ann = Handle(rows.iter().find(|(key, _)| facts(key)).unwrap().0[..16].try_into().unwrap());
    let hers: Vec<_> = rows.iter().filter(|(key, _)| key.starts_with(ann.as_bytes())).collect();
    let classes: BTreeSet<u8> = hers.iter().map(|(key, _)| key[16]).collect();
    assert_eq!(classes, Class::ALL.map(|class| class as u8).into(), "something of every class");
    let parts: BTreeSet<&[u8]> = hers.iter().map(|(key, _)| &key[16..22]).collect();
    assert!(parts.len() >= 20, "{parts:?}");

    let all = told(Ok(exported(&vault.subject("ann").unwrap())));
    let mut vault = vault;
    for part in parts {
        // Of long conversations the first and the last.
        let of_part: Vec<_> = hers.iter().filter(|(key, _)| key[16..22] == *part).collect();
        let ends = of_part.iter().take(4).chain(of_part.iter().skip(4).rev().take(4));
        for (key, row) in ends {
            let mut batch = Batch::new();
            batch.delete(key.clone());
            world.engine.commit(batch).unwrap();
            vault = world.reopen(vault);
            let mut zip = Vec::new();
            let written =
                vault.subject("ann").unwrap().export(&ExportOptions::default()).unwrap().write(&mut zip);
            assert_ne!(told(written.map(|_| unpack(zip))), all, "row {:?} is not exported", &key[16..]);
            let mut batch = Batch::new();
            batch.put(key.clone(), row.clone());
            world.engine.commit(batch).unwrap();
        }
    }
    vault = world.reopen(vault);
    assert_eq!(told(Ok(exported(&vault.subject("ann").unwrap()))), all);
}

#[test]
fn nothing_of_others_and_nothing_deleted_is_in_it() {
    let (_world, vault) = world();
    everything(&vault);
    let (ann, bob) = (vault.subject("ann").unwrap(), vault.subject("bob").unwrap());
    let given = ConsentGiven { evidence: Some("canary-evidence".into()), ..ConsentGiven::default() };
    bob.consents().give("steam_credentials", &given).unwrap();
    let password = SteamFields([("password".to_owned(), "canary-password".to_owned())].into());
    bob.credentials().set_steam("canary-account", password).unwrap();
    put(&bob, "canary-slot", b"canary-save");
    bob.records().put("orders", "canary-id", &RecordOptions::default(), &mut &b"canary-record"[..]).unwrap();
    bob.requests().add(RequestKind::Access, None, Some("canary-request".into())).unwrap();
    bob.chats().append("dora", &[text("canary-bob")]).unwrap();
    vault.subject("dora").unwrap().chats().append("bob", &[text("canary-dora")]).unwrap();
    bob.chats().block("carl").unwrap();
    // Deleted under a hold: it waits there, and nobody reads it.
    put(&ann, "canary-held-slot", b"canary-held");
    let said = ann.chats().append("bob", &[text("canary-held-words")]).unwrap();
    ann.records().put("orders", "canary-held-id", &RecordOptions::default(), &mut &b"canary"[..]).unwrap();
    let hold = NewHold { reason: Some("canary-reason".into()), expires: None };
    ann.holds().place("canary-hold", &hold).unwrap();
    ann.saves().forget_slot("doom", "canary-held-slot").unwrap();
    ann.chats().forget_message("bob", &said[0].id).unwrap();
    ann.records().forget("orders", "canary-held-id").unwrap();

    let (zip, _) = export(&ann, Language::Both);
    assert!(!contains(&zip, b"canary"));
    for (path, content) in unpack(zip) {
        assert!(!contains(path.as_bytes(), b"canary") && !contains(&content, b"canary"), "{path}");
    }
    let bobs = unpack(export(&bob, Language::Both).0);
    for canary in [
        "canary-evidence",
        "canary-account",
        "canary-slot",
        "canary-save",
        "canary-id",
        "canary-request",
        "canary-dora",
    ] {
        assert!(bobs.values().any(|content| contains(content, canary.as_bytes())), "{canary}: bob's own");
    }
    assert!(bobs.values().all(|content| !contains(content, b"canary-password")));
}

/// Records that may not be used at present are the person's all the same; a user id that looks like a conversation's takes none away; damage is told.
#[test]
fn what_is_not_used_is_exported_and_what_is_damaged_is_told() {
    let (mut world, vault) = world();
    everything(&vault);
    person(&vault, "id:1");
    drop(vault);
    world.policy.records.clear();
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    let all = exported(&ann);
    assert!(all.values().any(|content| contains(content, b"\"other/record\"")));
    assert!(all.values().any(|content| contains(content, b"his-survivor")));
    let damaged = |key: &[u8]| key[16..18] == [Class::Chat as u8, 0];
    let rows: Vec<_> = world.rows().into_iter().filter(|(key, _)| damaged(key)).collect();
    world.overwrite_all(&rows.into_iter().map(|(key, row)| (key, vec![7; row.len()])).collect::<Vec<_>>());
    drop(ann);
    let vault = world.reopen(vault);
    let export = vault.subject("ann").unwrap().export(&ExportOptions::default()).unwrap();
    assert!(matches!(export.write(&mut Vec::new()), Err(VaultError::Corrupt { .. })));
}

fn strings() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[\\PC\n\t\u{0}/.]{1,40}").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_stored_comes_back(
        saves in proptest::collection::btree_map(strings(), proptest::collection::vec((0usize..6_000, any::<u64>()), 1..4), 0..5),
        records in proptest::collection::btree_map(strings(), (0usize..6_000, any::<u64>()), 0..5),
        said in proptest::collection::vec((strings(), any::<bool>(), 0usize..3), 0..30),
    ) {
        let (_world, vault) = world();
        let (ann, bob) = (person(&vault, "安"), person(&vault, "bob"));
        for (slot, versions) in &saves {
            versions.iter().for_each(|(length, seed)| drop(put(&ann, slot, &noise(*length, *seed))));
        }
        for (id, (length, seed)) in &records {
            let content = noise(*length, *seed);
            ann.records().put("orders", id, &RecordOptions::default(), &mut content.as_slice()).unwrap();
        }
        for (words, hers, policy) in &said {
            let (from, to) = if *hers { (&ann, "bob") } else { (&bob, "安") };
            from.chats().append(to, &[under(ChatPolicy::ALL[*policy], words)]).unwrap();
        }
        let files = exported(&ann);
        let json = |path: &str| serde_json::from_slice::<Value>(&files[path]).unwrap();
        let of = |end: &str| files.keys().filter(|path| path.ends_with(end)).map(|path| json(path)).collect::<Vec<_>>();
        let bytes = |told: &Value| files[told["file"].as_str().unwrap()].clone();
        let mut found = BTreeMap::new();
        for slot in of("/slot.json") {
            let versions = slot["versions"].as_array().unwrap().iter().rev().map(bytes).collect::<Vec<_>>();
            found.insert(slot["slot"].as_str().unwrap().to_owned(), versions);
        }
        let stored = saves.iter().map(|(slot, versions)| {
            (slot.clone(), versions.iter().map(|(length, seed)| noise(*length, *seed)).collect::<Vec<_>>())
        });
        prop_assert_eq!(found, stored.collect());
        let mut found = BTreeMap::new();
        for record in of("/purpose.json").iter().flat_map(|purpose| purpose["records"].as_array().unwrap()) {
            found.insert(record["id"].as_str().unwrap().to_owned(), bytes(record));
        }
        let stored = records.iter().map(|(id, (length, seed))| (id.clone(), noise(*length, *seed)));
        prop_assert_eq!(found, stored.collect());
        let found: Vec<_> = of("-000001.json").iter().flat_map(|page| page.as_array().unwrap().clone()).rev()
            .map(|message| (message["body"].as_str().unwrap().to_owned(), message["author"] == "安")).collect();
        let sent: Vec<_> = said.iter().map(|(words, hers, _)| (words.clone(), *hers)).collect();
        prop_assert_eq!(found, sent);
    }
}
