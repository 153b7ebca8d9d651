//! The served OpenAPI document against the running service: schemathesis makes requests from it, sound and unsound ones, and looks whether every answer is one that the
//! document announces, in the announced shape, and none of them a failure of the service.
//!
//! `cargo xtask test` installs schemathesis below `target/`; where it is not there, the suite is left out. `OUBLIETTE_SCHEMATHESIS=n` makes n examples for each
//! operation under a random seed, which is printed (500: more than 20,000 requests); `OUBLIETTE_SCHEMATHESIS_SEED` repeats a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a run says what it left out and how much it tried")]

#[path = "../support/server.rs"]
mod server;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use server::Server;

/// Not whether sound requests are accepted and unsound ones refused: names have a length in bytes, a person does not block themselves, and a body that is
/// too large is answered 413 before anybody looks into it.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,missing_required_header,ignored_auth,\
                      allow_header_conformance";

/// Where xtask puts it.
fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis/bin/schemathesis")
}

#[test]
fn no_answer_breaks_the_document_and_none_is_a_failure() {
    if !Command::new(program()).arg("--version").output().is_ok_and(|said| said.status.success()) {
        println!("left out: schemathesis: it is not installed; `cargo xtask test` installs it from PyPI");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("vault");
    let server = Server::start(&data);
    let client = server.client();
    // Some of what is asked for is there: these are names that it tries first.
    for user in ["0", "1"] {
        client.put_subject(user, &Default::default(), false).unwrap();
    }
    client.give_consent("0", "steam_credentials", &Default::default()).unwrap();
    client.put_save("0", "0", "0", &mut &b"a save"[..], &Default::default()).unwrap();
    let message = oubliette_client::NewMessage { body: "hello".to_owned(), ..Default::default() };
    client.send_message("0", "1", &message).unwrap();

    let examples = env::var("OUBLIETTE_SCHEMATHESIS").ok();
    let token = fs::read_to_string(data.join("dev.token")).unwrap();
    let mut command = Command::new(program());
    command
        .current_dir(folder.path())
        .args(["run", &format!("{}/openapi.json", server.url())])
        .args(["-H", &format!("Authorization: Bearer {}", token.trim())])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--checks",
            CHECKS,
            "--continue-on-failure",
            "--no-color",
        ])
        .args(["--request-timeout", "60", "--max-examples", examples.as_deref().unwrap_or("12")])
        .env_remove("PYTHONPATH");
    match (&examples, env::var("OUBLIETTE_SCHEMATHESIS_SEED").ok()) {
        (None, None) => command.arg("--generation-deterministic"),
        (_, seed) => {
            let random =
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
            let seed = seed.unwrap_or_else(|| random.to_string());
            println!("seed {seed}");
            command.args(["--seed", &seed])
        }
    };
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    let counts = |line: &&str| {
        line.contains(" generated") && line.trim_start().starts_with(|first: char| first.is_ascii_digit())
    };
    let cases = said.lines().find(counts).unwrap_or("no count").trim();
    println!("assured: schemathesis: {cases}");

    // It was all recorded, and the vault is whole.
    let ended = server.stop();
    assert!(!ended.panicked(), "{ended:?}");
    let report = oubliette_store::verify_audit(&data.join("ledger"), None).unwrap();
    assert!(report.faults.is_empty() && report.records > 500, "{report:?}");
}
