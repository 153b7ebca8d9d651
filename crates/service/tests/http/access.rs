//! Tokens, scopes, and the OpenAPI document as the list of what can be asked.

use std::io::Read;

use oubliette_client::{ConsentGiven, NewMessage, SteamSecrets};
use oubliette_service::tokens::{Scope, Tokens};
use serde_json::Value;

use crate::support::Service;

#[test]
fn missing_wrong_and_malformed_tokens() {
    let service = Service::start();
    let path = "/v1/subjects/alice";
    let missing = service.bare("GET", path, &[], b"");
    missing.problem(401, "unauthorized");
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    for value in ["Bearer obl_wrong", "Bearer ", "Basic YTpi", "obl_x", "Bearer \u{fc}"] {
        service.bare("GET", path, &[("Authorization", value)], b"").problem(401, "unauthorized");
    }
    let token = format!("Bearer {}", service.token);
    let twice = [("Authorization", token.as_str()), ("Authorization", token.as_str())];
    service.bare("GET", path, &twice, b"").problem(401, "unauthorized");
    service
        .bare("GET", path, &[("Authorization", &format!("bearer  {}", service.token))], b"")
        .problem(404, "subject_unknown");
}

#[test]
fn a_revoked_token_is_refused_with_the_next_request() {
    let service = Service::start();
    let tokens = Tokens::open(&service.data());
    let (secret, _) = tokens.create("short-lived", &[Scope::SubjectsRead], None).unwrap();
    let authorization = format!("Bearer {}", secret.reveal());
    let ask = || service.bare("GET", "/v1/subjects/alice", &[("Authorization", &authorization)], b"");
    ask().problem(404, "subject_unknown");
    tokens.revoke("short-lived").unwrap();
    ask().problem(401, "unauthorized");
}

#[test]
fn a_damaged_token_file_lets_nobody_in() {
    let service = Service::start();
    let ready = || service.bare("GET", "/readyz", &[], b"").json()["ready"].clone();
    assert_eq!(ready(), true);
    std::fs::write(service.data().join("tokens.json"), "{").unwrap();
    assert_eq!(ready(), false);
    service.raw("GET", "/v1/subjects/alice", &[], b"").problem(503, "unavailable");
}

/// Every operation of the document: without a token, with each scope alone, and with every scope but its own.
#[test]
fn every_operation_needs_its_scope_and_no_other() {
    let service = Service::start();
    let tokens = Tokens::open(&service.data());
    let alone: Vec<(Scope, String)> = Scope::ALL
        .iter()
        .map(|scope| {
            let (token, _) = tokens.create(scope.as_str(), &[*scope], None).unwrap();
            (*scope, token.reveal().to_owned())
        })
        .collect();
    let operations = operations(&service);
    for (method, path, scope) in &operations {
        let Some(scope) = scope else {
            assert!(!path.starts_with("/v1/"), "{method} {path} is open");
            continue;
        };
        let target = fill(path, "nobody");
        let ask = |token: Option<&str>| {
            let authorization = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> =
                authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
            service.bare(method, &target, &headers, b"")
        };
        let head = method == "HEAD";
        assert_eq!(ask(None).status, 401, "{method} {path}");
        for (held, token) in &alone {
            let answer = ask(Some(token));
            if held != scope {
                assert_eq!(answer.status, 403, "{method} {path} with {held}: {answer:?}");
                if !head {
                    let problem = answer.problem(403, "forbidden");
                    assert!(problem["detail"].as_str().unwrap().contains(scope.as_str()), "{problem}");
                }
                continue;
            }
            assert!(!matches!(answer.status, 401 | 405), "{method} {path}: {answer:?}");
            assert!(answer.status < 500, "{method} {path}: {answer:?}");
            // Not every answer is JSON.
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            assert_ne!(said["code"], "forbidden", "{method} {path}");
            assert_ne!(said["title"], "No such route", "{method} {path}");
        }
        let others: Vec<Scope> = Scope::ALL.iter().copied().filter(|other| other != scope).collect();
        let (without, _) = tokens.create("without", &others, None).unwrap();
        assert_eq!(ask(Some(without.reveal())).status, 403, "{method} {path}");
        tokens.revoke("without").unwrap();
    }
    assert!(operations.len() >= 28, "only {} operations", operations.len());
}

