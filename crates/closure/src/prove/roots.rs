//! Every root secret that some choice of one share from each cell gives.

use std::collections::{BTreeSet, HashSet};

use oubliette_crypto::{CellShare, VaultId, kdf};

use crate::carve::Share;
use crate::cell::{self, Pointer};
use crate::{Key, PageRef};

/// A root secret, or what may be one.
pub(super) struct Root {
    key: Key,
    /// The files in the copies without which it could not be made; none: the vault's own cells give it.
    pub(super) files: BTreeSet<u32>,
}

/// Choices of shares that are tried; a vault has few cells, and a copy of each gives two shares.
const MOST: usize = 4096;

impl Root {
    /// A secret of unknown use that stands in a file.
    pub(super) fn written(key: Key, file: u32) -> Self {
        Self { key, files: BTreeSet::from([file]) }
    }

    /// The root pages that it may open.
    pub(super) fn pages<'p>(&self, pointers: impl Iterator<Item = &'p Pointer>) -> Vec<PageRef> {
        pointers.filter_map(|at| Some((at.root_page, cell::root_page_key(&self.key, at)?))).collect()
    }
}

/// `present` are the shares in the vault's own cells, which also tell how many there are; `copied` those in copies.
pub(super) fn all(vault: &[u8; 16], present: &[Share], copied: &[Share]) -> Vec<Root> {
    let number = present.iter().filter_map(|share| share.index).max().map_or(1, |last| last + 1);
    let own: HashSet<Key> = present.iter().map(|share| share.bytes).collect();
    let mut choices: Vec<(Vec<Key>, BTreeSet<u32>)> = vec![Default::default()];
    for index in 0..number {
        // A share without its cell's header may be any.
        let fits = |share: &&Share| share.index.is_none_or(|found| found == index);
        let mut seen = HashSet::new();
        let own_first =
            present.iter().map(|share| (share, true)).chain(copied.iter().map(|share| (share, false)));
        let shares: Vec<(Key, Option<u32>)> = own_first
            .filter(|(share, _)| fits(share))
            .filter(|(share, _)| seen.insert(share.bytes))
            .map(|(share, is_own)| {
                let known = is_own || own.contains(&share.bytes);
                (share.bytes, (!known).then_some(share.file))
            })
            .collect();
        let with = |(chosen, files): &(Vec<Key>, BTreeSet<u32>)| {
            let (chosen, files) = (chosen.clone(), files.clone());
            shares
                .iter()
                .map(move |(share, file)| {
                    let chosen = chosen.iter().copied().chain([*share]).collect();
                    (chosen, files.iter().copied().chain(*file).collect())
                })
                .collect::<Vec<_>>()
        };
        choices = choices.iter().flat_map(with).take(MOST).collect();
    }
    let mut roots: Vec<Root> =
        choices.into_iter().filter_map(|(shares, files)| root(vault, &shares, files)).collect();
    // The vault's own are tried first: what they open is nobody else's doing.
    roots.sort_by_key(|root| root.files.len());
    roots
}

fn root(vault: &[u8; 16], shares: &[Key], files: BTreeSet<u32>) -> Option<Root> {
    let shares =
        shares.iter().map(|share| CellShare::from_slice(share)).collect::<Result<Vec<_>, _>>().ok()?;
    let key = kdf::derive_root_key(&shares.iter().collect::<Vec<_>>(), &VaultId(*vault)).ok()?;
    Some(Root { key: *key.expose(), files })
}
