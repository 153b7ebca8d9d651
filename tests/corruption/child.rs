//! Looking at a folder from a process of its own: sled panics on some damage, on threads that nobody can catch it on, and may
//! then wait for ever. This test binary runs itself again for that, with the one test below.

use std::env;
use std::panic;
use std::path::Path;
use std::process::{Command, Stdio, exit};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::verdict::{Outcome, Seen, Verdict, look, parse, with_verifier};

const DATA: &str = "OUBLIETTE_CORRUPTION_DATA";
const MARK: &str = "verdict: ";
/// An engine that stopped at damage, as the binary's panic hook ends a process.
const STOPPED: i32 = 5;
/// Many times what the slowest machine needs.
const PATIENCE: Duration = Duration::from_secs(100);

/// [`look`] in a child process.
pub(crate) fn look_apart(data: &Path) -> Verdict {
    let child = Command::new(env::current_exe().unwrap())
        .args(["child::looks_at_the_folder_it_is_given", "--exact", "--nocapture"])
        .env(DATA, data)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let (ended, waits) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if waits.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
            return true;
        }
        false
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    if watch.join().unwrap() {
        return Err("it hangs".to_owned());
    }
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    if let Some((_, line)) = stdout.lines().rev().find_map(|line| line.split_once(MARK)) {
        return parse(line).ok_or_else(|| line.to_owned());
    }
    if output.status.code() == Some(STOPPED) {
        return Ok(Seen {
            outcome: Outcome::NotOpened,
            said: stderr.lines().last().unwrap_or("").to_owned(),
        });
    }
    Err(format!("no verdict: {:?} {stdout} {stderr}", output.status))
}

/// Does nothing unless [`look_apart`] runs it.
#[test]
fn looks_at_the_folder_it_is_given() {
    let Some(data) = env::var_os(DATA) else { return };
    // The binary ends when sled panics, wherever that is (its panic hook); a panic of anything else is a fault of ours.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("panic at {place}");
        exit(if place.contains("/sled-") { STOPPED } else { 101 });
    }));
    match look(Path::new(&data), with_verifier()) {
        Ok(seen) => println!("{MARK}{seen}"),
        Err(what) => println!("{MARK}WRONG {what}"),
    }
}
