//! When an erasure can be undone by nobody.
//!
//! A root that was sealed while somebody was there opens them again, as long as enough of its window's keys are left. So an erasure is final
//! once the last window that sealed such a root is over, and its holders have said that fewer keys are left than are needed.

use super::Setup;
use super::setup::Sealed;
use crate::VaultError;
use crate::times::seconds;
use crate::vault::Inner;

/// Not as long as statements are missing: the last second of the year 9999, a date that every calendar here can say.
pub const NOT_FINAL: i64 = 253_402_300_799;

impl Setup {
    /// The last window that sealed a root able to open what `generation` was the first not to open.
    pub(super) fn last_able(&self, generation: u64) -> Option<&Sealed> {
        self.sealed.iter().rfind(|sealed| sealed.first_generation < generation)
    }

    /// Whether keys may be left that open what a window sealed. Fewer than are needed say nothing.
    pub(super) fn can_open(&self, sealed: &Sealed) -> bool {
        self.not_destroyed(sealed).len() >= usize::from(sealed.threshold)
    }

    /// See [`super::Escrow::final_after`].
    pub(super) fn final_after(&self, generation: u64, now: i64) -> Option<i64> {
        let sealed = self.last_able(generation)?;
        // An earlier window's keys that nobody has destroyed open earlier roots, which may know the same person.
        let open = |sealed: &&Sealed| sealed.first_generation < generation && self.can_open(sealed);
        let waits = self.sealed.iter().filter(open).any(|sealed| sealed.ends <= now);
        Some(if waits { NOT_FINAL } else { sealed.ends })
    }
}

impl Inner {
    /// See [`super::Escrow::final_after`].
    pub(crate) fn final_after(&self, generation: u64) -> Result<Option<i64>, VaultError> {
        let now = seconds(self.now());
        // An older cell that could not be wiped opens, with the pages of its time, whoever lived then.
        if self.old_cells_wait() {
            return Ok(Some(NOT_FINAL));
        }
        Ok(self.escrow.look(|setup| setup.final_after(generation, now)).flatten())
    }
}
