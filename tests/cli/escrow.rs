//! Escrow and drills, as operator and holders meet them.

use std::fs;

use super::*;

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// The newest sealed root of the one vault in an escrow.
fn newest_root(store: &Path) -> String {
    let inside = |folder: &Path| -> Vec<_> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let vault = inside(store).remove(0);
    let windows = inside(&vault).into_iter().filter(|path| path.is_dir());
    let roots = windows
        .flat_map(|window| inside(&window))
        .filter(|path| path.extension().is_some_and(|e| e == "oesc"));
    roots.max().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_drill_passes() {
    let folder = tempfile::tempdir().unwrap();
    let output = oubliette(folder.path(), &["drill", "all"]);
    ended(&output, 0, "6 passed: mirror, cell, escrow, no-escrow, restore, receipts");
    assert!(
        fs::read_dir(folder.path()).unwrap().next().is_none(),
        "a drill touches nothing of the operator's"
    );
    ended(&oubliette(folder.path(), &["drill", "nothing"]), 2, "possible values");
}

#[test]
fn a_vault_in_escrow_comes_back_by_two_of_three_holders() {
    let folder = tempfile::tempdir().unwrap();
    let at = |arguments: &[&str]| oubliette(folder.path(), arguments);
    fs::create_dir(folder.path().join("escrow")).unwrap();
    for holder in ["one", "two", "three"] {
        let card = format!("{holder}.card");
        let keygen = [
            "escrow", "holder", "keygen", "--dir", holder, "--holder", holder, "--window", "1", "--out",
            &card,
        ];
        ended(&at(&keygen), 0, "");
    }
    let served = Served::start(folder);
    let init = ["escrow", "init", "--store", "escrow", "--threshold", "2"];
    let cards = ["--card", "one.card", "--card", "two.card", "--card", "three.card"];
    let all = [init.as_slice(), &cards].concat();
    ended(&served.run(&["escrow", "list"], b""), 3, "escrow");
    ended(&served.run(&["status"], b""), 0, "a single cell stands between this vault and total loss");
    // Through the service that holds the folder.
    ended(&served.run(&all, b""), 0, "2 of 3 holders");
    ended(&served.run(&all, b""), 2, "has an escrow already");
    for user in ["alice", "bob"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
    }
    ended(&served.run(&["save", "put", "alice", "doom", "e1", "-"], b"hers"), 0, "");
    let folder = served.stop();
    let at = |arguments: &[&str]| oubliette(folder.path(), arguments);
    let report = json(&at(&["escrow", "list", "--json"]));
    assert!(report["behind"] == 0 && report["window"] == 1, "closing seals the last changes: {report}");

    let root = newest_root(&folder.path().join("escrow"));
    for holder in ["one", "three"] {
        let share = format!("{holder}.share");
        ended(
            &at(&["escrow", "holder", "open", "--dir", holder, "--root", &root, "--out", &share]),
            0,
            "hand it over",
        );
    }
    // The erasure comes after the root that the holders opened.
    let kept = folder.path().join("kept");
    copy(&folder.path().join("escrow"), &kept);
    ended(&at(&["subject", "erase", "bob", "--yes"]), 0, "erased");
    let data = folder.path().join("oubliette-data");
    fs::remove_file(data.join("root.cell")).unwrap();
    for copy in ["keys-a", "keys-b"] {
        fs::remove_dir_all(data.join(copy)).unwrap();
    }
    ended(&at(&["status"]), 5, "the keys are lost");
    let recover = [
        "escrow",
        "recover",
        "--data",
        "new",
        "--store",
        "kept",
        "--from",
        "oubliette-data",
        "--share",
        "one.share",
    ];
    ended(&at(&recover), 2, "--yes");
    ended(&at(&[recover.as_slice(), &["--yes"]].concat()), 2, "they open nothing: 2 are needed");
    let both = [recover.as_slice(), &["--share", "three.share", "--yes", "--json"]].concat();
    let done = json(&at(&both));
    assert!(done["people"] == 1 && done["erased_again"] == 1 && done["lost"] == 0, "{done}");
    ended(&at(&["subject", "show", "alice", "--data", "new"]), 0, "active");
    ended(&at(&["subject", "show", "bob", "--data", "new"]), 3, "erased");
    ended(&at(&["fsck", "--data", "new"]), 0, "");

    let destroy = ["escrow", "holder", "destroy", "--dir", "one", "--window", "1", "--out", "one.statement"];
    ended(&at(&destroy), 2, "--yes");
    ended(&at(&[destroy.as_slice(), &["--yes"]].concat()), 0, "");
    ended(
        &at(&["escrow", "rotate", "--statement", "one.statement", "--data", "new"]),
        0,
        "no statement of three, two",
    );
    // Whoever seals goes on: the root that was opened above may have made room for a newer one.
    let root = newest_root(&folder.path().join("escrow"));
    let open = ["escrow", "holder", "open", "--dir", "one", "--root", &root, "--out", "again.share"];
    ended(&at(&open), 3, "it was destroyed");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
