//! Derivations against the independent script.

use crate::kdf::*;
use crate::vectors::{array, hex, list, number, text, tree};
use crate::{AnchorKey, CellShare, RootKey, VaultId};

#[test]
fn roots_and_pointers() {
    let v = &tree()["derivations"];
    let vault = VaultId(array(&v["vault"]));
    let shares: Vec<_> = list(&v["shares"]).iter().map(|s| CellShare::from_slice(&hex(s)).unwrap()).collect();
    let of_one = derive_root_key(&[&shares[0]], &vault).unwrap();
    assert_eq!(of_one.expose(), &array(&v["root key of the first share"]));
    let root = derive_root_key(&shares.iter().collect::<Vec<_>>(), &vault).unwrap();
    assert_eq!(root.expose(), &array(&v["root key of both shares"]));
    let page = derive_root_page_key(&root, &array(&v["root salt"]), number(&v["generation"]));
    assert_eq!(page.expose(), &array(&v["root page key"]));
    let pointer = hex(&v["pointer"]);
    assert_eq!(root_pointer_mac(&root, &pointer), array(&v["pointer mac"]));
    assert!(verify_root_pointer(&root, &pointer, &array(&v["pointer mac"])));
    assert!(!verify_root_pointer(&RootKey::generate().unwrap(), &pointer, &array(&v["pointer mac"])));
}

#[test]
fn tags() {
    let v = &tree()["derivations"];
    let key = TagKey::from_slice(&hex(&v["tag key"])).unwrap();
    assert_eq!(person_tag(&key, text(&v["user id"]).as_bytes()), Tag(array(&v["person tag"])));
    assert_eq!(handle_tag(&key, &Handle(array(&v["handle"]))), Tag(array(&v["handle tag"])));
}

#[test]
fn anchors() {
    let v = &tree()["derivations"];
    let key = AnchorKey::from_slice(&hex(&v["anchor key"])).unwrap();
    let digest_key = anchor_digest_key(&key);
    assert_eq!(digest_key.expose(), &array(&v["anchor digest key"]));
    let digest = row_digest(&digest_key, &hex(&v["row key"]), &hex(&v["row value"])).unwrap();
    assert_eq!(digest, array(&v["row digest"]));
    for (form, name, body) in [
        (AnchorForm::Slot, "anchor slot", "anchor body"),
        (AnchorForm::Row, "anchor row", "anchor body"),
        (AnchorForm::Redo, "anchor redo", "anchor redo body"),
    ] {
        let header = hex(&v[format!("{name} header").as_str()]);
        let opened = open_anchor(&key, form, &header, &hex(&v[name])).unwrap();
        assert_eq!(opened, hex(&v[body]));
    }
}
