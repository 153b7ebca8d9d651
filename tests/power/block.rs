//! The real service on a real file system on a recorded block device: power is cut between writes and flushes of the device, some of what was
//! in flight is lost or comes out of order, the file system is mounted again, and the vault is opened by the real binary and looked at.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use oubliette_client::Client;
use oubliette_powercut::{BlockCall, BlockDevice, Blocks, Dice, LoopMount, Strategy, scratch};

use crate::cells::no_share_before;
use crate::cuts::Counts;
use crate::history::{Expected, History, Manner};
use crate::http::{Unheard, act};
use crate::inspect::Inspector;
use crate::model::Op;
use crate::rounds;
use crate::script::Accent;
use crate::server::{self, Server};

/// What a file system needs besides its size.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    make: &'static str,
    arguments: &'static [&'static str],
    pub(crate) mount: &'static str,
    size: u64,
}

pub(crate) const EXT4: Kind =
    Kind { name: "ext4", make: "mkfs.ext4", arguments: &["-q", "-F"], mount: "noatime", size: 192 << 20 };
/// The smallest that its tools make.
const XFS: Kind = Kind {
    name: "xfs",
    make: "mkfs.xfs",
    arguments: &["-q", "-f"],
    mount: "noatime,nouuid",
    size: 304 << 20,
};

/// Operations of each of the two histories in one round.
const LENGTH: usize = 40;
/// Images of one round.
const CUTS: u64 = 12;

/// Something that a client was told, and how many calls the device had answered by then.
struct Heard {
    calls: usize,
    /// Of an erasure: shares from before this generation of the key plane are gone from the cell.
    generation: u64,
}

/// A new, empty file system. `None` where its tools are missing or it may not be mounted, with a line that says so.
pub(crate) fn fresh(kind: &Kind) -> Option<Blocks> {
    let folder = scratch();
    let image = folder.path().join("image");
    std::fs::File::create(&image).unwrap().set_len(kind.size).unwrap();
    let made = Command::new(kind.make).args(kind.arguments).arg(&image).output();
    let made = made.is_ok_and(|output| output.status.success());
    let mounted = made && LoopMount::new(&image, kind.mount).is_ok();
    let fuse = mounted && BlockDevice::new(&Blocks::new(4096), None).is_ok();
    if !fuse {
        let missing = if made { "the right to mount FUSE and loop devices" } else { kind.make };
        println!("left out: power: images of {}: needs {missing}", kind.name);
        return None;
    }
    Some(Blocks::read(&image).unwrap())
}

fn images(kind: &Kind, wanted: u64) {
    let Some(empty) = fresh(kind) else { return };
    let mut counts = Counts::default();
    let mut round = 0;
    while (counts.images as u64) < wanted {
        let left = wanted - counts.images as u64;
        counts.add(one_round(kind, &empty, round, left.min(CUTS)));
        round += 1;
    }
    let Counts { calls, images, acknowledged, erased, .. } = counts;
    println!(
        "assured: power cut under {}: {calls} calls to the device, images: {images}, acknowledged changes held: {acknowledged}, erased checked: {erased}, bad: 0",
        kind.name
    );
}

#[test]
fn power_loss_on_ext4() {
    images(&EXT4, rounds("OUBLIETTE_POWER_IMAGES", 12));
}

#[test]
fn power_loss_on_xfs() {
    images(&XFS, rounds("OUBLIETTE_POWER_IMAGES_XFS", 6));
}

