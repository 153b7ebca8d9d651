//! Credentials from other programs' files, and out to a host's key. The files are made by `import/make.py`.

use std::{fs, path::PathBuf};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/import").join(name)
}

/// A copy of the encrypted folder.
fn sealed(at: &Path) -> PathBuf {
    let folder = at.join("maFiles");
    fs::create_dir(&folder).unwrap();
    for name in ["manifest.json", "76561197960287930.maFile", "76561197960287931.maFile"] {
        fs::copy(fixture("sealed").join(name), folder.join(name)).unwrap();
    }
    folder
}

/// Arguments of an import for alice.
fn import<'a>(files: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["credential", "import", "--user", "alice"], files, more].concat()
}

fn served() -> Served {
    let served = Served::start(tempfile::tempdir().unwrap());
    ended(&served.run(&["subject", "create", "alice"], b""), 0, "active");
    served
}

fn account(served: &Served, name: &str) -> Option<Vec<String>> {
    let list = served.run(&["credential", "list", "alice", "--json"], b"");
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let accounts = list["credentials"].as_array().unwrap();
    let account = accounts.iter().find(|account| account["account"] == name)?;
    Some(
        account["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field.as_str().unwrap().to_owned())
            .collect(),
    )
}

#[test]
fn files_of_other_programs_are_imported_account_by_account() {
    let served = served();
    let passphrase = fixture("passphrase.txt");
    let passphrase = ["--passphrase-file", passphrase.to_str().unwrap()];
    let plain = fixture("plain/76561197960287929.maFile");
    let plain = plain.to_str().unwrap();
    ended(&served.run(&import(&[plain], &[]), b""), 4, "consent_required");
    ended(&served.run(&import(&[plain], &["--dry-run"]), b""), 0, "plain_demo: found");
    assert_eq!(account(&served, "plain_demo"), None);
    ended(&served.run(&import(&[plain], &["--consent", "form 7"]), b""), 0, "plain_demo: stored");
    let fields = account(&served, "plain_demo").unwrap();
    for field in
        ["shared_secret", "identity_secret", "device_id", "revocation_code", "refresh_token", "steam_id"]
    {
        assert!(fields.iter().any(|stored| stored == field), "{field} of {fields:?}");
    }
    // What is stored by hand stays.
    ended(
        &served.run(&["credential", "set", "alice", "plain_demo", "--merge"], br#"{"password":"p"}"#),
        0,
        "password",
    );
    ended(&served.run(&import(&[plain], &[]), b""), 0, "stored");
    assert!(account(&served, "plain_demo").unwrap().iter().any(|field| field == "password"));
    ended(&served.run(&["credential", "code", "alice", "plain_demo"], b""), 0, "until");
    ended(
        &served.run(&["credential", "confirm", "alice", "plain_demo", "conf", "--offset", "-3"], b""),
        0,
        "time",
    );

    // A manifest brings its maFiles; Steam's files add what they know of the same account.
    let mafiles = sealed(served.folder.path());
    let manifest = mafiles.join("manifest.json");
    let (users, config) = (fixture("loginusers.vdf"), fixture("config.vdf"));
    let all = [manifest.to_str().unwrap(), users.to_str().unwrap(), config.to_str().unwrap()];
    let imported = served.run(&import(&all, &passphrase), b"");
    ended(&imported, 0, "sealed_demo: stored");
    ended(&imported, 0, "second_demo: stored");
    ended(&imported, 0, "third_demo: stored (steam_id;");
    ended(&imported, 0, "sealed to the machine");
    let fields = account(&served, "sealed_demo").unwrap();
    assert!(
        fields.iter().any(|field| field == "guard_data")
            && fields.iter().any(|field| field == "shared_secret")
    );
    assert_eq!(account(&served, "third_demo").unwrap(), ["steam_id"]);
    ended(&served.run(&["credential", "code", "alice", "sealed_demo"], b""), 0, "until");
    // One file alone finds the manifest beside it; one account of many.
    let one = mafiles.join("76561197960287931.maFile");
    ended(&served.run(&import(&[one.to_str().unwrap()], &passphrase), b""), 0, "second_demo: stored");
    let only = [&passphrase[..], &["--account", "SECOND_demo", "--json"]].concat();
    let report = served.run(&import(&all, &only), b"");
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&report["accounts"][0]["account"], &report["accounts"][0]["state"]),
        (&"second_demo".into(), &"stored".into())
    );

    ended(&served.run(&["credential", "rm", "alice", "third_demo"], b""), 2, "--yes");
    ended(&served.run(&["credential", "rm", "alice", "third_demo", "--yes"], b""), 0, "erased");
    assert_eq!(account(&served, "third_demo"), None);
    // Nothing was written anywhere but into the vault.
    let names = fs::read_dir(served.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(
        names.collect::<std::collections::BTreeSet<_>>(),
        ["maFiles".into(), "oubliette-data".into()].into()
    );
}

/// Whatever is wrong with one file, nothing of any is stored, and nothing of a secret is said.
#[test]
fn a_damaged_file_imports_nothing_and_says_why() {
    let served = served();
    let folder = served.folder.path().to_owned();
    let mafiles = sealed(&folder);
    let file = |name: &str, content: &[u8]| {
        fs::write(folder.join(name), content).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let good = fixture("plain/76561197960287929.maFile");
    let good = good.to_str().unwrap();
    let passphrase = fixture("passphrase.txt");
    let passphrase = ["--passphrase-file", passphrase.to_str().unwrap()];
    let one = mafiles.join("76561197960287930.maFile");
    let one = one.to_str().unwrap();
    let ciphertext = fs::read(one).unwrap();
    let refused = |named: &str, more: &[&str], code: i32, said: &str| {
        let output = served.run(&import(&[good, named], &[more, &["--consent", "form"]].concat()), b"");
        ended(&output, code, said);
        let told = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
        assert!(!told.contains("hunter2"), "{told}");
        let list = served.run(&["credential", "list", "alice"], b"");
        assert!(list.stdout.is_empty(), "{said}: something was stored");
    };

    refused(one, &[], 2, "--passphrase-file");
    let wrong = file("wrong.txt", b"hunter2\n");
    refused(one, &["--passphrase-file", &wrong], 1, "pass-phrase is wrong");
    refused(one, &["--passphrase-file", "nowhere.txt"], 1, "nowhere.txt");
    for damage in [1, ciphertext.len() / 2] {
        let mut damaged = ciphertext.clone();
        damaged[damage] = if damaged[damage] == b'A' { b'B' } else { b'A' };
        fs::write(one, damaged).unwrap();
        let output = served.run(&import(&[one], &passphrase), b"");
        // CBC authenticates nothing: a block in the middle may be noise within a text, which is no JSON of Steam's then.
        assert!(!output.status.success());
    }
    fs::write(one, &ciphertext[..ciphertext.len() / 2 / 4 * 4]).unwrap();
    refused(one, &passphrase, 1, "damaged");
    fs::write(one, &ciphertext).unwrap();
    fs::create_dir(folder.join("alone")).unwrap();
    refused(&file("alone/x.maFile", &ciphertext), &passphrase, 1, "no manifest.json beside it");
    refused(&file("maFiles/other.maFile", &ciphertext), &passphrase, 1, "does not name it");

    let entry = |name: &str| {
        format!(
            r#"{{"encrypted":true,"entries":[{{"encryption_iv":"AA","encryption_salt":null,"filename":"{name}"}}]}}"#
        )
    };
    let outside = file("manifest.json", entry("../oubliette-data/dev.token").as_bytes());
    refused(&outside, &passphrase, 1, "outside of its folder");
    refused(&file("manifest.json", entry("missing.maFile").as_bytes()), &passphrase, 1, "missing.maFile");
    refused(&file("manifest.json", br#"{"entries":"hunter2"}"#), &passphrase, 1, "no manifest");
    for (content, said) in [
        (&b""[..], "is empty"),
        (b"hunter2", "no maFile, no manifest.json"),
        (br#"{"account_name":"a","shared_secret":["hunter2"]}"#, "no maFile (line 1"),
        (br#"{"account_name":"a","shared_secret":"hunter2""#, "no maFile (line 1"),
        (br#"{"shared_secret":"hunter2"}"#, "no account_name"),
        (br#"{"account_name":"hunter2"}"#, "holds no shared_secret"),
        (br#"{"account_name":"Plain_Demo","shared_secret":"hunter2"}"#, "another `shared_secret`"),
        (b"\"users\" { \"hunter2\" {", "damaged"),
        (b"\"Apps\" { \"hunter2\" \"1\" }", "neither"),
        (b"\"users\" { \"1\" { \"PersonaName\" \"hunter2\" } }", "holds no accounts"),
    ] {
        refused(&file("given", content), &[], 1, said);
    }
    refused("nowhere.maFile", &[], 1, "nowhere.maFile");
    // What the vault itself refuses is told of its account; the others are stored.
    let output = served.run(
        &import(
            &[good, &file("bad", br#"{"account_name":"a","shared_secret":"hunter2!"}"#)],
            &["--consent", "form"],
        ),
        b"",
    );
    ended(&output, 2, "shared_secret");
    ended(&output, 2, "1 of 2 accounts");
    ended(&output, 2, "plain_demo: stored");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hunter2"));
}

#[test]
fn a_host_with_a_key_of_its_own_has_a_secret_released() {
    let served = served();
    let path = served.folder.path();
    ended(&oubliette(path, &["credential", "keygen", "host.key"]), 0, "");
    ended(&oubliette(path, &["credential", "keygen", "host.key"]), 1, "host.key");
    let made = oubliette(path, &["credential", "keygen", "spare.key", "--json"]);
    let spare: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = fs::read_to_string(path.join("host.key")).unwrap();
    assert_eq!(
        std::os::unix::fs::MetadataExt::mode(&fs::metadata(path.join("host.key")).unwrap()) & 0o777,
        0o600
    );
    let public = oubliette(path, &["credential", "keygen", "third.key"]);
    let public = String::from_utf8(public.stdout).unwrap();

    let registered = format!("host={}", public.trim());
    let spare_key = spare["release_key"].as_str().unwrap();
    let create = ["token", "create", "--name", "host-1", "--scope", "credentials:release", "--release-key"];
    ended(&oubliette(path, &[&create[..], &["host=hunter2"]].concat()), 2, "credential keygen");
    let twice = [&create[..], &[registered.as_str(), "--release-key", registered.as_str()]].concat();
    ended(&oubliette(path, &twice), 2, "same name");
    let made = oubliette(path, &[&create[..], &[registered.as_str(), "--release-key", spare_key]].concat());
    ended(&made, 0, "obl_");
    fs::write(path.join("host.token"), &made.stdout).unwrap();
    ended(&oubliette(path, &["token", "list"]), 0, "releases to host (");

    let secrets = br#"{"password":"hunter2","refresh_token":"eyAi"}"#;
    ended(&served.run(&["credential", "set", "alice", "acc", "--consent", "form 7"], secrets), 0, "stored");
    let ask = [
        "credential",
        "release",
        "alice",
        "acc",
        "--field",
        "password",
        "--purpose",
        "cloud_sign_in",
        "--token-file",
        "host.token",
    ];
    let release = |more: &[&str]| served.run(&[&ask[..], more].concat(), b"");
    let released = release(&["--key", "third.key"]);
    ended(&released, 0, "hunter2");
    let released: Value = serde_json::from_slice(&released.stdout).unwrap();
    assert_eq!(released, serde_json::json!({ "password": "hunter2" }));
    ended(&release(&["--key", "spare.key"]), 0, "hunter2");
    ended(&release(&["--key", "third.key", "--recipient", "host"]), 0, "hunter2");
    // Registered, but not the one that would open it; not registered; no key.
    ended(&release(&["--key", "spare.key", "--recipient", "host"]), 1, "does not open");
    ended(&release(&["--key", "host.key"]), 2, "recipient");
    ended(&release(&["--key", "host.token"]), 2, "keygen");
    let dev = served.run(&[&ask[..8], &["--key", "third.key"]].concat(), b"");
    ended(&dev, 2, "recipient");
    let list = served.run(&["credential", "list", "alice"], b"");
    ended(&list, 0, "release to host for cloud_sign_in");
    assert!(!String::from_utf8_lossy(&list.stdout).contains("hunter2"));
    assert!(!key.trim().is_empty());
}
