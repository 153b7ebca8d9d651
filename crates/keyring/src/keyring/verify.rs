//! Reading everything: every page that the root leads to, in every copy, and the ledger.

use std::collections::HashSet;
use std::sync::PoisonError;

use oubliette_crypto::{PageBody, PageId, PageKind, PageRef, Tag};
use oubliette_engine::RawPage;
use sha2::{Digest, Sha256};

use super::Keyring;
use crate::cell::RootPointer;
use crate::core::{Core, Root};
use crate::error::KeyringError;
use crate::pages::role;
use crate::person::State;
use crate::tree::{self, Entry, EntryKind, Walker, walk};
use crate::vault_page::VaultPage;
use crate::writer::{Op, Outcome};

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Living and blocked people.
    pub persons: u64,
    /// Fences of erased people.
    pub fences: u64,
    /// Pages that the root leads to.
    pub pages: u64,
    /// Copies of pages that do not open although another copy does.
    pub bad_copies: u64,
    /// Those of them that were overwritten with good bytes.
    pub mended: u64,
    /// Stored pages that nothing leads to, left behind by a crash. Removed when mending.
    pub orphans: u64,
    /// Faults that [`Keyring::prune_lost`] ends, by giving up what is lost.
    pub lost: u64,
    /// One line per fault that no copy can mend; never content.
    pub faults: Vec<String>,
}

impl Keyring {
    /// Authenticates every page in every copy. With `mend`, bad copies are overwritten from good ones and orphans removed.
    /// Reading and writing go on meanwhile; commits wait for one sixteenth of the tree at a time.
    pub fn verify(&self, mend: bool) -> Result<VerifyReport, KeyringError> {
        let _alone = self.verifying.lock().unwrap_or_else(PoisonError::into_inner);
        let Outcome::Pages(stored) = self.call(Op::Inventory)?.outcome else {
            return Ok(VerifyReport::default());
        };
        let report =
            Verifier { core: &self.core, mend, seen: HashSet::new(), report: VerifyReport::default() }
                .run(&stored);
        self.core.take_superseded();
        report
    }
}

struct Verifier<'a> {
    core: &'a Core,
    mend: bool,
    seen: HashSet<PageId>,
    report: VerifyReport,
}

