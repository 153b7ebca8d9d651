//! What runs in processes of its own: playing a history on a recorded folder, and looking at what a power cut left.
//!
//! The test binary calls itself. A process that uses a recorded folder must not be the one that serves it, and what sled does to a damaged
//! log (panic, abort, hang) must not end the test.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{panic, process, thread};

use oubliette_engine::deny_sync_file_range;
use oubliette_powercut::MARKS;

use crate::actor::Actor;
use crate::history::History;
use crate::home::{First, Home, find};
use crate::inspect::inspect;
use crate::model::Op;

const ROLE: &str = "OUBLIETTE_POWER_ROLE";
const FOLDER: &str = "OUBLIETTE_POWER_FOLDER";
const HISTORY: &str = "OUBLIETTE_POWER_HISTORY";
const FROM: &str = "OUBLIETTE_POWER_FROM";
/// How long one look, or the rest of a history, may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);
/// How a process ends that was told to die.
const DIED: i32 = 42;
pub(crate) const FAILED: i32 = 43;
/// Panics of this process, on whatever thread.
pub(crate) static PANICS: AtomicUsize = AtomicUsize::new(0);

/// The child's entry. Does nothing when run by itself.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let histories: Vec<_> = env::var(HISTORY).unwrap().split(';').map(History::read).collect();
    let history = histories[0];
    if history.filtered {
        deny_sync_file_range().unwrap();
    }
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(info);
    }));
    let folder = || PathBuf::from(env::var(FOLDER).unwrap());
    let from = || env::var(FROM).unwrap().parse().unwrap();
    match role.as_str() {
        "play" => play(&folder(), history, from()),
        "open" => open(&folder(), history, from()),
        _ => inspect(&histories),
    }
}

pub(crate) fn command(role: &str, histories: &[History]) -> Command {
    let histories = histories.iter().map(|history| history.write()).collect::<Vec<_>>().join(";");
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child::child", "--nocapture"]).env(ROLE, role).env(HISTORY, histories);
    command
}

/// How a process that played ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Played {
    ToTheEnd,
    Died,
    /// An operation failed; the mark says which.
    Failed,
}

/// Plays a history from an operation on, in the folder `vault` of `folder`. `from` 0 makes the vault.
pub(crate) fn play_in_child(folder: &Path, history: History, from: usize) -> Played {
    let mut child = command("play", &[history])
        .env(FOLDER, folder)
        .env(FROM, from.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    match wait(&mut child).code() {
        Some(0) => Played::ToTheEnd,
        Some(DIED) => Played::Died,
        Some(FAILED) => Played::Failed,
        other => panic!("the one who plays {history:?} ended with {other:?}"),
    }
}

/// Only opens the vault after so many operations, and lets go of it as a crash would. If a move was under way, every other time by the same move again.
pub(crate) fn open_in_child(folder: &Path, history: History, from: usize) {
    let mut child = command("open", &[history])
        .env(FOLDER, folder)
        .env(FROM, from.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ended = wait(&mut child).code();
    assert_eq!(ended, Some(DIED), "the vault did not open after a first cut");
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > until {
            let _ = child.kill();
            panic!("the process {} did not end in time", child.id());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn play(folder: &Path, history: History, from: usize) {
    let ops = history.ops();
    let mut marks = OpenOptions::new().create(true).append(true).open(folder.join(MARKS)).unwrap();
    let mut say = |what: String| marks.write_all(format!("{what}\n").as_bytes()).unwrap();
    let home = Home::after(folder, &[]);
    // A making that failed leaves nothing to open and is not what is looked at here.
    let makes = from == 0 && !home.folder().join("vault.json").exists();
    let opened = if makes { Actor::create(home) } else { find(folder, history, from, First::Again) };
    let mut actor = match opened {
        Ok(actor) => actor,
        Err(error) => {
            say(format!("failed to open: {error}"));
            process::exit(FAILED);
        }
    };
    say("made".into());
    let moved = !makes && ops.get(from).is_some_and(Op::is_move);
    let done = moved || is_done(&actor, history, from);
    if done {
        // Who opens a vault and is shown a change may rely on it.
        say(format!("ok {from}"));
    }
    for (n, op) in ops.iter().enumerate().skip(from + usize::from(done)) {
        if let Err(error) = actor.act(op) {
            say(format!("failed {n}: {error}"));
            process::exit(FAILED);
        }
        say(format!("ok {n}"));
        if *op == Op::Die {
            process::exit(DIED);
        }
    }
    if let Err(error) = actor.close() {
        say(format!("failed to close: {error}"));
        process::exit(FAILED);
    }
    say("closed".into());
}

fn open(folder: &Path, history: History, from: usize) {
    let first = if from.is_multiple_of(2) { First::Look } else { First::Again };
    find(folder, history, from, first).unwrap();
    process::exit(DIED);
}

/// Whether an operation that was not acknowledged happened all the same. It is then not done again: forgetting twice is an error.
fn is_done(actor: &Actor, history: History, n: usize) -> bool {
    let ops = history.ops();
    let Some(op) = ops.get(n) else { return false };
    let before = history.state(n);
    let found = actor.observe(history.people()).unwrap();
    assert!(before.within(op).contains(&found), "found {found:?}, not {before:?} before or within {op:?}");
    found != before && found == before.after(op)
}
