//! Tokens, scopes, and the OpenAPI document as the list of what can be asked.

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

/// Every operation of the document, without a token, with every scope but its own, and with its own alone.
#[test]
fn every_operation_needs_its_scope_and_no_other() {
    let service = Service::start();
    let document = service.client().openapi().unwrap();
    let tokens = Tokens::open(&service.data());
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"].as_array().unwrap();
            let Some(requirement) = security.first() else {
                assert!(!path.starts_with("/v1/"), "{method} {path} is open");
                continue;
            };
            let scope: Scope = requirement["token"][0].as_str().unwrap().parse().unwrap();
            let others: Vec<Scope> = Scope::ALL.iter().copied().filter(|other| *other != scope).collect();
            let (without, _) = tokens.create(&format!("without {checked}"), &others, None).unwrap();
            let (with, _) = tokens.create(&format!("with {checked}"), &[scope], None).unwrap();

            let (method, target) = (method.to_ascii_uppercase(), fill(path));
            let ask = |token: Option<&str>| {
                let authorization = token.map(|token| format!("Bearer {token}"));
                let headers: Vec<_> =
                    authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
                service.bare(&method, &target, &headers, b"")
            };
            if method == "HEAD" {
                assert_eq!(ask(None).status, 401);
                assert_eq!(ask(Some(without.reveal())).status, 403);
                assert_eq!(ask(Some(with.reveal())).status, 404);
            } else {
                ask(None).problem(401, "unauthorized");
                let problem = ask(Some(without.reveal())).problem(403, "forbidden");
                assert!(problem["detail"].as_str().unwrap().contains(scope.as_str()), "{problem}");
                let let_in = ask(Some(with.reveal()));
                assert!(!matches!(let_in.status, 401 | 405), "{method} {path}: {let_in:?}");
                // Not every answer is JSON.
                let answer: Value = serde_json::from_slice(&let_in.body).unwrap_or_default();
                assert_ne!(answer["code"], "forbidden", "{method} {path}");
                assert_ne!(answer["title"], "No such route", "{method} {path}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 25, "only {checked} operations");
}

fn fill(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "nobody" } else { part })
        .collect::<Vec<_>>()
        .join("/")
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
