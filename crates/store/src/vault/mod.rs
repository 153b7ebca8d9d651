//! The vault: one place that holds keyring, engine and blobs together, and the doors to everything else.

mod carry;
mod cells;
mod folder;
pub(crate) mod fuzz;
mod lost;
mod marker;
mod moving;
mod quiet;
mod recover;
mod relocate;
mod replace;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use oubliette_crypto::VaultId;
use oubliette_engine::{Blobs, Engine};
use oubliette_keyring::{ErasureOutcome, Keyring};

use crate::VaultError;
use crate::audit;
use crate::backup::Alone;
use crate::backup::watch::Watched;
use crate::chats::Conversations;
use crate::compaction::Compaction;
use crate::deletion;
use crate::escrow;
use crate::expiry::Expiry;
use crate::locks::Stripes;
use crate::names::Names;
use crate::objects::take_back_uploads;
use crate::options::{Settings, VaultOptions};
use crate::receipts::Receipts;
use crate::reserve::Reserved;
use crate::saves::Trimming;
use crate::sweep::Tidied;
use crate::tally::Tally;
use crate::times::micros;
use crate::usage::Usages;
use folder::Folder;

pub use quiet::VaultLock;
pub use recover::{RecoverFrom, RecoveredVault};
pub use relocate::{Relocated, Relocation, relocate_keys};
pub use replace::VaultCells;

/// Longest wait for the escrow's disk when the vault is closed.
const SEALING: Duration = Duration::from_secs(60);

/// An encrypted vault that can forget. A cheap clone; all clones are one vault.
#[derive(Clone)]
pub struct Vault {
    pub(crate) inner: Arc<Inner>,
}

/// What a vault is made of, for tests and for stores of one's own.
pub struct Parts {
    /// The key plane.
    pub keyring: Arc<Keyring>,
    /// The rows.
    pub engine: Arc<dyn Engine>,
    /// Large ciphertext.
    pub blobs: Arc<dyn Blobs>,
}

pub(crate) struct Inner {
    pub(crate) id: VaultId,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) conversations: Conversations,
    pub(crate) reserved: Arc<Reserved>,
    /// One conversation each.
    pub(crate) pairs: Stripes,
    /// One run of rows each.
    pub(crate) slots: Stripes,
    /// The names of one person and class each.
    pub(crate) people: Stripes,
    pub(crate) tidied: Tidied,
    pub(crate) tally: Tally,
    pub(crate) expiry: Expiry,
    pub(crate) trimming: Trimming,
    pub(crate) usages: Usages,
    pub(crate) audit: Arc<audit::Log>,
    pub(crate) receipts: Receipts,
    pub(crate) deletions: deletion::Due,
    /// What `engine` is; a backup asks it what changes meanwhile.
    pub(crate) watched: Arc<Watched>,
    pub(crate) backing_up: Alone,
    pub(crate) escrow: escrow::Keeping,
    pub(crate) compaction: Compaction,
    folder: Option<Folder>,
}

impl Vault {
    /// Makes a vault in a folder (mode 0700), which must be empty or absent.
    ///
    /// # Errors
    /// [`VaultError::Format`] if the folder holds anything; whatever the disk answers.
    pub fn create(dir: &Path, options: VaultOptions) -> Result<Self, VaultError> {
        let (folder, parts) = Folder::create(dir, &options)?;
        Self::assemble(parts, &options, Some(folder))
    }

    /// Opens a vault, finishing what a crash interrupted: a torn deletion, uploads that were under way, a missing copy of the
    /// key plane.
    ///
    /// # Errors
    /// [`VaultError::InUse`], [`VaultError::KeysLost`], [`VaultError::RowsLost`], [`VaultError::Format`], each saying what is
    /// missing or damaged and what to do.
    pub fn open(dir: &Path, options: VaultOptions) -> Result<Self, VaultError> {
        let (folder, parts) = Folder::open(dir, &options)?;
        Self::assemble(parts, &options, Some(folder))
    }

    /// A vault over stores of one's own. The parts must belong together; nobody else may use them meanwhile.
    ///
    /// # Errors
    /// Those of the engine while uploads of an earlier run are taken back.
    pub fn from_parts(parts: Parts, options: VaultOptions) -> Result<Self, VaultError> {
        Self::assemble(parts, &options, None)
    }

