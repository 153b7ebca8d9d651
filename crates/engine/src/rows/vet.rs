//! Comparing the rows of a prefix with the anchor's digest: before it is first served after an unclean stop, in the background
//! meanwhile, and on request.

use std::ops::RangeInclusive;
use std::thread;

use super::*;
use crate::anchor::{PREFIXES, Tally, prefix_range};
use crate::sled_folder::Found;

/// Rows read at a time.
const CHUNK: usize = 256;

/// Digests what is left, without holding the engine: it ends when the engine is dropped.
pub(super) fn in_background(rows: &Arc<Rows>) -> Result<(), EngineError> {
    if rows.unvetted.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    let rows = Arc::downgrade(rows);
    let work = move || {
        for prefix in all_prefixes() {
            let Some(rows) = rows.upgrade() else { return };
            if rows.closed.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = rows.vet(prefix..=prefix) {
                tracing::error!(%error, "the rows are not those the anchor vouches for");
                return;
            }
        }
    };
    let spawned = thread::Builder::new().name("rows-vet".into()).spawn(work);
    spawned.map(drop).map_err(EngineError::io("start a thread", "rows-vet"))
}

impl Rows {
    /// Makes sure that these prefixes were digested since an unclean stop.
    pub(super) fn vet(&self, prefixes: RangeInclusive<u8>) -> Result<(), EngineError> {
        if self.unvetted.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        self.folder.poison().run(|| {
            // A prefix a time, so that commits pass in between.
            prefixes.into_iter().try_for_each(|prefix| self.vet_one(&self.log().state, prefix))
        })
    }

    pub(super) fn vet_one(&self, state: &AnchorState, prefix: u8) -> Result<(), EngineError> {
        let bit = 1_u64 << prefix;
        if self.unvetted.load(Ordering::Acquire) & bit == 0 {
            return Ok(());
        }
        if self.tally(prefix)?.digest != state.digest(prefix) {
            return Err(lost(prefix));
        }
        let left = self.unvetted.fetch_and(!bit, Ordering::AcqRel) & !bit;
        if left == 0 && self.folder.found() == Found::Unclean {
            self.folder.accept_recovery()?;
        }
        Ok(())
    }

    /// Reads everything. Commits pass between prefixes; each prefix is compared with what it should be at that moment.
    pub(super) fn verify(&self) -> Result<VerifyReport, EngineError> {
        let mut report = VerifyReport::default();
        let before = self.log().state.commit;
        let mut bytes = 0;
        for prefix in all_prefixes() {
            let log = self.log();
            let found = self.tally(prefix)?;
            report.rows += found.rows;
            bytes += found.bytes;
            if found.digest != log.state.digest(prefix) {
                report
                    .faults
                    .push(format!("the rows of prefix {prefix:#04x} differ from the anchor's digest"));
            }
        }
        let log = self.log();
        let state = &log.state;
        if state.commit == before && (report.rows, bytes) != (state.rows, state.bytes) {
            report.faults.push(format!("{} rows were found, the anchor says {}", report.rows, state.rows));
        }
        let row = self.folder.get(ANCHOR_ROW)?.and_then(|row| crate::anchor::decode_row(&self.key, &row));
        let expected = self.covered()..=state.commit;
        if !row.is_some_and(|commit| expected.contains(&commit)) {
            report.faults.push(format!("the engine's anchor row names none of the commits {expected:?}"));
        }
        Ok(report)
    }

    /// Digest of a prefix, from its rows.
    fn tally(&self, prefix: u8) -> Result<Tally, EngineError> {
        let (from, to) = prefix_range(prefix);
        let mut from = from.to_vec();
        let mut tally = Tally::default();
        loop {
            let rows = self.range(&from, to.as_ref().map(<[u8; 1]>::as_slice), CHUNK, false)?;
            rows.iter().try_for_each(|(row_key, value)| tally.add(&self.digest_key, (row_key, value)))?;
            match rows.into_iter().nth(CHUNK - 1) {
                // The smallest key after the last one read.
                Some((last, _)) => from = [last.as_slice(), &[0]].concat(),
                None => return Ok(tally),
            }
        }
    }
}

/// Digests of all prefixes, from all rows.
pub(super) fn tally_all(
    key: &AnchorDigestKey,
    rows: &mut dyn Iterator<Item = Result<Row, EngineError>>,
) -> Result<Vec<Tally>, EngineError> {
    let mut found = vec![Tally::default(); PREFIXES];
    for row in rows {
        let (row_key, value) = row?;
        if let Some(tally) = found.get_mut(usize::from(prefix_of(&row_key))) {
            tally.add(key, (&row_key, &value))?;
        }
    }
    Ok(found)
}

/// The first prefix whose rows are not those of `state`.
pub(super) fn differing(found: &[Tally], state: &AnchorState) -> Option<u8> {
    all_prefixes()
        .zip(found)
        .find(|(prefix, tally)| tally.digest != state.digest(*prefix))
        .map(|(prefix, _)| prefix)
}

pub(super) fn lost(prefix: u8) -> EngineError {
    EngineError::RowsLost {
        detail: format!("the rows of prefix {prefix:#04x} differ from the anchor's digest"),
    }
}

pub(super) fn all_prefixes() -> RangeInclusive<u8> {
    0..=u8::MAX >> 2
}
