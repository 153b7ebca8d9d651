//! Receipts, the log and its witness on the command line: from the erasure to the page to file, and what a rolled back folder looks like.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::{Served, ended, oubliette};

fn json(output: &std::process::Output) -> Value {
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn a_receipt_is_checked_and_filed_without_the_vault() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_owned();
    let run = |arguments: &[&str]| oubliette(&at, arguments);
    let served = Served::start(folder);
    for user in ["alice.liddell", "bob"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
    }
    let erased = json(&run(&["subject", "erase", "alice.liddell", "--yes", "--json"]));
    let receipt = erased["receipt"].as_str().unwrap();
    let salt = erased["salt"].as_str().unwrap();
    fs::write(at.join("receipt.txt"), receipt).unwrap();
    let key = json(&run(&["status", "--json"]))["public_key"].as_str().unwrap().to_owned();
    fs::write(at.join("vault.pub"), format!("{key}\n")).unwrap();

    let verify = ["receipt", "verify", "receipt.txt", "--key", "vault.pub"];
    ended(&run(&verify), 0, "true: signed by oubliette/");
    let about =
        |user: &str, salt: &str| run(&[verify.as_slice(), &["--user", user, "--salt", salt]].concat());
    ended(&about("alice.liddell", salt), 0, "it is about this person");
    ended(&about("bob", salt), 5, "not about this user id");
    ended(&about("alice.liddell", "12"), 2, "64 hexadecimal digits");
    fs::write(at.join("bent.txt"), receipt.replace("\"erased\": \"2", "\"erased\": \"1")).unwrap();
    ended(&run(&["receipt", "verify", "bent.txt", "--key", &key]), 5, "does not verify");
    fs::write(at.join("cut.txt"), &receipt[..receipt.len() / 2]).unwrap();
    ended(&run(&["receipt", "verify", "cut.txt", "--key", &key]), 5, "not a signed note");

    let listed = json(&run(&["receipt", "list", "--json"]));
    let id = listed["receipts"][0]["receipt"].as_str().unwrap().to_owned();
    ended(&run(&["receipt", "show", &id]), 0, "Cryptographic Erase");
    ended(&run(&["receipt", "show", &"0".repeat(32)]), 3, "no such receipt");
    ended(&run(&["receipt", "show", "bent.txt", "--html", "page.html"]), 5, "does not verify");
    ended(&run(&["receipt", "show", &id, "--html", "page.html"]), 0, "printed and filed");
    let page = fs::read_to_string(at.join("page.html")).unwrap();
    for part in ["Certificate of erasure", &id, "What this does not say", "cell class E", "@page{size:A4"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("http") && !page.contains("alice"), "{page}");

    let proof = run(&["log", "proof", &id]);
    fs::write(at.join("newer.proof"), &proof.stdout).unwrap();
    ended(&run(&["receipt", "verify", "receipt.txt", "--key", &key, "--proof", "newer.proof"]), 0, "true");
    let checkpoint = run(&["log", "checkpoint"]);
    fs::write(at.join("old"), &checkpoint.stdout).unwrap();
    json(&run(&["subject", "erase", "bob", "--yes", "--json"]));
    ended(&run(&["log", "verify", "--checkpoint", "old", "--key", &key]), 0, "receipts");
    let size = String::from_utf8_lossy(&checkpoint.stdout).lines().nth(1).unwrap().to_owned();
    fs::write(at.join("grown"), run(&["log", "consistency", "--from", &size]).stdout).unwrap();
    let grew = ["log", "verify", "--checkpoint", "old", "--key", &key, "--proof"];
    ended(&run(&[grew.as_slice(), &["grown"]].concat()), 0, "the log only grew");
    fs::write(at.join("other"), run(&["log", "consistency", "--from", "0"]).stdout).unwrap();
    ended(&run(&[grew.as_slice(), &["other"]].concat()), 5, "ask for the one from");
    let folder = served.stop();

    // A receipt that is taken out of the file is missed by nobody but whoever has it; one that is changed is named.
    let file = at.join("oubliette-data/ledger/receipts");
    let whole = fs::read(&file).unwrap();
    let mut bent = whole.clone();
    bent[200] ^= 1;
    fs::write(&file, bent).unwrap();
    ended(&run(&["log", "verify"]), 5, "fault: ");
    ended(&run(&["fsck"]), 5, "receipt");
    fs::write(&file, whole).unwrap();
    ended(&run(&["log", "verify"]), 0, "receipts");
    drop(folder);
}

