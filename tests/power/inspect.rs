//! Opening what a power cut left, in a process that may die of it, and judging what is there.

use std::io::{BufRead, BufReader, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::actor::Actor;
use crate::child::{PANICS, PATIENCE, command};
use crate::history::{Expected, History, Manner};
use crate::home::{First, find};
use crate::model::{Life, Op, State, User};

/// Before every verdict, so that it is found among what the test harness prints.
const VERDICT: &str = "@@ ";
/// Comes and goes after every recovery.
const STRANGER: User = 200;

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
        let Expected { made, acknowledged: [one, two], disk } = expected;
        let order = format!("{}|{}|{one}|{two}|{}\n", folder.display(), u8::from(made), disk as u8);
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

/// The child's side.
pub(crate) fn inspect(histories: &[History]) {
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let mut parts = order.split('|');
        let mut next = || parts.next().unwrap();
        let folder = PathBuf::from(next());
        let made = next() == "1";
        let acknowledged = [next().parse().unwrap(), next().parse().unwrap()];
        let disk = Manner::ALL[next().parse::<usize>().unwrap()];
        let expected = Expected { made, acknowledged, disk };
        let panics = PANICS.load(Ordering::SeqCst);
        let found = panic::catch_unwind(|| {
            if disk == Manner::Lied {
                look_leniently(&folder, histories[0], acknowledged[0])
            } else {
                look(&folder, histories, expected)
            }
        });
        let verdict = match found {
            Err(_) => "a panic".to_owned(),
            Ok(Err(what)) => what.replace('\n', " "),
            // Where the disk lied, a panic of sled that the engine turned into an error is an answer.
            Ok(Ok(())) if disk != Manner::Lied && PANICS.load(Ordering::SeqCst) > panics => {
                "a panic inside".to_owned()
            }
            Ok(Ok(())) => "good".to_owned(),
        };
        println!("{VERDICT}{verdict}");
    }
}

fn look(folder: &Path, histories: &[History], expected: Expected) -> Result<(), String> {
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    let (history, acknowledged) = (histories[0], expected.acknowledged[0]);
    let moving = history.ops().get(acknowledged).is_some_and(Op::is_move);
    let look_first = LOOKS.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
    let first = if look_first { First::Look } else { First::Again };
    let mut actor = match find(folder, history, acknowledged, first) {
        Ok(actor) => actor,
        // Nothing was promised: whoever meets the half-made folder is told so.
        Err(_) if !expected.made => return Ok(()),
        Err(error) if moving => return Err(format!("{first:?}: it does not open: {error}")),
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
    if expected.disk == Manner::Failed {
        actor.mend().map_err(told("mending"))?;
    }
    actor.must_be_clean(false).map_err(told("fsck"))?;
    actor.live_on(STRANGER).map_err(told("living on"))?;
    actor.sweep().map_err(told("sweeping"))?;
    actor.must_be_clean(true).map_err(told("fsck after sweeping"))?;
    actor.close().map_err(told("closing"))?;
    let mut actor = Actor::open(actor.home.clone()).map_err(told("opening again"))?;
    if observe(&actor)? != found {
        return Err("another state after a clean stop".into());
    }
    actor.close().map_err(told("closing again"))?;
    if moving && look_first {
        actor = find(folder, history, acknowledged, First::Again).map_err(told("the same move again"))?;
        if observe(&actor)? != found {
            return Err("another state after the same move again".into());
        }
        actor.must_be_clean(false).map_err(told("fsck after a move"))?;
        actor.close().map_err(told("closing after a move"))?;
    }
    actor.home.others_are_shut()
}

/// Nothing that is told may be false: every save and every message was stored once.
fn look_leniently(folder: &Path, history: History, acknowledged: usize) -> Result<(), String> {
    let Ok(actor) = find(folder, history, acknowledged, First::Look) else { return Ok(()) };
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