impl Verifier<'_> {
    fn run(mut self, stored: &[PageId]) -> Result<VerifyReport, KeyringError> {
        for part in 0..16 {
            self.core.healthy()?;
            let root = self.core.root();
            if part == 0 {
                self.head(&root)?;
            }
            if let Some(child) = root.node.children.0.get(part).and_then(Option::as_ref) {
                walk(child, &mut Below { verifier: &mut self, root: &root })?;
            }
        }
        self.seen.extend(self.core.take_superseded());
        let orphans: Vec<PageId> = stored.iter().filter(|id| !self.seen.contains(*id)).copied().collect();
        self.report.orphans = orphans.len() as u64;
        // Whoever cannot be reached through a damaged page would be taken for an orphan.
        if self.mend && self.report.faults.is_empty() {
            self.core.pages.store.remove(&orphans)?;
        }
        self.ledger()?;
        Ok(self.report)
    }

    /// What opening found lost, and every record of the ledger.
    fn ledger(&mut self) -> Result<(), KeyringError> {
        self.report.faults.extend(self.core.notes.lost.iter().cloned());
        self.report.faults.extend(self.core.ledger.verify()?);
        let last = self.core.root().vault.last_deletion.generation_after;
        if last > 0 && self.core.ledger.find(last).is_ok_and(|found| found.is_none()) {
            self.report
                .faults
                .push(format!("the ledger lacks the record of generation {last}; restore the ledger"));
        }
        Ok(())
    }

    fn head(&mut self, root: &Root) -> Result<(), KeyringError> {
        self.root_page(&root.pointer)?;
        let read = VaultPage::read(&mut |kind, page| self.open(kind, page), &root.node.vault_page);
        self.tolerate(read, "the vault page")
    }

    /// The root page's key is the writer's alone; the pointer's hash vouches for the sealed bytes as well.
    fn root_page(&mut self, pointer: &RootPointer) -> Result<(), KeyringError> {
        self.seen.insert(pointer.root_page);
        self.report.pages += 1;
        let store = &self.core.pages.store;
        let (mut good, mut bad) = (None, Vec::new());
        for copy in 0..store.copies() {
            match store.read_copy(&pointer.root_page, copy)? {
                Some(raw) if Sha256::digest(raw.as_slice()).as_slice() == pointer.root_hash => {
                    good = Some(raw)
                }
                _ => bad.push(copy),
            }
        }
        match good {
            Some(raw) => self.bad_copies(&pointer.root_page, &bad, &raw),
            None => {
                self.fault("root", "the top of the key tree");
                Ok(())
            }
        }
    }

    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.seen.insert(page.id);
        self.report.pages += 1;
        let copies = self.core.pages.open_copies(kind, page)?;
        let (raw, body) = copies.good.ok_or(KeyringError::Corrupt { role: role(kind) })?;
        self.bad_copies(&page.id, &copies.bad, &raw)?;
        Ok(body)
    }

    fn bad_copies(&mut self, id: &PageId, bad: &[usize], good: &RawPage) -> Result<(), KeyringError> {
        self.report.bad_copies += bad.len() as u64;
        if self.mend {
            self.core.pages.mend(id, bad, good)?;
            // Read back: a copy that does not open takes nothing, and must not count as mended.
            for copy in bad {
                let kept = self.core.pages.store.read_copy(id, *copy)?;
                self.report.mended += u64::from(kept.as_deref() == Some(good));
            }
        }
        Ok(())
    }

    fn person(&mut self, root: &Root, tag: Tag, page: &PageRef) -> Result<(), KeyringError> {
        self.report.persons += 1;
        let state = match State::read_by(&mut |kind, page| self.open(kind, page), page) {
            Err(KeyringError::Corrupt { role }) => {
                self.fault(role, "a person's state");
                return Ok(());
            }
            read => read?,
        };
        let covers = state.page_ids(&mut |kind, page| self.open(kind, page));
        self.tolerate(covers, "a person's cover")?;
        let handle = (self.core.handle_tag(&state.identity.handle), EntryKind::Handle);
        let pages = &self.core.pages;
        let mut open = |kind, page: &PageRef| pages.read_as_is(kind, page);
        match tree::find_by(&mut open, &root.node.children, handle) {
            Ok(Some(Entry::Handle { person, .. })) if person == tag => Ok(()),
            Ok(_) => {
                self.report.lost += 1;
                self.report.faults.push("a person's handle does not lead back to them".to_owned());
                Ok(())
            }
            // Told where the page itself is visited.
            Err(KeyringError::Corrupt { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn tolerate<T>(&mut self, read: Result<T, KeyringError>, of: &str) -> Result<(), KeyringError> {
        match read {
            Ok(_) => Ok(()),
            Err(KeyringError::Corrupt { role }) => {
                self.fault(role, of);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn fault(&mut self, role: &str, of: &str) {
        self.report.lost += 1;
        self.report.faults.push(format!("a {role} page ({of}) opens from no copy"));
    }
}

/// The verifier below one root.
struct Below<'a, 'v> {
    verifier: &'a mut Verifier<'v>,
    root: &'a Root,
}

impl Walker for Below<'_, '_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.verifier.open(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        match entry {
            Entry::Person { tag, state, .. } => self.verifier.person(self.root, tag, &state),
            Entry::Handle { .. } => Ok(()),
            Entry::Fence(_) => {
                self.verifier.report.fences += 1;
                Ok(())
            }
        }
    }
    fn lost(&mut self, role: &'static str) {
        self.verifier.fault(role, "part of the key tree");
    }
}
