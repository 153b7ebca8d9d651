//! A vault whose every store is on the tape, its seizures, and what may befall it: power cuts, restored backups, time.

mod files;
mod ground;
mod running;

pub use ground::{FolderGround, Ground, KeyParts, MemoryGround, Put, Rows, SeizableCell};

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use oubliette_engine::{Mirror, PageStore};
use oubliette_keyring::{Keyring, KeyringOptions, RootCell};
use oubliette_store::{Parts, Vault, VaultOptions};
use tempfile::TempDir;

use crate::evidence::Evidence;
use crate::logs::Logs;
use crate::tape::{Tape, TapeBlobs, TapeCell, TapeEngine, TapeLedger, TapePages, Tear};
use files::Files;
use running::Running;

/// Whatever goes wrong while a test is set up.
pub type WorldError = Box<dyn std::error::Error + Send + Sync>;

/// A vault under observation.
pub struct World {
    ground: Box<dyn Ground>,
    tape: Arc<Tape>,
    logs: &'static Logs,
    files: Arc<Files>,
    clock: Arc<TestClock>,
    options: VaultOptions,
    receipts: TempDir,
    running: Option<Arc<Running>>,
    struck: Arc<Mutex<Vec<Result<Evidence, WorldError>>>>,
}

impl World {
    /// Makes a vault on this ground.
    pub fn create(ground: impl Ground + 'static, options: VaultOptions) -> Result<Self, WorldError> {
        let clock = Arc::new(TestClock(AtomicU64::new(1_800_000_000_000_000)));
        let receipts = tempfile::tempdir()?;
        let ledger = Some(receipts.path().to_owned());
        let options = VaultOptions { clock: Some(clock.clone()), ledger, ..options };
        let mut world = Self {
            ground: Box::new(ground),
            tape: Arc::default(),
            logs: Logs::listen()?,
            files: Arc::default(),
            clock,
            options,
            receipts,
            running: None,
            struck: Arc::default(),
        };
        world.start(true)?;
        Ok(world)
    }

    /// The vault.
    pub fn vault(&self) -> Result<&Vault, WorldError> {
        Ok(&self.running()?.vault)
    }

    /// The folder of receipts and the log of deletions.
    pub fn ledger(&self) -> &Path {
        self.receipts.path()
    }

    /// Its key plane.
    pub fn keyring(&self) -> Result<&Arc<Keyring>, WorldError> {
        Ok(&self.running()?.keyring)
    }

    /// Stops the vault and opens it again. After an error the vault is stopped.
    pub fn restart(&mut self) -> Result<(), WorldError> {
        self.stop()?;
        self.start(false)
    }

    /// Copies the rows away, in place of an earlier copy, while the vault is stopped.
    pub fn back_up(&mut self) -> Result<(), WorldError> {
        self.stop()?;
        self.ground.back_up()?;
        self.start(false)
    }

    /// Puts the copy back, as docs/operations.md says: rows, anchor and blobs together; keys and ledger stay.
    pub fn restore(&mut self) -> Result<(), WorldError> {
        self.stop()?;
        self.ground.restore()?;
        self.start(false)
    }

    /// Lets the power go within the call to a store after `calls` more; until [`World::power_back`] nothing reaches one.
    pub fn cut_power(&self, calls: u64, tear: Tear) {
        self.tape.cut_after(calls, tear);
    }

    /// Ends the process if the power went, and starts it again; answers whether it did. A cut that did not come is called off.
    pub fn power_back(&mut self) -> Result<bool, WorldError> {
        let went = self.tape.is_off() || self.running.is_none();
        if went {
            self.running = None;
        }
        self.tape.power();
        if went {
            self.start(false)?;
        }
        Ok(went)
    }

    /// Lets time pass.
    pub fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Takes hold of a person's object in the keyring, to see later what is left in it.
    pub fn hold(&self, user: &str) -> Result<(), WorldError> {
        let running = self.running()?;
        let subject = running.keyring.subject(&oubliette_keyring::UserId::new(user)?)?;
        running.held.lock().unwrap_or_else(PoisonError::into_inner).push(subject);
        Ok(())
    }

    /// Everything: the tape and the log, and of this moment the cells, the memory, and whatever lies in the folder.
    pub fn seize(&self) -> Result<Evidence, WorldError> {
        self.running()?.seize()
    }

