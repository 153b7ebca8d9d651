//! Secrets that leave, codes and keys that are made inside, and what is remembered of both.

use std::sync::atomic::Ordering::SeqCst;

use data_encoding::HEXLOWER;
use oubliette_crypto::hpke::{ReleaseContext, SealedRelease, open_release};
use oubliette_crypto::{ReleaseKey, VaultId};
use oubliette_engine::Batch;
use oubliette_store::{
    ConsentGiven, Credentials, Recipient, ReleaseRequest, Released, SteamFields, Subject, UseKind, VaultError,
};
use serde_json::Value;

use crate::world::{World, person};

const SECRET: &str = "zvIayp3JPvtvX/QGHqsqKBk/44s=";
const IDENTITY: &str = "0/ZLHWSHnqaEba5ZAw2YGd68DwE=";

fn fields(pairs: &[(&str, &str)]) -> SteamFields {
    SteamFields(pairs.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect())
}

fn settle(subject: &Subject) -> Credentials {
    subject.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
    let credentials = subject.credentials();
    let all = [("password", "hunter2"), ("shared_secret", SECRET), ("identity_secret", IDENTITY)];
    credentials.set_steam("acc", fields(&all)).unwrap();
    credentials
}

fn asking(key: &ReleaseKey, names: &[&str], request: Option<&str>) -> ReleaseRequest {
    let public = key.public();
    ReleaseRequest {
        fields: names.iter().map(|name| (*name).to_owned()).collect(),
        purpose: "cloud_sign_in".to_owned(),
        request: request.map(str::to_owned),
        recipient: Recipient { name: "host-1".to_owned(), key: public.id().to_string() },
        key: public,
    }
}

fn open(key: &ReleaseKey, released: &Released) -> Option<Value> {
    let bytes = |text: &str| <[u8; 16]>::try_from(HEXLOWER.decode(text.as_bytes()).unwrap()).unwrap();
    let (vault, release) = (VaultId(bytes(&released.vault)), bytes(&released.release));
    let context = ReleaseContext {
        vault: &vault,
        release: &release,
        request: &released.request,
        purpose: &released.purpose,
    };
    let sealed = SealedRelease { enc: released.enc, ciphertext: released.ciphertext.clone() };
    let opened = open_release(key, &context, &sealed).ok()?;
    Some(serde_json::from_slice(&opened).unwrap())
}

#[test]
fn a_released_secret_opens_for_its_recipient_alone_and_the_person_sees_it() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let credentials = settle(&ann);
    let (key, stranger) = (ReleaseKey::generate().unwrap(), ReleaseKey::generate().unwrap());
    let asked = asking(&key, &["shared_secret", "password", "password"], None);
    let one = credentials.release("acc", &asked).unwrap();
    assert_eq!(one.fields, ["password", "shared_secret"]);
    let opened = open(&key, &one).unwrap();
    let secrets = serde_json::json!({ "password": "hunter2", "shared_secret": SECRET });
    assert_eq!(opened, serde_json::json!({ "account": "acc", "fields": secrets }));
    assert!(open(&stranger, &one).is_none());
    assert_eq!(one.ciphertext.len(), 256 + 16, "the length tells little");
    assert!(!format!("{one:?}").contains("hunter2"));
    assert_eq!(one.vault, vault.status().unwrap().vault);

    world.advance(7);
    let two = credentials.release("acc", &ReleaseRequest { purpose: "support".into(), ..asked }).unwrap();
    assert!(one.enc != two.enc && one.release != two.release && one.request != two.request);
    assert!(open(&key, &Released { purpose: one.purpose.clone(), ..two.clone() }).is_none());
    assert!(open(&key, &Released { request: one.request.clone(), ..two.clone() }).is_none());

    credentials.guard_code("acc").unwrap();
    let info = credentials.steam("acc").unwrap();
    assert_eq!(info.last_used, Some(two.time));
    let seen: Vec<_> = info.uses.iter().map(|used| (used.kind, used.purpose.as_deref())).collect();
    let expected = [
        (UseKind::GuardCode, None),
        (UseKind::Release, Some("support")),
        (UseKind::Release, Some("cloud_sign_in")),
    ];
    assert_eq!(seen, expected);
    assert_eq!((info.uses[2].time, info.uses[2].recipient.as_deref()), (one.time, Some("host-1")));
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

