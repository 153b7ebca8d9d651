//! Keeping the escrow up to date: after the root has changed, a little later, and when the vault is closed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use oubliette_crypto::VaultId;
use oubliette_keyring::{EscrowHead, EscrowTo, KeyringError};

use super::{EscrowPlace, Setup, place};
use crate::VaultError;
use crate::locks::lock;
use crate::times::seconds;
use crate::vault::Inner;

/// Changes within so many microseconds are sealed together.
const TOGETHER: u64 = 10 * 1_000_000;
/// What failed is tried again so much later: each try may walk over all pages.
const AGAIN: u64 = 5 * 60 * 1_000_000;

/// What the vault knows of its escrow.
#[derive(Default)]
pub(crate) struct Keeping {
    /// Where the set-up stands, or would.
    path: Option<PathBuf>,
    setup: Mutex<Option<Setup>>,
    /// Held while a root is sealed, which may take as long as the escrow's disk pleases. Whoever asks how it is does not wait for that.
    alone: Mutex<()>,
    last: Mutex<Last>,
}

/// What was last done.
#[derive(Debug, Clone, Default)]
pub(super) struct Last {
    /// Generation and window of the newest sealed root, and when it was made (seconds since the Unix epoch).
    pub(super) sealed: Option<(u64, u32, i64)>,
    /// The names of the keys that it is sealed to.
    to: Vec<[u8; 16]>,
    /// When it was last tried, in microseconds since 1970.
    tried: Option<u64>,
    /// Why it failed.
    pub(super) problem: Option<String>,
    /// Pages that the archive lacks, since no copy has them whole.
    pub(super) lost: u64,
}

impl Last {
    fn note(&mut self, newest: EscrowHead) {
        self.sealed = Some((newest.generation, newest.window, newest.made));
        self.to = newest.keys;
    }
}

impl Keeping {
    /// Reads the set-up, if there is one.
    pub(crate) fn open(path: Option<PathBuf>, vault: VaultId) -> Result<Self, VaultError> {
        let keeping = Self { path, ..Self::default() };
        let Some(path) = keeping.path.clone().filter(|path| path.exists()) else { return Ok(keeping) };
        let setup = read(&path, vault)?;
        // A disk that is not mounted today is told by the status, and keeps nothing from opening.
        let newest = EscrowPlace::of(&setup.store, vault).roots().ok().and_then(|roots| {
            let (_, blob) = roots.into_iter().next()?;
            Some(blob.head)
        });
        if let Some(head) = newest {
            lock(&keeping.last).note(head);
        }
        *lock(&keeping.setup) = Some(setup);
        Ok(keeping)
    }

    /// What the set-up says, if there is one, without a copy of it: asked for each erasure that is not final yet, at every sweep.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Setup) -> T) -> Option<T> {
        lock(&self.setup).as_ref().map(look)
    }

    pub(crate) fn is_set_up(&self) -> bool {
        lock(&self.setup).is_some()
    }

    /// The set-up, if there is one.
    pub(super) fn setup(&self) -> Result<Option<Setup>, VaultError> {
        Ok(lock(&self.setup).clone())
    }

    pub(super) fn last(&self) -> MutexGuard<'_, Last> {
        lock(&self.last)
    }

    /// Stores a new set-up, where none was.
    pub(super) fn begin(&self, setup: Setup, vault: VaultId) -> Result<(), VaultError> {
        let mut current = lock(&self.setup);
        if current.is_some() {
            let reason = "this vault has an escrow already; give it cards by `escrow rotate`";
            return Err(VaultError::invalid("escrow", reason));
        }
        EscrowPlace::of(&setup.store, vault).make()?;
        self.store(&setup)?;
        *current = Some(setup);
        Ok(())
    }

    /// Changes the set-up, durably or not at all.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Setup) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut current = lock(&self.setup);
        let mut next = current.clone().ok_or(VaultError::NotFound { what: "escrow" })?;
        let answer = change(&mut next)?;
        if current.as_ref() != Some(&next) {
            self.store(&next)?;
            *current = Some(next);
        }
        Ok(answer)
    }

    fn store(&self, setup: &Setup) -> Result<(), VaultError> {
        let nowhere = || VaultError::invalid("escrow", "this vault has no place for the set-up of an escrow");
        place::write(self.path.as_deref().ok_or_else(nowhere)?, setup.to_json().as_bytes())
    }
}

/// The set-up of an escrow, as it stands in a file.
pub(crate) fn read(path: &Path, vault: VaultId) -> Result<Setup, VaultError> {
    let json = std::fs::read_to_string(path).map_err(VaultError::io("reading", path))?;
    let refused = |why: String| VaultError::Format {
        detail: format!(
            "{} is no set-up of an escrow: {why}; put the newest copy of the ledger back",
            path.display()
        ),
    };
    let setup = Setup::parse(&json).map_err(refused)?;
    if setup.is_of(vault) { Ok(setup) } else { Err(refused("it is another vault's".to_owned())) }
}

impl Inner {
    /// Seals the root if it has changed, if a new window has begun, or if too few keys are left of those that it is sealed to; unless `at_once`, not more often than every ten seconds, and five minutes after a failure. A failure is noted,
    /// for status and readiness, and answered.
    pub(crate) fn escrow_step(&self, at_once: bool) -> Result<(), VaultError> {
        if !self.escrow.is_set_up() {
            return Ok(());
        }
        let _alone = lock(&self.escrow.alone);
        let Some(setup) = self.escrow.setup()? else { return Ok(()) };
        let now = self.now();
        let window = setup.window_at(seconds(now));
        {
            let mut last = self.escrow.last();
            let pause = if last.problem.is_some() { AGAIN } else { TOGETHER };
            if !at_once && last.tried.is_some_and(|tried| now >= tried && now - tried < pause) {
                return Ok(());
            }
            let current = (self.keyring.generation(), window);
            let newest = last.sealed.is_some_and(|(generation, window, _)| (generation, window) == current);
            if newest && setup.still_opens(window, &last.to) {
                last.problem = None;
                return Ok(());
            }
            last.tried = Some(now);
        }
        let sealed = self.seal(window);
        let mut last = self.escrow.last();
        last.problem = sealed.as_ref().err().map(ToString::to_string);
        let (head, lost) = sealed?;
        last.note(head);
        last.lost = lost;
        Ok(())
    }

    /// What was sealed, and how many pages are missing.
    fn seal(&self, window: u32) -> Result<(EscrowHead, u64), VaultError> {
        let generation = self.keyring.generation();
        // Durable before anything that it tells of leaves the vault: from it follows when an erasure is final.
        let (store, threshold, recipients) = self.escrow.change(|setup| {
            let recipients = setup.recipients(window)?;
            setup.note_sealing(window, generation, &recipients)?;
            Ok((setup.store.clone(), setup.threshold, recipients))
        })?;
        let holders = recipients.iter().map(|(_, key)| key.key()).collect::<Result<_, _>>()?;
        let place = EscrowPlace::of(&store, self.id);
        let archive = place.archive(window)?;
        let to = EscrowTo { window, threshold, holders };
        let sealed =
            self.keyring.escrow(to, &archive.pages, archive.trusted).map_err(|error| match error {
                // Of the escrow alone: the vault is well.
                KeyringError::Archive(_) | KeyringError::Overtaken => {
                    VaultError::Other { detail: error.to_string() }
                }
                error => error.into(),
            })?;
        let blob = sealed.blob;
        place.keep(archive, &blob)?;
        Ok((blob.head, sealed.lost))
    }
}
