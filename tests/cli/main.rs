//! The built binary as an operator meets it: messages, exit codes, a service and its folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod audit;
mod backup;
mod credentials;
mod deletion;
mod ending;
mod escrow;
mod receipts;
mod requests;
mod s3;

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

fn oubliette(folder: &Path, arguments: &[&str]) -> Output {
    run(folder, arguments, b"")
}

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(folder, arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads nothing may be gone already.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oubliette"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OUBLIETTE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A served vault in a folder of its own.
struct Served {
    folder: tempfile::TempDir,
    url: String,
    child: Child,
}

impl Served {
    fn start(folder: tempfile::TempDir) -> Self {
        let mut child =
            command(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--json"]).spawn().unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !text.trim_end().ends_with('}') {
            if lines.read_line(&mut text).unwrap() == 0 {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("it does not serve: {said}");
            }
        }
        let told: Value = serde_json::from_str(&text).unwrap();
        Self { folder, url: told["url"].as_str().unwrap().to_owned(), child }
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        run(self.folder.path(), &[arguments, &["--url", &self.url]].concat(), input)
    }

    /// Stops it as an operator would and gives the folder back.
    fn stop(mut self) -> tempfile::TempDir {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(stopped.success());
        assert!(self.child.wait().unwrap().success());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that do not shrink.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

#[track_caller]
fn ended(output: &Output, code: i32, said: &str) {
    let text = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(said), "{text}");
}

#[test]
fn holds_and_records_through_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        "region = \"eu\"\n[records.orders]\nmax_size = 100\n[retention.saves]\nminimum_days = 30\n";
    std::fs::write(folder.path().join("oubliette.toml"), settings).unwrap();
    let served = Served::start(folder);
    ended(&served.run(&["subject", "create", "alice", "--birth-year", "2020"], b""), 0, "active");
    ended(
        &served.run(&["record", "put", "alice", "orders", "1", "-"], b"shoes"),
        4,
        "guardian_consent_required",
    );
    ended(&served.run(&["subject", "create", "alice", "--guardian-consent", "form 7"], b""), 0, "active");
    ended(&served.run(&["record", "put", "alice", "orders", "1", "-"], b"shoes"), 0, "5 bytes");
    ended(&served.run(&["record", "put", "alice", "hats", "1", "-"], b"shoes"), 3, "not_found");
    ended(&served.run(&["record", "put", "alice", "orders", "2", "-"], &[7; 101]), 4, "too_large");
    ended(&served.run(&["record", "get", "alice", "orders", "1"], b""), 0, "shoes");
    ended(&served.run(&["record", "list", "alice"], b""), 0, "orders\t1\t5 bytes");
    ended(&served.run(&["save", "put", "alice", "chess", "1", "-"], b"e2e4"), 0, "version 1");
    ended(&served.run(&["save", "rm", "alice", "chess", "1", "--yes"], b""), 0, "blocked");
    ended(&served.run(&["subject", "create", "bob", "--region", "us"], b""), 4, "region_mismatch");

    ended(&served.run(&["hold", "add", "alice", "a", "--reason", "case 7"], b""), 0, "case 7");
    ended(&served.run(&["hold", "list", "alice"], b""), 0, "until lifted");
    ended(&served.run(&["record", "rm", "alice", "orders", "1", "--yes"], b""), 0, "blocked");
    ended(&served.run(&["subject", "erase", "alice", "--yes"], b""), 4, "legal hold");
    ended(&served.run(&["hold", "rm", "alice", "a"], b""), 2, "--yes");
    ended(&served.run(&["hold", "rm", "alice", "a", "--yes"], b""), 0, "lifted");
    ended(&served.run(&["hold", "rm", "alice", "a", "--yes"], b""), 3, "not_found");
    ended(&served.run(&["doctor", "--trust-clock", "--yes"], b""), 0, "noted");
    ended(&served.run(&["subject", "erase", "alice", "--yes"], b""), 0, "erased");
    let folder = served.stop();
    std::fs::write(folder.path().join("oubliette.toml"), "[retention.saves]\nminimum_day = 1\n").unwrap();
    ended(&oubliette(folder.path(), &["status"]), 2, "retention.saves.minimum_days");
    std::fs::write(folder.path().join("oubliette.toml"), "region = \"us\"\n").unwrap();
    ended(&oubliette(folder.path(), &["status"]), 1, "`eu`");
}

#[test]
fn a_served_folder_from_first_start_to_erasure() {
    let served = Served::start(tempfile::tempdir().unwrap());
    let path = served.folder.path().to_owned();
    let save = path.join("save.bin");
    std::fs::write(&save, b"e2e4").unwrap();
    let save = save.to_str().unwrap();

    ended(&served.run(&["save", "put", "alice", "chess", "1", save], b""), 3, "subject_unknown");
    ended(&served.run(&["subject", "create", "alice"], b""), 0, "active");
    ended(&served.run(&["subject", "create", "bob"], b""), 0, "active");
    ended(&served.run(&["save", "put", "alice", "chess", "1", save], b""), 0, "version 1, 4 bytes");
    ended(&served.run(&["save", "put", "alice", "chess", "1", "-"], b"piped"), 0, "version 2, 5 bytes");
    ended(
        &served.run(&["save", "put", "alice", "chess", "1", save, "--if-match", "\"1\""], b""),
        4,
        "version_conflict",
    );
    ended(&served.run(&["save", "get", "alice", "chess", "1"], b""), 0, "piped");
    let out = path.join("out.bin");
    ended(
        &served
            .run(&["save", "get", "alice", "chess", "1", "--version", "1", "-o", out.to_str().unwrap()], b""),
        0,
        "",
    );
    assert_eq!(std::fs::read(&out).unwrap(), b"e2e4");
    ended(&served.run(&["save", "list", "alice"], b""), 0, "chess\t1\tversion 2");
    ended(&served.run(&["save", "rm", "alice", "chess", "1"], b""), 2, "--yes");
    ended(&served.run(&["save", "rm", "alice", "chess", "1", "--version", "1", "--yes"], b""), 0, "erased");

    ended(&served.run(&["save", "versions", "alice", "chess", "1"], b""), 0, "2\t5 bytes");
    ended(&served.run(&["save", "follow", "bob", "alice", "chess", "1"], b""), 3, "not_found");
    ended(&served.run(&["save", "share", "alice", "chess", "1", "--with", "bob"], b""), 0, "shared with bob");
    ended(&served.run(&["save", "follow", "bob", "alice", "chess", "1"], b""), 0, "piped");
    ended(&served.run(&["save", "unshare", "alice", "chess", "1"], b""), 0, "no longer shared");
    ended(&served.run(&["save", "follow", "bob", "alice", "chess", "1"], b""), 3, "not_found");
    ended(&served.run(&["save", "put", "alice", "chess", "1", "-"], b"third"), 0, "version 3");
    ended(&served.run(&["save", "keep", "alice", "chess", "1", "--last", "1"], b""), 2, "--yes");
    ended(&served.run(&["save", "keep", "alice", "chess", "1", "--last", "1", "--yes"], b""), 0, "newest 1");
    ended(&served.run(&["save", "get", "alice", "chess", "1", "--version", "2"], b""), 3, "not_found");

    ended(&served.run(&["chat", "append", "alice", "bob"], b"hello\n"), 0, "Z ");
    ended(&served.run(&["chat", "log", "bob", "alice"], b""), 0, "alice: hello");
    ended(&served.run(&["chat", "append", "alice", "bob", "for both", "--policy", "either"], b""), 0, "Z ");
    ended(&served.run(&["chat", "log", "bob", "alice"], b""), 0, "alice [either]: for both");
    ended(&served.run(&["chat", "append", "alice", "bob", "x", "--policy", "both"], b""), 2, "");
    ended(&served.run(&["subject", "export", "alice", "--to", "alice.zip"], b""), 0, "keep it safe");
    ended(&served.run(&["subject", "export", "alice", "--to", "alice.zip"], b""), 2, "");
    let export = std::fs::read(served.folder.path().join("alice.zip")).unwrap();
    assert!(oubliette::verify_export(std::io::Cursor::new(export)).unwrap().files >= 8);
    let mode = std::fs::metadata(served.folder.path().join("alice.zip")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    ended(&served.run(&["subject", "export", "nobody", "--to", "nobody.zip"], b""), 3, "");
    assert!(["nobody.zip", "nobody.zip.part"].iter().all(|name| !served.folder.path().join(name).exists()));

    let secrets = br#"{"password":"hunter2","shared_secret":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="}"#;
    ended(&served.run(&["credential", "set", "alice", "acc"], secrets), 4, "consent_required");
    ended(
        &served.run(&["credential", "set", "alice", "acc", "--consent", "form 7"], secrets),
        0,
        "password, shared_secret",
    );
    ended(&served.run(&["credential", "code", "alice", "acc"], b""), 0, "until");
    let bad = served.run(&["credential", "set", "alice", "acc"], b"{\"password\":\"hunter2\",}");
    ended(&bad, 2, "line 1");
    assert!(!String::from_utf8_lossy(&bad.stderr).contains("hunter2"));

    // The folder is held: operator commands go through its socket, a second service does not start.
    ended(&served.run(&["subject", "show", "alice"], b""), 0, "active");
    ended(&served.run(&["status"], b""), 0, "subjects     2");
    ended(&served.run(&["fsck"], b""), 0, "read");
    ended(&oubliette(&path, &["serve", "--listen", "127.0.0.1:0"]), 1, "in use");
    ended(&served.run(&["subject", "erase", "alice"], b""), 2, "--yes");
    ended(&served.run(&["subject", "erase", "nobody", "--yes"], b""), 3, "not in the vault");
    let erased = served.run(&["subject", "erase", "alice", "--yes", "--json"], b"");
    ended(&erased, 0, "\"state\": \"erased\"");
    ended(&served.run(&["save", "get", "alice", "chess", "1"], b""), 3, "subject_erased");
    ended(&served.run(&["chat", "append", "bob", "alice"], b"still there?"), 3, "peer_gone");

    // On the folder itself: the same record.
    let folder = served.stop();
    let again = oubliette(folder.path(), &["subject", "erase", "alice", "--yes", "--json"]);
    let record = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    assert_eq!(record(&again)["root_after"], record(&erased)["root_after"]);
    ended(&oubliette(folder.path(), &["fsck"]), 0, "read");
    ended(&oubliette(folder.path(), &["save", "list", "bob"]), 1, "no answer from the service");
}

#[test]
fn tokens_come_and_go_without_restart() {
    let served = Served::start(tempfile::tempdir().unwrap());
    let path = served.folder.path();
    let create = ["token", "create", "--name", "eu-1", "--scope", "saves:read", "--expires", "90d"];
    let made = oubliette(path, &create);
    ended(&made, 0, "obl_");
    std::fs::write(path.join("eu-1.token"), &made.stdout).unwrap();
    ended(&oubliette(path, &create), 4, "exists");
    ended(&oubliette(path, &["token", "list"]), 0, "eu-1 (expires): saves:read");
    let ask = ["subject", "create", "alice", "--token-file", "eu-1.token"];
    ended(&served.run(&ask, b""), 4, "subjects:write");
    ended(&oubliette(path, &["token", "revoke", "eu-1"]), 0, "revoked");
    ended(&served.run(&ask, b""), 4, "unauthorized");
    ended(&oubliette(path, &["token", "revoke", "eu-1"]), 3, "token list");
    let logged = std::fs::read(path.join("oubliette-data/ledger/audit-00000001")).unwrap();
    let times = |text: &str| logged.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    assert_eq!((times("token create"), times("token revoke")), (4, 4));
    assert_eq!(times(std::str::from_utf8(&made.stdout).unwrap().trim()), 0);
    ended(&oubliette(path, &["token", "create", "--name", "x", "--scope", "saves:reed"]), 2, "saves:read");
    ended(
        &oubliette(path, &["token", "create", "--name", "x", "--scope", "ops", "--expires", "soon"]),
        2,
        "90d",
    );
}

#[test]
fn mistakes_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ended(&oubliette(path, &["frobnicate"]), 2, "Usage");
    ended(&oubliette(path, &["--version"]), 0, "oubliette");
    ended(&oubliette(path, &["serve", "--listen", "0.0.0.0:0"]), 2, "--insecure-plaintext");
    ended(&oubliette(path, &["serve", "--listen", "nowhere"]), 2, "127.0.0.1:7411");
    assert!(!path.join("oubliette-data").exists(), "a refused start makes nothing");
    ended(&oubliette(path, &["token", "list"]), 2, "oubliette serve");
    ended(&oubliette(path, &["save", "list", "alice"]), 1, "--token-file");
    assert_ne!(oubliette(path, &["fsck"]).status.code(), Some(0));

    std::fs::write(path.join("oubliette.toml"), "lisen = \"127.0.0.1:0\"\n").unwrap();
    ended(&oubliette(path, &["status"]), 2, "`listen`");
    ended(&oubliette(path, &["status", "--config", "missing.toml"]), 2, "missing.toml");
}

#[test]
fn a_lost_cell_and_a_damaged_engine_are_told_apart_from_a_new_folder() {
    let folder = Served::start(tempfile::tempdir().unwrap()).stop();
    let data = folder.path().join("oubliette-data");
    ended(&oubliette(folder.path(), &["verify-engine", "nowhere"]), 2, "no folder");
    assert!(!folder.path().join("nowhere").exists());

    std::fs::rename(data.join("root.cell"), folder.path().join("kept.cell")).unwrap();
    ended(&oubliette(folder.path(), &["serve", "--listen", "127.0.0.1:0"]), 5, "root.cell");
    assert!(!data.join("root.cell").exists(), "no new cell over a vault that lost its own");
    std::fs::rename(folder.path().join("kept.cell"), data.join("root.cell")).unwrap();
    ended(&oubliette(folder.path(), &["fsck"]), 0, "read");
}