/// The same request again brings nothing, not even by way of a restart; another account's requests are its own.
#[test]
fn a_request_is_answered_once() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let credentials = settle(&ann);
    credentials.set_steam("other", fields(&[("password", "x")])).unwrap();
    let key = ReleaseKey::generate().unwrap();
    let asked = asking(&key, &["password"], Some("0123456789abcdef"));
    credentials.release("acc", &asked).unwrap();
    assert!(matches!(credentials.release("acc", &asked), Err(VaultError::Replayed)));
    credentials.release("other", &asked).unwrap();
    drop((credentials, ann, vault));
    let vault = world.open();
    let credentials = vault.subject("ann").unwrap().credentials();
    let rows = world.rows().len();
    assert!(matches!(credentials.release("acc", &asked), Err(VaultError::Replayed)));
    assert_eq!(world.rows().len(), rows);
    // Of many that come at once one is answered.
    let asked = asking(&key, &["password"], Some("fedcba9876543210"));
    let answered = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| credentials.release("acc", &asked).is_ok())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|answered| *answered).count()
    });
    assert_eq!(answered, 1);
}

#[test]
fn what_may_not_be_released_is_not_and_leaves_no_trace() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let key = ReleaseKey::generate().unwrap();
    let asked = asking(&key, &["password"], None);
    assert!(matches!(ann.credentials().release("acc", &asked), Err(VaultError::ConsentRequired { .. })));
    let credentials = settle(&ann);
    let rows = world.rows().len();
    let refused = |asked: ReleaseRequest| credentials.release("acc", &asked).unwrap_err();
    let invalid = |asked: ReleaseRequest, named: &str| {
        let error = refused(asked);
        assert!(matches!(error, VaultError::Invalid { field, .. } if field == named), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    };
    invalid(asking(&key, &[], None), "fields");
    invalid(asking(&key, &["hunter2"], None), "fields");
    for purpose in ["", "hunter2 says", "hunter2/", &"x".repeat(65), "h\u{fc}nter2"] {
        invalid(ReleaseRequest { purpose: purpose.to_owned(), ..asked.clone() }, "purpose");
    }
    for request in ["", "hunter2", "0123456789 hunter2", &"x".repeat(65)] {
        invalid(asking(&key, &["password"], Some(request)), "request");
    }
    assert!(matches!(refused(asking(&key, &["password", "uri"], None)), VaultError::NotFound { .. }));
    assert!(matches!(credentials.release("none", &asked), Err(VaultError::NotFound { what: "account" })));
    assert_eq!(world.rows().len(), rows);
    assert!(credentials.steam("acc").unwrap().uses.is_empty());

    credentials.release("acc", &asked).unwrap();
    ann.consents().withdraw("steam_credentials").unwrap();
    assert!(matches!(credentials.release("acc", &asked), Err(VaultError::ConsentRequired { .. })));
    settle(&ann);
    credentials.forget_steam("acc").unwrap();
    assert!(matches!(credentials.release("acc", &asked), Err(VaultError::NotFound { .. })));
    settle(&ann);
    vault.erase(&["ann"]).unwrap();
    assert!(matches!(credentials.release("acc", &asked), Err(VaultError::SubjectErased { .. })));
    assert!(matches!(credentials.confirmation_key("acc", "", 0), Err(VaultError::SubjectErased { .. })));
}

/// Uses stay few however many there are, the newest count, and the fields are found below all of them.
#[test]
fn many_uses_stay_few_also_after_a_restored_backup() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let credentials = settle(&ann);
    let key = ReleaseKey::generate().unwrap();
    let before = world.rows().len();
    let mut ever = std::collections::BTreeMap::new();
    for n in 0..200 {
        world.advance(1_000_000);
        credentials.release("acc", &asking(&key, &["password"], Some(&format!("request-{n:012}")))).unwrap();
        ever.extend(world.rows());
    }
    assert!(world.rows().len() <= before + 64, "{} rows", world.rows().len());
    let last = asking(&key, &["password"], Some(&format!("request-{:012}", 199 - 30)));
    assert!(matches!(credentials.release("acc", &last), Err(VaultError::Replayed)));
    assert_eq!(
        credentials.steam("acc").unwrap().uses.len(),
        1,
        "of one kind, purpose and recipient the last"
    );

    // Everything that was ever written comes back: what was cut stays so, and does not hide the fields.
    drop((credentials, ann, vault));
    let mut back = Batch::new();
    for (key, row) in &ever {
        back.put(key.clone(), row.clone());
    }
    world.engine.commit(back).unwrap();
    let vault = world.open();
    let credentials = vault.subject("ann").unwrap().credentials();
    assert_eq!(credentials.steam("acc").unwrap().fields.len(), 3);
    credentials.release("acc", &asking(&key, &["password"], None)).unwrap();
}

