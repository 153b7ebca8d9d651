//! Somebody who has something of everything that there is.

use oubliette_crypto::ReleaseKey;
use oubliette_store::{
    Audience, Body, ChatPolicy, ChatSettings, ConsentGiven, Keep, NewMessage, PutOptions, Quota, Quotas,
    Recipient, RecordOptions, ReleaseRequest, RequestKind, RequestOutcome, Share, SteamFields, SubjectFacts,
    Vault,
};

use crate::world::{noise, person, put, text, under};

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
pub(crate) fn everything(vault: &Vault) -> (Vec<&'static str>, Vec<Vec<u8>>) {
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
    ann.credentials().guard_code("account-mark").unwrap();
    let key = ReleaseKey::generate().unwrap().public();
    let released = ReleaseRequest {
        fields: vec!["password".into()],
        purpose: "release-mark".into(),
        request: None,
        recipient: Recipient { name: "recipient-mark".into(), key: key.id().to_string() },
        key,
    };
    ann.credentials().release("account-mark", &released).unwrap();
    ann.requests().add(RequestKind::Portability, None, Some("asked-mark".into())).unwrap();
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
        "guard_code",
        "release-mark",
        "recipient-mark",
        "portability",
        "asked-mark",
        "answer-mark",
    ];
    (marks, files)
}
