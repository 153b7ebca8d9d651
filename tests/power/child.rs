//! What runs in processes of its own: playing a history on a recorded folder, and looking at what a power cut left.
//!
//! The test binary calls itself. A process that uses a recorded folder must not be the one that serves it, and what sled does to a damaged
//! log (panic, abort, hang) must not end the test.

use std::env;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{panic, process, thread};

use oubliette_engine::deny_sync_file_range;
use oubliette_powercut::MARKS;

use crate::actor::Actor;
use crate::model::{Life, Op, State, User};
use crate::script::{Accent, script};

const ROLE: &str = "OUBLIETTE_POWER_ROLE";
const FOLDER: &str = "OUBLIETTE_POWER_FOLDER";
const HISTORY: &str = "OUBLIETTE_POWER_HISTORY";
const FROM: &str = "OUBLIETTE_POWER_FROM";
/// How long one look, or the rest of a history, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);
/// Before every verdict, so that it is found among what the test harness prints.
const VERDICT: &str = "@@ ";
/// How a process ends that was told to die.
const DIED: i32 = 42;
const FAILED: i32 = 43;
/// Comes and goes after every recovery.
const STRANGER: User = 200;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Which history, and whether sled may not have `sync_file_range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) accent: Accent,
    pub(crate) seed: u64,
    pub(crate) length: usize,
    pub(crate) filtered: bool,
    /// Number of its first person, so that several histories can happen in one vault.
    pub(crate) base: User,
}

impl History {
    pub(crate) fn ops(self) -> Vec<Op> {
        let mut ops = script(self.accent, self.seed, self.length);
        ops.iter_mut().for_each(|op| op.shift(self.base));
        ops
    }

    pub(crate) fn state(self, acknowledged: usize) -> State {
        let mut state = State::default();
        self.ops()[..acknowledged].iter().for_each(|op| state.apply(op));
        state
    }

    fn people(self) -> Range<User> {
        let came = self.ops().iter().filter(|op| matches!(op, Op::Come(_))).count();
        self.base..self.base + came as User
    }

    fn write(self) -> String {
        let Self { accent, seed, length, filtered, base } = self;
        format!("{} {seed} {length} {} {base}", accent.number(), u8::from(filtered))
    }

    fn read(text: &str) -> Self {
        let numbers: Vec<u64> = text.split(' ').map(|number| number.parse().unwrap()).collect();
        Self {
            accent: Accent::of(numbers[0] as usize),
            seed: numbers[1],
            length: numbers[2] as usize,
            filtered: numbers[3] == 1,
            base: numbers[4] as User,
        }
    }
}

/// What may be found after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Expected {
    /// The making of the vault was acknowledged.
    pub(crate) made: bool,
    /// So many operations of each history were acknowledged; the one after them may have begun.
    pub(crate) acknowledged: [usize; 2],
    /// The disk lied: what was acknowledged may be lost, if only nothing wrong is told.
    pub(crate) lied: bool,
}

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
    if role == "play" {
        let from = env::var(FROM).unwrap().parse().unwrap();
        play(&PathBuf::from(env::var(FOLDER).unwrap()), history, from);
    } else {
        inspect(&histories);
    }
}

fn command(role: &str, histories: &[History]) -> Command {
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

/// Only opens the vault, and lets go of it as a crash would.
pub(crate) fn open_in_child(folder: &Path, history: History) {
    let from = usize::MAX.to_string();
    let mut child = command("play", &[history])
        .env(FOLDER, folder)
        .env(FROM, from)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ended = wait(&mut child).code();
    assert_eq!(ended, Some(DIED), "the vault did not open after a first cut");
}

fn wait(child: &mut Child) -> ExitStatus {
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
    let vault = folder.join("vault");
    // A making that failed leaves nothing to open and is not what is looked at here.
    let opened = if from == 0 && !vault.join("vault.json").exists() {
        Actor::create(&vault)
    } else {
        Actor::open(&vault)
    };
    let mut actor = match opened {
        Ok(actor) => actor,
        Err(error) => {
            say(format!("failed to open: {error}"));
            process::exit(FAILED);
        }
    };
    if from == usize::MAX {
        process::exit(DIED);
    }
    say("made".into());
    let from = from + usize::from(is_done(&actor, history, from));
    for (n, op) in ops.iter().enumerate().skip(from) {
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

/// Whether an operation that was not acknowledged happened all the same. It is then not done again: forgetting twice is an error.
fn is_done(actor: &Actor, history: History, n: usize) -> bool {
    let ops = history.ops();
    let Some(op) = ops.get(n) else { return false };
    let before = history.state(n);
    let found = actor.observe(history.people()).unwrap();
    assert!(before.within(op).contains(&found), "found {found:?}, not {before:?} before or within {op:?}");
    found != before && found == before.after(op)
}

/// A process that looks at one image after the other.
pub(crate) struct Inspector {
    histories: Vec<History>,
    child: Child,
    orders: ChildStdin,
    verdicts: Receiver<String>,
}

impl Inspector {
    pub(crate) fn new(histories: &[History]) -> Self {
        let mut child = command("inspect", histories)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (said, verdicts) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The harness may have begun the line.
                if let Some((_, verdict)) = line.split_once(VERDICT) {
                    let _ = said.send(verdict.to_owned());
                }
            }
        });
        let orders = child.stdin.take().unwrap();
        Self { histories: histories.to_vec(), child, orders, verdicts }
    }

    /// Opens the vault in `folder` and tells what is wrong with it. A process that dies of it is replaced.
    pub(crate) fn look(&mut self, folder: &Path, expected: Expected) -> Result<(), String> {
        let Expected { made, acknowledged: [one, two], lied } = expected;
        let (made, lied) = (u8::from(made), u8::from(lied));
        let order = format!("{}|{made}|{one}|{two}|{lied}\n", folder.display());
        let asked = self.orders.write_all(order.as_bytes()).and_then(|()| self.orders.flush());
        match asked.map_err(|_| ()).and_then(|()| self.verdicts.recv_timeout(PATIENCE).map_err(|_| ())) {
            Ok(verdict) if verdict == "good" => Ok(()),
            Ok(verdict) => Err(verdict),
            Err(()) => {
                let _ = self.child.kill();
                let ended = self.child.wait();
                *self = Self::new(&self.histories.clone());
                Err(format!("the process that opened it hung or died: {ended:?}"))
            }
        }
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn inspect(histories: &[History]) {
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let mut parts = order.split('|');
        let mut next = || parts.next().unwrap();
        let folder = PathBuf::from(next());
        let made = next() == "1";
        let acknowledged = [next().parse().unwrap(), next().parse().unwrap()];
        let expected = Expected { made, acknowledged, lied: next() == "1" };
        let panics = PANICS.load(Ordering::SeqCst);
        let found = panic::catch_unwind(|| {
            if expected.lied {
                look_leniently(&folder, histories[0])
            } else {
                look(&folder, histories, expected)
            }
        });
        let verdict = match found {
            Err(_) => "a panic".to_owned(),
            Ok(Err(what)) => what.replace('\n', " "),
            // Where the disk lied, a panic of sled that the engine turned into an error is an answer.
            Ok(Ok(())) if !expected.lied && PANICS.load(Ordering::SeqCst) > panics => {
                "a panic inside".to_owned()
            }
            Ok(Ok(())) => "good".to_owned(),
        };
        println!("{VERDICT}{verdict}");
    }
}

fn look(folder: &Path, histories: &[History], expected: Expected) -> Result<(), String> {
    let vault = folder.join("vault");
    let mut actor = match Actor::open(&vault) {
        Ok(actor) => actor,
        // Nothing was promised: whoever meets the half-made folder is told so.
        Err(_) if !expected.made => return Ok(()),
        Err(error) => return Err(format!("it does not open: {error}")),
    };
    let told = |what: &'static str| move |error| format!("{what}: {error}");
    let observe = |actor: &Actor| {
        let states = histories.iter().map(|history| actor.observe(history.people()));
        states.collect::<Result<Vec<_>, _>>().map_err(told("reading"))
    };
    let found = observe(&actor)?;
    for ((history, found), acknowledged) in histories.iter().zip(&found).zip(expected.acknowledged) {
        let before = history.state(acknowledged);
        let next = history.ops().get(acknowledged).cloned();
        let allowed = next.as_ref().map_or_else(|| vec![before.clone()], |op| before.within(op));
        if !allowed.contains(found) {
            return Err(format!("found {found:?}, acknowledged {before:?}, under way {next:?}"));
        }
    }
    actor.must_be_clean(false).map_err(told("fsck"))?;
    actor.live_on(STRANGER).map_err(told("living on"))?;
    actor.sweep().map_err(told("sweeping"))?;
    actor.must_be_clean(true).map_err(told("fsck after sweeping"))?;
    actor.close().map_err(told("closing"))?;
    let actor = Actor::open(&vault).map_err(told("opening again"))?;
    if observe(&actor)? != found {
        return Err("another state after a clean stop".into());
    }
    actor.close().map_err(told("closing again"))
}

/// Nothing that is told may be false: every save and every message was stored once.
fn look_leniently(folder: &Path, history: History) -> Result<(), String> {
    let Ok(actor) = Actor::open(&folder.join("vault")) else { return Ok(()) };
    let Ok(found) = actor.observe(history.people()) else { return Ok(()) };
    let (mut saves, mut said) = (Vec::new(), Vec::new());
    let mut state = State::default();
    for op in &history.ops() {
        state.apply(op);
        if let Op::Save { who, slot, .. } | Op::ForgetVersion { who, slot } = op {
            saves.extend(
                state
                    .person(*who)
                    .and_then(|p| p.saves.get(slot))
                    .into_iter()
                    .flatten()
                    .map(|print| (*who, *slot, *print)),
            );
        }
        if let Op::Say { who, to, .. } = op {
            said.extend(state.said(*who, *to).iter().map(|print| (*who, *to, *print)));
        }
    }
    for (who, life) in &found.0 {
        let Life::Here(person) = life else { continue };
        let wrong_save = person
            .saves
            .iter()
            .any(|(slot, prints)| prints.iter().any(|print| !saves.contains(&(*who, *slot, *print))));
        let wrong_word = person
            .said
            .iter()
            .any(|(to, prints)| prints.iter().any(|print| !said.contains(&(*who, *to, *print))));
        if wrong_save || wrong_word {
            return Err(format!("{who} is told what was never stored"));
        }
    }
    Ok(())
}
