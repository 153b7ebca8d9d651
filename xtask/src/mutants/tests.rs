//! The mutations keep up with the code: seen here at once, without a build.

use super::mutation::{self, Mutation};
use super::scratch::{applied, apply};
use crate::command;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const TABLE: &str = "docs/adversary.md";
/// What the standard library says where an assertion has no words of its own.
const STANDARD: [&str; 6] = [
    "assertion `left == right` failed",
    "assertion `left != right` failed",
    "assertion failed: ",
    "called `Result::unwrap()` on an `Err` value",
    "called `Result::unwrap()`",
    "called `Result::unwrap_err()` on an `Ok` value",
];

fn mutations() -> Vec<Mutation> {
    mutation::all(&command::root()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_patch_applies() {
    let root = command::root();
    let stale = mutations().into_iter().filter_map(|mutation| {
        let git = apply(&root, &mutation.path, &["--check"]);
        git.and_then(|git| applied(git, &mutation.path)).err()
    });
    let stale: Vec<String> = stale.collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

/// A patch whose files git passed over would plant nothing.
#[test]
fn every_patch_changes_tracked_code() {
    let root = command::root();
    for mutation in mutations() {
        let text = fs::read_to_string(&mutation.path).unwrap_or_default();
        let files: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("+++ b/")).collect();
        assert!(!files.is_empty(), "{} changes no file", mutation.name);
        for file in files {
            assert!(root.join(file).is_file() && file.contains("/src/"), "{} changes {file}", mutation.name);
        }
    }
}

#[test]
fn every_patch_names_a_test_and_a_message_that_exist() {
    let root = command::root();
    let everything: String = [sources(&root.join("crates")), sources(&root.join("tests"))]
        .iter()
        .flatten()
        .map(|(_, text)| text.as_str())
        .collect();
    for mutation in mutations() {
        let suite = &mutation.suite;
        let folder = match suite.package.strip_prefix("oubliette-") {
            Some(name) => root.join("crates").join(name),
            None => root.clone(),
        };
        let folder = folder.join(if suite.binary == "lib" { "src" } else { "tests" });
        let name = suite.test.rsplit("::").next().unwrap_or_default();
        let of_binary = |path: &Path| {
            suite.binary == "lib"
                || path.strip_prefix(&folder).is_ok_and(|path| path.starts_with(&suite.binary))
                || path == folder.join(format!("{}.rs", suite.binary))
        };
        let found = sources(&folder)
            .iter()
            .any(|(path, text)| of_binary(path) && text.contains(&format!("fn {name}(")));
        assert!(found, "{}: there is no test {suite}", mutation.name);
        let said = STANDARD.iter().find_map(|standard| mutation.message.strip_prefix(standard));
        let said = said.unwrap_or(&mutation.message);
        assert!(everything.contains(said), "{}: nothing says `{}`", mutation.name, mutation.message);
    }
}

#[test]
fn the_table_names_every_patch_and_its_test() {
    let text = fs::read_to_string(command::root().join(TABLE)).unwrap_or_default();
    let mutations = mutations();
    for mutation in &mutations {
        let Mutation { name, suite, .. } = mutation;
        let row = text.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{TABLE} has no row for {name}"));
        assert!(row.contains(&format!("`{}`", suite.test)), "{TABLE}: {name} is caught by {suite}");
    }
    let known: BTreeSet<&str> = mutations.iter().map(|mutation| mutation.name.as_str()).collect();
    let (_, table) =
        text.split_once("| patch |").unwrap_or_else(|| panic!("{TABLE} has no table of patches"));
    let rows =
        table.lines().take_while(|line| line.is_empty() || line.starts_with('|') || line.starts_with(" "));
    for row in rows.filter_map(|row| row.strip_prefix("| `")) {
        let name = row.split('`').next().unwrap_or_default();
        assert!(known.contains(name), "{TABLE}: there is no patch {name}");
    }
    assert!(known.len() >= 25, "only {} mistakes are planted", known.len());
}

/// Every Rust source below a folder.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(fs::read_to_string(&path).map(|text| (path, text)));
        }
    }
    found
}
