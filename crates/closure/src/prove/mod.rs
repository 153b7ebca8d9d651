//! A vault's present secrets, and all that old copies give besides, on all that the old copies hold (docs/prove.md).
//!
//! First the control: from the vault's cells and key pages alone, down to everybody who lives and the seeds of what is alive; every row of the copies
//! below one of them must open. Then everything else: each secret that a copy gives, where it belongs and everywhere else. What opens then
//! and did not before is gone and was reached.

mod receipts;
mod roots;
mod values;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use data_encoding::HEXLOWER;

use crate::carve::{Findings, Sources};
use crate::page::Fence;
use crate::proof::{Copied, Erased, Leak, Proof, Verdict};
use crate::{Key, ProveError};
use roots::Root;
use values::{Opened, Values};
use walk::Walk;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The vault's id.
    pub vault: [u8; 16],
    /// Its root cells as they are.
    pub cells: Vec<PathBuf>,
    /// The folders of its key pages.
    pub keys: Vec<PathBuf>,
    /// The ledger's file of receipts; it may be missing.
    pub receipts: PathBuf,
    /// Old copies: folders or files of any kind.
    pub copies: Vec<PathBuf>,
    /// Most trials of a key where it does not belong; more are left out, and the proof says so.
    pub most_trials: u64,
}

impl Question {
    /// The usual bound: some minutes.
    pub const MOST_TRIALS: u64 = 50_000_000;
}

/// Closed values that are held in memory while something of unknown use is tried on all of them; of 4 KiB at most, mostly of some hundred bytes.
const MOST_IN_MEMORY: u64 = 200_000;

/// Tries everything. `progress` is told what is being done and how far it came.
///
/// # Errors
/// Files that cannot be read; [`ProveError::Secrets`] if the vault's own cells do not open its own pages.
pub fn prove(question: &Question, progress: &mut dyn FnMut(&str, u64)) -> Result<Proof, ProveError> {
    let mut sources = Sources::default();
    let mut own = 0..0;
    for path in question.cells.iter().chain(&question.keys).filter(|path| path.exists()) {
        own.end = sources.add(path)?.end;
    }
    let copied = question.copies.iter().map(|path| sources.add(path)).collect::<Result<Vec<_>, _>>()?;
    let all = own.end..copied.last().map_or(own.end, |range| range.end);
    let present = Findings::gather(&sources, own, &question.vault, progress)?;
    let mut copies = Findings::gather(&sources, all, &question.vault, progress)?;

    let roots = roots::all(&question.vault, &present.shares, &copies.shares);
    let anchors = anchors(&sources, &present, &copies, &roots)?;
    copies.open_redo(&sources, &anchors)?;

    let mut search = Search {
        question,
        walk: Walk::new(&sources, vec![&present]),
        values: Values::new(&sources, question.vault, &copies),
        living: HashSet::new(),
        reached: BTreeMap::new(),
        left_out: Vec::new(),
    };
    search.control(&present, &roots, progress)?;
    search.walk.places.push(&copies);
    search.rest(&present, &copies, &roots, progress)?;
    search.proof(&sources, &copies, &roots, &copied)
}

/// `K_anchor` of the vault, under which redo records are sealed.
fn anchors(
    sources: &Sources,
    present: &Findings,
    copies: &Findings,
    roots: &[Root],
) -> Result<Vec<Key>, ProveError> {
    let mut walk = Walk::new(sources, vec![present, copies]);
    for root in roots {
        for page in root.pages(present.pointers.iter().chain(&copies.pointers)) {
            walk.vault_page(page)?;
        }
    }
    Ok(walk.anchors.into_iter().collect())
}

struct Search<'a> {
    question: &'a Question,
    walk: Walk<'a>,
    values: Values<'a>,
    living: HashSet<[u8; 16]>,
    /// Rows that opened and must not: files whose secret did it.
    reached: BTreeMap<([u8; 16], usize), BTreeSet<u32>>,
    left_out: Vec<String>,
}

