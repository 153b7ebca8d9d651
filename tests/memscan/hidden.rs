//! Who may look into a service at all: not another process of the same user.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{
    fs,
    io::{self, BufRead, Read, Write},
};

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

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that has long begun to run its program: it has answered.
fn echoing() -> Running {
    let mut cat = as_nobody(Path::new("cat"));
    let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"?").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    Running(child)
}

fn served(data: &Path) -> (Running, String) {
    let mut child = as_nobody(&server::binary())
        .args(["--json", "serve", "--listen", "127.0.0.1:0", "--allow-swappable-keys", "--data"])
        .arg(data)
        .current_dir("/")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let running = Running(child);
    // Something is said as soon as the service listens.
    let mut said = String::new();
    io::BufReader::new(stdout).read_line(&mut said).unwrap();
    (running, said)
}

fn reads(pid: u32, file: &str) -> bool {
    let mut look = as_nobody(Path::new("head"));
    let look = look.arg("-c1").arg(format!("/proc/{pid}/{file}"));
    look.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
fn the_process_is_undumpable_and_leaves_no_core() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("vault");
    fs::create_dir(&data).unwrap();
    let given = [folder.path(), &data].iter().all(|path| chown(path, Some(NOBODY), Some(NOBODY)).is_ok());
    let works = |command: &mut Command| command.output().is_ok_and(|ended| ended.status.success());
    if !given
        || !works(as_nobody(&server::binary()).arg("--version").current_dir("/"))
        || !works(as_nobody(Path::new("test")).arg("-w").arg(&data))
    {
        println!(
            "left out: memscan: needs root, setpriv, and a program and a folder that every user may use"
        );
        return;
    }

    // A process of the same user that did nothing for itself is open to its siblings.
    let open = echoing();
    let (service, said) = served(&data);
    assert!(!said.is_empty(), "the service did not start");
    let (mine, other) = (service.0.id(), open.0.id());
    let owner = |pid: u32| fs::metadata(format!("/proc/{pid}/status")).unwrap().uid();
    let seen = (reads(mine, "environ"), reads(other, "environ"), owner(mine), owner(other));
    assert_eq!(seen, (false, true, 0, NOBODY), "environ of the service, of another; owner of each");
    let limits = fs::read_to_string(format!("/proc/{mine}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
