//! What lives from one start of a vault to its next stop, and what a seizure takes of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use oubliette_keyring::{Keyring, MemorySecret, Subject};
use oubliette_store::Vault;

use super::files::{self, Files};
use super::{SeizableCell, WorldError};
use crate::evidence::{Evidence, Held};
use crate::logs::Logs;
use crate::tape::{Tape, TapeEngine, TapePages};

/// A vault at work. Shared with whoever strikes within a call.
pub(super) struct Running {
    pub(super) vault: Vault,
    pub(super) keyring: Arc<Keyring>,
    pub(super) engine: Arc<TapeEngine>,
    pub(super) copies: Vec<Arc<TapePages>>,
    pub(super) cells: Vec<SeizableCell>,
    /// People somebody holds on to, whatever becomes of them.
    pub(super) held: Mutex<Vec<Subject>>,
    pub(super) tape: Arc<Tape>,
    pub(super) logs: &'static Logs,
    /// Where receipts and the log of deletions lie.
    pub(super) ledger: PathBuf,
    /// The folder, and the files in it that forget.
    pub(super) folder: Option<(PathBuf, Vec<PathBuf>)>,
    pub(super) files: Arc<Files>,
}

impl Running {
    /// Everything: the tape and the log, and of this moment the cells, the memory, and whatever lies in the folder.
    pub(super) fn seize(&self) -> Result<Evidence, WorldError> {
        self.keep_files()?;
        let mut evidence = self.tape.evidence();
        for copy in &self.copies {
            evidence.pages.extend(copy.current()?);
        }
        evidence.rows.extend(self.engine.current()?);
        if let Some((folder, cells)) = &self.folder {
            for (path, bytes) in files::read_all(folder)?.into_iter().filter(|(path, _)| cells.contains(path))
            {
                evidence.pages.extend(files::pages(&bytes).map(<[u8]>::to_vec));
                evidence.other.extend([path.into_os_string().into_encoded_bytes(), bytes]);
            }
        }
        evidence.logs = self.logs.said();
        self.add_secrets(&mut evidence)?;
        Ok(evidence)
    }

    /// What one copy of the pages, the rows and the cells hold now, without any past.
    pub(super) fn seize_present(&self, copy: usize) -> Result<Evidence, WorldError> {
        let pages = self.copies.get(copy).ok_or("no such copy")?.current()?;
        // References of blobs do not change, so those that rows name now are the right ones.
        let blobs = self.tape.evidence().blobs;
        let cells = self.cells.iter().map(|cell| (cell.image)()).collect::<Result<_, _>>()?;
        Ok(Evidence { pages, rows: self.engine.current()?, blobs, cells, ..Evidence::default() })
    }

    /// Puts every file of the folder on the tape as it is now.
    pub(super) fn keep_files(&self) -> Result<(), WorldError> {
        self.files.keep(&self.ledger, &[], &self.tape)?;
        match &self.folder {
            Some((folder, cells)) => self.files.keep(folder, cells, &self.tape),
            None => Ok(()),
        }
    }

    fn add_secrets(&self, evidence: &mut Evidence) -> Result<(), WorldError> {
        for cell in &self.cells {
            evidence.cells.push((cell.image)()?);
        }
        let memory = &mut evidence.memory;
        let mut take = |secret: MemorySecret<'_>| {
            memory.push(match secret {
                MemorySecret::Key(key) => Held::Key(*key),
                MemorySecret::Page(id, body) => Held::Page { id: *id, body: body.expose().to_vec() },
            });
        };
        self.keyring.secrets_in_memory(&mut take);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().for_each(|subject| subject.secrets_in_memory(&mut take));
        self.vault.text_in_memory(&mut |text| memory.push(Held::Text(text.to_owned())));
        Ok(())
    }
}
