//! A vault whose every store is on the tape, and its seizure.

mod ground;

pub use ground::{FolderGround, Ground, KeyParts, MemoryGround, Rows, SeizableCell};

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oubliette_engine::{Mirror, PageStore};
use oubliette_keyring::{Keyring, KeyringOptions, MemorySecret, RootCell, Subject};
use oubliette_store::{Parts, Vault, VaultOptions};

use crate::evidence::{Evidence, Held};
use crate::tape::{Tape, TapeBlobs, TapeCell, TapeEngine, TapeLedger, TapePages};

/// Whatever goes wrong while a test is set up.
pub type WorldError = Box<dyn std::error::Error + Send + Sync>;

/// A vault under observation.
pub struct World {
    ground: Box<dyn Ground>,
    tape: Arc<Tape>,
    clock: Arc<TestClock>,
    options: VaultOptions,
    running: Option<Running>,
}

/// What lives from one start to the next stop.
struct Running {
    vault: Vault,
    keyring: Arc<Keyring>,
    engine: Arc<TapeEngine>,
    copies: Vec<Arc<TapePages>>,
    cells: Vec<SeizableCell>,
    /// People somebody holds on to, whatever becomes of them.
    held: Vec<Subject>,
}

impl World {
    /// Makes a vault on this ground.
    pub fn create(ground: impl Ground + 'static, options: VaultOptions) -> Result<Self, WorldError> {
        let clock = Arc::new(TestClock(AtomicU64::new(1_800_000_000_000_000)));
        let options = VaultOptions { clock: Some(clock.clone()), ..options };
        let tape = Arc::new(Tape::new());
        let mut world = Self { ground: Box::new(ground), tape, clock, options, running: None };
        world.start(true)?;
        Ok(world)
    }

    /// The vault.
    pub fn vault(&self) -> Result<&Vault, WorldError> {
        Ok(&self.running()?.vault)
    }

    /// Its key plane.
    pub fn keyring(&self) -> Result<&Arc<Keyring>, WorldError> {
        Ok(&self.running()?.keyring)
    }

    /// Stops the vault and opens it again.
    pub fn restart(&mut self) -> Result<(), WorldError> {
        if let Some(Running { vault, keyring, .. }) = self.running.take() {
            self.ground.stop(&vault, &keyring)?;
        }
        self.start(false)
    }

    /// Lets time pass.
    pub fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Takes hold of a person's object in the keyring, to see later what is left in it.
    pub fn hold(&mut self, user: &str) -> Result<(), WorldError> {
        let running = self.running.as_mut().ok_or("the vault is stopped")?;
        running.held.push(running.keyring.subject(&oubliette_keyring::UserId::new(user)?)?);
        Ok(())
    }

    /// Everything: the tape, and at this moment the cells, the memory, and whatever lies in the folder.
    pub fn seize(&self) -> Result<Evidence, WorldError> {
        let mut evidence = self.tape.evidence();
        self.add_present(&mut evidence)?;
        self.add_secrets(&mut evidence)?;
        if let Some(folder) = self.ground.folder() {
            add_files(folder, &mut evidence)?;
        }
        Ok(evidence)
    }

    /// What one copy of the pages, the rows and the cells hold now, without any past: enough to read all that is alive.
    pub fn seize_present(&self, copy: usize) -> Result<Evidence, WorldError> {
        let running = self.running()?;
        let pages = running.copies.get(copy).ok_or("no such copy")?.current()?;
        // References of blobs do not change, so those that rows name now are the right ones.
        let blobs = self.tape.evidence().blobs;
        let cells = running.cells.iter().map(|cell| (cell.image)()).collect::<Result<_, _>>()?;
        Ok(Evidence { pages, rows: running.engine.current()?, blobs, cells, ..Evidence::default() })
    }

    /// What the stores hold now, in case something came there past the tape.
    fn add_present(&self, evidence: &mut Evidence) -> Result<(), WorldError> {
        let running = self.running()?;
        for copy in &running.copies {
            evidence.pages.extend(copy.current()?);
        }
        evidence.rows.extend(running.engine.current()?);
        Ok(())
    }

    fn add_secrets(&self, evidence: &mut Evidence) -> Result<(), WorldError> {
        let running = self.running()?;
        for cell in &running.cells {
            evidence.cells.push((cell.image)()?);
        }
        let memory = &mut evidence.memory;
        let mut take = |secret: MemorySecret<'_>| {
            memory.push(match secret {
                MemorySecret::Key(key) => Held::Key(*key),
                MemorySecret::Page(id, body) => Held::Page { id: *id, body: body.expose().to_vec() },
            });
        };
        running.keyring.secrets_in_memory(&mut take);
        running.held.iter().for_each(|subject| subject.secrets_in_memory(&mut take));
        Ok(())
    }

    fn start(&mut self, create: bool) -> Result<(), WorldError> {
        let KeyParts { copies: [a, b], note, cells, ledger } = self.ground.key_plane(create)?;
        let copies = [a, b].map(|copy| Arc::new(TapePages::new(copy, self.tape.clone())));
        let [a, b] = copies.clone().map(|copy| Ok(copy as Arc<dyn PageStore>));
        let mirror = Arc::new(Mirror::open(a, b, &note)?);
        let taped = |cell: &SeizableCell| -> Arc<dyn RootCell> {
            Arc::new(TapeCell::new(cell.cell.clone(), self.tape.clone()))
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
        let copies = copies.into();
        self.running = Some(Running { vault, keyring, engine, copies, cells, held: Vec::new() });
        Ok(())
    }

    fn running(&self) -> Result<&Running, WorldError> {
        Ok(self.running.as_ref().ok_or("the vault is stopped")?)
    }
}

/// Every file's bytes, and every page that lies in one.
fn add_files(folder: &Path, evidence: &mut Evidence) -> Result<(), WorldError> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add_files(&path, evidence)?;
        } else {
            let bytes = std::fs::read(&path)?;
            let starts = bytes.windows(3).enumerate().filter(|(_, window)| window == b"OP\x01");
            let pages = starts.filter_map(|(at, _)| bytes.get(at..at + 1024));
            evidence.pages.extend(pages.map(<[u8]>::to_vec));
            evidence.other.push(path.as_os_str().as_encoded_bytes().to_vec());
            evidence.other.push(bytes);
        }
    }
    Ok(())
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
