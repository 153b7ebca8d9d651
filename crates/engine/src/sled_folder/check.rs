//! Opens a data folder only to see whether sled can. For a child process, so that its panics cost nothing.

use std::path::Path;

use super::SledOptions;
use super::start::open_data;
use crate::EngineError;

/// Opens sled's data folder, as [`super::SledVerifier`] is given it, and closes it again. After an unclean stop every row is
/// read too. Answers how many rows were read.
///
/// Call it in a process of its own: sled panics on some damage, and recovery may take long.
pub fn check_sled_data(data: &Path) -> Result<u64, EngineError> {
    let live = open_data(data, 0, SledOptions::default().cache_bytes)?;
    let recovering = data.parent().is_some_and(|folder| folder.join("recovering").exists());
    let rows = if recovering { live.count()? } else { 0 };
    live.finish()?;
    Ok(rows)
}
