//! A key plane made anew from a root in escrow.
//!
//! The root that comes back opens everybody whom it opened then, also who was erased since. So it is in no cell, not for a moment: a keyring
//! is run over cells in memory, forgets again what the ledger says was forgotten, and changes its root; only that root goes
//! into files. Whatever a crash leaves before that opens nothing.

use std::sync::Arc;

use oubliette_crypto::escrow::EscrowedRoot;
use oubliette_crypto::kdf::derive_root_page_key;
use oubliette_crypto::{PageKind, PageRef, VaultId};
use oubliette_engine::PageStore;

use crate::cell::{CellState, MemoryCell, RootCell, RootPointer};
use crate::core::{Core, KeyringOptions, Notes, Root};
use crate::error::{KeyringError, malformed};
use crate::keyring::Keyring;
use crate::ledger::RootLedger;
use crate::pages::Pages;
use crate::tree::RootNode;
use crate::vault_page::VaultPage;
use crate::writer::{Op, Outcome, gather};

/// People in one commit of the replay.
const TOGETHER: usize = 1024;

/// What coming back from escrow did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The generation of the root that came back.
    pub from_generation: u64,
    /// The last generation that the ledger knew.
    pub known_generation: u64,
    /// The generation that the vault is at now.
    pub generation: u64,
    /// Living people.
    pub people: u64,
    /// People who were erased after that root, and are erased again.
    pub erased_again: u64,
    /// People of whom something was cut after that root, and is cut again.
    pub cut_again: u64,
    /// People of whom the ledger says that something was forgotten, and whom that root does not know.
    pub unknown: u64,
}

impl Keyring {
    /// Makes a key plane out of a root that came back from escrow and the archive's pages, which must stand in `pages`. Everything that the ledger
    /// says was forgotten after that root is forgotten again, and the root is changed. Answers what the cells, empty ones in the order of their
    /// shares, are to hold; until a cell holds it, nothing opens.
    ///
    /// # Errors
    /// [`KeyringError::Cells`] if root, vault, pages and ledger do not belong together, or if the ledger lacks what a deletion forgot.
    pub fn recover(
        vault: VaultId,
        pages: Arc<dyn PageStore>,
        escrowed: EscrowedRoot,
        ledger: Arc<dyn RootLedger>,
        shares: u8,
        options: KeyringOptions,
    ) -> Result<(Vec<CellState>, Recovered), KeyringError> {
        let EscrowedRoot { root: root_key, pointer } = escrowed;
        let pointer = RootPointer::decode(&pointer).map_err(malformed("root"))?;
        if !pointer.verifies(&root_key, &vault) {
            return Err(misfit("what the shares opened is no root of this vault"));
        }
        let from_generation = pointer.generation;
        complete(ledger.as_ref(), from_generation, pointer.epoch.saturating_sub(1))?;
        let forgotten = ledger.forgotten(from_generation)?;
        if forgotten.iter().any(|record| record.vault != vault) {
            return Err(misfit("the ledger's record of what was forgotten is another vault's"));
        }
        let known = forgotten.iter().map(|record| record.generation).max().unwrap_or(0);
        let known = known.max(ledger.last()?).max(from_generation);

        let pages = Pages::new(vault, pages, options.page_cache_bytes);
        let page = PageRef {
            id: pointer.root_page,
            key: derive_root_page_key(&root_key, &pointer.salt, pointer.generation),
        };
        let body = pages.read_stored(PageKind::Root, &page)?;
        let node = RootNode::decode(&body).map_err(malformed("root"))?;
        let vault_page = VaultPage::read(&mut |kind, page| pages.read_stored(kind, page), &node.vault_page)?;
        // Generations and epochs go on where the ledger ends: what it says of them stays true.
        let pointer = RootPointer { generation: known, epoch: ledger.places()? + 1, ..pointer };
        let cells = (0..shares)
            .map(|index| MemoryCell::standing_in(vault, index, shares, &pointer).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let standing: Vec<Arc<dyn RootCell>> =
            cells.iter().map(|cell| Arc::clone(cell) as Arc<dyn RootCell>).collect();
        let root = Root { node, vault: vault_page, pointer };
        let core = Core::new(pages, standing, ledger, options, root, Notes::default())?;
        let keyring = Self::start((core, root_key))?;

        let mut done = Recovered { from_generation, known_generation: known, ..Recovered::default() };
        let people = gather(&forgotten, &|handle| keyring.core.handle_tag(handle));
        for part in people.chunks(TOGETHER) {
            let reply = keyring.call(Op::Replay { people: Arc::new(part.to_vec()) })?;
            if let Outcome::Replayed { erased, cut, unknown } = reply.outcome {
                done.erased_again += erased;
                done.cut_again += cut;
                done.unknown += unknown;
            }
        }
        // At least one change of the root: the one that came back must never reach a cell.
        keyring.rotate()?;
        (done.generation, done.people) = (keyring.generation(), keyring.population());
        keyring.close();
        let states = cells.iter().map(|cell| cell.read()).collect::<Result<Vec<_>, _>>()?;
        Ok((states, done))
    }
}

/// Of every deletion after this generation the ledger must say what it forgot, and it must know of all that were before.
fn complete(ledger: &dyn RootLedger, from: u64, deletions: u64) -> Result<(), KeyringError> {
    if ledger.places()? < deletions {
        return Err(misfit(
            "the ledger is older than that root: nobody knows from it who was erased since, and they would come back. Give the newest copy of the ledger",
        ));
    }
    let noted: Vec<u64> = ledger.forgotten(from)?.iter().map(|record| record.generation).collect();
    let records = ledger.after(from)?;
    match records.iter().find(|record| noted.binary_search(&record.generation_after).is_err()) {
        None => Ok(()),
        Some(record) => Err(misfit(&format!(
            "the ledger does not say what the deletion of generation {} forgot, and it would come back. Give the newest copy of the ledger",
            record.generation_after
        ))),
    }
}

fn misfit(detail: &str) -> KeyringError {
    KeyringError::Cells { detail: detail.to_owned() }
}
