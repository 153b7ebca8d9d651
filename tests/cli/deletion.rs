//! Deletions as the officer and the operator meet them. With no cooling-off period in the settings a deletion is due at once.

use super::*;

fn word(output: &Output, key: &str) -> String {
    let told: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    told[key].as_str().unwrap_or_else(|| panic!("no {key} in {told}")).to_owned()
}

#[test]
fn a_deletion_is_asked_for_taken_back_approved_by_another_and_listed() {
    let served = Served::start(tempfile::tempdir().unwrap());
    for user in ["alice", "bob"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
    }
    let request = ["deletion", "request", "alice", "--reason", "account_closed", "--json"];
    let asked = served.run(&request, b"");
    assert_eq!((word(&asked, "state").as_str(), word(&asked, "salt").len()), ("cooling_off", 64));
    ended(&served.run(&["deletion", "request", "alice", "--reason", "Dear Sirs"], b""), 2, "reason");
    ended(&served.run(&["deletion", "request", "eve", "--reason", "x"], b""), 3, "not in the vault");
    ended(&served.run(&["deletion", "show", "alice"], b""), 0, "left\t");
    ended(&served.run(&["deletion", "show", "bob"], b""), 3, "no such deletion");
    ended(&served.run(&["deletion", "list"], b""), 0, "alice\tcooling_off\t");
    ended(&served.run(&["deletion", "run"], b""), 0, "0 erased, 0 held");
    ended(&served.run(&["deletion", "cancel", "alice"], b""), 2, "--yes");
    ended(&served.run(&["deletion", "cancel", "alice", "--yes"], b""), 0, "cancelled");
    ended(&served.run(&["deletion", "cancel", "alice", "--yes"], b""), 3, "no such deletion");

    // At once: the first token asks, and cannot approve; another one can.
    let at_once = ["deletion", "request", "alice", "--reason", "account_closed", "--cooling-off", "0"];
    ended(&served.run(&at_once, b""), 0, "overrides\tthe cooling-off period (waits until");
    ended(&served.run(&["deletion", "approve", "alice", "--yes"], b""), 4, "a second person must");
    ended(&served.run(&["deletion", "approve", "bob", "--yes"], b""), 3, "waits for approval");
    let token = ["token", "create", "--name", "second", "--scope", "deletion:override"];
    let made = oubliette(served.folder.path(), &[&token[..], &["--json"]].concat());
    std::fs::write(served.folder.path().join("second.token"), word(&made, "token")).unwrap();
    let second = ["--token-file", "second.token"];
    let wrong = ["deletion", "approve", "alice", "--yes", "--digest", "00"];
    ended(&served.run(&[&wrong[..], &second].concat(), b""), 4, "not what waits");
    ended(&served.run(&[&["deletion", "approve", "alice", "--yes"][..], &second].concat(), b""), 0, "erased");
    ended(&served.run(&["deletion", "cancel", "alice", "--yes"], b""), 3, "was erased");
    served.stop();
}

#[test]
fn the_operator_runs_what_is_due_on_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("oubliette.toml"), "[deletion]\ncooling_off_days = 0\n").unwrap();
    let served = Served::start(folder);
    for user in ["alice", "bob"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
    }
    ended(&served.run(&["hold", "add", "alice", "court"], b""), 0, "court");
    ended(&served.run(&["deletion", "request", "alice", "--reason", "account_closed"], b""), 0, "held");
    let folder = served.stop();
    let at = folder.path();
    ended(&oubliette(at, &["deletion", "list"]), 0, "alice\theld\t");
    ended(&oubliette(at, &["deletion", "run"]), 0, "0 erased, 1 held");
    ended(&oubliette(at, &["deletion", "run"]), 0, "a legal hold stands");
    let erased = oubliette(at, &["subject", "erase", "bob", "--yes", "--json"]);
    assert_eq!((word(&erased, "job").len(), word(&erased, "salt").len()), (32, 64));
    ended(&oubliette(at, &["subject", "erase", "alice", "--yes"]), 4, "legal hold");
    // The hold is lifted, and the next run goes on by itself.
    let served = Served::start(folder);
    ended(&served.run(&["hold", "rm", "alice", "court", "--yes"], b""), 0, "lifted");
    ended(&served.run(&["deletion", "run"], b""), 0, "erased");
    ended(&served.run(&["save", "list", "alice"], b""), 3, "was erased");
    served.stop();
}
