//! Chains of pages, and user ids.

use oubliette_crypto::{PAGE_BODY, PageBody, PageKind, PageRef, VaultId, open_page};
use std::sync::Arc;

use crate::chain::{read_chain, write_chain};
use crate::error::KeyringError;
use crate::pages::{Pages, Staged};
use crate::user::UserId;

/// Input: `expected length:2 ‖ plaintexts of pages, 976 bytes each, the last padded with 0`. A page's name picks its plaintext; unlike under true
/// encryption, pages can name each other in circles, which the expected length ends.
pub(super) fn chain(input: &[u8]) {
    let Some((expected, pages)) = input.split_first_chunk::<2>() else { return };
    let expected = usize::from(u16::from_be_bytes(*expected));
    let mut head = PageRef::generate().unwrap();
    head.id[0] = 0;
    let mut opened = 0;
    let open = &mut |kind: PageKind, page: &PageRef| {
        assert_eq!(kind, PageKind::Chain);
        opened += 1;
        let plain = pages.chunks(PAGE_BODY).nth(usize::from(page.id[0]));
        plain.map(super::body).ok_or(KeyringError::Corrupt { role: "chain" })
    };
    let head = (expected > 0).then_some(&head);
    if let Ok((bytes, ids)) = read_chain(open, head, expected) {
        assert_eq!(bytes.len(), expected);
        assert!(ids.len() == opened && ids.len() <= expected);
    }
}

pub(super) fn chain_seeds() -> Vec<Vec<u8>> {
    [0, 1, 16, 900, 931].into_iter().map(chain_seed).collect()
}

fn chain_seed(length: usize) -> Vec<u8> {
    let vault = VaultId([1; 16]);
    let pages = Pages::new(vault, Arc::new(oubliette_engine::MemoryPages::new()), 0);
    let mut staged = Staged::default();
    let mut next = write_chain(&pages, &mut staged, &vec![7; length]).unwrap();
    let mut plain = (length as u16).to_be_bytes().to_vec();
    let mut place = 0;
    while let Some(page) = next {
        let raw = &staged.pages.iter().find(|(id, _)| *id == page.id).unwrap().1;
        let header = oubliette_crypto::PageHeader { kind: PageKind::Chain, id: page.id, vault };
        let mut body: PageBody = open_page(&page.key, &header, raw).unwrap();
        let follows = PageRef::decode(&body.expose()[..PageRef::LEN]).ok();
        next = follows.filter(|_| body.expose()[..PageRef::LEN].iter().any(|byte| *byte != 0));
        place += 1;
        if next.is_some() {
            body.expose_mut()[0] = place;
        }
        plain.extend_from_slice(body.expose());
    }
    while plain.len() > 2 && plain.last() == Some(&0) {
        plain.pop();
    }
    plain
}

pub(super) fn user_id(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(user) = UserId::new(text) {
        assert!((1..=crate::MAX_USER_ID).contains(&user.as_bytes().len()));
        assert_eq!(user.as_str(), text);
    }
}

pub(super) fn user_id_seeds() -> Vec<Vec<u8>> {
    vec![b"ann".to_vec(), "ünï".as_bytes().to_vec(), vec![b'x'; 256], vec![b'x'; 257]]
}