/// Every operation about one person, asked with the names of what another person has: it shows nothing of theirs, and changes nothing.
#[test]
fn no_operation_for_one_person_shows_or_changes_what_another_has() {
    const CANARY: &str = "canary-7f3a";
    let service = Service::start();
    let client = service.with_people(&["ann", "ben", "eve"]);
    client.put_save("ann", "g", "s", &mut CANARY.as_bytes(), &Default::default()).unwrap();
    let message = NewMessage { body: CANARY.to_owned(), ..NewMessage::default() };
    let id = client.send_message("ann", "ben", &message).unwrap().id;
    let consent = ConsentGiven { evidence: Some(CANARY.to_owned()), ..ConsentGiven::default() };
    client.give_consent("ann", "steam_credentials", &consent).unwrap();
    let mut secrets = SteamSecrets::default();
    secrets.password = Some(CANARY.to_owned());
    client.put_steam("ann", "account", &secrets).unwrap();
    client.block("ann", "eve").unwrap();
    let all_of_ann = || {
        let mut save = String::new();
        client
            .save("ann", "g", "s", &Default::default())
            .unwrap()
            .unwrap()
            .read_to_string(&mut save)
            .unwrap();
        let messages = client.messages("ann", "ben", &Default::default()).unwrap().items;
        let texts: Vec<_> = messages.into_iter().map(|message| (message.id, message.body)).collect();
        let consents: Vec<_> =
            client.consents("ann").unwrap().into_iter().map(|consent| consent.evidence).collect();
        let account = format!("{:?}", client.steam("ann", "account").unwrap());
        let blocks: Vec<_> = client.blocks("ann").unwrap().into_iter().map(|block| block.peer).collect();
        (save, texts, consents, account, blocks)
    };
    let before = all_of_ann();

    let mut asked = 0;
    for (method, path, _) in operations(&service) {
        if !path.starts_with("/v1/subjects/{user}") && !path.starts_with("/v1/subjects/{follower}") {
            continue;
        }
        let names = [
            ("user", "eve"),
            ("follower", "eve"),
            ("owner", "ann"),
            ("peer", "ben"),
            ("game", "g"),
            ("slot", "s"),
            ("account", "account"),
            ("purpose", "steam_credentials"),
            ("id", id.as_str()),
        ];
        let part = |part: &str| {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            name.map_or(part.to_owned(), |name| {
                let known = names.iter().find(|(known, _)| *known == name);
                known.map_or_else(|| "ann".to_owned(), |(_, value)| (*value).to_owned())
            })
        };
        let target = path.split('/').map(part).collect::<Vec<_>>().join("/");
        for (content_type, body) in [("application/json", "{}"), ("text/plain", "x")] {
            let answer = service.raw(&method, &target, &[("Content-Type", content_type)], body.as_bytes());
            let shown = String::from_utf8_lossy(&answer.body);
            assert!(answer.status < 500, "{method} {target}: {answer:?}");
            assert!(!shown.contains(CANARY), "{method} {target}: {shown}");
            asked += 1;
        }
    }
    assert!(asked >= 40, "{asked}");
    assert_eq!(all_of_ann(), before);
}

/// Method, path template and scope of all that the service serves.
fn operations(service: &Service) -> Vec<(String, String, Option<Scope>)> {
    let document = service.client().openapi().unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scope = operation["security"][0]["token"][0].as_str().map(|scope| scope.parse().unwrap());
            operations.push((method.to_ascii_uppercase(), path.clone(), scope));
        }
    }
    operations
}

fn fill(path: &str, name: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { name } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn the_document_is_complete() {
    let service = Service::start();
    let document = service.client().openapi().unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            let declared: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let named: Vec<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(declared, named, "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            if path.starts_with("/v1/") {
                let refusal = &responses["401"]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(refusal, "#/components/schemas/Problem", "{method} {path}");
            }
        }
    }
    every_reference_resolves(&document, &document);
}

fn every_reference_resolves(document: &Value, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                if name == "$ref" {
                    let pointer = inner.as_str().unwrap().trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
                }
                every_reference_resolves(document, inner);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| every_reference_resolves(document, item)),
        _ => {}
    }
}

#[test]
fn open_routes_need_no_token() {
    let service = Service::start();
    assert_eq!(service.bare("GET", "/healthz", &[], b"").json()["status"], "ok");
    assert_eq!(service.bare("GET", "/readyz", &[], b"").json()["ready"], true);
    assert_eq!(service.bare("GET", "/openapi.json", &[], b"").status, 200);
    let page = service.bare("GET", "/docs/", &[], b"");
    assert!(String::from_utf8_lossy(&page.body).contains("swagger"), "{page:?}");
    let script = service.bare("GET", "/docs/swagger-ui-bundle.js", &[], b"");
    assert!(script.status == 200 && script.body.len() > 100_000, "{}", script.status);
    assert_eq!(service.bare("GET", "/docs", &[], b"").status, 308);
}