impl<'a> Search<'a> {
    /// Everybody who lives, by the vault's own secrets and pages alone.
    fn control(
        &mut self,
        present: &'a Findings,
        roots: &[Root],
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<(), ProveError> {
        let mut any = false;
        let Self { walk, values, living, .. } = self;
        for root in roots.iter().filter(|root| root.files.is_empty()) {
            for page in root.pages(present.pointers.iter()) {
                any |= walk.from(page, &mut |person| {
                    living.insert(person.handle);
                    progress("people who live", living.len() as u64);
                    values.follow(person.handle, &person.seeds, true).map(drop)
                })?;
            }
        }
        if any {
            return Ok(());
        }
        Err(ProveError::Secrets {
            detail: "the vault's root cells do not open its key pages, so nothing can be tried: open the vault first (`oubliette status`), which says what is wrong"
                .to_owned(),
        })
    }

    /// All else that the copies give.
    fn rest(
        &mut self,
        present: &'a Findings,
        copies: &'a Findings,
        roots: &[Root],
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<(), ProveError> {
        let pointers: HashSet<_> = present.pointers.union(&copies.pointers).copied().collect();
        let written: Vec<Root> =
            copies.written.iter().map(|(key, file)| Root::written(*key, *file)).collect();
        for root in roots.iter().chain(&written) {
            for page in root.pages(pointers.iter()) {
                self.below(page, &root.files)?;
            }
        }
        progress("secrets found in the copies, on everything", 0);
        self.written(&copies.written)?;
        progress("every key on everything", 0);
        self.crossed()
    }

    /// Everybody below a page, who opens by secrets from these files.
    fn below(&mut self, page: crate::PageRef, files: &BTreeSet<u32>) -> Result<(), ProveError> {
        let Self { walk, values, reached, .. } = self;
        walk.from(page, &mut |person| {
            let opened = values.follow(person.handle, &person.seeds, false)?;
            opened.iter().for_each(|found| note(reached, found, files));
            Ok(())
        })?;
        Ok(())
    }

    /// What may be a key and stands in a copy as text, in all uses.
    fn written(&mut self, written: &HashMap<Key, u32>) -> Result<(), ProveError> {
        let keys: HashSet<Key> = written.keys().copied().collect();
        let closed = self.values.closed().len() as u64;
        // A seed is tried at each node above a leaf: some 25, with as many steps below.
        let trials = keys.len() as u64 * (self.walk.closed() + closed * 60);
        if trials > self.question.most_trials || closed > MOST_IN_MEMORY {
            self.left_out.push(format!(
                "{} strings that may be keys, on everything: about {trials} trials",
                keys.len()
            ));
            return Ok(());
        }
        let by = |key: &Key| written.get(key).copied().into_iter().collect::<BTreeSet<u32>>();
        for page in self.walk.everywhere(&keys)? {
            self.below(page, &by(&page.1))?;
        }
        for (key, found) in self.values.anywhere(&keys)? {
            note(&mut self.reached, &found, &by(&key));
        }
        Ok(())
    }

    /// Every key where it does not belong: one that was used twice is found by it.
    fn crossed(&mut self) -> Result<(), ProveError> {
        let none = BTreeSet::new();
        let keys = self.walk.keys();
        let trials = keys.len() as u64 * self.walk.closed();
        if trials > self.question.most_trials {
            self.left_out.push(format!("every page key on every closed page: {trials} trials"));
        } else {
            for page in self.walk.everywhere(&keys)? {
                self.below(page, &none)?;
            }
        }
        let lost = std::mem::take(&mut self.walk.lost_seeds);
        let keys = std::mem::take(&mut self.values.keys);
        let closed = self.values.closed().len() as u64;
        let trials = (keys.len() as u64 + lost.len() as u64 * 60) * closed;
        if trials > self.question.most_trials || (!lost.is_empty() && closed > MOST_IN_MEMORY) {
            self.left_out.push(format!("every leaf key on every closed value: {trials} trials"));
            return Ok(());
        }
        let mut opened = self.values.everywhere(&keys)?;
        opened.extend(self.values.anywhere(&lost)?.into_iter().map(|(_, found)| found));
        opened.iter().for_each(|found| note(&mut self.reached, found, &none));
        Ok(())
    }

    fn proof(
        self,
        sources: &Sources,
        copies: &Findings,
        roots: &[Root],
        copied: &[std::ops::Range<u32>],
    ) -> Result<Proof, ProveError> {
        let receipts = receipts::read(&self.question.receipts)?;
        let fences: HashMap<[u8; 16], Fence> =
            self.walk.fences.iter().map(|fence| (fence.handle, *fence)).collect();
        let mut proof = Proof {
            verdict: Verdict::NothingProved,
            vault: HEXLOWER.encode(&self.question.vault),
            copies: Vec::new(),
            roots: roots.len() as u64,
            present_roots: roots.iter().filter(|root| root.files.is_empty()).count() as u64,
            living: self.living.len() as u64,
            control_people: 0,
            control_values: 0,
            control_opened: 0,
            forgotten_values: 0,
            forgotten_opened: 0,
            erased: Vec::new(),
            leaks: Vec::new(),
            destroy: Vec::new(),
            trials: self.walk.trials + self.values.trials,
            left_out: self.left_out,
        };
        let count = |n: usize| n as u64;
        for (handle, marks) in &self.values.marks {
            let opened = self.reached.range((*handle, 0)..=(*handle, usize::MAX));
            let reached = count(opened.clone().count());
            let receipt = receipts.get(handle).cloned();
            let lives = self.living.contains(handle);
            if reached > 0 {
                let files: BTreeSet<u32> = opened.flat_map(|(_, files)| files).copied().collect();
                let files = files.into_iter().map(|file| sources.path(file).display().to_string()).collect();
                let handle = HEXLOWER.encode(handle);
                proof.leaks.push(Leak { handle, receipt: receipt.clone(), lives, values: reached, files });
            }
            if lives {
                let alive = marks.iter().filter(|mark| mark.alive);
                proof.control_people += u64::from(alive.clone().count() > 0);
                proof.control_values += count(alive.clone().count());
                proof.control_opened += count(alive.filter(|mark| mark.open && !mark.body_closed).count());
                proof.forgotten_values += count(marks.iter().filter(|mark| !mark.alive).count());
                proof.forgotten_opened += reached;
            } else {
                let erased_at = fences.get(handle).map(|fence| fence.erased_at);
                let handle = HEXLOWER.encode(handle);
                let values = count(marks.len());
                proof.erased.push(Erased { handle, receipt, erased_at, values, opened: reached });
            }
        }
        proof.erased.sort_by(|a, b| a.handle.cmp(&b.handle));
        proof.leaks.sort_by(|a, b| a.handle.cmp(&b.handle));
        let files: BTreeSet<&String> = proof.leaks.iter().flat_map(|leak| &leak.files).collect();
        proof.destroy = files.into_iter().cloned().collect();
        proof.verdict = if !proof.leaks.is_empty() {
            Verdict::Opens
        } else if proof.control_values == 0 || proof.control_opened < proof.control_values {
            Verdict::NothingProved
        } else {
            Verdict::Proved
        };
        proof.copies = self
            .question
            .copies
            .iter()
            .zip(copied)
            .map(|(path, files)| copies.counts(sources, path, files))
            .collect();
        Ok(proof)
    }
}

fn note(reached: &mut BTreeMap<([u8; 16], usize), BTreeSet<u32>>, found: &Opened, files: &BTreeSet<u32>) {
    reached.entry((found.handle, found.number)).or_default().extend(files);
}

impl Findings {
    /// What was found in the files of one copy. What stands in several counts where it was found first.
    fn counts(&self, sources: &Sources, path: &std::path::Path, files: &std::ops::Range<u32>) -> Copied {
        use crate::carve::Spot;
        let inside = |file: &u32| files.contains(file);
        let count = |n: usize| n as u64;
        Copied {
            path: path.display().to_string(),
            files: u64::from(files.end - files.start),
            bytes: files
                .clone()
                .filter_map(|file| sources.path(file).metadata().ok())
                .map(|found| found.len())
                .sum(),
            pages: count(self.pages.values().flatten().filter(|(file, _)| inside(file)).count()),
            rows: count(
                self.rows
                    .values()
                    .flatten()
                    .filter(|row| matches!(&row.value, Spot::At { file, .. } if inside(file)))
                    .count(),
            ),
            shares: count(self.shares.iter().filter(|share| inside(&share.file)).count()),
            written_keys: count(self.written.values().filter(|file| inside(file)).count()),
        }
    }
}