#[test]
fn codes_and_keys_at_the_edges_of_steams_clock() {
    let (world, vault) = World::new();
    let credentials = settle(&person(&vault, "ann"));
    let at = |micros: u64, offset: i64| {
        world.clock.0.store(micros, SeqCst);
        let code = credentials.guard_code_at("acc", offset).unwrap();
        (code.code, code.valid_until, code.next)
    };
    // 1616374830 to 1616374860 is one step.
    let (first, ends, next) = at(1_616_374_830_000_000, 0);
    assert_eq!((first.as_str(), ends, &next), ("2F9J5", 1_616_374_860_000_000, &None));
    assert_eq!(at(1_616_374_854_999_999, 0).2, None);
    let (same, _, next) = at(1_616_374_855_000_000, 0);
    let (after, after_ends, _) = at(1_616_374_860_000_000, 0);
    assert_eq!((same, next, after_ends), (first.clone(), Some(after.clone()), 1_616_374_890_000_000));
    assert_eq!(at(1_616_374_859_999_999, 0), (first.clone(), 1_616_374_860_000_000, Some(after.clone())));
    // Steam is 10 seconds ahead: its step ends 10 seconds earlier by our clock.
    assert_eq!(at(1_616_374_850_000_000, 10), (after.clone(), 1_616_374_880_000_000, None));
    assert_eq!(at(1_616_374_845_000_000, 10), (first, 1_616_374_850_000_000, Some(after)));
    assert_eq!(at(1_616_374_870_000_000, -10).1, 1_616_374_900_000_000);
    for far in [86_401, -86_401, i64::MIN, i64::MAX] {
        let refused = credentials.guard_code_at("acc", far).unwrap_err();
        assert!(matches!(refused, VaultError::Invalid { field: "offset", .. }));
    }
    world.clock.0.store(5_000_000, SeqCst);
    assert!(credentials.guard_code_at("acc", -3600).is_ok(), "before 1970 there are no steps");

    world.clock.0.store(1_767_225_590_000_000, SeqCst);
    let key = credentials.confirmation_key("acc", "allow", 10).unwrap();
    assert_eq!((key.time, key.key.len()), (1_767_225_600, 28));
    assert!(!format!("{key:?}").contains(&key.key));
    for tag in ["a b", "\u{e4}", &"x".repeat(33)] {
        let refused = credentials.confirmation_key("acc", tag, 0).unwrap_err();
        assert!(matches!(refused, VaultError::Invalid { field: "tag", .. }));
    }
    credentials.set_steam("plain", fields(&[("password", "x")])).unwrap();
    assert!(matches!(credentials.confirmation_key("plain", "conf", 0), Err(VaultError::NotFound { .. })));
}

#[test]
fn merging_keeps_what_is_not_named_and_cuts_what_was() {
    let (world, vault) = World::new();
    let credentials = settle(&person(&vault, "ann"));
    let rows = world.rows().len();
    let key = ReleaseKey::generate().unwrap();
    let info = credentials.merge_steam("acc", fields(&[("password", "new"), ("device_id", "d")])).unwrap();
    assert_eq!(info.fields, ["device_id", "identity_secret", "password", "shared_secret"]);
    let released = credentials.release("acc", &asking(&key, &["password", "shared_secret"], None)).unwrap();
    let opened = open(&key, &released).unwrap();
    assert_eq!(
        (&opened["fields"]["password"], &opened["fields"]["shared_secret"]),
        (&"new".into(), &SECRET.into())
    );
    assert_eq!(world.rows().len(), rows + 1, "one row of fields, one use");
    let fresh = credentials.merge_steam("new", fields(&[("steam_id", "76561197960287930")])).unwrap();
    assert_eq!(fresh.fields, ["steam_id"]);
    assert!(credentials.merge_steam("acc", fields(&[("steam_id", "7")])).is_err());
    assert_eq!(credentials.set_steam("acc", fields(&[("password", "x")])).unwrap().fields, ["password"]);
}
