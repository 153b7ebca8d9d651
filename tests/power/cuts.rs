//! A history is recorded call by call; then the power is cut after some calls, or all of them, and each disk that may be left is opened.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use oubliette_powercut::{Call, Dice, Disk, Folder, Image, Strategy, Tree, scratch};
use tempfile::TempDir;

use crate::cells::{self, LiveCells, no_old_share};
use crate::child::{Played, open_in_child, play_in_child};
use crate::history::{Expected, History, Manner};
use crate::inspect::Inspector;
use crate::model::Op;

/// The calls of a history, and what each stretch of them promised.
pub(crate) struct Recorded {
    pub(crate) history: History,
    pub(crate) start: Image,
    pub(crate) calls: Vec<Call>,
    /// After so many calls: what may be found, and the oldest epoch whose share may still be in a cell.
    pub(crate) promised: Vec<(Expected, u64)>,
    at: Mountpoint,
}

/// A path at which the recorded disk is, and later what the cuts left of it: a vault that moves writes down where it is.
pub(crate) struct Mountpoint(TempDir);

impl Mountpoint {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("disk")
    }

    /// From now on this folder is there.
    pub(crate) fn mount(&self, folder: &Path) -> PathBuf {
        let _not_there_at_first = fs::remove_file(self.path());
        symlink(folder, self.path()).unwrap();
        self.path()
    }
}

/// What was looked at.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) calls: usize,
    pub(crate) points: usize,
    pub(crate) images: usize,
    pub(crate) acknowledged: usize,
    pub(crate) erased: usize,
}

impl Counts {
    /// One more image that held what it should.
    pub(crate) fn held(&mut self, histories: &[History], expected: Expected) {
        self.images += 1;
        for (history, acknowledged) in histories.iter().zip(expected.acknowledged) {
            self.acknowledged += acknowledged;
            self.erased += history.state(acknowledged).erased();
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.points += other.points;
        self.images += other.images;
        self.acknowledged += other.acknowledged;
        self.erased += other.erased;
    }
}

/// Plays the whole history on a recorded folder. `None` where that cannot be.
pub(crate) fn record(history: History) -> Option<Recorded> {
    let start = Image::empty();
    let folder = Folder::new(&start).ok()?;
    let at = Mountpoint::new();
    let mut from = 0;
    loop {
        match play_in_child(&at.mount(folder.path()), history, from) {
            Played::ToTheEnd => break,
            Played::Died => from = acknowledged(&folder.calls()),
            Played::Failed => panic!("{history:?} failed: {:?}", last_mark(&folder.calls())),
        }
    }
    Some(Recorded::new(history, start, folder.calls(), at))
}

pub(crate) fn last_mark(calls: &[Call]) -> Option<&str> {
    calls.iter().rev().find_map(|call| match call {
        Call::Mark(said) => Some(said.as_str()),
        _ => None,
    })
}

/// How many operations were acknowledged.
pub(crate) fn acknowledged(calls: &[Call]) -> usize {
    let done = calls.iter().rev().find_map(|call| match call {
        Call::Mark(said) => said.strip_prefix("ok ").and_then(|n| n.parse::<usize>().ok()),
        _ => None,
    });
    done.map_or(0, |done| done + 1)
}

impl Recorded {
    pub(crate) fn new(history: History, start: Image, calls: Vec<Call>, at: Mountpoint) -> Self {
        let mut expected = Expected { made: false, acknowledged: [0; 2], disk: Manner::Honest };
        let mut cells = LiveCells::default();
        let mut oldest = 0;
        let mut promised = vec![(expected, oldest)];
        for call in &calls {
            cells.apply(call);
            if let Call::Sync { done: false, .. } = call {
                expected.disk = Manner::Failed;
            }
            if let Call::Mark(said) = call {
                expected.made = true;
                if let Some(n) = said.strip_prefix("ok ").and_then(|n| n.parse::<usize>().ok()) {
                    expected.acknowledged[0] = n + 1;
                }
                // Who failed promised nothing: what he wrote over may still lie on the medium.
                if !said.starts_with("failed") {
                    oldest = cells.newest().max(oldest);
                }
            }
            promised.push((expected, oldest));
        }
        Self { history, start, calls, promised, at }
    }

