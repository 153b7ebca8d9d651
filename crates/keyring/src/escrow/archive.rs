//! Sealing the current root, and walking the pages that it opens into an archive.
//!
//! Pages are immutable by name and name what hangs below them, so a page that the archive has stands for its whole subtree: a walk
//! costs what has changed. They open under a root secret alone, so they are archived as they are.

use std::sync::PoisonError;

use oubliette_crypto::{PageBody, PageId, PageKind, PageRef};
use oubliette_engine::{PageStore, RawPage};
use sha2::{Digest, Sha256};

use super::{EscrowTo, SealedRoot, Tail};
use crate::core::{Core, Root};
use crate::error::KeyringError;
use crate::keyring::Keyring;
use crate::ledger::Forgotten;
use crate::pages::role;
use crate::person::State;
use crate::tree::{Entry, Walker, walk};
use crate::vault_page::VaultPage;
use crate::writer::{Op, Outcome};

/// Pages that go into the archive together: 4 MiB.
const TOGETHER: usize = 4096;
/// How often a walk begins anew because more changed meanwhile than can be held.
const ATTEMPTS: usize = 3;

impl Keyring {
    /// What the deletions after a generation forgot, as the ledger has it.
    pub fn forgotten(&self, after: u64) -> Result<Vec<Forgotten>, KeyringError> {
        Ok(self.core.ledger.forgotten(after)?)
    }

    /// Brings the archive up to the current root, and seals that root to the holders. Whoever keeps the answer has to do so after this returned: then
    /// the archive has every page that the root opens. With `trusted`, what the archive has is taken for whole, subtrees included; without, every
    /// page is compared and written anew where it differs.
    ///
    /// # Errors
    /// [`KeyringError::Archive`] if the archive fails, which leaves the keyring as it is; [`KeyringError::Overtaken`] if the vault changes faster
    /// than it is walked.
    pub fn escrow(
        &self,
        to: EscrowTo,
        archive: &dyn PageStore,
        trusted: bool,
    ) -> Result<SealedRoot, KeyringError> {
        let _alone = self.escrowing.lock().unwrap_or_else(PoisonError::into_inner);
        let to = std::sync::Arc::new(to);
        for _ in 0..ATTEMPTS {
            *self.core.tail() = Some(Tail::default());
            let walked = Archivist { core: &self.core, archive, trusted, pages: Vec::new(), lost: 0 }.run();
            let sealed = walked.and_then(|lost| Ok((lost, self.call(Op::Seal { to: to.clone() })?)));
            // Taken by the writer if the root was sealed.
            *self.core.tail() = None;
            let (lost, reply) = sealed?;
            let Outcome::Sealed(sealed) = reply.outcome else { break };
            let Some(tail) = sealed.tail.whole() else { continue };
            for pages in tail.chunks(TOGETHER) {
                let pages: Vec<_> = pages.iter().map(|(id, raw)| (*id, raw.as_ref())).collect();
                archive.write(&pages).map_err(KeyringError::Archive)?;
            }
            return Ok(SealedRoot { blob: sealed.blob, lost });
        }
        Err(KeyringError::Overtaken)
    }
}

struct Archivist<'a> {
    core: &'a Core,
    archive: &'a dyn PageStore,
    trusted: bool,
    pages: Vec<(PageId, Box<RawPage>)>,
    /// Pages that open from no copy.
    lost: u64,
}

impl Archivist<'_> {
    fn run(mut self) -> Result<u64, KeyringError> {
        for part in 0..16 {
            self.core.healthy()?;
            let root = self.core.root();
            if part == 0 {
                self.head(&root)?;
            }
            if let Some(child) = root.node.children.0.get(part).and_then(Option::as_ref) {
                walk(child, &mut self)?;
            }
        }
        self.flush()?;
        Ok(self.lost)
    }

    /// Root page and vault page. The root page's key is the writer's alone; the pointer's hash tells a good copy.
    fn head(&mut self, root: &Root) -> Result<(), KeyringError> {
        let id = root.pointer.root_page;
        let store = &self.core.pages.store;
        let mut good = None;
        for copy in 0..store.copies() {
            let raw = store.read_copy(&id, copy)?;
            good = good
                .or(raw.filter(|raw| Sha256::digest(raw.as_slice()).as_slice() == root.pointer.root_hash));
        }
        self.pages.push((id, good.ok_or(KeyringError::Corrupt { role: "root" })?));
        VaultPage::read(&mut |kind, page| self.fetch(kind, page), &root.node.vault_page).map(drop)
    }

    /// Opens a page and has it archived.
    fn fetch(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        let copies = self.core.pages.open_copies(kind, page)?;
        let (raw, body) = copies.good.ok_or(KeyringError::Corrupt { role: role(kind) })?;
        self.pages.push((page.id, raw));
        if self.pages.len() >= TOGETHER {
            self.flush()?;
        }
        Ok(body)
    }

    fn flush(&mut self) -> Result<(), KeyringError> {
        let mut missing = Vec::new();
        for (id, raw) in &self.pages {
            let there = self.archive.read(id).map_err(KeyringError::Archive)?;
            if there.as_ref() != Some(raw) {
                missing.push((*id, raw.as_ref()));
            }
        }
        self.archive.write(&missing).map_err(KeyringError::Archive)?;
        self.pages.clear();
        Ok(())
    }

    fn has(&self, id: &PageId) -> Result<bool, KeyringError> {
        Ok(self.trusted && self.archive.read(id).map_err(KeyringError::Archive)?.is_some())
    }
}

impl Walker for Archivist<'_> {
    fn skip(&mut self, page: &PageRef) -> Result<bool, KeyringError> {
        self.has(&page.id)
    }

    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.fetch(kind, page)
    }

    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        let Entry::Person { state: page, .. } = entry else { return Ok(()) };
        if self.has(&page.id)? {
            return Ok(());
        }
        let read = State::read_by(&mut |kind, page| self.fetch(kind, page), &page)
            .and_then(|state| state.page_ids(&mut |kind, page| self.fetch(kind, page)));
        match read {
            Err(KeyringError::Corrupt { role }) => {
                self.lost(role);
                Ok(())
            }
            read => read.map(drop),
        }
    }

    fn lost(&mut self, role: &'static str) {
        tracing::warn!(role, "a damaged page is not in the escrow's archive; run fsck");
        self.lost += 1;
    }
}