fn one_round(kind: &Kind, empty: &Blocks, round: u64, cuts: u64) -> Counts {
    let accents = [Accent::Mixed, Accent::FIVE[round as usize % 5]];
    let history = |n: u64| History {
        accent: accents[n as usize],
        seed: 5000 + round * 2 + n,
        length: LENGTH,
        filtered: round.is_multiple_of(2),
        base: n as u8 * 100,
    };
    let histories = [history(0), history(1)];
    let (calls, made, heard) = run(kind, empty, &histories);
    let mut dice = Dice::new(round);
    let mut inspector = Inspector::new(&histories);
    let mut counts = Counts { calls: calls.len(), ..Counts::default() };
    let mut points: Vec<usize> =
        (0..cuts).map(|_| made + dice.below((calls.len() - made) as u64 + 1) as usize).collect();
    points.sort_unstable();
    let (mut durable, mut done) = (empty.clone(), 0);
    for point in points {
        // Durable is what a flush before the cut covers.
        let flushed =
            calls[..point].iter().rposition(|call| *call == BlockCall::Flush).map_or(0, |at| at + 1);
        if flushed > done {
            calls[done..flushed].iter().for_each(|call| durable.apply(call));
            done = flushed;
        }
        let strategy = Strategy::ALL[dice.below(Strategy::ALL.len() as u64) as usize];
        let left = durable.cut(&calls[done..point], strategy, &mut dice);
        let acknowledged =
            [0, 1].map(|n: usize| heard[n].iter().filter(|heard| heard.calls <= point).count());
        let before = heard.iter().flatten().filter(|heard| heard.calls <= point);
        let erased = before.map(|heard| heard.generation).max().unwrap_or(0);
        let expected = Expected { made: true, acknowledged, disk: Manner::Honest };
        let at = format!(
            "{} round {round}, cut after call {point} of {}, {} in flight, {strategy:?}, acknowledged {acknowledged:?}",
            kind.name,
            calls.len(),
            point - done
        );
        look(kind, &left, &mut inspector, expected, erased, &at);
        counts.held(&histories, expected);
    }
    counts
}

/// Two clients at the service until their histories are at an end, then a kill. Answers the device's calls, how many of them had been made when
/// the service was up, and what each client was told.
fn run(kind: &Kind, empty: &Blocks, histories: &[History; 2]) -> (Vec<BlockCall>, usize, [Vec<Heard>; 2]) {
    let device = BlockDevice::new(empty, None).unwrap();
    let mount = LoopMount::new(&device.path(), kind.mount).unwrap();
    let data = mount.path().join("vault");
    let log = tempfile::tempdir().unwrap();
    let server = Server::start_logging(&data, &log.path().join("log"));
    let token = cat(&data.join("dev.token"));
    let client = server.client_with(String::from_utf8(token).unwrap().trim());
    let made = device.len();
    let heard = thread::scope(|scope| {
        let play = |history: &History| play(&device, &client, &data, &history.ops());
        let threads = histories.each_ref().map(|history| scope.spawn(move || play(history)));
        threads.map(|thread| thread.join().unwrap())
    });
    let ended = server.kill();
    assert!(!ended.stderr.contains("internal error"), "{}", ended.stderr);
    let calls = device.take();
    drop(mount);
    (calls, made, heard)
}

fn play(device: &BlockDevice, client: &Client, data: &Path, ops: &[Op]) -> Vec<Heard> {
    let mut heard = Vec::new();
    for op in ops {
        match act(client, data, op) {
            Ok(generation) => heard.push(Heard { calls: device.len(), generation }),
            Err(Unheard::Refused(why)) => panic!("{op:?} was refused: {why}"),
            Err(Unheard::Gone) => panic!("the service is gone at {op:?}"),
        }
    }
    heard
}

fn look(kind: &Kind, left: &Blocks, inspector: &mut Inspector, expected: Expected, erased: u64, at: &str) {
    let folder = scratch();
    let image = folder.path().join("image");
    left.write(&image).unwrap();
    let keep = |folder: tempfile::TempDir| folder.keep().join("image").display().to_string();
    let mount = match LoopMount::new(&image, kind.mount) {
        Ok(mount) => mount,
        Err(error) => panic!("{at}: the file system does not mount: {error}; {}", keep(folder)),
    };
    let vault = mount.path().join("vault");
    no_share_before(&cat(&vault.join("root.cell")), erased, at);
    let fsck = server::run(&vault, &["fsck"]);
    let found = if fsck.code == Some(0) {
        inspector.look(mount.path(), expected)
    } else {
        Err(format!("fsck: {fsck:?}"))
    };
    if let Err(what) = found {
        drop(mount);
        panic!("{at}: {what}\nthe image is kept in {}", keep(folder));
    }
    no_share_before(&cat(&vault.join("root.cell")), erased, at);
}

/// A file's bytes, read by another process: this one serves the device below, and must never wait for itself.
fn cat(path: &PathBuf) -> Vec<u8> {
    let output = Command::new("cat").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", path.display());
    output.stdout
}