#[test]
fn a_witness_sees_a_folder_that_was_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_owned();
    let run = |arguments: &[&str]| oubliette(&at, arguments);
    let made = run(&["witness", "keygen", "--name", "witness.example/1", "--to", "witness.key", "--json"]);
    let public = json(&made)["public_key"].as_str().unwrap().to_owned();
    ended(&run(&["witness", "keygen", "--name", "a b", "--to", "other.key"]), 2, "name");
    ended(&run(&["witness", "keygen", "--name", "w", "--to", "witness.key"]), 1, "exists");
    fs::write(at.join("oubliette.toml"), format!("[log]\nwitnesses = [\"{public}\"]\n")).unwrap();
    let served = Served::start(folder);
    for user in ["ann", "ben", "cat"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
    }
    let token = run(&["token", "create", "--name", "witness", "--scope", "log:witness"]);
    fs::write(at.join("witness.token"), &token.stdout).unwrap();
    let key = json(&run(&["status", "--json"]))["public_key"].as_str().unwrap().to_owned();
    let cosign = ["witness", "cosign", "--key", "witness.key", "--log", &key, "--state", "seen"];
    let online = [cosign.as_slice(), &["--token-file", "witness.token", "--to", "signed"]].concat();
    ended(&served.run(&online, b""), 0, "the log grew from 0 to");
    ended(&run(&["status"]), 0, "by witness.example/1");
    let folder = served.stop();

    let data = at.join("oubliette-data");
    copy(&data, &at.join("before"));
    let served = Served::start(folder);
    // More changes of the root than the service makes by itself after a start.
    for user in ["ann", "ben", "cat"] {
        json(&run(&["subject", "erase", user, "--yes", "--json"]));
    }
    ended(&served.run(&online, b""), 0, "and is signed");
    let ids = json(&run(&["receipt", "list", "--json"]));
    let id = ids["receipts"][0]["receipt"].as_str().unwrap().to_owned();
    fs::write(at.join("receipt.txt"), run(&["receipt", "show", &id]).stdout).unwrap();
    let folder = served.stop();
    // Without a network: proof there, signature here, back again.
    let size =
        String::from_utf8(fs::read(at.join("seen")).unwrap()).unwrap().lines().nth(1).unwrap().to_owned();
    fs::write(at.join("proof"), run(&["log", "consistency", "--from", &size]).stdout).unwrap();
    let offline = [cosign.as_slice(), &["--proof", "proof", "--to", "signed"]].concat();
    ended(&run(&offline), 0, "is signed");
    ended(&run(&["log", "cosigned", "signed"]), 0, "taken");

    // Somebody puts the folder of yesterday back, cell and all: ann would live again.
    fs::rename(&data, at.join("true-one")).unwrap();
    copy(&at.join("before"), &data);
    ended(&run(&["log", "verify"]), 0, "receipts");
    ended(&run(&["log", "verify", "--checkpoint", "signed", "--key", &key]), 5, "went back");
    let served = Served::start(folder);
    ended(&served.run(&online, b""), 5, "went back");
    ended(&run(&["log", "cosigned", "signed"]), 5, "went back");
    ended(&run(&["status"]), 0, "older than what it signed");
    // It goes on until its log is as long as the true one's.
    for user in ["dan", "eve", "fay", "gil", "hal"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
        json(&run(&["subject", "erase", user, "--yes", "--json"]));
    }
    let folder = served.stop();
    ended(&run(&["status"]), 0, "signed something else");
    ended(&run(&["fsck"]), 5, "ledger/witnessed");
    ended(&run(&["log", "verify"]), 5, "ledger/witnessed");
    drop(folder);
}
