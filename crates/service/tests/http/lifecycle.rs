//! Starting, stopping, and the operator's socket.

use std::{
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    sync::Arc,
};

use oubliette_service::{
    Config, ServeError, Server, Tokens,
    admin::AdminError,
    operator::{Answer, Command},
};
use oubliette_store::{Vault, VaultError, VaultOptions};

use crate::support::{Service, operate};

#[test]
fn a_stopped_service_leaves_a_vault_that_opens() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    client.put_save("alice", "g", "s", &mut &b"kept"[..], &Default::default()).unwrap();
    // A request in flight when the stop comes is answered.
    let mut slow = service.connect();
    let token = service.token.clone();
    write!(
        slow,
        "PUT /v1/subjects/alice/saves/g/late HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    // The service asks for the body, so the request is under way; when it takes no more callers, it is stopping.
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    slow.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&go_on));
    slow.write_all(b"la").unwrap();
    let address = slow.peer_addr().unwrap();
    let ending = std::thread::spawn(move || service.stop());
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    slow.write_all(b"te").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");

    let (folder, ended) = ending.join().unwrap();
    ended.unwrap();
    let data = folder.path().join("vault");
    assert!(!data.join("admin.sock").exists());
    let vault = Vault::open(&data, VaultOptions::default()).unwrap();
    let service = Service::over(folder, vault, Config::default());
    assert_eq!(service.raw("GET", "/v1/subjects/alice/saves/g/s", &[], b"").body, b"kept");
    assert_eq!(service.raw("GET", "/v1/subjects/alice/saves/g/late", &[], b"").body, b"late");
}

#[test]
fn a_folder_in_use_is_refused_and_reached_through_its_socket() {
    let service = Service::start();
    service.with_people(&["alice"]);
    let data = service.data();
    assert!(matches!(Vault::open(&data, VaultOptions::default()), Err(VaultError::InUse { .. })));
    let mode = std::fs::metadata(data.join("admin.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let Ok(Answer::Status(status)) = operate(&data, &Command::Status) else { panic!("no status") };
    assert_eq!(status.subjects, 1);
    let Ok(Answer::Fsck(report)) = operate(&data, &Command::Fsck { repair: false, give_up_lost: false })
    else {
        panic!("no report")
    };
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let show = |user: &str| operate(&data, &Command::SubjectShow { user: user.to_owned() });
    assert!(matches!(show("alice"), Ok(Answer::Subject(subject)) if subject.state == "active"));
    assert!(matches!(show("bob"), Err(AdminError::Failed(failure)) if failure.code == "subject_unknown"));

    let Ok(Answer::Erased(first)) = service.erase("alice") else { panic!("not erased") };
    let Ok(Answer::Erased(again)) = service.erase("alice") else { panic!("no record") };
    assert_eq!((&first.erased_at, &first.root_after), (&again.erased_at, &again.root_after));
    assert!(
        matches!(service.erase("bob"), Err(AdminError::Failed(failure)) if failure.code == "subject_unknown")
    );
}

#[test]
fn nonsense_at_the_socket() {
    let service = Service::start();
    for line in ["", "\n", "{}\n", "{\"command\":\"format disk\"}\n", "not json\n"] {
        let mut stream = std::os::unix::net::UnixStream::connect(service.data().join("admin.sock")).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.is_empty() || answer.contains("\"failure\""), "{answer}");
    }
    assert!(matches!(operate(&service.data(), &Command::Status), Ok(Answer::Status(_))));
}

#[test]
fn a_deep_folder_has_a_socket_all_the_same() {
    let folder = tempfile::Builder::new().prefix(&"d".repeat(120)).tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault"), VaultOptions::default()).unwrap();
    let service = Service::over(folder, vault, Config::default());
    assert!(matches!(operate(&service.data(), &Command::Status), Ok(Answer::Status(_))));
}

#[test]
fn an_address_beyond_loopback_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("vault");
    let vault = Vault::create(&data, VaultOptions::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bind = |insecure| {
        let tokens = Arc::new(Tokens::open(&data));
        let address = "0.0.0.0:0".parse().unwrap();
        runtime.block_on(Server::bind(vault.clone(), tokens, Config::default(), address, insecure)).map(drop)
    };
    let refused = bind(false);
    assert!(matches!(refused, Err(ServeError::PlaintextBeyondLoopback(_))), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("--insecure-plaintext"));
    bind(true).unwrap();
    vault.close().unwrap();
}

#[test]
fn metrics_count_answers_and_name_nobody() {
    let service = Service::start();
    service.with_people(&["alice.in.wonderland"]);
    assert_eq!(service.raw("GET", "/v1/subjects/nobody.at.all", &[], b"").status, 404);
    assert_eq!(service.raw("GETALICE", "/v1/subjects/alice.in.wonderland", &[], b"").status, 405);
    assert_eq!(service.raw("GET", "/alice.in.wonderland", &[], b"").status, 404);
    let answer = service.raw("GET", "/metrics", &[], b"");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(answer.status, 200, "{text}");
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "oubliette_subjects 1",
        "oubliette_ready 1",
        r#"oubliette_answers_total{method="PUT",route="/v1/subjects/{user}",status="201"} 1"#,
        r#"oubliette_answers_total{method="GET",route="/v1/subjects/{user}",status="404"} 1"#,
        r#"oubliette_answers_total{method="",route="",status="404"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    for name in ["alice", "nobody.at", "GETALICE"] {
        assert!(!text.contains(name), "{name} in\n{text}");
    }
    assert_eq!(service.bare("GET", "/metrics", &[], b"").status, 401);
}
