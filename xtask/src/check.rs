//! `cargo xtask check`: everything that must hold beside the tests.

use crate::{command, tools};
use std::{env, path::PathBuf};

/// Arguments to cargo, and what its environment adds.
type Step<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// Runs every check to the end; fails with the list of those that failed.
pub(crate) fn run(install: bool) -> Result<(), String> {
    tools::for_checks(install)?;
    let steps: [Step<'_>; 6] = [
        (&["fmt", "--all", "--check"], &[]),
        (&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]),
        (&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")]),
        // The library as those embed it who want neither the service nor the commands.
        (&["clippy", "--package", "oubliette", "--no-default-features", "--", "-D", "warnings"], &[]),
        (&["deny", "check", "licenses", "bans", "sources"], &[]),
        (&["build", "--workspace", "--examples"], &[]),
    ];
    let mut failures: Vec<String> =
        steps.iter().filter_map(|(args, env)| command::cargo(args, env).err()).collect();
    failures.extend(advisories().err());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n       ")) }
}

/// Known vulnerabilities need a database that `cargo deny fetch` clones from a repository on the network;
/// where none was fetched this check is left out, loudly.
fn advisories() -> Result<(), String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|dir| dir.join(".cargo")));
    if home.is_some_and(|dir| dir.join("advisory-dbs").is_dir()) {
        return command::cargo(&["deny", "check", "--disable-fetch", "advisories"], &[]);
    }
    println!(
        "left out: advisories: no database here; `cargo deny fetch` brings one where the network allows"
    );
    Ok(())
}