    /// Points to cut at: all of them, or about so many where the accent of the history is, evenly spaced with a start that the seed chooses.
    pub(crate) fn points(&self, about: Option<usize>) -> Vec<usize> {
        let all = 0..=self.calls.len();
        let Some(about) = about else { return all.collect() };
        let length = self.history.length;
        let is_about: Vec<bool> =
            (0..=length).map(|acknowledged| self.history.is_about(acknowledged)).collect();
        let all: Vec<usize> = all.filter(|point| is_about[self.promised[*point].0.acknowledged[0]]).collect();
        let step = (all.len() / about.max(1)).max(1);
        let first = (self.history.seed as usize * 7) % step;
        all.into_iter().skip(first).step_by(step).collect()
    }

    /// Points within an operation after each call that is about a cell or says where the vault is.
    pub(crate) fn telling_points(&self, of: &Op) -> Vec<usize> {
        let ops = self.history.ops();
        let within = |point: &usize| ops.get(self.promised[*point].0.acknowledged[0]) == Some(of);
        cells::telling(&self.calls).into_iter().filter(within).collect()
    }

    /// Points at which a marker that names another folder of rows has become durable, where the accent of the history is.
    pub(crate) fn current_rows(&self) -> Vec<usize> {
        let is_about = |point: &usize| self.history.is_about(self.promised[*point].0.acknowledged[0]);
        let named = |call: &Call| matches!(call, Call::Rename { to_name, .. } if to_name == "sled-format");
        // The rename, and the sync of the folder that it is in.
        let points = self.calls.iter().enumerate().filter(|(_, call)| named(call)).map(|(n, _)| n + 2);
        points.filter(is_about).collect()
    }

    /// Cuts the power at these points, each in so many of the `strategies` by turns, and looks at each disk that differs from those before.
    pub(crate) fn cut(&self, points: &[usize], strategies: &[Strategy], ways: usize, seed: u64) -> Counts {
        let mut counts = Counts { calls: self.calls.len(), points: points.len(), ..Counts::default() };
        let (mut inspector, mut seen) = (Inspector::new(&[self.history]), HashSet::new());
        let mut dice = Dice::new(seed);
        let mut disk = Disk::new(&self.start, seed);
        let mut done = 0;
        for point in points {
            self.calls[done..*point].iter().for_each(|call| disk.apply(call));
            done = *point;
            let (expected, oldest) = self.promised[*point];
            for strategy in strategies.iter().cycle().skip(point * ways % strategies.len()).take(ways) {
                let image = disk.cut(*strategy, &mut dice);
                if !seen.insert(print(&image, expected)) {
                    continue;
                }
                let at = format!(
                    "{:?}, cut after call {point} of {}, {strategy:?}, seed {seed}, before it:\n{}\n",
                    self.history,
                    self.calls.len(),
                    self.story(*point)
                );
                self.look(&mut inspector, &image, expected, oldest, &at);
                counts.held(&[self.history], expected);
            }
        }
        counts
    }

