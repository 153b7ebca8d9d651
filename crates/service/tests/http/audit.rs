//! The audit log: one record for each answer, before it leaves, and no name in it.

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::mpsc::{self, Receiver, Sender},
    time::{Duration, Instant},
};

use oubliette_client::{AuditQuery, ClientError, NewMessage};
use oubliette_service::{
    ServeError,
    admin::AdminError,
    incident::{self, Question},
    operator::{Command, TokenCommand, change_tokens},
    tokens::{Scope, Tokens, new_token},
};
use oubliette_store::{
    AuditFilter, AuditKind, AuditRecord, ExportOptions, PutOptions, QuietAudit, Vault, VaultError,
    VaultOptions, read_audit, verify_audit,
};
use serde_json::Value;

use crate::support::{Service, noise, operate};

/// What stands in the files, past the service.
fn on_disk(service: &Service) -> Vec<AuditRecord> {
    let mut records = Vec::new();
    let folder = service.data().join("ledger");
    read_audit(&folder, &AuditFilter::default(), &mut |record| records.push(record)).unwrap();
    records
}

fn entries(service: &Service, query: &str) -> Vec<Value> {
    let answer = service.raw("GET", &format!("/v1/audit?limit=1000{query}"), &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["entries"].as_array().unwrap().clone()
}

#[test]
fn each_answer_has_its_record_and_no_name_is_in_it() {
    let service = Service::start();
    let client = service.with_people(&["alice-the-player", "bob-the-peer"]);
    client
        .put_save(
            "alice-the-player",
            "secret-game",
            "slot",
            &mut &b"content-of-a-save"[..],
            &Default::default(),
        )
        .unwrap();
    let hello = NewMessage { body: "hello-in-clear".into(), ..NewMessage::default() };
    client.send_message("alice-the-player", "bob-the-peer", &hello).unwrap();
    let tokens = Tokens::open(&service.data());
    let (reader, _) = tokens.create("reader", &[Scope::SavesRead], None).unwrap();
    let authorization = format!("Bearer {}", reader.reveal());
    let path = "/v1/subjects/alice-the-player/chats";
    let refused = service.bare("GET", path, &[("Authorization", &authorization)], b"");
    refused.problem(403, "forbidden");
    service.raw("GET", "/v1/subjects/somebody-unknown", &[], b"").problem(404, "subject_unknown");
    service.bare("GET", path, &[], b"").problem(401, "unauthorized");

    let all = entries(&service, "");
    let of = |operation: &str| {
        let found: Vec<&Value> = all.iter().filter(|entry| entry["operation"] == operation).collect();
        assert!(!found.is_empty(), "{operation}: {all:#?}");
        found[0].clone()
    };
    let created = of("PUT /v1/subjects/{user}");
    assert_eq!((created["outcome"].as_str(), created["status"].as_u64()), (Some("allowed"), Some(201)));
    let alice = created["subject"].as_str().unwrap();
    assert_eq!(alice.len(), 32);
    let saved = of("PUT /v1/subjects/{user}/saves/{game}/{slot}");
    assert_eq!((saved["subject"].as_str(), saved["actor"]["name"].as_str()), (Some(alice), Some("dev")));
    let said = of("POST /v1/subjects/{user}/chats/{peer}/messages");
    assert_eq!(said["subject"], alice);
    assert!(said["other"].as_str().is_some_and(|peer| peer.len() == 32 && peer != alice), "{said}");
    let forbidden = of("GET /v1/subjects/{user}/chats");
    assert_eq!(forbidden["actor"]["name"], "reader");
    assert_eq!(forbidden["actor"]["scopes"], serde_json::json!(["saves:read"]));
    assert_eq!(
        (forbidden["scope"].as_str(), forbidden["code"].as_str()),
        (Some("chat:read"), Some("forbidden"))
    );
    assert_eq!(forbidden["request_id"].as_str(), refused.header("x-request-id"));
    assert_eq!(forbidden["subject"], alice);
    let unknown = of("GET /v1/subjects/{user}");
    assert_eq!(
        (unknown["subject"].as_str(), unknown["code"].as_str()),
        (Some("none"), Some("subject_unknown"))
    );
    assert!(all.iter().any(|entry| entry["actor"]["kind"] == "nobody" && entry["status"] == 401), "{all:#?}");

    let folder = service.data().join("ledger");
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let token = service.token.as_str();
        for name in ["alice", "bob", "somebody", "secret-game", "content-of", "hello", token, reader.reveal()]
        {
            assert!(!bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
        }
    }
}

#[test]
fn filters_pages_and_the_client() {
    let service = Service::start();
    let client = service.with_people(&["ann", "ben"]);
    for n in 0..5 {
        client.put_save("ann", "g", &format!("s{n}"), &mut &b"x"[..], &Default::default()).unwrap();
        let _absent = client.head_save("ben", "g", "none", None);
    }
    assert_eq!(entries(&service, "&subject=ann").len(), 6);
    assert_eq!(entries(&service, "&subject=ben&outcome=refused").len(), 5);
    assert_eq!(entries(&service, "&outcome=refused&actor=dev").len(), 5);
    assert!(entries(&service, "&actor=somebody").is_empty());
    let operation = "&operation=PUT%20%2Fv1%2Fsubjects%2F%7Buser%7D";
    assert_eq!(entries(&service, operation).len(), 2);
    let all = entries(&service, "");
    let (middle, count) = (all[6]["time"].as_str().unwrap(), all.len());
    let early = entries(&service, &format!("&to={middle}")).len();
    let late = entries(&service, &format!("&from={middle}")).len();
    assert!(early <= 6 && early + late >= count, "{early} {late} {count}");

    let mut query = AuditQuery { limit: Some(4), ..AuditQuery::default() };
    let mut seqs = Vec::new();
    while seqs.len() < 12 {
        let page = client.audit(&query).unwrap();
        assert!(page.items.len() <= 4);
        seqs.extend(page.items.iter().map(|entry| entry.seq));
        query.cursor = Some(page.next_cursor.expect("asking writes, so there is always more"));
    }
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1) && seqs[0] == 1, "{seqs:?}");

    for bad in ["from=yesterday", "outcome=maybe", "cursor=%21", "limit=0", "actors=x"] {
        service.raw("GET", &format!("/v1/audit?{bad}"), &[], b"").problem(400, "invalid");
    }
    service.raw("GET", "/v1/audit?subject=nobody", &[], b"").problem(404, "subject_unknown");
}

