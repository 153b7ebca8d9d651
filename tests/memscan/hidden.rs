//! Who may look into a service at all: not another process of the same user.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fs, io, io::BufRead};

use crate::server;

/// Nobody's ids on Linux systems.
const NOBODY: u32 = 65_534;

/// A command run by a user without rights.
fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    let id = NOBODY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]).arg(program);
    command.stdin(Stdio::null()).env_remove("OUBLIETTE_DATA").env_remove("OUBLIETTE_CONFIG");
    command
}

fn served(data: &Path) -> (Child, String) {
    let mut child = as_nobody(&server::binary())
        .args(["--json", "serve", "--listen", "127.0.0.1:0", "--allow-swappable-keys", "--data"])
        .arg(data)
        .current_dir("/")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Something is said as soon as the service listens.
    let mut said = String::new();
    io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    (child, said)
}

fn reads(pid: u32, file: &str) -> bool {
    let mut look = as_nobody(Path::new("head"));
    let look = look.arg("-c1").arg(format!("/proc/{pid}/{file}"));
    look.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
fn the_process_is_undumpable_and_leaves_no_core() {
    let runs = as_nobody(&server::binary()).arg("--version").current_dir("/").output();
    if !runs.is_ok_and(|ended| ended.status.success()) {
        println!("left out: memscan: needs root and setpriv, and a program that every user may run");
        return;
    }
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let data = folder.path().join("vault");
    fs::create_dir(&data).unwrap();
    [folder.path(), &data].iter().for_each(|path| chown(path, Some(NOBODY), Some(NOBODY)).unwrap());

    // A process of the same user that did nothing for itself is open to its siblings.
    let mut open = as_nobody(Path::new("sleep")).arg("600").spawn().unwrap();
    let (mut service, said) = served(&data);
    let (mine, other) = (service.id(), open.id());
    let owner = |pid: u32| fs::metadata(format!("/proc/{pid}/status")).unwrap().uid();
    let limits = fs::read_to_string(format!("/proc/{mine}/limits")).unwrap();
    let seen = (reads(mine, "environ"), reads(other, "environ"), owner(mine), owner(other));
    for child in [&mut service, &mut open] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(!said.is_empty(), "the service did not start");
    assert_eq!(seen, (false, true, 0, NOBODY), "environ of the service, of another; owner of each");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
