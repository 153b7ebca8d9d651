mod vectors;
mod wycheproof;

use super::*;
use crate::{AnchorKey, CellShare, RootKey, VaultId};

const VAULT: VaultId = VaultId([1; 16]);

fn share(byte: u8) -> CellShare {
    CellShare::from_slice(&[byte; 32]).unwrap()
}

#[test]
fn the_root_depends_on_every_share_their_order_their_number_and_the_vault() {
    let (a, b) = (share(1), share(2));
    let roots = [
        derive_root_key(&[&a], &VAULT),
        derive_root_key(&[&b], &VAULT),
        derive_root_key(&[&a, &b], &VAULT),
        derive_root_key(&[&b, &a], &VAULT),
        derive_root_key(&[&a, &b, &a], &VAULT),
        derive_root_key(&[&a], &VaultId([2; 16])),
    ]
    .map(|root| *root.unwrap().expose());
    for (i, root) in roots.iter().enumerate() {
        assert!(!roots[..i].contains(root), "{i}");
    }
    assert!(derive_root_key(&[], &VAULT).is_err());
    assert!(derive_root_key(&[&a; 256], &VAULT).is_err());
}

#[test]
fn the_root_page_key_depends_on_salt_and_generation() {
    let root = RootKey::from_slice(&[3; 32]).unwrap();
    let key = |salt, generation| *derive_root_page_key(&root, &[salt; 32], generation).expose();
    assert_eq!(key(1, 1), key(1, 1));
    assert_ne!(key(1, 1), key(2, 1));
    assert_ne!(key(1, 1), key(1, 2));
}

#[test]
fn a_pointer_is_vouched_for_by_its_own_root_alone() {
    let root = RootKey::from_slice(&[3; 32]).unwrap();
    let other = RootKey::from_slice(&[4; 32]).unwrap();
    let mut mac = root_pointer_mac(&root, b"pointer");
    assert!(verify_root_pointer(&root, b"pointer", &mac));
    assert!(!verify_root_pointer(&other, b"pointer", &mac));
    assert!(!verify_root_pointer(&root, b"pointes", &mac));
    mac[31] ^= 1;
    assert!(!verify_root_pointer(&root, b"pointer", &mac));
}

#[test]
fn a_handle_and_a_user_id_of_the_same_bytes_have_different_tags() {
    let key = TagKey::from_slice(&[5; 32]).unwrap();
    assert_ne!(person_tag(&key, &[6; 16]), handle_tag(&key, &Handle([6; 16])));
    assert_ne!(person_tag(&key, b"a"), person_tag(&key, b"b"));
}

#[test]
fn an_anchor_record_opens_only_in_its_form_with_its_header() {
    let key = AnchorKey::generate().unwrap();
    let sealed = seal_anchor(&key, AnchorForm::Slot, b"header", b"body").unwrap();
    assert_eq!(sealed.len(), 32 + 4 + 16);
    assert_eq!(open_anchor(&key, AnchorForm::Slot, b"header", &sealed).unwrap(), b"body");
    assert!(open_anchor(&key, AnchorForm::Row, b"header", &sealed).is_err());
    assert!(open_anchor(&key, AnchorForm::Slot, b"heades", &sealed).is_err());
    assert!(open_anchor(&AnchorKey::generate().unwrap(), AnchorForm::Slot, b"header", &sealed).is_err());
    for length in 0..sealed.len() {
        assert!(open_anchor(&key, AnchorForm::Slot, b"header", &sealed[..length]).is_err());
    }
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(open_anchor(&key, AnchorForm::Slot, b"header", &changed).is_err(), "{at}");
    }
}

#[test]
fn a_row_digest_keeps_key_and_value_apart() {
    let key = anchor_digest_key(&AnchorKey::from_slice(&[5; 32]).unwrap());
    assert_ne!(row_digest(&key, b"ab", b"c").unwrap(), row_digest(&key, b"a", b"bc").unwrap());
    assert!(row_digest(&key, &[0; 65536], b"").is_err());
}
