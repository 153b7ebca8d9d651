//! A person's own copy.

use std::io::{Cursor, Read};

use oubliette_client::{NewMessage, SaveOptions};

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
        assert_eq!(client.export("alice", lang, &mut zip).unwrap(), zip.len() as u64);
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
    refused(client.export("nobody", None, &mut Vec::new()), 404, "subject_unknown");
    service.erase("alice").unwrap();
    refused(client.export("alice", None, &mut Vec::new()), 410, "subject_erased");
}
