//! Which numbers were used, and which come next.
//!
//! Rows count only if they open under the keys of their place. Whoever can write rows but holds no key could otherwise use up a run
//! with one row under the highest number of all. A number under which such a row stands is passed over all the same: nothing is
//! written over it.

use oubliette_crypto::{Branch, Class, HighestCut, Path};

use crate::VaultError;
use crate::person::{BATCH_ROWS, Person};
use crate::rows::{Bounds, Place, Run};

impl Person {
    /// The highest seq of a run that was ever committed, by its row or its cut; `Forgotten` if the whole run was cut.
    pub(crate) fn highest(&self, run: Run) -> Result<u64, VaultError> {
        let cut = match self.keys.highest_cut(&Path::branch(run.class, run.compartment, run.branch)?)? {
            HighestCut::None => 0,
            HighestCut::Some(cut) => cut,
            HighestCut::All => return Err(VaultError::Forgotten),
        };
        let Some(from) = cut.checked_add(1) else { return Ok(cut) };
        let (mut upto, mut limit) = (u64::MAX, 1);
        loop {
            let rows = self.rows(run, from..=upto, limit, true)?;
            let Some((lowest, _)) = rows.last() else { return Ok(cut) };
            upto = lowest.seq.saturating_sub(1);
            for (place, row) in rows {
                if self.is_vouched_for(place, &row)? {
                    return Ok(place.seq);
                }
            }
            if upto < from {
                return Ok(cut);
            }
            limit = BATCH_ROWS;
        }
    }

    /// The number after the highest that was used.
    pub(crate) fn next_seq(&self, run: Run) -> Result<u64, VaultError> {
        self.free_from(run, self.highest(run)?.checked_add(1))
    }

    /// The first number from this one on under which no row stands.
    pub(crate) fn free_from(&self, run: Run, from: Option<u64>) -> Result<u64, VaultError> {
        let mut free = from;
        while let Some(seq) = free {
            if self.row(run.at(seq))?.is_none() {
                return Ok(seq);
            }
            free = seq.checked_add(1);
        }
        Err(VaultError::TooLarge { what: "the number of changes", limit: u64::MAX })
    }

    /// Where the next value of a run of items that holds one goes. Between it and what is known of the run one number stays free: the value
    /// before may have lost its row to a restored backup, and then stood at that number, for its replacement had cut all below it. So
    /// it is cut with the older ones, instead of sharing its leaf with the new value. A first value has nothing before it to cut.
    pub(crate) fn next_of_one(&self, run: Run) -> Result<Place, VaultError> {
        let highest = self.highest(run)?;
        let next = if highest == 0 { Some(1) } else { highest.checked_add(2) };
        Ok(run.at(self.free_from(run, next)?))
    }

    /// The highest compartment of a class that was ever used, by a row or a cut. Does not know what this process has promised.
    pub(crate) fn highest_compartment(&self, class: Class) -> Result<u32, VaultError> {
        let mut highest = match self.keys.highest_cut(&Path::class(class))? {
            HighestCut::None => 0,
            HighestCut::Some(cut) => u32::try_from(cut).unwrap_or(u32::MAX),
            HighestCut::All => return Err(VaultError::Forgotten),
        };
        for branch in [Branch::Meta, Branch::Items] {
            highest = highest.max(self.highest_in_branch(class, branch, highest)?);
        }
        Ok(highest)
    }

    /// The highest compartment above `known` of which one row opens; 0 if there is none.
    fn highest_in_branch(&self, class: Class, branch: Branch, known: u32) -> Result<u32, VaultError> {
        let mut bounds = Bounds::branch(&self.handle(), class, branch);
        let mut limit = 1;
        loop {
            let rows = self.rows_in(&bounds, limit, true)?;
            let Some((lowest, _)) = rows.last() else { return Ok(0) };
            bounds.to = lowest.key(&self.handle());
            for (place, row) in rows {
                if place.compartment <= known {
                    return Ok(0);
                }
                if self.is_vouched_for(place, &row)? {
                    return Ok(place.compartment);
                }
            }
            limit = BATCH_ROWS;
        }
    }

    /// Refuses to cut a number that was never handed out: somebody put a row there, and the cut would use up the run.
    pub(crate) fn check_number(&self, place: Place) -> Result<(), VaultError> {
        if place.seq < self.next_seq(place.run())? {
            return Ok(());
        }
        Err(VaultError::Corrupt { what: place.describe(&self.handle()) })
    }

    /// Whether somebody with this person's keys wrote this row for this place.
    pub(crate) fn is_vouched_for(&self, place: Place, row: &[u8]) -> Result<bool, VaultError> {
        match self.open(place, row) {
            Ok(_) => Ok(true),
            Err(VaultError::Corrupt { .. } | VaultError::Forgotten) => Ok(false),
            Err(other) => Err(other),
        }
    }
}
