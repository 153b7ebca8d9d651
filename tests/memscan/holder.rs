//! A process that keeps everything in ordinary memory, for the search to show that it sees.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::core;
use crate::needles::Needles;
use crate::outside::Memory;

/// `dd` reads all of its input into one block before it writes it: what it wrote, it has in memory.
fn holding(bytes: &[u8]) -> Child {
    let mut child = Command::new("dd")
        .args(["iflag=fullblock", "status=none"])
        .arg(format!("bs={}", bytes.len()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (mut stdout, mut back) = (child.stdout.take().unwrap(), vec![0; bytes.len()]);
    thread::scope(|scope| {
        scope.spawn(|| stdin.write_all(bytes).unwrap());
        stdout.read_exact(&mut back).unwrap();
    });
    assert!(back == bytes);
    // Its input stays open, so that it waits for a second block.
    child.stdin = Some(stdin);
    child
}

/// Every needle of every set is found in a process that holds them, and in a core of it.
pub(crate) fn is_seen(sets: &[&Needles], scratch: &Path) {
    let bytes: Vec<u8> =
        sets.iter().flat_map(|needles| needles.all()).flat_map(|needle| [needle, b"|"].concat()).collect();
    let mut child = holding(&bytes);
    let found = Memory::of(child.id()).scan(sets);
    for (set, needles) in sets.iter().enumerate() {
        assert!(found.found(set) >= needles.len(), "set {set}: of {} needles: {found:?}", needles.len());
    }
    core::with(child.id(), scratch, sets);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
