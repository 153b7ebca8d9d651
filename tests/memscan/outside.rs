//! Another process's memory, read as a debugger reads it.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::needles::Needles;

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// Everything that can be read of a process now, apart from what refuses; or of a core.
pub(crate) struct Memory {
    file: PathBuf,
    /// `from..to` of each mapping, with its line.
    maps: Vec<(u64, u64, String)>,
}

/// Places where needles were found, for each set of them.
#[derive(Debug)]
pub(crate) struct Found {
    counts: Vec<usize>,
    /// A few places in words: which mapping, and how long the needle is.
    places: Vec<String>,
    /// Bytes that were read, and bytes of mappings that refused.
    read: u64,
    refused: u64,
}

impl Found {
    pub(crate) fn found(&self, set: usize) -> usize {
        self.counts[set]
    }
}

/// Why memory of others cannot be read here, if it cannot.
pub(crate) fn unreadable() -> Option<String> {
    let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().ok()?;
    let seen = Memory::of(child.id()).scan(&[&Needles::new([])]);
    let _ = child.kill();
    let _ = child.wait();
    (seen.read == 0).then(|| "the memory of another process cannot be read here (needs root)".to_owned())
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Self {
        let maps = read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let maps = maps.lines().filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16));
            rest.starts_with('r').then_some((from.ok()?, to.ok()?, rest.to_owned()))
        });
        Self { file: PathBuf::from(format!("/proc/{pid}/mem")), maps: maps.collect() }
    }

    pub(crate) fn of_core(core: &Path) -> Self {
        let length = std::fs::metadata(core).unwrap().len();
        Self { file: core.to_owned(), maps: vec![(0, length, "the core".to_owned())] }
    }

    pub(crate) fn size(&self) -> String {
        let bytes: u64 = self.maps.iter().map(|(from, to, _)| to - from).sum();
        format!("{} MiB in {} readable mappings", bytes >> 20, self.maps.len())
    }

    pub(crate) fn scan(&self, sets: &[&Needles]) -> Found {
        let mut found = Found { counts: vec![0; sets.len()], places: Vec::new(), read: 0, refused: 0 };
        let Ok(memory) = File::open(&self.file) else { return found };
        let overlap = sets.iter().map(|needles| needles.longest()).max().unwrap_or(0).max(8);
        let mut piece = vec![0; PIECE + overlap];
        for (from, to, line) in &self.maps {
            for at in (*from..*to).step_by(PIECE) {
                let wanted = piece.len().min((to - at) as usize);
                let Some(length) = read(&memory, &mut piece[..wanted], at) else {
                    found.refused += (wanted as u64).min(PIECE as u64);
                    continue;
                };
                found.read += length.min(PIECE) as u64;
                for (set, needles) in sets.iter().enumerate() {
                    needles.find(&piece[..length], |place, needle| {
                        // What begins in the overlap is found again at its own place.
                        if place < PIECE {
                            found.counts[set] += 1;
                            if found.places.len() < 12 {
                                let address = at + place as u64;
                                found.places.push(format!(
                                    "set {set}: {} bytes at {address:x} in {line}",
                                    needle.len()
                                ));
                            }
                        }
                    });
                }
            }
        }
        found
    }
}

/// As much as can be read from `at` on; `None` if nothing can.
fn read(memory: &File, piece: &mut [u8], at: u64) -> Option<usize> {
    let mut length = 0;
    while length < piece.len() {
        match memory.read_at(&mut piece[length..], at + length as u64) {
            Ok(0) | Err(_) => break,
            Ok(n) => length += n,
        }
    }
    (length > 0).then_some(length)
}