    /// What one copy of the pages, the rows and the cells hold now, without any past: enough to read all that is alive.
    pub fn seize_present(&self, copy: usize) -> Result<Evidence, WorldError> {
        self.running()?.seize_present(copy)
    }

    /// Seizes everything right after the calls of these numbers, counted from now; [`World::strikes`] hands it out.
    pub fn strike_after(&self, calls: Vec<u64>) -> Result<(), WorldError> {
        let (running, struck) = (Arc::downgrade(self.running()?), self.struck.clone());
        self.tape.on_call(Some(Arc::new(move |call| {
            if let Some(running) = running.upgrade().filter(|_| calls.contains(&call)) {
                let evidence = running.seize();
                struck.lock().unwrap_or_else(PoisonError::into_inner).push(evidence);
            }
        })));
        Ok(())
    }

    /// What was seized within calls since; strikes no more.
    pub fn strikes(&self) -> Result<Vec<Evidence>, WorldError> {
        self.tape.on_call(None);
        std::mem::take(&mut *self.struck.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }

    /// Puts every file of the folder on the tape as it is now.
    pub fn keep_files(&self) -> Result<(), WorldError> {
        self.running()?.keep_files()
    }

    /// From now on every file of the folder is put on the tape after every call to a store, until [`World::strikes`].
    pub fn keep_files_always(&self) -> Result<(), WorldError> {
        let (running, struck) = (Arc::downgrade(self.running()?), self.struck.clone());
        self.tape.on_call(Some(Arc::new(move |_| {
            if let Some(Err(error)) = running.upgrade().map(|running| running.keep_files()) {
                struck.lock().unwrap_or_else(PoisonError::into_inner).push(Err(error));
            }
        })));
        Ok(())
    }

    fn stop(&mut self) -> Result<(), WorldError> {
        match self.running.take() {
            Some(running) => self.ground.stop(&running.vault, &running.keyring),
            None => Ok(()),
        }
    }

    fn start(&mut self, create: bool) -> Result<(), WorldError> {
        let KeyParts { copies: [a, b], note, cells, ledger } = self.ground.key_plane(create)?;
        let copies = [a, b].map(|copy| Arc::new(TapePages::new(copy, self.tape.clone())));
        let [a, b] = copies.clone().map(|copy| Ok(copy as Arc<dyn PageStore>));
        let mirror = Arc::new(Mirror::open(a, b, &note)?);
        mirror.repair_stale(&mut |_, _| ())?;
        let taped = |cell: &SeizableCell| -> Arc<dyn RootCell> {
            Arc::new(TapeCell::new(cell.clone(), self.tape.clone()))
        };
        let taped = cells.iter().map(taped).collect();
        let ledger = Arc::new(TapeLedger::new(ledger, self.tape.clone()));
        let options = KeyringOptions { clock: self.clock.clone(), ..KeyringOptions::default() };
        let keyring = match create {
            true => Keyring::create(mirror, taped, ledger, options)?,
            false => Keyring::open(mirror, taped, ledger, options)?,
        };
        let keyring = Arc::new(keyring);
        let Rows { engine, blobs } = self.ground.rows(&keyring, create)?;
        let engine = Arc::new(TapeEngine::new(engine, self.tape.clone()));
        let blobs = Arc::new(TapeBlobs::new(blobs, self.tape.clone()));
        let parts = Parts { keyring: keyring.clone(), engine: engine.clone(), blobs };
        let vault = Vault::from_parts(parts, self.options.clone())?;
        let folder: Option<(PathBuf, Vec<PathBuf>)> =
            self.ground.folder().map(|folder| (folder.to_owned(), self.ground.cells()));
        self.running = Some(Arc::new(Running {
            vault,
            keyring,
            engine,
            copies: copies.into(),
            cells,
            held: Mutex::default(),
            tape: self.tape.clone(),
            logs: self.logs,
            ledger: self.receipts.path().to_owned(),
            folder,
            files: self.files.clone(),
        }));
        Ok(())
    }

    fn running(&self) -> Result<&Arc<Running>, WorldError> {
        Ok(self.running.as_ref().ok_or("the vault is stopped")?)
    }
}

/// A clock for both keyring and store that moves by itself just enough to order what happens.
struct TestClock(AtomicU64);

impl oubliette_store::Clock for TestClock {
    fn now_micros(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl oubliette_keyring::Clock for TestClock {
    fn now_micros(&self) -> i64 {
        i64::try_from(oubliette_store::Clock::now_micros(self)).unwrap_or(i64::MAX)
    }
}
