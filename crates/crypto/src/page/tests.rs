use proptest::prelude::*;

use super::PageKind::*;
use super::*;
use crate::vectors::{array, hex, list, number, tree};

const VAULT: VaultId = VaultId([9; 16]);

fn header(page: &PageRef, kind: PageKind) -> PageHeader {
    PageHeader { kind, id: page.id, vault: VAULT }
}

#[test]
fn the_header_stands_in_clear_at_its_place() {
    let (page, raw) = seal_fresh_page(PageKind::Cover, &VAULT, &[0; PAGE_BODY]).unwrap();
    assert_eq!(&raw[..4], &[b'O', b'P', 1, 6]);
    assert_eq!(&raw[4..16], &page.id);
    assert_eq!(&raw[16..32], VAULT.as_bytes());
}

#[test]
fn every_write_has_its_own_name_and_key() {
    let (first, one) = seal_fresh_page(PageKind::Leaf, &VAULT, &[5; PAGE_BODY]).unwrap();
    let (second, two) = seal_fresh_page(PageKind::Leaf, &VAULT, &[5; PAGE_BODY]).unwrap();
    assert_ne!(first.id, second.id);
    assert_ne!(first.key.expose(), second.key.expose());
    assert_ne!(one[32..], two[32..]);
}

#[test]
fn a_page_opens_only_at_its_place_and_under_its_key() {
    let (page, raw) = seal_fresh_page(PageKind::State, &VAULT, &[7; PAGE_BODY]).unwrap();
    let good = header(&page, PageKind::State);
    assert_eq!(open_page(&page.key, &good, &raw).unwrap().expose(), &[7; PAGE_BODY]);

    let other_vault = PageHeader { vault: VaultId([8; 16]), ..good };
    let other_id = PageHeader { id: [0; 12], ..good };
    let other_kind = PageHeader { kind: PageKind::Cover, ..good };
    for wrong in [other_vault, other_id, other_kind] {
        assert!(matches!(open_page(&page.key, &wrong, &raw), Err(CryptoError::Unopenable)));
        // A forger who also rewrites the header in the page fails at the tag.
        let mut moved = raw.clone();
        moved[..32].copy_from_slice(&wrong.encode());
        assert!(matches!(open_page(&page.key, &wrong, &moved), Err(CryptoError::Unopenable)));
    }
    let stranger = PageKey::generate().unwrap();
    assert!(matches!(open_page(&stranger, &good, &raw), Err(CryptoError::Unopenable)));
}

#[test]
fn a_reference_survives_its_encoding_and_nothing_else_decodes() {
    let page = PageRef::generate().unwrap();
    let mut bytes = [0; PageRef::LEN];
    page.encode_into(&mut bytes);
    for again in [PageRef::decode(&bytes).unwrap(), page.duplicate().unwrap()] {
        assert_eq!((again.id, again.key.expose()), (page.id, page.key.expose()));
    }
    for length in [0, 11, 12, 43] {
        assert!(matches!(PageRef::decode(&bytes[..length]), Err(CryptoError::Length { expected: 44, .. })));
    }
    assert!(PageRef::decode(&[0; 45]).is_err());
    assert!(!format!("{page:?} {:?}", PageBody::zeroed()).contains("0, 0"));
}

proptest! {
    #[test]
    fn any_changed_bit_closes_the_page(body in prop::collection::vec(any::<u8>(), PAGE_BODY), bit in 0..PAGE_SIZE * 8) {
        let body: [u8; PAGE_BODY] = body.try_into().unwrap();
        let (page, mut raw) = seal_fresh_page(PageKind::Inner, &VAULT, &body).unwrap();
        let place = header(&page, PageKind::Inner);
        let opened = open_page(&page.key, &place, &raw).unwrap();
        prop_assert_eq!(opened.expose(), &body);
        raw[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(matches!(open_page(&page.key, &place, &raw), Err(CryptoError::Unopenable)));
    }
}

/// The independent script's pages, one of every kind.
#[test]
fn pages_are_sealed_as_documented() {
    for v in list(&tree()["pages"]) {
        let kinds = [Root, Inner, Leaf, Vault, State, Cover, Chain];
        let kind = kinds[number(&v["kind"]) as usize - 1];
        let place = PageHeader { kind, id: array(&v["id"]), vault: VaultId(array(&v["vault"])) };
        let key = PageKey::from_slice(&hex(&v["key"])).unwrap();
        let (body, raw) = (array(&v["body"]), array(&v["page"]));
        assert_eq!(*seal_page(&key, &place, &body).unwrap(), raw);
        assert_eq!(open_page(&key, &place, &raw).unwrap().expose(), &body);
    }
}

#[test]
fn pages_that_lie_together_share_two_bytes_of_their_names_and_nothing_else() {
    let seal = || seal_fresh_page_among([0xab, 0xcd], PageKind::Leaf, &VAULT, &[5; PAGE_BODY]).unwrap();
    let ((first, one), (second, two)) = (seal(), seal());
    assert!(first.id.starts_with(&[0xab, 0xcd]) && second.id.starts_with(&[0xab, 0xcd]));
    assert_ne!(first.id[2..], second.id[2..]);
    assert_ne!(first.key.expose(), second.key.expose());
    for (page, raw) in [(first, one), (second, two)] {
        let place = header(&page, PageKind::Leaf);
        assert_eq!(*open_page(&page.key, &place, &raw).unwrap().expose(), [5; PAGE_BODY]);
    }
}
