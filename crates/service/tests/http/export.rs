//! A person's own copy.

use std::io::{Cursor, Read};

use oubliette_client::{ConsentGiven, ExportAsked, NewMessage, RequestMade, SaveOptions, SubjectFacts};
use oubliette_service::Config;
use oubliette_store::{Policy, RecordRule, Vault, VaultOptions, verify_export};

use crate::support::{Service, refused};

#[test]
fn everything_of_a_person_comes_as_an_archive() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let save: Vec<u8> = (0..700_000_u32).map(|n| ((n * 31) >> 5) as u8).collect();
    client.put_save("alice", "doom", "slot", &mut save.as_slice(), &SaveOptions::default()).unwrap();
    let message =
        NewMessage { body: "你好".to_owned(), policy: Some("either".into()), ..Default::default() };
    client.send_message("bob", "alice", &message).unwrap();

    for (lang, readmes) in [(None, 2), (Some("en"), 1), (Some("zh"), 1)] {
        let mut zip = Vec::new();
        let asked = ExportAsked { language: lang.map(str::to_owned), region: None };
        assert_eq!(client.export("alice", &asked, &mut zip).unwrap(), zip.len() as u64);
        verify_export(Cursor::new(&zip)).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        let names: Vec<String> =
            (0..archive.len()).map(|at| archive.by_index(at).unwrap().name().unwrap().into_owned()).collect();
        assert_eq!(names.iter().filter(|name| name.starts_with("README.")).count(), readmes);
        assert_eq!(names.last().map(String::as_str), Some("manifest.json"));
        let mut read = |name: &str| {
            let mut content = Vec::new();
            archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
            content
        };
        assert_eq!(read("saves/00001/1"), save);
        assert!(String::from_utf8(read("chats/00001/messages-000001.json")).unwrap().contains("你好"));
    }

    let path = "/v1/subjects/alice/export";
    assert_eq!(
        service.raw("GET", &format!("{path}?lang=fr"), &[], b"").problem(400, "invalid")["field"],
        "lang"
    );
    let head = service.raw("HEAD", path, &[], b"");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/zip")));
    refused(client.export("nobody", &ExportAsked::default(), &mut Vec::new()), 404, "subject_unknown");
    service.erase("alice").unwrap();
    refused(client.export("alice", &ExportAsked::default(), &mut Vec::new()), 410, "subject_erased");
}

#[test]
fn another_region_needs_the_persons_consent() {
    let folder = tempfile::tempdir().unwrap();
    let options = VaultOptions { region: Some("cn-east".into()), ..VaultOptions::default() };
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    let service = Service::over(folder, vault, Config::default());
    let client = service.with_people(&["alice"]);
    let to = |region: &str| {
        let asked = ExportAsked { region: Some(region.to_owned()), ..ExportAsked::default() };
        client.export("alice", &asked, &mut Vec::new())
    };
    assert!(to("cn-east").is_ok());
    refused(to("eu"), 403, "region_mismatch");
    client.give_consent("alice", "cross_border", &ConsentGiven::default()).unwrap();
    assert!(to("eu").is_ok());
    client.withdraw_consent("alice", "cross_border").unwrap();
    refused(to("eu"), 403, "region_mismatch");
    let empty = service.raw("GET", "/v1/subjects/alice/export?region=", &[], b"");
    assert_eq!(empty.problem(400, "invalid")["field"], "region");
}

/// A receiver who stands still is in nobody's way: the erasure ends the export, and what the receiver then has is no ZIP.
#[test]
fn an_erasure_ends_an_export_whose_receiver_stands_still() {
    use std::io::Write;
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    // Far more than sockets and channels hold.
    let save = crate::support::noise(7, 24 << 20);
    client.put_save("alice", "doom", "slot", &mut save.as_slice(), &SaveOptions::default()).unwrap();
    let mut stream = service.connect();
    write!(
        stream,
        "GET /v1/subjects/alice/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        service.token
    )
    .unwrap();
    let mut begun = [0; 4096];
    stream.read_exact(&mut begun).unwrap();
    assert!(begun.starts_with(b"HTTP/1.1 200"));
    service.erase("alice").unwrap();
    let mut rest = begun.to_vec();
    // How the connection ends is the system's business; that it ends early is ours.
    let _reset = stream.read_to_end(&mut rest);
    assert!(rest.len() < save.len(), "{} bytes", rest.len());
    assert!(!rest.windows(13).any(|window| window == b"manifest.json"));
}

/// The rights to see, to have corrected and to take along what is stored.
#[test]
fn a_person_gets_access_correction_and_export() {
    let folder = tempfile::tempdir().unwrap();
    let policy =
        Policy { records: [("orders".to_owned(), RecordRule::default())].into(), ..Policy::default() };
    let options = VaultOptions { policy, ..VaultOptions::default() };
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    let service = Service::over(folder, vault, Config::default());
    let client = service.with_people(&["alice", "bob"]);
    let asked = RequestMade { kind: "correction".into(), received: None, detail: Some("moved".into()) };
    let request = client.add_request("alice", &asked).unwrap().id;
    // Access.
    let facts = |region: &str, year| SubjectFacts {
        region: Some(region.into()),
        birth_year: Some(year),
        ..SubjectFacts::default()
    };
    client.put_subject("alice", &facts("north", 1990), false).unwrap();
    let said = client.subject("alice").unwrap();
    assert_eq!((said.region.as_deref(), said.birth_year), (Some("north"), Some(1990)));
    // Correction: what was wrong is replaced, what was said of a consent is told anew.
    client.put_subject("alice", &facts("south", 1991), false).unwrap();
    let said = client.subject("alice").unwrap();
    assert_eq!((said.region.as_deref(), said.birth_year), (Some("south"), Some(1991)));
    for evidence in ["a wrong form", "the right form"] {
        let given = ConsentGiven { evidence: Some(evidence.into()), ..ConsentGiven::default() };
        client.give_consent("alice", "newsletter", &given).unwrap();
    }
    assert_eq!(client.consents("alice").unwrap()[0].evidence.as_deref(), Some("the right form"));
    for address in ["1 Wrong Street", "2 Right Street"] {
        let length = Some(address.len() as u64);
        client.put_record("alice", "orders", "7", "text/plain", &mut address.as_bytes(), length).unwrap();
    }
    client.answer_request("alice", request, "granted", Some("corrected")).unwrap();
    // Export.
    client.put_save("alice", "围棋", "一", &mut &b"moves"[..], &SaveOptions::default()).unwrap();
    let mut zip = Vec::new();
    client.export("alice", &ExportAsked::default(), &mut zip).unwrap();
    verify_export(Cursor::new(&zip)).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut read = |name: &str| {
        let mut content = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut content).unwrap();
        content
    };
    let facts = read("person.json");
    assert!(facts.contains("south") && facts.contains("1991") && !facts.contains("north"), "{facts}");
    assert!(read("consents.json").contains("the right form"));
    assert!(read("requests.json").contains("corrected"));
    let order: serde_json::Value = serde_json::from_str(&read("records/00001/purpose.json")).unwrap();
    assert_eq!(order["records"].as_array().unwrap().len(), 1);
    assert_eq!(read(order["records"][0]["file"].as_str().unwrap()), "2 Right Street");
    assert!(read("saves/00001/slot.json").contains("围棋"));
    assert_eq!(read("saves/00001/1"), "moves");
}
