//! Which state the rows are in, by the anchor and the row that each batch carries (docs/sled.md, "Anchor").

use super::*;
use crate::anchor::{AnchorRow, decode_row, encode_row};
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
    let (anchor, state, clean) = match anchored {
        Some(anchored) => anchored,
        None if folder.count()? == 0 => (AnchorFile::create(anchor_path, key)?, AnchorState::empty(), false),
        None => return Err(anchor_missing(anchor_path)),
    };
    let (state, in_step) = settle(&folder, key, state)?;
    // From here on a stop without `close` is an unclean one.
    anchor.write(&Slot::seal(key, &state, false)?)?;
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
        row_count: AtomicU64::new(state.rows),
        live_bytes: AtomicU64::new(state.bytes),
        state: Mutex::new(state),
        unvetted: AtomicU64::new(if vetted { 0 } else { u64::MAX }),
        closed: AtomicBool::new(false),
    };
    compact_if_bloated(&rows)?;
    Ok(rows)
}

/// The state after the engine's last commit, which is the anchor's or the one after it; and whether it is the anchor's.
fn settle(
    folder: &SledFolder,
    key: &AnchorKey,
    state: AnchorState,
) -> Result<(AnchorState, bool), EngineError> {
    let row = match folder.get(ANCHOR_ROW)? {
        Some(row) => Some(decode_row(key, &row).ok_or_else(|| EngineError::RowsLost {
            detail: "the engine's anchor row does not authenticate".into(),
        })?),
        None => None,
    };
    let commit = row.as_ref().map_or(0, |row| row.commit);
    match (commit.checked_sub(state.commit), row) {
        (Some(0), _) => Ok((state, true)),
        (Some(1), Some(row)) => Ok((follow(folder, key, state, &row)?, false)),
        _ => Err(EngineError::RowsLost {
            detail: format!("the rows are at commit {commit}, the anchor says {}", state.commit),
        }),
    }
}

/// The state after a commit that the anchor does not know, so that nobody was told of it. A lone change is written after its
/// row "A"; if a crash left only "A", the commit becomes one that changed nothing.
fn follow(
    folder: &SledFolder,
    key: &AnchorKey,
    before: AnchorState,
    row: &AnchorRow,
) -> Result<AnchorState, EngineError> {
    let after = row.apply(before.clone());
    let Some(prefix) = row.lone_prefix() else { return Ok(after) };
    let found = vet::tally(folder, &anchor_digest_key(key), prefix)?.digest;
    if found == after.digest(prefix) {
        return Ok(after);
    }
    if found != before.digest(prefix) {
        return Err(vet::lost(prefix));
    }
    let unchanged = AnchorState { commit: after.commit, ..before };
    let row = encode_row(key, &unchanged, &[prefix])?;
    folder.commit(&[(ANCHOR_ROW, Some(row))])?;
    Ok(unchanged)
}

/// The copy is checked against every digest, so nothing is left to vet.
fn compact_if_bloated(rows: &Rows) -> Result<(), EngineError> {
    let state = rows.state();
    if rows.folder.is_bloated(state.bytes)? {
        rows.compact(&state)?;
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
