//! From the files to rows that are those the anchor vouches for (docs/sled.md, "Anchor").

use std::collections::BTreeMap;

use super::*;
use crate::anchor::{Anchored, Redo, decode_row, encode_row};
use crate::sled_folder::Found;

pub(super) fn open(
    folder: &Path,
    anchor_path: &Path,
    key: &AnchorKey,
    options: SledOptions,
) -> Result<Rows, EngineError> {
    let anchored = AnchorFile::open(anchor_path, key)?;
    if anchored.is_none() && !options.create {
        return Err(anchor_missing(anchor_path));
    }
    // The anchor is made after the rows, so with an anchor the rows were there.
    let options = SledOptions { create: anchored.is_none(), ..options };
    let folder = SledFolder::open(folder, options)?;
    let anchored = match anchored {
        Some(anchored) => anchored,
        None if folder.count()? == 0 => {
            let file = AnchorFile::create(anchor_path, key)?;
            Anchored { file, covered: 0, state: AnchorState::empty(), redo: Vec::new(), clean: false }
        }
        None => return Err(anchor_missing(anchor_path)),
    };
    let in_step = catch_up(&folder, key, &anchored)?;
    let Anchored { file: anchor, state, clean, .. } = anchored;
    // From here on a stop without `close` is an unclean one, and the records are not needed any more.
    anchor.write_slots(key, &state, false)?;
    let vetted = match folder.found() {
        Found::New => true,
        Found::Clean => clean && in_step,
        Found::Unclean => false,
    };
    let rows = Rows {
        folder,
        anchor,
        key: AnchorKey::from_slice(key.expose()).map_err(|_| key_unusable())?,
        digest_key: anchor_digest_key(key),
        groups: GroupCommit::default(),
        checkpointing: Mutex::new(()),
        overlay: RwLock::default(),
        covered: AtomicU64::new(state.commit),
        due: AtomicBool::new(false),
        row_count: AtomicU64::new(state.rows),
        live_bytes: AtomicU64::new(state.bytes),
        log: Mutex::new(Log { state, area: Area::default() }),
        unvetted: AtomicU64::new(if vetted { 0 } else { u64::MAX }),
        closed: AtomicBool::new(false),
        compacting: Mutex::new(()),
        copying: RwLock::default(),
    };
    compact_if_bloated(&rows)?;
    Ok(rows)
}

/// Brings sled, which stands somewhere between the slots' commit and the last record's, to the latter; true if it was there. The
/// records hold whole rows, so they may be applied to any state between, and again after a crash in here.
fn catch_up(folder: &SledFolder, key: &AnchorKey, anchored: &Anchored) -> Result<bool, EngineError> {
    let (covered, last) = (anchored.covered, anchored.state.commit);
    let at = match folder.get(ANCHOR_ROW)? {
        Some(row) => Some(decode_row(key, &row).ok_or_else(|| EngineError::RowsLost {
            detail: "the engine's anchor row does not authenticate".into(),
        })?),
        None => None,
    };
    match at {
        Some(at) if at == last && covered == last => return Ok(true),
        Some(at) if (covered..=last).contains(&at) => {}
        // The row goes in before the first commit, so that rows without an anchor file are never taken for new ones.
        None if last == 0 => {}
        _ => {
            let at = at.map_or("none".into(), |at| at.to_string());
            return Err(EngineError::RowsLost {
                detail: format!("the rows are at commit {at}, the anchor says {covered} to {last}"),
            });
        }
    }
    let rows = newest(&anchored.redo);
    let row = encode_row(key, last)?;
    folder.write(rows.into_iter().chain([(ANCHOR_ROW, Some(row.as_slice()))]))?;
    folder.sync()?;
    if !anchored.redo.is_empty() {
        tracing::info!(commits = anchored.redo.len(), "commits were brought into sled");
    }
    Ok(false)
}

/// Each row that the records change, as the last of them leaves it.
fn newest(redo: &[Redo]) -> BTreeMap<&[u8], Option<&[u8]>> {
    let changes = redo.iter().flat_map(|record| &record.changes);
    changes.map(|(key, value)| (key.as_slice(), value.as_deref())).collect()
}

/// The copy is checked against every digest, so nothing is left to vet.
fn compact_if_bloated(rows: &Rows) -> Result<(), EngineError> {
    let log = rows.log();
    if rows.folder.is_bloated(log.state.bytes)? {
        rows.compact(&log.state)?;
        rows.unvetted.store(0, Ordering::Relaxed);
        rows.folder.accept_recovery()?;
    }
    Ok(())
}

fn anchor_missing(path: &Path) -> EngineError {
    EngineError::Format {
        path: path.to_owned(),
        detail: "the anchor file is missing, without it nobody knows whether rows were lost; put it back, or restore \
                 the rows from a backup into a fresh folder"
            .into(),
    }
}

fn key_unusable() -> EngineError {
    EngineError::Poisoned { reason: "the anchor key cannot be copied".into() }
}
