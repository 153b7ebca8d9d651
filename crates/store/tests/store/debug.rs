//! What is written to logs by `{:?}`: structure, never who or what.

use oubliette_store::{ConsentGiven, NewMessage, Page, PutOptions, SteamFields, SubjectFacts, Window};

use crate::world::{World, person, put, text, try_put};

#[test]
fn debug_names_nobody_and_quotes_nothing() {
    let (_, vault) = World::new();
    let facts = SubjectFacts { region: None, ..SubjectFacts::default() };
    let (info, _) = vault.put_subject("secret-ann", &facts, false).unwrap();
    let (ann, bob) = (vault.subject("secret-ann").unwrap(), person(&vault, "secret-bob"));
    let message = NewMessage { client_id: Some("secret-client".into()), ..text("secret-text") };
    bob.chats().append("secret-ann", std::slice::from_ref(&message)).unwrap();
    let given = ConsentGiven {
        policy_version: Some("secret-policy".into()),
        time: None,
        evidence: Some("secret-evidence".into()),
    };
    ann.consents().give("steam_credentials", &given).unwrap();
    let options = PutOptions {
        content_type: Some("secret-type".into()),
        meta: Some("\"secret-meta\"".into()),
        ..PutOptions::default()
    };
    let fields = SteamFields([("password".to_owned(), "secret-password".to_owned())].into());
    let shown = [
        format!("{info:?}"),
        format!("{message:?}"),
        format!("{:?}", ann.chats().messages("secret-bob", &Window::default()).unwrap()),
        format!("{:?}", ann.chats().list(&Page::default()).unwrap()),
        format!("{given:?}"),
        format!("{:?}", ann.consents().history().unwrap()),
        format!("{:?}", try_put(&ann, "secret-slot", &options, b"secret-save").unwrap()),
        format!("{options:?}"),
        format!("{:?}", put(&ann, "secret-slot", b"secret-save")),
        format!("{:?}", ann.saves().list(None, &Page::default()).unwrap()),
        format!("{:?}", ann.credentials().set_steam("secret-account", fields).unwrap()),
    ];
    for shown in shown {
        let quoted = ["secret", "doom"].iter().any(|word| shown.contains(word));
        assert!(!quoted && shown.contains(".."), "{shown}");
    }
}
