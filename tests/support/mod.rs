//! What suites share: where the shared inputs are, how to read them and our own samples, and a real game as judge.
//!
//! A suite includes this with `#[path = "../support/mod.rs"] mod support;` (from a crate's own tests:
//! `../../../tests/support/mod.rs`); it needs `serde_json`, `data-encoding` and `tempfile`. A test that needs
//! shared inputs begins
//! `let Some(shared) = support::shared_or_left_out("name of the suite") else { return };`
//! so that it is left out, and says so, where they are absent. `cargo xtask test` collects those lines.
#![allow(dead_code, reason = "each suite uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "test code: a broken input must stop the test that reads it"
)]

pub(crate) mod chats;
pub(crate) mod freeciv;
pub(crate) mod steam;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The folder of the repository: the nearest one above the including crate that holds `Cargo.lock`.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|dir| dir.join("Cargo.lock").is_file()).expect("a workspace").to_path_buf()
}

/// Our own sample inputs, in the repository.
pub(crate) fn samples_dir() -> PathBuf {
    workspace().join("examples/data")
}

/// The shared inputs that nobody in this project wrote: `$OUBLIETTE_SHARED`, else `../shared` beside the repository.
/// A path that is set but wrong stops the test: it must not leave out in silence what it was told to use.
pub(crate) fn shared_dir() -> Option<PathBuf> {
    if let Some(dir) = env::var_os("OUBLIETTE_SHARED").map(PathBuf::from) {
        assert!(dir.join("data").is_dir(), "OUBLIETTE_SHARED={} has no folder data", dir.display());
        return Some(dir);
    }
    let beside = workspace().join("../shared");
    beside.join("data").is_dir().then_some(beside)
}

/// [`shared_dir`], or a line that says which suite goes without.
pub(crate) fn shared_or_left_out(suite: &str) -> Option<PathBuf> {
    let found = shared_dir();
    if found.is_none() {
        left_out(suite, "needs shared inputs in ../shared or $OUBLIETTE_SHARED");
    }
    found
}

/// The line that `cargo xtask test` collects.
pub(crate) fn left_out(suite: &str, reason: &str) {
    println!("left out: {suite}: {reason}");
}

/// Every file directly in a folder, by name, in the order of the names.
pub(crate) fn files_in(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

fn read_json(path: &Path) -> serde_json::Value {
    let text = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a JSON string").to_owned()
}
