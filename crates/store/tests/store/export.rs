//! The export: everything that is stored comes back, nothing of it that must not, and no key is held while it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Write};

use oubliette_crypto::ReleaseKey;
use oubliette_store::{
    Audience, Body, ChatPolicy, ChatSettings, ConsentGiven, Keep, Language, NewMessage, PutOptions, Quota,
    Quotas, Recipient, RecordOptions, RecordRule, ReleaseRequest, RequestKind, RequestOutcome, Share,
    SteamFields, SubjectFacts, Vault, VaultError,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::world::{World, noise, person, put, text, under};

fn bytes(said: &[u8], policy: ChatPolicy) -> NewMessage {
    let body = Body::Bytes { content_type: "image/png".into(), bytes: said.to_vec() };
    NewMessage {
        body,
        client_id: Some(format!("told-by-ann {policy}")),
        sent_at: Some(1_600_000_000_000_000),
        ..under(policy, "")
    }
}

/// Ann with something of everything there is, each piece with a mark of its own; the marks, and the contents of files.
fn everything(vault: &Vault) -> (Vec<&'static str>, Vec<Vec<u8>>) {
    let (ann, bob) = (person(vault, "ann"), person(vault, "bob"));
    vault
        .put_subject(
            "ann",
            &SubjectFacts {
                region: Some("region-mark".into()),
                birth_year: Some(1987),
                guardian_consent: Some("guardian-mark".into()),
            },
            false,
        )
        .unwrap();
    let given = ConsentGiven {
        policy_version: Some("version-mark".into()),
        evidence: Some("evidence-mark".into()),
        time: None,
    };
    ann.consents().give("steam_credentials", &given).unwrap();
    ann.consents().give("purpose-mark", &given).unwrap();
    ann.consents().withdraw("purpose-mark").unwrap();
    let fields = [("password", "password-secret"), ("shared_secret", "c2hhcmVkLXNlY3JldC1zZWNyZXQ=")];
    let fields = fields.map(|(name, secret)| (name.to_owned(), secret.to_owned()));
    ann.credentials().set_steam("account-mark", SteamFields(fields.into())).unwrap();
    let key = ReleaseKey::generate().unwrap().public();
    let released = ReleaseRequest {
        fields: vec!["password".into()],
        purpose: "release-mark".into(),
        request: None,
        recipient: Recipient { name: "recipient-mark".into(), key: key.id().to_string() },
        key,
    };
    ann.credentials().release("account-mark", &released).unwrap();
    ann.requests().add(RequestKind::Portability, None, Some("request-mark".into())).unwrap();
    ann.requests().answer(1, RequestOutcome::Granted, Some("answer-mark".into())).unwrap();
    let files = vec![
        noise(10, 1),
        noise(300_000, 2),
        Vec::new(),
        vec![7; 400_000],
        noise(9, 4),
        noise(40_000, 5),
        noise(200_000, 6),
        b"{}".to_vec(),
    ];
    put(&ann, "slot-mark", &files[0]);
    put(&ann, "slot-mark", &files[1]);
    put(&ann, "empty", &files[2]);
    let options = PutOptions {
        meta: Some("{\"device\":\"meta-mark\"}".into()),
        content_type: Some("type-mark".into()),
        ..PutOptions::default()
    };
    ann.saves().put("../game/mark", "a/b", &options, &mut files[3].as_slice()).unwrap();
    put(&ann, "name-alone-mark", b"x");
    ann.saves().forget_version("doom", "name-alone-mark", 1).unwrap();
    person(vault, "dora");
    let share = Share { audience: Audience::Users(vec!["dora".into()]), expires: None };
    ann.saves().share("doom", "slot-mark", &share).unwrap();
    ann.saves().set_keep("doom", "slot-mark", Keep { last: Some(9876), days: None }).unwrap();
    let quotas = Quotas { total: Quota { bytes: None, items: Some(765_432) }, ..Quotas::NONE };
    ann.set_quotas(&quotas).unwrap();
    ann.chats()
        .append("bob", &[bytes(&files[4], ChatPolicy::Author), bytes(&files[5], ChatPolicy::Either)])
        .unwrap();
    for (policy, [hers, his]) in ChatPolicy::ALL.into_iter().zip([
        ["hers-author", "his-author"],
        ["hers-either", "his-either"],
        ["hers-survivor", "his-survivor"],
    ]) {
        ann.chats().append("bob", &[under(policy, hers)]).unwrap();
        bob.chats().append("ann", &[under(policy, his)]).unwrap();
    }
    ann.chats().append("bob", &vec![text("many-mark 你好"); 150]).unwrap_err();
    (0..3).for_each(|_| drop(ann.chats().append("bob", &vec![text("many-mark 你好"); 50]).unwrap()));
    ann.chats().set("bob", &ChatSettings { keep_days: Some(4321), default_policy: None }).unwrap();
    person(vault, "carl");
    ann.chats().block("carl").unwrap();
    for (id, content) in
        [("record-mark", files[6].as_slice()), ("other/record", b"replaced"), ("other/record", b"{}")]
    {
        let options =
            RecordOptions { content_type: Some("application/json".into()), ..RecordOptions::default() };
        ann.records().put("orders", id, &options, &mut &*content).unwrap();
    }
    // Somebody who is gone by now, and left a copy.
    person(vault, "gone").chats().append("ann", &[under(ChatPolicy::Survivor, "copy-mark")]).unwrap();
    vault.erase(&["gone"]).unwrap();
    let marks = vec![
        "region-mark",
        "version-mark",
        "evidence-mark",
        "purpose-mark",
        "account-mark",
        "release-mark",
        "recipient-mark",
        "request-mark",
        "answer-mark",
        "portability",
        "slot-mark",
        "meta-mark",
        "type-mark",
        "../game/mark",
        "a/b",
        "told-by-ann",
        "image/png",
        "hers-author",
        "his-author",
        "hers-either",
        "his-either",
        "hers-survivor",
        "his-survivor",
        "many-mark 你好",
        "carl",
        "copy-mark",
        "\"bob\"",
        "\"ann\"",
        "4321",
        "2020-09-13T12:26:40Z",
        "\"password\"",
        "\"shared_secret\"",
        "withdrawn",
        "1987",
        "guardian-mark",
        "name-alone-mark",
        "\"dora\"",
        "9876",
        "765432",
        "\"orders\"",
        "record-mark",
        "other/record",
    ];
    (marks, files)
}

fn unpack(zip: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
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

fn manifest(files: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
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

#[test]
fn everything_that_is_stored_comes_back() {
    let (mut world, vault) = World::new();
    drop(vault);
    world.policy.records.insert("orders".into(), RecordRule::default());
    let vault = world.open();
    let (marks, contents) = everything(&vault);
    let ann = vault.subject("ann").unwrap();
    let mut zip = Vec::new();
    let report = ann.export(&mut zip, Language::Both).unwrap();
    let files = unpack(zip);
    assert_eq!(report.files, files.len() as u64);
    assert_eq!(report.bytes, files.values().map(|content| content.len() as u64).sum::<u64>());
    assert!(manifest(&files).iter().all(|line| line.get("forgotten_meanwhile").is_none()));

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
        let mut zip = Vec::new();
        ann.export(&mut zip, language).unwrap();
        let files = unpack(zip);
        assert!(files.contains_key(there) && !files.contains_key(absent));
    }
    assert!(String::from_utf8_lossy(&files["README.zh.txt"]).contains("您的数据"));
}

/// Does something when so many bytes have come.
struct At<'a> {
    written: Vec<u8>,
    after: usize,
    act: Option<Box<dyn FnOnce() + 'a>>,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.written.extend_from_slice(bytes);
        if self.written.len() >= self.after
            && let Some(act) = self.act.take()
        {
            act();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whatever is deleted while somebody receives their export is deleted at once: nothing waits for a slow receiver.
#[test]
fn deletions_do_not_wait_for_an_export() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "slot", &noise(2_000_000, 1));
    put(&ann, "other", &noise(10, 1));
    let forget = || ann.saves().forget_slot("doom", "slot").map(drop).unwrap();
    let mut to = At { written: Vec::new(), after: 1_000_000, act: Some(Box::new(forget)) };
    ann.export(&mut to, Language::English).unwrap();
    let files = unpack(std::mem::take(&mut to.written));
    let lines = manifest(&files);
    let cut: Vec<_> = lines.iter().filter(|line| line["forgotten_meanwhile"] == true).collect();
    assert_eq!(cut.len(), 1);
    assert!(cut[0]["size"].as_u64().unwrap() < 2_000_000);
    assert!(files.values().any(|content| *content == noise(10, 1)), "the rest is there");

    put(&ann, "slot", &noise(2_000_000, 1));
    let erase = || drop(vault.erase(&["ann"]).unwrap());
    let mut to = At { written: Vec::new(), after: 1_000_000, act: Some(Box::new(erase)) };
    assert!(matches!(ann.export(&mut to, Language::English), Err(VaultError::SubjectErased { .. })));
    assert!(zip::ZipArchive::new(Cursor::new(to.written)).is_err(), "no program takes it for whole");
    assert!(matches!(ann.export(&mut Vec::new(), Language::Both), Err(VaultError::SubjectErased { .. })));
}

#[test]
fn a_receiver_who_fails_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_world, vault) = World::new();
    assert!(matches!(person(&vault, "ann").export(&mut Full, Language::Both), Err(VaultError::Output(_))));
    assert!("fr".parse::<Language>().is_err() && "zh".parse::<Language>().is_ok());
}
