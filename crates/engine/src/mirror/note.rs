//! The note of stale copies: a file with the letters of the copies that missed an acknowledged write; no file means none.

use std::io::ErrorKind;
use std::path::Path;

use super::NAMES;
use crate::EngineError;
use crate::durable::{remove_file, replace_file};

/// Which copies are stale. A note that names none was damaged, and then both are looked through.
pub(super) fn read(note: &Path) -> Result<[bool; 2], EngineError> {
    match std::fs::read(note) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok([false, false]),
        Err(error) => Err(EngineError::io("reading the note of stale copies", note)(error)),
    }
}

pub(super) fn parse(text: &[u8]) -> [bool; 2] {
    match NAMES.map(|name| text.split(|byte| *byte == b'\n').any(|line| line == name.as_bytes())) {
        [false, false] => [true, true],
        named => named,
    }
}

/// One line for each stale copy.
pub(super) fn text(stale: [bool; 2]) -> String {
    NAMES.iter().zip(stale).filter(|(_, stale)| *stale).map(|(name, _)| format!("{name}\n")).collect()
}

/// Replaces the note, durably.
pub(super) fn write(note: &Path, stale: [bool; 2]) -> Result<(), EngineError> {
    if read(note)? == stale {
        return Ok(());
    }
    let lines = text(stale);
    if lines.is_empty() { remove_file(note) } else { replace_file(note, lines.as_bytes()) }
}
