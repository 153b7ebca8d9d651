//! Any bytes as a page: only the page itself opens, and only at its place.
//!
//! Input: `kind:1 ‖ bytes`, XORed onto a page sealed under a fixed key; kind 1 to 7 is where it is looked for.

use crate::{PAGE_BODY, PAGE_SIZE, PageHeader, PageKey, PageKind, VaultId, open_page, seal_page};

pub(super) fn run(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    let kinds = [
        PageKind::Root,
        PageKind::Inner,
        PageKind::Leaf,
        PageKind::Vault,
        PageKind::State,
        PageKind::Cover,
        PageKind::Chain,
    ];
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let header = |kind| PageHeader { kind, id: [3; 12], vault: VaultId([4; 16]) };
    let whole = seal_page(&key(), &header(PageKind::State), &[5; PAGE_BODY]).unwrap();
    let mut raw = whole.clone();
    raw.iter_mut().zip(bytes.iter().take(PAGE_SIZE)).for_each(|(byte, change)| *byte ^= change);
    let opened = open_page(&key(), &header(kind), &raw);
    assert_eq!(opened.is_ok(), raw == whole && kind == PageKind::State);
    if let Ok(body) = opened {
        assert_eq!(seal_page(&key(), &header(kind), body.expose()).unwrap(), raw);
    }
}

fn key() -> PageKey {
    PageKey::from_slice(&[6; 32]).unwrap()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![vec![4], vec![4, 0, 0, 0, 1], vec![2], [vec![4; 40], vec![1]].concat()]
}