#[test]
fn a_flood_without_a_token_is_counted() {
    let service = Service::start();
    for _ in 0..300 {
        service.bare("GET", "/v1/subjects/alice", &[], b"").problem(401, "unauthorized");
    }
    let folder = service.data();
    let (kept, ended) = service.stop();
    ended.unwrap();
    let mut counts = Vec::new();
    read_audit(&folder.join("ledger"), &AuditFilter::default(), &mut |record| {
        if record.entry.status == 401 {
            counts.push(record.entry.count);
        }
    })
    .unwrap();
    // A minute may have ended meanwhile.
    assert!(counts.len() <= 50, "{counts:?}");
    assert_eq!(counts.iter().sum::<u32>(), 300);
    let report = verify_audit(&folder.join("ledger"), None).unwrap();
    assert!(report.faults.is_empty() && report.notes.is_empty(), "{report:?}");
    drop(kept);
}

#[test]
fn the_record_is_there_before_the_first_byte_of_a_long_answer() {
    let service = Service::start();
    let client = service.with_people(&["ann"]);
    client.put_save("ann", "g", "s", &mut noise(1, 20 << 20).as_slice(), &Default::default()).unwrap();
    let mut stream = service.connect();
    let request = format!(
        "GET /v1/subjects/ann/saves/g/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        service.token
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    let found = on_disk(&service).into_iter().any(|record| {
        record.entry.operation == "GET /v1/subjects/{user}/saves/{game}/{slot}" && record.entry.status == 200
    });
    assert!(found);
}

/// A client that went away at once had its request carried out without a record.
/// Takes the first MiB, says so, and no more until it is let go.
struct Stuck {
    taken: usize,
    told: Sender<()>,
    held: Receiver<()>,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let before = self.taken;
        self.taken += bytes.len();
        if before < 1 << 20 && self.taken >= 1 << 20 {
            self.told.send(()).unwrap();
            let _let_go = self.held.recv();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A deletion waits for somebody who reads; whoever asked for it hangs up meanwhile.
#[test]
fn who_does_not_wait_for_the_answer_is_recorded_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault"), VaultOptions::default()).unwrap();
    let service = Service::over(folder, vault.clone(), Default::default());
    service.with_people(&["ann"]);
    let ann = vault.subject("ann").unwrap();
    ann.saves().put("g", "s", &PutOptions::default(), &mut noise(1, 2 << 20).as_slice()).unwrap();

    let export = ann.export(&ExportOptions::default()).unwrap();
    let watch = export.watch();
    let ((told, reads), (let_go, held)) = (mpsc::channel(), mpsc::channel::<()>());
    let mut stream = service.connect();
    std::thread::scope(|scope| {
        scope.spawn(move || export.write(&mut Stuck { taken: 0, told, held }));
        reads.recv().unwrap();
        let request = format!(
            "DELETE /v1/subjects/ann/saves/g/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
            service.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !watch.cancelled() {
            assert!(Instant::now() < deadline, "nothing is deleted");
            std::thread::yield_now();
        }
        // The service lets go of the connection when it has seen that nobody waits.
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
        drop(let_go);
    });
    let deleted = |record: &&AuditRecord| {
        record.entry.operation == "DELETE /v1/subjects/{user}/saves/{game}/{slot}"
            && record.entry.status < 300
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while on_disk(&service).iter().filter(deleted).count() != 1 {
        assert!(Instant::now() < deadline, "the deletion is not recorded");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(service.client().saves("ann", None, None).unwrap().items.is_empty());
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault"), VaultOptions::default()).unwrap();
    vault.put_subject("ann", &Default::default(), false).unwrap();
    let service = Service::over(folder, vault.clone(), Default::default());
    vault.close().unwrap();
    let data = service.data();
    match service.client().put_subject("ben", &Default::default(), false) {
        Err(ClientError::Problem(problem)) => assert_eq!(problem.code, "audit_unavailable"),
        // The sweeper met the closed vault first, and the service has ended already.
        Err(ClientError::Transport(_)) => {}
        other => panic!("{other:?}"),
    }
    // It could not go on, and stops to be started again.
    let (_folder, ended) = service.stop();
    assert!(matches!(ended, Err(ServeError::Poisoned)), "{ended:?}");
    let vault = Vault::open(&data, VaultOptions::default()).unwrap();
    assert!(matches!(vault.subject("ben"), Err(VaultError::SubjectUnknown)));
}

#[test]
fn an_operator_s_command_has_two_records_and_then_the_name_leads_to_nobody() {
    let service = Service::start();
    service.with_people(&["ann"]);
    let created = entries(&service, "&subject=ann");
    let ann = created[0]["subject"].as_str().unwrap().to_owned();
    service.erase("ann").unwrap();
    assert!(service.erase("nobody").is_err());
    let erased: Vec<Value> =
        entries(&service, "").into_iter().filter(|entry| entry["operation"] == "subject erase").collect();
    let kinds: Vec<_> =
        erased.iter().map(|entry| (entry["kind"].as_str().unwrap(), &entry["status"])).collect();
    let expected = [("attempt", 0), ("done", 200), ("attempt", 0), ("done", 404)];
    assert_eq!(kinds.len(), 4, "{erased:#?}");
    for (entry, (kind, status)) in erased.iter().zip(expected) {
        assert_eq!((entry["kind"].as_str(), entry["status"].as_u64()), (Some(kind), Some(status)));
        assert_eq!(entry["actor"]["kind"], "operator");
    }
    assert_eq!((&erased[1]["subject"], &erased[2]["subject"]), (&ann.into(), &"none".into()));
    service.raw("GET", "/v1/audit?subject=ann", &[], b"").problem(404, "subject_unknown");
    // Who comes back under the same id is somebody else.
    let client = service.client();
    client.put_subject("ann", &Default::default(), true).unwrap();
    assert_eq!(entries(&service, "&subject=ann").len(), 1);
}

#[test]
fn a_token_that_is_made_or_taken_back_is_recorded_on_either_way_and_its_secret_is_not() {
    let service = Service::start();
    let data = service.data();
    let (secret, token) = new_token("eu-1", &[Scope::SavesRead, Scope::Ops], None, Vec::new()).unwrap();
    let create = TokenCommand::Create { token };
    let revoke = |name: &str| TokenCommand::Revoke { name: name.to_owned() };
    let asked = |token: &TokenCommand| match operate(&data, &Command::Token { token: token.clone() }) {
        Err(AdminError::Failed(failure)) => failure.code,
        other => format!("{:?}", other.map(|_| ())),
    };
    assert_eq!(asked(&create), "Ok(())");
    let bearer = format!("Bearer {}", secret.reveal());
    assert_eq!(service.bare("GET", "/metrics", &[("Authorization", &bearer)], b"").status, 200);
    assert_eq!(asked(&create), "name_taken");
    // Somebody pasted the token where its name was asked for.
    assert_eq!(asked(&revoke(secret.reveal())), "not_found");
    assert!(matches!(QuietAudit::open(&data), Err(VaultError::InUse { .. })));
    let (folder, ended) = service.stop();
    ended.unwrap();
    // Without the vault's keys, too.
    std::fs::rename(data.join("root.cell"), folder.path().join("kept")).unwrap();
    change_tokens(QuietAudit::open(&data).unwrap(), &Tokens::open(&data), &revoke("eu-1")).unwrap();
    std::fs::rename(folder.path().join("kept"), data.join("root.cell")).unwrap();

    let mut told = Vec::new();
    let ledger = data.join("ledger");
    read_audit(&ledger, &AuditFilter::default(), &mut |record| {
        let entry = record.entry;
        if entry.operation.starts_with("token ") {
            let attempt = entry.kind == AuditKind::Attempt;
            assert_eq!(attempt, entry.status == 0);
            let scopes = Scope::of_mask(entry.granted).len();
            told.push((entry.operation, entry.status, entry.actor_name, scopes));
        }
    })
    .unwrap();
    let of = |what: &str, status, name: &str, scopes| (what.to_owned(), status, name.to_owned(), scopes);
    let each = [
        ("token create", 200, "eu-1", 2),
        ("token create", 409, "eu-1", 2),
        ("token revoke", 404, "", 0),
        ("token revoke", 200, "eu-1", 2),
    ];
    let expected = each.map(|(what, status, name, n)| [of(what, 0, name, n), of(what, status, name, n)]);
    assert_eq!(told, expected.concat());
    let report = verify_audit(&ledger, None).unwrap();
    assert!(report.faults.is_empty() && report.notes.is_empty(), "{report:?}");
    for file in std::fs::read_dir(&ledger).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.reveal().len()).any(|window| window == secret.reveal().as_bytes()));
    }
    // It never touched anybody, and is in no list any more; what it could have touched is known all the same.
    let question = Question { token: Some("eu-1".to_owned()), ..Question::default() };
    let incident = incident::report(&ledger, &[], &question).unwrap();
    assert_eq!((incident.could_touch.read, incident.people_touched), (vec!["saves".to_owned()], 0));
    let service =
        Service::over(folder, Vault::open(&data, VaultOptions::default()).unwrap(), Default::default());
    let entries = service.client().audit(&AuditQuery { actor: Some("eu-1".into()), ..AuditQuery::default() });
    // The use of it, and what was done to it.
    let entries = entries.unwrap().items;
    assert_eq!(entries.len(), 7, "{entries:#?}");
    let made = entries[1].token.as_ref().unwrap();
    assert_eq!(
        (made.name.as_str(), made.scopes.as_slice()),
        ("eu-1", &["saves:read".into(), "ops".into()][..])
    );
    assert_eq!((entries[1].actor.kind.as_str(), entries[1].actor.scopes.len()), ("operator", 0));
    assert_eq!(entries[2].actor.id.as_ref(), Some(&made.id));
}
