//! One file from end to end, in windows that overlap by more than the longest form but two: a message of sled's log and a segment of a backup are
//! read whole from where they begin.

use std::collections::HashMap;
use std::fs::File;

use super::sled::{self, Content};
use super::sources::{fill, io};
use super::{Findings, Share, Sources, Spot, backup, redo};
use crate::{ProveError, cell, text};

/// Bytes looked at in one go.
const WINDOW: usize = 4 << 20;
/// Bytes that the next window repeats: a share slot with its randomness, a page, a key as text.
const OVERLAP: usize = 32 << 10;
const PAGE: usize = 1024;
const SLOT: usize = 20_480;
/// Where the share slots of a cell begin.
const SLOTS: [u64; 2] = [16_384, 36_864];
/// Prefixes of one node that are remembered.
const MOST_BORDERS: usize = 8;

/// A link whose node may not have been seen yet.
struct Waiting {
    page: u64,
    key: Vec<u8>,
    value: Spot,
}

struct Scan<'a> {
    sources: &'a Sources,
    file: u32,
    open: File,
    vault: &'a [u8; 16],
    /// Lower borders of nodes, by page.
    borders: HashMap<u64, Vec<Vec<u8>>>,
    links: Vec<Waiting>,
    /// No message begins before.
    past: u64,
}

