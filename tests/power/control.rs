//! The control: sled as it comes, acknowledging what its `flush()` calls flushed, must fail what the vault passes. Else the recorder proves nothing.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oubliette_powercut::{BlockCall, BlockDevice, Blocks, Dice, LoopMount, Strategy, scratch};

use crate::block::{EXT4, fresh};

const ROLE: &str = "OUBLIETTE_POWER_CONTROL";
const PUTS: u64 = 400;
const IMAGES: u64 = 8;

/// Puts and acknowledges, or counts what is there. Does nothing when run by itself.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let (role, path) = role.split_once('|').unwrap();
    let db = sled::Config::new().path(path).flush_every_ms(None).open().unwrap();
    if role == "count" {
        let kept = (0..PUTS).take_while(|n| db.get(n.to_be_bytes()).unwrap().is_some()).count();
        println!("@@ {kept}");
        return;
    }
    // What was there before is as durable as anything can be.
    db.insert("before", "the load").unwrap();
    db.flush().unwrap();
    assert!(Command::new("sync").status().unwrap().success());
    println!("@@ begin");
    for n in 0..PUTS {
        db.insert(n.to_be_bytes(), vec![n as u8; 1000]).unwrap();
        db.flush().unwrap();
        println!("@@ {n}");
    }
}

fn command(role: &str, path: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "control::child", "--nocapture"]);
    command.env(ROLE, format!("{role}|{}", path.display())).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn stock_sled_loses_what_it_acknowledged() {
    let Some(empty) = fresh(&EXT4) else { return };
    let device = BlockDevice::new(&empty, None).unwrap();
    let mount = LoopMount::new(&device.path(), EXT4.mount).unwrap();
    let mut child = command("put", &mount.path().join("db")).stdout(Stdio::piped()).spawn().unwrap();
    // Calls of the device when each acknowledgement was read, which is after it was given.
    let mut heard = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if line.unwrap().contains("@@ ") {
            heard.push(device.len());
        }
    }
    assert!(child.wait().unwrap().success());
    let calls = device.take();
    drop(mount);
    drop(device);
    assert_eq!(heard.len() as u64, PUTS + 1);

    let mut dice = Dice::new(3);
    let (mut lost, mut broken) = (0, 0);
    for _ in 0..IMAGES {
        let last = PUTS / 2 + dice.below(PUTS / 2);
        match kept(&empty, &calls[..heard[last as usize + 1].max(1)], &mut dice) {
            None => broken += 1,
            Some(kept) if kept <= last => lost += 1,
            Some(_) => {}
        }
    }
    println!(
        "assured: the control, stock sled with flush() alone: images: {IMAGES}, acknowledged puts lost in {lost}, not to be opened {broken}"
    );
    assert!(lost + broken > 0, "the recorder does not show what sled is known to lose");
}

/// How many of the puts are there, without a gap; `None` if the store cannot be opened.
fn kept(empty: &Blocks, calls: &[BlockCall], dice: &mut Dice) -> Option<u64> {
    let flushed = calls.iter().rposition(|call| *call == BlockCall::Flush).map_or(0, |at| at + 1);
    let mut durable = empty.clone();
    calls[..flushed].iter().for_each(|call| durable.apply(call));
    let strategy = [Strategy::Nothing, Strategy::Some, Strategy::Prefix][dice.below(3) as usize];
    let folder = scratch();
    let image: PathBuf = folder.path().join("image");
    durable.cut(&calls[flushed..], strategy, dice).write(&image).unwrap();
    let mount = LoopMount::new(&image, EXT4.mount).ok()?;
    let output = command("count", &mount.path().join("db")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find_map(|line| line.split_once("@@ ").and_then(|(_, kept)| kept.parse().ok()))
}
