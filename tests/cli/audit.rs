//! The audit log on the command line: checking it, and reporting what an incident touched.

use std::fs;

use std::process::Output;

use super::{Served, oubliette};
use serde_json::Value;

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_log_is_checked_and_an_incident_reported_with_and_without_the_service() {
    let served = Served::start(tempfile::tempdir().unwrap());
    let folder = served.folder.path().to_owned();
    for user in ["ann", "ben", "cat"] {
        assert!(served.run(&["subject", "create", user], b"").status.success());
    }
    let made = oubliette(&folder, &["token", "create", "--name", "leaked", "--scope", "saves:read"]);
    fs::write(folder.join("leaked.token"), &made.stdout).unwrap();
    for user in ["ann", "ben"] {
        let put = served.run(&["save", "put", user, "chess", "slot", "-"], b"e2e4");
        assert!(put.status.success(), "{}", stderr(&put));
        let read = served.run(&["save", "list", user, "--token-file", "leaked.token"], b"");
        assert!(read.status.success(), "{}", stderr(&read));
    }
    let refused = served.run(&["chat", "log", "cat", "ann", "--token-file", "leaked.token"], b"");
    assert_eq!(refused.status.code(), Some(4), "{}", stderr(&refused));
    let erased = oubliette(&folder, &["subject", "erase", "ben", "--yes"]);
    assert!(erased.status.success(), "{}", stderr(&erased));

    let checked = oubliette(&folder, &["log", "verify", "--json"]);
    assert!(checked.status.success(), "{}", stdout(&checked));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let noted = checked["head"].as_str().unwrap().to_owned();
    assert!(checked["records"].as_u64().unwrap() > 10, "{checked}");

    // From the files alone: names of the log, and nobody's own.
    let report = oubliette(&folder, &["incident", "report", "--token", "leaked", "--format", "json"]);
    let text = stdout(&report);
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert_eq!(report["could_touch"]["read"], serde_json::json!(["saves"]));
    assert_eq!(report["could_touch"]["write"], serde_json::json!([]));
    assert_eq!(report["people_touched"], 2, "{report}");
    assert!(!text.contains("ann") && !text.contains("ben"), "{text}");

    // With the vault: the living have names again, the erased have none.
    let resolve = ["incident", "report", "--token", "leaked", "--resolve", "--format", "csv"];
    let csv = stdout(&oubliette(&folder, &resolve));
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 5, "{csv}");
    let of = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(
        (of(",ann,subject,"), of(",cat,subject,"), of(",ann,other,"), of("ben")),
        (1, 1, 1, 0),
        "{csv}"
    );
    let folder_in_hand = served.stop();
    let again = stdout(&oubliette(folder_in_hand.path(), &resolve));
    assert_eq!(again, csv, "the same with the service and without it");
    let nobody = oubliette(folder_in_hand.path(), &["incident", "report", "--token", "unheard-of"]);
    assert_eq!(nobody.status.code(), Some(3), "{}", stderr(&nobody));
    let asked = oubliette(folder_in_hand.path(), &["incident", "report"]);
    assert_eq!(asked.status.code(), Some(2));
    let span = oubliette(
        folder_in_hand.path(),
        &["incident", "report", "--from", "2020-01-01T00:00:00Z", "--to", "2021-01-01T00:00:00Z"],
    );
    assert!(stdout(&span).contains("did touch 0 people"), "{}", stdout(&span));

    // What was noted is still there; what was changed since is found out.
    let kept = oubliette(folder_in_hand.path(), &["log", "verify", "--expect", &noted]);
    assert!(kept.status.success(), "{}", stdout(&kept));
    let (number, _) = noted.split_once(':').unwrap();
    let other = format!("{number}:{}", "ab".repeat(32));
    assert_eq!(
        oubliette(folder_in_hand.path(), &["log", "verify", "--expect", &other]).status.code(),
        Some(5)
    );
    let path = folder_in_hand.path().join("oubliette-data/ledger/audit-00000001");
    let mut bytes = fs::read(&path).unwrap();
    bytes[900] ^= 1;
    fs::write(&path, bytes).unwrap();
    let damaged = oubliette(folder_in_hand.path(), &["log", "verify"]);
    assert_eq!(damaged.status.code(), Some(5), "{}", stdout(&damaged));
    assert!(stdout(&damaged).contains("record"), "{}", stdout(&damaged));
    assert_eq!(oubliette(folder_in_hand.path(), &["fsck"]).status.code(), Some(5));
    for file in fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path()) {
        if file.file_name().unwrap().to_str().unwrap().starts_with("audit-") {
            fs::remove_file(file).unwrap();
        }
    }
    assert_eq!(oubliette(folder_in_hand.path(), &["log", "verify"]).status.code(), Some(5));
    // A new log does not hide that the old one is gone.
    assert!(oubliette(folder_in_hand.path(), &["subject", "show", "ann"]).status.success());
    let missing = oubliette(folder_in_hand.path(), &["log", "verify"]);
    assert_eq!(missing.status.code(), Some(5));
    assert!(stdout(&missing).contains("begun anew"), "{}", stdout(&missing));
}
