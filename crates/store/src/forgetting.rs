//! The one way to the key plane for whatever is to be forgotten: here a legal minimum is looked after. Legal holds are not: they are checked
//! where the cut is written, in the keyring.

use oubliette_crypto::{Branch, Class, Path};
use oubliette_keyring::{CutRecord, KeyringError, RestrictionChange};

use crate::VaultError;
use crate::names::Name;
use crate::person::Person;
use crate::policy::Retention;
use crate::rows::{Bounds, Run};

/// What became of a deletion. Either way nobody reads it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Its keys are gone.
    Erased,
    /// Its keys are gone as soon as a legal hold has ended, or the time is over that the law wants it kept; or, where nothing of that
    /// stands in the way, as soon as an old cell of the vault is wiped that with older key pages opens it.
    Blocked,
}

impl Deletion {
    /// Of two: erased if both are.
    pub fn and(self, other: Self) -> Self {
        if self == Self::Erased { other } else { self }
    }
}

/// Whether a cut stands: also where somebody still holds a key below it. Only then may rows and names go.
pub(crate) fn stands(cut: &Result<Deletion, VaultError>) -> bool {
    matches!(cut, Ok(_) | Err(VaultError::Busy))
}

impl Person {
    /// Cuts paths in the person's tree; acknowledged only when nobody holds a key below them any more. What must be kept for longer is not read
    /// from now on, and cut when it may be.
    pub(crate) fn cut(&self, paths: Vec<Path>) -> Result<Deletion, VaultError> {
        self.restrict_and_cut(Vec::new(), paths)
    }

    /// Cuts a compartment with what belongs to it, and has its name forgotten. A refused cut leaves the name: else the next write would open a second
    /// compartment of it, and nobody could forget the first.
    pub(crate) fn cut_named(
        &self,
        class: Class,
        name: &Name,
        compartment: u32,
        paths: Vec<Path>,
    ) -> Result<Deletion, VaultError> {
        let cut = self.cut(paths);
        if stands(&cut) {
            self.unlearn(class, name, compartment);
        }
        cut
    }

    /// Cuts what a newer value took the place of: the legal minimum is about what was stored, not about its former wording.
    pub(crate) fn supersede(&self, paths: Vec<Path>) -> Result<Deletion, VaultError> {
        self.cut_from(Vec::new(), paths, 0)
    }

    /// Changes what restricts this person; durable when it returns.
    pub(crate) fn restrict(&self, change: RestrictionChange) -> Result<(), VaultError> {
        self.vault.keyring.restrict(&self.keys, change)?;
        Ok(())
    }

    /// The same with cuts, in one commit of the key plane.
    pub(crate) fn restrict_and_cut(
        &self,
        changes: Vec<RestrictionChange>,
        paths: Vec<Path>,
    ) -> Result<Deletion, VaultError> {
        let not_before = self.earliest(&paths)?;
        self.cut_from(changes, paths, not_before)
    }

    /// The same with a moment of one's own, in seconds since 1970.
    pub(crate) fn cut_from(
        &self,
        changes: Vec<RestrictionChange>,
        paths: Vec<Path>,
        not_before: i64,
    ) -> Result<Deletion, VaultError> {
        self.cut_answer(self.vault.keyring.restrict_and_cut(&self.keys, changes, paths, not_before))
    }

    /// A cut that is durable although somebody still holds keys leaves its rows to the sweeper.
    fn cut_answer(&self, answer: Result<CutRecord, KeyringError>) -> Result<Deletion, VaultError> {
        if matches!(answer, Err(KeyringError::LeasesHeld { .. })) {
            self.vault.tidied.begin_again();
        }
        Ok(self.told(answer?.waits))
    }

    /// What is told of a deletion that waits for a hold's end, or does not: while an old cell opens what is gone here, it is not erased.
    pub(crate) fn told(&self, waits: bool) -> Deletion {
        if waits || self.vault.old_cells_wait() { Deletion::Blocked } else { Deletion::Erased }
    }

    /// The first second at which all of this may be cut by law; 0 if nothing speaks against it. May ask for the lock of the person's names of
    /// records.
    pub(crate) fn earliest(&self, paths: &[Path]) -> Result<i64, VaultError> {
        let mut earliest = 0;
        for path in paths {
            let Some(span) = path.span() else { continue };
            earliest =
                earliest.max(self.earliest_of(span.class, path)?).max(self.promised_until(path).unwrap_or(0));
        }
        Ok(earliest)
    }

    /// Until when what was deleted before at, above or below a path is kept, if anything waits there: a second deletion, of more, must not make it
    /// earlier.
    pub(crate) fn promised_until(&self, path: &Path) -> Option<i64> {
        let restrictions = self.keys.restrictions();
        let near = restrictions
            .waiting
            .iter()
            .filter(|(waits, _)| waits.is_prefix_of(path) || path.is_prefix_of(waits));
        near.map(|(_, due)| due).max()
    }

    fn earliest_of(&self, class: Class, path: &Path) -> Result<i64, VaultError> {
        let policy = &self.vault.settings.policy;
        if class == Class::Records {
            let mut earliest = 0;
            for (compartment, retention) in self.record_rules()? {
                if retention.minimum_days.is_some() {
                    let within = Path::compartment(class, compartment)?;
                    let below = if within.is_prefix_of(path) { Some(*path) } else { None };
                    let below = below.or(path.is_prefix_of(&within).then_some(within));
                    if let Some(below) = below {
                        earliest = earliest.max(self.kept_until(&below, retention)?);
                    }
                }
            }
            return Ok(earliest);
        }
        let retention = policy.retention(class);
        if retention.minimum_days.is_none() { Ok(0) } else { self.kept_until(path, retention) }
    }

    /// How long the law wants anything kept, in seconds since 1970; 0 if nothing.
    pub(crate) fn kept_by_law(&self) -> Result<i64, VaultError> {
        self.earliest(&Class::ALL.map(Path::class))
    }

    /// How long the newest of what lies at and below a path is to be kept.
    pub(crate) fn kept_until(&self, path: &Path, retention: Retention) -> Result<i64, VaultError> {
        let Some(span) = path.span() else { return Ok(0) };
        if span.branch == Some(Branch::Meta) {
            return Ok(0);
        }
        let (mut earliest, handle) = (0, self.handle());
        let first = Run::items(span.class, *span.compartments.start());
        let last = Run::items(span.class, *span.compartments.end());
        let mut bounds = Bounds { from: Bounds::run(&handle, first).from, to: Bounds::run(&handle, last).to };
        // From one compartment to the next; within each the newest row that opens tells.
        while let Some((place, _)) = self.rows_in(&bounds, 1, false)?.pop() {
            let mut upto = *span.seqs.end();
            while let Some((newest, row)) = self.rows(place.run(), *span.seqs.start()..=upto, 1, true)?.pop()
            {
                match self.open(newest, &row) {
                    Ok(opened) => {
                        earliest = earliest.max(retention.earliest(opened.created));
                        break;
                    }
                    Err(VaultError::Forgotten | VaultError::Corrupt { .. }) => {}
                    Err(other) => return Err(other),
                }
                let Some(next) = newest.seq.checked_sub(1).filter(|next| next >= span.seqs.start()) else {
                    break;
                };
                upto = next;
            }
            bounds.from = Bounds::run(&handle, place.run()).to;
            if bounds.from >= bounds.to {
                break;
            }
        }
        Ok(earliest)
    }
}