    /// Opens the vault on a recorded disk that holds what a first cut at `point` left, cuts that again somewhere, and looks at the rest.
    pub(crate) fn recover_and_cut(&self, image: &Image, point: usize, dice: &mut Dice) -> Counts {
        let (expected, oldest) = self.promised[point];
        let Ok(folder) = Folder::new(image) else { return Counts::default() };
        open_in_child(&self.at.mount(folder.path()), self.history, expected.acknowledged[0]);
        let calls = folder.calls();
        drop(folder);
        let mut counts = Counts { calls: calls.len(), ..Counts::default() };
        let mut inspector = Inspector::new(&[self.history]);
        for _ in 0..4 {
            let again = dice.below(calls.len() as u64 + 1) as usize;
            let mut disk = Disk::new(image, 0);
            calls[..again].iter().for_each(|call| disk.apply(call));
            let strategy = Strategy::ALL[dice.below(Strategy::ALL.len() as u64) as usize];
            let at = format!(
                "{:?}, cut after call {point}, again after call {again} of recovery, {strategy:?}",
                self.history
            );
            self.look(&mut inspector, &disk.cut(strategy, dice), expected, oldest, &at);
            counts.points += 1;
            counts.held(&[self.history], expected);
        }
        counts
    }

    /// One image: in no cell a share that a deletion wiped, before recovery and after, and none but the newest when somebody was erased since; and all
    /// that was promised.
    pub(crate) fn look(
        &self,
        inspector: &mut Inspector,
        image: &Image,
        expected: Expected,
        oldest: u64,
        at: &str,
    ) {
        if expected.disk != Manner::Lied {
            cells::in_image(image).into_iter().for_each(|cell| no_old_share(cell, oldest, at));
        }
        let place = Place::of(image);
        if let Err(what) = inspector.look(&self.at.mount(place.path()), expected) {
            let (kept, link) = (place.keep(), self.at.path());
            panic!(
                "{at}: {what}\nthe image is kept in {}, and names its files by {}",
                kept.display(),
                link.display()
            );
        }
        if expected.disk != Manner::Lied {
            let left = cells::in_folder(place.path());
            let newest = left.iter().flat_map(|cell| cells::epochs(cell)).max().unwrap_or(0);
            let oldest = if expected.made { newest.max(oldest) } else { oldest };
            left.iter().for_each(|cell| no_old_share(cell, oldest, at));
        }
    }

    /// The last calls before a point, with names.
    fn story(&self, point: usize) -> String {
        let mut names: HashMap<u64, String> = HashMap::new();
        let mut lines = Vec::new();
        for (n, call) in self.calls[..point].iter().enumerate() {
            if let Call::Create { name, ino, .. } = call {
                names.insert(*ino, name.clone());
            }
            if n + 40 >= point {
                let of = |ino: &u64| names.get(ino).cloned().unwrap_or_else(|| format!("#{ino}"));
                lines.push(format!("{}: {}", n + 1, brief(call, &of)));
            }
        }
        lines.join("\n")
    }
}

/// A real folder that holds an image, in memory where there is such a place.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn of(image: &Image) -> Self {
        let place = scratch();
        image.write(place.path()).unwrap();
        Self(place)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn keep(self) -> PathBuf {
        self.0.keep()
    }
}

fn print(image: &Image, expected: Expected) -> u64 {
    fn walk(tree: &Tree, hasher: &mut DefaultHasher) {
        match tree {
            Tree::File(bytes) => bytes.hash(hasher),
            Tree::Folder(entries) => entries.iter().for_each(|(name, tree)| {
                name.hash(hasher);
                walk(tree, hasher);
            }),
        }
    }
    let mut hasher = DefaultHasher::new();
    expected.hash(&mut hasher);
    walk(&Tree::Folder(image.0.clone()), &mut hasher);
    hasher.finish()
}

fn brief(call: &Call, name: &dyn Fn(&u64) -> String) -> String {
    match call {
        Call::Write { ino, offset, data, through } => {
            let how = if *through { " through" } else { "" };
            format!("write{how} {} from {offset}, {} bytes", name(ino), data.len())
        }
        Call::Resize { ino, size } => format!("resize {} to {size}", name(ino)),
        Call::Punch { ino, offset, length } => format!("punch {} from {offset}, {length} bytes", name(ino)),
        Call::Sync { ino, done } => format!("sync {}{}", name(ino), if *done { "" } else { ": EIO" }),
        other => format!("{other:?}"),
    }
}
