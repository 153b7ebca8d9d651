//! From a root secret down the key pages, as far as they open: people, and the seeds of each.

use std::collections::HashSet;

use oubliette_crypto::PageKind;

use crate::carve::{Findings, Sources};
use crate::page::{self, Fence, Found, Sealed};
use crate::path::Bits;
use crate::{Key, PageRef, ProveError};

const PAGE: usize = 1024;

/// A person whose state opened.
pub(super) struct Person {
    pub(super) handle: [u8; 16],
    pub(super) seeds: Vec<(Bits, Key)>,
}

/// Goes through pages once each, whichever root leads there.
pub(super) struct Walk<'a> {
    pub(super) sources: &'a Sources,
    /// Where pages are looked for, in this order.
    pub(super) places: Vec<&'a Findings>,
    /// Pages that opened, by name and key.
    visited: HashSet<PageRef>,
    /// Names of pages that opened.
    pub(super) opened: HashSet<[u8; 12]>,
    /// Seeds of cover pages whose place nobody told.
    pub(super) lost_seeds: HashSet<Key>,
    pub(super) anchors: HashSet<Key>,
    pub(super) fences: Vec<Fence>,
    pub(super) trials: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(sources: &'a Sources, places: Vec<&'a Findings>) -> Self {
        Self {
            sources,
            places,
            visited: HashSet::new(),
            opened: HashSet::new(),
            lost_seeds: HashSet::new(),
            anchors: HashSet::new(),
            fences: Vec::new(),
            trials: 0,
        }
    }

    /// Keys of all pages that opened.
    pub(super) fn keys(&self) -> HashSet<Key> {
        self.visited.iter().map(|(_, key)| *key).collect()
    }

    /// Visits everybody below a page. Answers whether the page opened, now or before.
    pub(super) fn from(
        &mut self,
        start: PageRef,
        visit: &mut dyn FnMut(Person) -> Result<(), ProveError>,
    ) -> Result<bool, ProveError> {
        let mut any = self.visited.contains(&start);
        let mut ahead = vec![start];
        while let Some(page) = ahead.pop() {
            let Some((kind, found)) = self.open(&page, None)? else { continue };
            any = true;
            if let Some(handle) = found.handle.filter(|_| kind == PageKind::State) {
                let seeds = self.cover(found)?;
                visit(Person { handle, seeds })?;
            } else {
                self.anchors.extend(found.anchor_key);
                self.fences.extend(&found.fences);
                self.lost_seeds.extend(found.lost_seeds);
                ahead.extend(found.pages);
            }
        }
        Ok(any)
    }

    /// Opens a root page and what it leads to at once, for the vault page's sake.
    pub(super) fn vault_page(&mut self, root: PageRef) -> Result<(), ProveError> {
        let Some((_, found)) = self.open(&root, None)? else { return Ok(()) };
        for page in found.pages {
            if let Some((PageKind::Vault, found)) = self.open(&page, None)? {
                self.anchors.extend(found.anchor_key);
            }
        }
        Ok(())
    }

    /// All seeds that a state page leads to.
    fn cover(&mut self, state: Found) -> Result<Vec<(Bits, Key)>, ProveError> {
        let mut seeds = state.seeds;
        let mut ahead = state.covers;
        while let Some((place, page)) = ahead.pop() {
            let Some((_, found)) = self.open(&page, Some(&place))? else { continue };
            seeds.extend(found.seeds);
            ahead.extend(found.covers);
        }
        Ok(seeds)
    }

    /// Opens a page wherever it lies; `None` if it does not open, or was visited.
    fn open(
        &mut self,
        page: &PageRef,
        place: Option<&Bits>,
    ) -> Result<Option<(PageKind, Found)>, ProveError> {
        if self.visited.contains(page) {
            return Ok(None);
        }
        let (id, key) = page;
        let spots: Vec<_> =
            self.places.iter().filter_map(|found| found.pages.get(id)).flatten().copied().collect();
        for (file, offset) in spots {
            let raw = self.sources.read_at(file, offset, PAGE)?;
            let Some(sealed) = Sealed::read(&raw) else { continue };
            self.trials += 1;
            if let Some(body) = sealed.open(key) {
                self.visited.insert(*page);
                self.opened.insert(*id);
                return Ok(Some((sealed.kind(), page::read(sealed.kind(), &body, place))));
            }
        }
        Ok(None)
    }

    /// Tries keys on every page that is closed, wherever it belongs. Answers those that opened one.
    pub(super) fn everywhere(&mut self, keys: &HashSet<Key>) -> Result<Vec<PageRef>, ProveError> {
        let closed: Vec<_> = self
            .places
            .iter()
            .flat_map(|found| &found.pages)
            .filter(|(id, _)| !self.opened.contains(*id))
            .flat_map(|(id, spots)| spots.iter().map(|spot| (*id, *spot)))
            .collect();
        let mut opened = Vec::new();
        for (id, (file, offset)) in closed {
            let raw = self.sources.read_at(file, offset, PAGE)?;
            let Some(sealed) = Sealed::read(&raw) else { continue };
            self.trials += keys.len() as u64;
            opened.extend(keys.iter().filter(|key| sealed.open(key).is_some()).map(|key| (id, *key)));
        }
        Ok(opened)
    }

    /// How many pages are closed.
    pub(super) fn closed(&self) -> u64 {
        let all = self.places.iter().flat_map(|found| &found.pages);
        all.filter(|(id, _)| !self.opened.contains(*id)).map(|(_, spots)| spots.len() as u64).sum()
    }
}
