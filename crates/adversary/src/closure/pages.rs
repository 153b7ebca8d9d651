//! Every key on every page, to the end.

use std::collections::{HashMap, HashSet, VecDeque};

use oubliette_crypto::PageKind;

use oubliette_closure::page::{self, Sealed};
use oubliette_closure::path::Bits;
use oubliette_closure::{Key, PageRef};

use super::Report;
use crate::evidence::Evidence;

/// The pages and all keys that might open one.
pub(super) struct Pages<'e> {
    sealed: Vec<Option<Sealed<'e>>>,
    by_id: HashMap<[u8; 12], Vec<usize>>,
    kinds: HashMap<[u8; 12], PageKind>,
    /// Plaintext, with the page's name.
    plain: VecDeque<([u8; 12], PageKind, Vec<u8>)>,
    named: VecDeque<PageRef>,
    known: HashSet<Key>,
    /// Keys that opened a page.
    used: HashSet<Key>,
    /// Where in its person's tree a cover page's fragment stands.
    places: HashMap<[u8; 12], Bits>,
    /// Cover pages that opened before anything told their place.
    waiting: HashMap<[u8; 12], Vec<u8>>,
    vaults: Vec<[u8; 16]>,
    /// Seeds with their place in some person's tree.
    pub(super) seeds: HashSet<(Bits, Key)>,
    /// Seeds whose place is not known.
    pub(super) lost_seeds: HashSet<Key>,
}

impl<'e> Pages<'e> {
    pub(super) fn new(evidence: &'e Evidence) -> Self {
        let distinct: HashSet<&Vec<u8>> = evidence.pages.iter().collect();
        let sealed: Vec<_> = distinct.into_iter().filter_map(|raw| Sealed::read(raw)).collect();
        let mut by_id: HashMap<_, Vec<usize>> = HashMap::new();
        sealed.iter().enumerate().for_each(|(at, page)| by_id.entry(page.id()).or_default().push(at));
        let vaults: HashSet<[u8; 16]> = sealed.iter().map(Sealed::vault).collect();
        Self {
            kinds: sealed.iter().map(|page| (page.id(), page.kind())).collect(),
            sealed: sealed.into_iter().map(Some).collect(),
            by_id,
            plain: VecDeque::new(),
            named: VecDeque::new(),
            known: HashSet::new(),
            used: HashSet::new(),
            places: HashMap::new(),
            waiting: HashMap::new(),
            vaults: vaults.into_iter().collect(),
            seeds: HashSet::new(),
            lost_seeds: HashSet::new(),
        }
    }

    /// The vaults that pages belong to.
    pub(super) fn vaults(&self) -> &[[u8; 16]] {
        &self.vaults
    }

    /// Whether a key is a page's and nothing else.
    pub(super) fn used(&self, key: &Key) -> bool {
        self.used.contains(key)
    }

    /// A key that may be this page's, worked out rather than found: only if it is does it count as a key.
    pub(super) fn guess(&mut self, page: Option<PageRef>, report: &mut Report) {
        if let Some((id, key)) = page {
            let candidates = self.by_id.get(&id).cloned().unwrap_or_default();
            if self.attempt(&key, &candidates, report) {
                self.known.insert(key);
            }
        }
    }

    /// Keys that may be any page's.
    pub(super) fn learn_loose(&mut self, keys: &HashSet<Key>) {
        self.known.extend(keys);
    }

    /// A page that was found open.
    pub(super) fn plaintext(&mut self, id: [u8; 12], body: &[u8]) {
        if let Some(kind) = self.kinds.get(&id) {
            self.plain.push_back((id, *kind, body.to_vec()));
        }
    }

    pub(super) fn open_all(&mut self, report: &mut Report) {
        report.counts.pages = self.sealed.len() as u64;
        let mut tried: HashSet<Key> = HashSet::new();
        loop {
            while self.step(report) {}
            let keys: Vec<Key> = self.known.difference(&tried).copied().collect();
            for key in &keys {
                let all: Vec<usize> = (0..self.sealed.len()).collect();
                self.attempt(key, &all, report);
            }
            tried.extend(keys);
            if self.plain.is_empty() && self.named.is_empty() {
                break;
            }
        }
        for (_, body) in std::mem::take(&mut self.waiting) {
            self.lost_seeds.extend(page::read(PageKind::Cover, &body, None).lost_seeds);
        }
    }

    /// Reads one plaintext or uses one key where it belongs.
    fn step(&mut self, report: &mut Report) -> bool {
        if let Some((id, kind, body)) = self.plain.pop_front() {
            self.read(id, kind, body, report);
            return true;
        }
        let Some((id, key)) = self.named.pop_front() else { return false };
        self.known.insert(key);
        let candidates = self.by_id.get(&id).cloned().unwrap_or_default();
        self.attempt(&key, &candidates, report);
        true
    }

    /// Tries a key on these pages; whether it opened one.
    fn attempt(&mut self, key: &Key, candidates: &[usize], report: &mut Report) -> bool {
        let mut opened = false;
        for at in candidates {
            let Some(slot) = self.sealed.get_mut(*at) else { continue };
            let Some(sealed) = slot else { continue };
            report.counts.page_trials += 1;
            if let Some(body) = sealed.open(key) {
                self.plain.push_back((sealed.id(), sealed.kind(), body));
                self.used.insert(*key);
                report.counts.pages_opened += 1;
                *slot = None;
                opened = true;
            }
        }
        opened
    }

    fn read(&mut self, id: [u8; 12], kind: PageKind, body: Vec<u8>, report: &mut Report) {
        let place = self.places.get(&id).cloned();
        let found = page::read(kind, &body, place.as_ref());
        report.read_page(kind, &body, found.tag_key);
        self.named.extend(found.pages);
        self.seeds.extend(found.seeds);
        for (place, page) in found.covers {
            self.named.push_back(page);
            self.places.insert(page.0, place);
            if let Some(body) = self.waiting.remove(&page.0) {
                self.plain.push_back((page.0, PageKind::Cover, body));
            }
        }
        if kind == PageKind::Cover && place.is_none() {
            self.waiting.insert(id, body);
        }
    }
}