    fn assemble(parts: Parts, options: &VaultOptions, folder: Option<Folder>) -> Result<Self, VaultError> {
        let Parts { keyring, engine, blobs } = parts;
        let watched = Arc::new(Watched::new(engine));
        let engine: Arc<dyn Engine> = Arc::<Watched>::clone(&watched);
        let mut settings = options.settings();
        settings.region = folder.as_ref().and_then(Folder::region).or(settings.region);
        let place = folder.as_ref().map(|folder| folder.audit(options)).or_else(|| options.audit.clone());
        // A folder's log was begun when the folder was made.
        let fresh = folder.is_none();
        let clock = Arc::clone(&settings.clock);
        let audit = audit::open(place.as_deref(), keyring.vault_id(), clock, fresh)?;
        let place = folder.as_ref().map(Folder::escrow).or_else(|| options.escrow.clone());
        let escrow = escrow::Keeping::open(place, keyring.vault_id())?;
        let taken = take_back_uploads(&*engine, &*blobs)?;
        if taken > 0 {
            tracing::info!(blobs = taken, "took back uploads and finished deletions of an earlier run");
        }
        finish_erasures(&keyring)?;
        let ledger = folder.as_ref().map(Folder::ledger).or_else(|| options.ledger.clone());
        let mirrors = folder.is_some().then_some(2);
        let region = settings.region.as_deref();
        let receipts = Receipts::open(ledger.as_deref(), &keyring, region, mirrors, &options.witnesses)?;
        let inner = Inner {
            id: keyring.vault_id(),
            keyring,
            engine,
            blobs,
            settings,
            names: Names::new(),
            conversations: Conversations::new(),
            reserved: Arc::default(),
            pairs: Stripes::new(),
            slots: Stripes::new(),
            people: Stripes::new(),
            tidied: Tidied::default(),
            tally: Tally::default(),
            expiry: Expiry::default(),
            trimming: Trimming::default(),
            usages: Usages::new(),
            audit,
            receipts,
            deletions: deletion::Due::default(),
            watched,
            backing_up: Alone::default(),
            escrow,
            compaction: Compaction::default(),
            folder,
        };
        // What an earlier run erased and did not certify any more.
        inner.issue_receipts()?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Shows all plaintext that is kept for speed: names of slots, accounts and conversations. For the tape adversary, which seizes what
    /// is in memory; nothing else has a use for it. A cache of plaintext that is added is shown here.
    pub fn text_in_memory(&self, visit: &mut dyn FnMut(&str)) {
        self.inner.names.each(visit);
        self.inner.reserved.each_name(visit);
    }

    /// Clean stop: later calls fail. Idempotent.
    ///
    /// # Errors
    /// Those of the stores; what was acknowledged is safe all the same.
    pub fn close(&self) -> Result<(), VaultError> {
        let Inner { keyring, engine, blobs, folder, audit, compaction, .. } = &*self.inner;
        compaction.stop();
        self.seal_last();
        let recorded = audit.close();
        keyring.close();
        let closed = [engine.close(), blobs.close()].into_iter().fold(Ok(()), Result::and);
        if let Some(folder) = folder {
            folder.release();
        }
        closed?;
        recorded
    }
}

impl Inner {
    /// Whether a file that may still hold a share waits to be wiped.
    pub(crate) fn old_cells_wait(&self) -> bool {
        self.folder.as_ref().is_some_and(Folder::waits_for_wipes)
    }

    /// Tries to wipe them. True if one still waits, and so nobody is erased: with pages of its time it opens whoever lived then.
    pub(crate) fn wipe_old_cells(&self) -> Result<bool, VaultError> {
        let Some(folder) = &self.folder else { return Ok(false) };
        let waits = folder.wipe_again()?;
        self.keyring.old_cell_waits(waits);
        Ok(waits)
    }
}

impl Vault {
    /// The last changes are not left out of the escrow, unless its disk does not answer, or the vault failed.
    fn seal_last(&self) {
        if !self.inner.keyring.ill().is_empty() || !self.inner.escrow.is_set_up() {
            return;
        }
        let (told, ended) = mpsc::channel();
        let inner = self.inner.clone();
        let sealing = thread::Builder::new().name("escrow".to_owned()).spawn(move || {
            let _nobody_may_wait_any_more =
                told.send(inner.escrow_step(true).map_err(|error| error.to_string()));
        });
        let sealed = match sealing {
            Ok(_) => {
                ended.recv_timeout(SEALING).unwrap_or_else(|_| Err("its disk does not answer".to_owned()))
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = sealed {
            tracing::warn!(why, "the escrow does not hold the newest root");
        }
    }
}

/// An erasure that was promised durably is finished by whoever opens the vault next.
fn finish_erasures(keyring: &Keyring) -> Result<(), VaultError> {
    let waiting = deletion::unfinished(keyring.intents()?, keyring.due_time())?;
    if !waiting.is_empty() {
        let outcomes = keyring.erase_all(&waiting)?;
        let people = outcomes.iter().filter(|outcome| matches!(outcome, ErasureOutcome::Erased(_))).count();
        tracing::info!(people, "finished erasures that an earlier run began");
    }
    Ok(())
}

impl Inner {
    /// Microseconds since 1970, as the clock says.
    pub(crate) fn now(&self) -> u64 {
        self.settings.clock.now_micros()
    }

    /// No value is sealed as older than this, in microseconds since 1970: else a clock that was set back would make what is stored now look old, and
    /// be forgotten for it.
    pub(crate) fn least_time(&self) -> u64 {
        micros(self.keyring.least_time())
    }

    /// The later of what the clock says and what is believed: what ends with time has ended once either says so.
    pub(crate) fn latest_time(&self) -> u64 {
        self.now().max(self.due_time())
    }

    /// The time by which things are forgotten, in microseconds since 1970: what is deleted because of its age, or waits for a moment, is
    /// judged by this and never by [`Inner::now`], for a jump of the clock must not delete early (docs/keyring.md, "Time").
    pub(crate) fn due_time(&self) -> u64 {
        micros(self.keyring.due_time())
    }

    /// Why writes may fail soon.
    pub(crate) fn low_disk(&self) -> Option<String> {
        self.folder.as_ref().and_then(Folder::low_disk)
    }

    /// Where the vault lies, if it lies in a folder.
    pub(crate) fn dir(&self) -> Option<&Path> {
        self.folder.as_ref().map(Folder::dir)
    }

    /// What is said of a copy of the key plane that this opening made of the other one.
    pub(crate) fn copy_made_anew(&self) -> Option<&str> {
        self.folder.as_ref().and_then(Folder::made_anew)
    }

    /// What an operator should know about the folder, such as a copy of the key plane that was rebuilt.
    pub(crate) fn folder_notes(&self) -> Vec<String> {
        self.folder.as_ref().map_or(Vec::new(), Folder::notes)
    }
}
