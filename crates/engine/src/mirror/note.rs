//! The note of stale copies: a file with the letters of the copies that missed an acknowledged write; no file means none.

use std::io::ErrorKind;
use std::path::Path;

use super::NAMES;
use crate::EngineError;
use crate::durable::{remove_file, replace_file};

/// Which copies are stale. A note that names none was damaged, and then both are looked through.
pub(super) fn read(note: &Path) -> Result<[bool; 2], EngineError> {
    match std::fs::read(note) {
        Ok(text) => {
            match NAMES.map(|name| text.split(|byte| *byte == b'\n').any(|line| line == name.as_bytes())) {
                [false, false] => Ok([true, true]),
                named => Ok(named),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok([false, false]),
        Err(error) => Err(EngineError::io("reading the note of stale copies", note)(error)),
    }
}

/// Replaces the note, durably.
pub(super) fn write(note: &Path, stale: [bool; 2]) -> Result<(), EngineError> {
    if read(note)? == stale {
        return Ok(());
    }
    let lines: String =
        NAMES.iter().zip(stale).filter(|(_, stale)| *stale).map(|(name, _)| format!("{name}\n")).collect();
    if lines.is_empty() { remove_file(note) } else { replace_file(note, lines.as_bytes()) }
}