/// Answers how many bytes the file has.
pub(super) fn file(
    sources: &Sources,
    file: u32,
    vault: &[u8; 16],
    findings: &mut Findings,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ProveError> {
    let open = sources.open(file)?;
    let mut scan = Scan { sources, file, open, vault, borders: HashMap::new(), links: Vec::new(), past: 0 };
    if let Some(number) = pack_number(sources, file) {
        findings.packs.entry(number).or_default().push(file);
    }
    let mut window = vec![0; WINDOW];
    let mut at = 0;
    loop {
        let read = fill(&scan.open, &mut window, at).map_err(io("reading", sources.path(file)))?;
        let bytes = window.get(..read).unwrap_or_default();
        let last = read < WINDOW;
        // What begins in the overlap is left to the next window, where it is whole.
        let own = if last { read } else { read - OVERLAP };
        scan.window(bytes, own, at, findings)?;
        at += own as u64;
        progress(at);
        if last {
            break;
        }
    }
    scan.links(findings)?;
    Ok(at)
}

/// The number of a pack, by its name.
fn pack_number(sources: &Sources, file: u32) -> Option<u32> {
    let name = sources.path(file).file_name()?.to_str()?.strip_prefix("pack-")?;
    u32::from_str_radix(name, 16).ok()
}

impl Scan<'_> {
    fn window(
        &mut self,
        bytes: &[u8],
        own: usize,
        at: u64,
        findings: &mut Findings,
    ) -> Result<(), ProveError> {
        for key in text::keys(bytes) {
            findings.written.entry(key).or_insert(self.file);
        }
        for (from, first) in bytes.iter().enumerate().take(own) {
            let here = at + from as u64;
            let rest = bytes.get(from..).unwrap_or_default();
            if *first == b'O' {
                self.form(rest, here, findings)?;
            }
            if here >= self.past && matches!(rest.get(4), Some(&(8 | 10))) {
                self.message(rest, here, findings)?;
            }
        }
        Ok(())
    }

    /// Whatever begins with a mark of ours.
    fn form(&mut self, rest: &[u8], here: u64, findings: &mut Findings) -> Result<(), ProveError> {
        let of_vault = |at: usize| rest.get(at..at + 16) == Some(self.vault.as_slice());
        if rest.starts_with(b"OP\x01") && of_vault(16) {
            if let Some(page) = rest.get(..PAGE) {
                findings.page(page, self.file, here);
            }
        } else if rest.starts_with(b"OUBPTR01") && of_vault(8) {
            findings.pointers.extend(rest.get(..160).into_iter().flat_map(cell::pointers));
        } else if rest.starts_with(b"OUBSHARE") && of_vault(8) {
            if let Some(share) = rest.get(..SLOT).and_then(cell::share) {
                let index = self.index_of(here)?;
                findings.shares.push(Share { bytes: *share.expose(), index, file: self.file });
            }
        } else if rest.starts_with(redo::MAGIC) {
            if let Some(length) = redo::length(rest).and_then(|length| u32::try_from(length).ok()) {
                findings.redo.push(Spot::At { file: self.file, offset: here, length });
            }
        } else if rest.starts_with(backup::MAGIC) && of_vault(8) {
            self.segment(here, findings)?;
        }
        Ok(())
    }

    /// Which share stands here, if this is a whole cell.
    fn index_of(&self, here: u64) -> Result<Option<u8>, ProveError> {
        for slot in SLOTS {
            let Some(start) = here.checked_sub(slot) else { continue };
            let header = self.sources.read_at(self.file, start, 32)?;
            if header.starts_with(b"OUBCELL1") && header.get(16..32) == Some(self.vault.as_slice()) {
                return Ok(header.get(9).copied());
            }
        }
        Ok(None)
    }

    fn segment(&self, here: u64, findings: &mut Findings) -> Result<(), ProveError> {
        let length = usize::try_from(backup::LONGEST).unwrap_or(usize::MAX);
        let bytes = self.sources.read_at(self.file, here, length)?;
        let spot = |(from, length): (usize, usize)| Spot::At {
            file: self.file,
            offset: here + from as u64,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        };
        for kept in backup::read(&bytes) {
            let (from, length) = kept.row;
            let value = bytes.get(from..from + length).unwrap_or_default();
            findings.row(&kept.key, value, spot(kept.row), kept.body.map(spot));
        }
        Ok(())
    }

    fn message(&mut self, rest: &[u8], here: u64, findings: &mut Findings) -> Result<(), ProveError> {
        let Some(length) = sled::announced(rest.get(..sled::HEAD).unwrap_or(rest)) else { return Ok(()) };
        let longer;
        let bytes = if length <= rest.len() {
            rest
        } else {
            longer = self.sources.read_at(self.file, here, length)?;
            &longer
        };
        let Some(message) = sled::message(bytes) else { return Ok(()) };
        self.past = here + message.length as u64;
        let spot = |value: &[u8]| {
            let inside = value.as_ptr().addr() - bytes.as_ptr().addr();
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            Spot::At { file: self.file, offset: here + inside as u64, length }
        };
        match message.content {
            Content::Node { low, prefix, rows } => {
                let prefix = low.get(..prefix).unwrap_or_default();
                for (key, value) in rows {
                    findings.row(&[prefix, key].concat(), value, spot(value), None);
                }
                let borders = self.borders.entry(message.page).or_default();
                if borders.len() < MOST_BORDERS && !borders.iter().any(|known| known == low) {
                    borders.push(low.to_vec());
                }
            }
            Content::Link(key, value) => {
                let waiting = Waiting { page: message.page, key: key.to_vec(), value: spot(value) };
                self.links.push(waiting);
            }
            Content::Other => {}
        }
        Ok(())
    }

    /// Links, now that the nodes are known. A key has 30 bytes, so what is missing of it is the front of some border.
    fn links(&mut self, findings: &mut Findings) -> Result<(), ProveError> {
        for Waiting { page, key, value } in std::mem::take(&mut self.links) {
            let Some(missing) = 30_usize.checked_sub(key.len()) else { continue };
            let none = Vec::new();
            let borders = self.borders.get(&page).unwrap_or(&none);
            let fronts: std::collections::HashSet<&[u8]> = borders
                .iter()
                .filter_map(|low| low.get(..missing))
                .chain((missing == 0).then_some([].as_slice()))
                .collect();
            let bytes = self.sources.read(&value)?;
            for front in fronts {
                findings.row(&[front, &key].concat(), &bytes, value.clone(), None);
            }
        }
        Ok(())
    }
}
