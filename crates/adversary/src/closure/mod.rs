//! All that follows from the evidence: every key opens what it can, everything opened is searched for more keys, until nothing new
//! comes. Written from docs/formats.md alone; of the vault's code only the primitives are used.
//!
//! Keys are tried where they belong *and everywhere else*: every key on every page, every leaf key on every object, a secret
//! of unknown use in all its possible uses. So a key that was used twice or kept in the wrong place is found.

mod objects;
mod pages;
mod report;

pub use report::{Counts, Report};

use std::collections::HashSet;

use oubliette_closure::{Key, cell, escrow, text};
use oubliette_crypto::PageKind;

use crate::canary::Canary;
use crate::evidence::{Evidence, Held};
use objects::Objects;
use pages::Pages;

/// Opens what can be opened.
pub fn close(evidence: &Evidence) -> Report {
    let mut report = Report::default();
    look_in_clear(evidence, &mut report);

    let mut memory = text::keys(&evidence.logs);
    for held in &evidence.memory {
        match held {
            Held::Key(key) => {
                memory.insert(*key);
            }
            Held::Text(text) => Canary::find(text.as_bytes(), &mut report.reached),
            Held::Page { .. } => {}
        }
    }
    let mut roots = cell::roots(&evidence.cells);
    roots.extend(&memory);
    let everything = || evidence.cells.iter().chain(&evidence.other).chain(&evidence.pages);
    let mut pointers: HashSet<_> = everything().flat_map(|bytes| cell::pointers(bytes)).collect();
    let holders: Vec<Key> = evidence.holders.iter().flat_map(|file| escrow::holder_keys(file)).collect();
    for (root, pointer) in evidence.other.iter().flat_map(|bytes| escrow::roots(bytes, &holders)) {
        roots.push(root);
        pointers.extend(cell::pointers(&pointer));
    }
    report.counts.roots = roots.len() as u64;
    report.counts.pointers = pointers.len() as u64;

    let mut pages = Pages::new(evidence);
    for held in &evidence.memory {
        if let Held::Page { id, body } = held {
            pages.plaintext(*id, body);
        }
    }
    for pointer in &pointers {
        for root in &roots {
            let key = cell::root_page_key(root, pointer);
            pages.guess(key.map(|key| (pointer.root_page, key)), &mut report);
        }
    }
    pages.learn_loose(&memory);
    pages.open_all(&mut report);

    let mut objects = Objects::new(evidence, pages.vaults());
    for (place, seed) in &pages.seeds {
        objects.descend(place, seed);
    }
    let placed: HashSet<Key> = pages.seeds.iter().map(|(_, seed)| *seed).collect();
    let loose =
        memory.iter().chain(&pages.lost_seeds).filter(|key| !placed.contains(*key) && !pages.used(key));
    let loose: HashSet<Key> = loose.copied().collect();
    report.counts.loose_secrets = loose.len() as u64;
    for seed in &loose {
        objects.descend_anywhere(seed);
    }
    objects.learn(loose);
    objects.open_all(&mut report);
    report
}

/// Canaries that need no key at all.
fn look_in_clear(evidence: &Evidence, report: &mut Report) {
    let pairs = evidence.rows.iter().chain(&evidence.blobs).flat_map(|(key, value)| [key, value]);
    let kept = evidence.pages.iter().chain(&evidence.other).chain(&evidence.cells);
    for bytes in pairs.chain(kept).chain([&evidence.logs]) {
        report.counts.bytes += bytes.len() as u64;
        Canary::find(bytes, &mut report.in_clear);
    }
}

impl Report {
    fn read_page(&mut self, kind: PageKind, body: &[u8], tag_key: Option<Key>) {
        self.tag_keys.extend(tag_key);
        Canary::find(body, &mut self.reached);
        if matches!(kind, PageKind::Leaf | PageKind::Chain) {
            self.tables.push(body.to_vec());
        }
        if matches!(kind, PageKind::Vault | PageKind::Chain) {
            self.lists.push(body.to_vec());
        }
    }
}
